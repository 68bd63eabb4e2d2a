//! A real Prometheus, which asks for OpenMetrics and takes nothing that is not sound.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use orrery_gateway::Instance;
use orrery_testkit::GoodPlugin;
use serde_json::Value;
use tokio::time::Instant;

use crate::plugins::HOSTILE;
use crate::stage::{PATIENCE, REQUESTS, Stage, TOKEN};

const PROMETHEUS: &str = "/usr/bin/prometheus";

/// A server that ends with the test, also when the test fails.
struct Prometheus {
    child: Child,
    url: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts on a free port; on another one when somebody was quicker.
    async fn start(home: &Path, config: &str) -> Prometheus {
        let file = home.join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let child = Command::new(PROMETHEUS)
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", home.join("tsdb").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut server = Prometheus {
                child,
                url: format!("http://127.0.0.1:{port}"),
            };
            while server.child.try_wait().unwrap().is_none() {
                if server.ask("/-/ready").await.is_some() {
                    return server;
                }
                assert!(Instant::now() < end, "prometheus does not get ready");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn ask(&self, path: &str) -> Option<Bytes> {
        let instance = Instance::Address {
            url: self.url.clone(),
            token: "none".to_owned(),
        };
        let answer = instance.send(Method::GET, path, None, Bytes::new()).await.ok()?;
        answer.status.is_success().then_some(answer.body)
    }

    async fn value(&self, query: &str) -> Value {
        let path = format!("/api/v1/query?query={}", encoded(query));
        let body = self.ask(&path).await.unwrap_or_default();
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        said["data"]["result"][0]["value"][1].clone()
    }

    async fn until(&self, query: &str, wanted: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.value(query).await;
            if value == wanted {
                return;
            }
            if Instant::now() >= end {
                let targets = self.ask("/api/v1/targets").await.unwrap_or_default();
                panic!("{query} is {value}: {}", String::from_utf8_lossy(&targets));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_ours_the_plugins_and_the_nodes() {
    if !Path::new(PROMETHEUS).exists() {
        println!("skipped: prometheus is not installed");
        return;
    }
    let stage = Stage::set().await;
    let _one = stage.plugin("one", REQUESTS);
    let _odd = stage.plugin("odd", HOSTILE);
    let _garbage = stage.plugin("garbage", "<html>");
    let _silent = GoodPlugin::start(stage.socket("silent")).unwrap();
    stage.up(&["one", "odd", "garbage", "silent"]).await;
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         - job_name: orrery\n  authorization: {{credentials: {TOKEN}}}\n  \
           static_configs: [{{targets: ['{address}']}}]\n\
         - job_name: nodes\n  metrics_path: /metrics/topology\n  params: {{topology: [hosts]}}\n  \
           authorization: {{credentials: {TOKEN}}}\n  \
           static_configs: [{{targets: ['{address}']}}]\n\
         - job_name: plugins\n  authorization: {{credentials: {TOKEN}}}\n  http_sd_configs:\n  \
           - url: http://{address}/api/plugin-metrics/targets\n    refresh_interval: 1s\n    \
             authorization: {{type: Bearer, credentials: {TOKEN}}}\n",
        address = stage.address
    );
    let prometheus = Prometheus::start(stage.home.path(), &config).await;
    for (query, value) in [
        ("up{job=\"orrery\"}", "1"),
        ("up{job=\"nodes\"}", "1"),
        ("up{job=\"plugins\",plugin_id=\"one\"}", "1"),
        ("up{job=\"plugins\",plugin_id=\"garbage\"}", "0"),
        ("up{job=\"plugins\",plugin_id=\"silent\"}", "1"),
        ("plugin_requests_total{job=\"orrery\",plugin_id=\"one\"}", "7"),
        ("plugin_took_sum{job=\"orrery\",plugin_id=\"odd\"}", "3"),
        ("orrery_plugin_scrape_success{plugin_id=\"garbage\"}", "0"),
        ("requests_total{job=\"plugins\",exported_plugin_id=\"mine\"}", "7"),
        ("orrery_node_load{job=\"nodes\",topology=\"hosts\"}", "1.5"),
        ("orrery_topology_series_left_out{job=\"nodes\"}", "0"),
    ] {
        prometheus.until(query, value).await;
    }
    stage.strike().await;
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}
