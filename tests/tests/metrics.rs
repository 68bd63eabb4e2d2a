//! `/metrics`: real plugins that expose, well and badly, a real Prometheus that scrapes, promtool that judges.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should panic, and one that is skipped should say so"
)]

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use orrery_engine::{Config, Engine};
use orrery_gateway::{Door, Gateway, Instance, Token};
use orrery_testkit::{GoodPlugin, Reply};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";
const PATIENCE: Duration = Duration::from_secs(20);

struct Stage {
    home: TempDir,
    engine: Engine,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    async fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::new(home.path().join("data"));
        config.plugin_roots = vec![home.path().join("plugins")];
        config.probes.clear();
        let engine = Engine::start(config).await.unwrap();
        let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp(listener, router, stop.clone()));
        Stage {
            home,
            engine,
            address,
            stop,
        }
    }

    /// A plugin that exposes this text.
    fn plugin(&self, id: &str, text: impl Into<Bytes>) -> GoodPlugin {
        let plugin = GoodPlugin::start(self.home.path().join(format!("plugins/{id}.sock"))).unwrap();
        let text = text.into();
        plugin.on_other(move |request| match request.target.as_str() {
            "/metrics" => Reply::ok(text.clone()),
            _ => Reply::status(404, "not found"),
        });
        plugin
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let instance = Instance::Address {
            url: format!("http://{}", self.address),
            token: TOKEN.to_owned(),
        };
        let answer = instance
            .send(Method::GET, path, None, Bytes::new())
            .await
            .unwrap();
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    }

    async fn until(&self, path: &str, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let (_, text) = self.get(path).await;
            if text.contains(wanted) {
                return text;
            }
            assert!(Instant::now() < end, "{path} never says {wanted:?}: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn strike(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

/// promtool's opinion, where it is installed.
fn judge(text: &str) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        println!("skipped: promtool is not installed");
        return;
    };
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = tool.wait_with_output().unwrap();
    assert!(
        said.status.success(),
        "promtool: {}{}\n{text}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
}

const REQUESTS: &str = "# HELP requests_total Requests served.\n# TYPE requests_total counter\n\
                        requests_total{code=\"200\",plugin_id=\"mine\"} 7\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_are_joined_by_family_and_a_bad_one_harms_nobody() {
    let stage = Stage::set().await;
    let _one = stage.plugin("one", REQUESTS);
    let _two = stage.plugin("two", REQUESTS);
    let _garbage = stage.plugin("garbage", "<html>no</html>");
    let _binary = stage.plugin("binary", vec![0xff, 0xfe, 0]);
    let _endless = stage.plugin("endless", "a 1\n".repeat(2 * 1024 * 1024));
    let none = GoodPlugin::start(stage.home.path().join("plugins/none.sock")).unwrap();
    for id in ["one", "two", "garbage", "binary", "endless", "none"] {
        stage
            .until(
                "/metrics?plugins=0",
                &format!("orrery_plugin_up{{plugin_id=\"{id}\"}} 1"),
            )
            .await;
    }
    let (_, text) = stage.get("/metrics").await;
    judge(&text);
    assert_eq!(
        text.matches("# TYPE plugin_requests_total counter").count(),
        1,
        "{text}"
    );
    for id in ["one", "two"] {
        let sample =
            format!("plugin_requests_total{{plugin_id=\"{id}\",code=\"200\",exported_plugin_id=\"mine\"}} 7");
        assert!(text.contains(&sample), "{sample} in {text}");
    }
    for (id, good) in [
        ("one", 1),
        ("none", 1),
        ("garbage", 0),
        ("binary", 0),
        ("endless", 0),
    ] {
        let success = format!("orrery_plugin_scrape_success{{plugin_id=\"{id}\"}} {good}\n");
        assert!(text.contains(&success), "{success} in {text}");
    }
    // One that hangs costs its deadline and nothing else.
    none.on_other(|_| Reply::ok("late 1\n").after(Duration::from_secs(60)));
    let (_, text) = stage.get("/metrics").await;
    assert!(
        text.contains("orrery_plugin_scrape_success{plugin_id=\"none\"} 0"),
        "{text}"
    );
    assert!(text.contains("plugin_requests_total{plugin_id=\"two\""), "{text}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugins_own_text_is_given_byte_for_byte() {
    let stage = Stage::set().await;
    let odd = "# odd but its own\nx{y=\"1\"}   2.50 1700000000000\n";
    let _odd = stage.plugin("odd", odd);
    let _none = GoodPlugin::start(stage.home.path().join("plugins/none.sock")).unwrap();
    stage
        .until("/metrics?plugins=0", "plugin_up{plugin_id=\"odd\"} 1")
        .await;
    stage
        .until("/metrics?plugins=0", "plugin_up{plugin_id=\"none\"} 1")
        .await;
    for path in ["/api/plugins/odd/metrics", "/metrics/plugins/odd"] {
        assert_eq!(stage.get(path).await, (StatusCode::OK, odd.to_owned()));
    }
    for id in ["none", "nobody"] {
        assert_eq!(
            stage.get(&format!("/metrics/plugins/{id}")).await.0,
            StatusCode::NOT_FOUND
        );
    }
    let (_, targets) = stage.get("/api/plugin-metrics/targets").await;
    let targets: Value = serde_json::from_str(&targets).unwrap();
    let odd = targets
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["labels"]["plugin_id"] == "odd")
        .unwrap();
    assert_eq!(odd["targets"][0], stage.address.to_string());
    assert_eq!(odd["labels"]["__metrics_path__"], "/api/plugins/odd/metrics");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_metrics_are_there_on_request_and_bounded() {
    let stage = Stage::set().await;
    let _plugin = stage.plugin("load", "");
    let text = stage.until("/metrics/nodes", "orrery_node_load{").await;
    judge(&text);
    let sample = "orrery_node_load{topology=\"Host\",node=\"testhost;<host>\",label=\"\"} 1.5";
    assert!(text.contains(sample), "{text}");
    let (_, text) = stage
        .get("/metrics/nodes?topology=Host&metric=load&limit=0")
        .await;
    assert!(text.contains("orrery_node_series_beyond_limit 1"), "{text}");
    assert_eq!(
        stage.get("/metrics/nodes?topology=Lamp").await.0,
        StatusCode::NOT_FOUND
    );
    stage.strike().await;
}

/// Ends the server with the test, also when the test fails.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_ours_the_plugins_and_the_nodes() {
    if !Path::new("/usr/bin/prometheus").exists() {
        println!("skipped: prometheus is not installed");
        return;
    }
    let stage = Stage::set().await;
    let _one = stage.plugin("one", REQUESTS);
    stage
        .until("/metrics?plugins=0", "plugin_up{plugin_id=\"one\"} 1")
        .await;
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         - job_name: orrery\n  authorization: {{credentials: {TOKEN}}}\n  \
           static_configs: [{{targets: ['{address}']}}]\n\
         - job_name: nodes\n  metrics_path: /metrics/nodes\n  authorization: {{credentials: {TOKEN}}}\n  \
           static_configs: [{{targets: ['{address}']}}]\n\
         - job_name: plugins\n  authorization: {{credentials: {TOKEN}}}\n  http_sd_configs:\n  \
           - url: http://{address}/api/plugin-metrics/targets\n    refresh_interval: 1s\n    \
             authorization: {{type: Bearer, credentials: {TOKEN}}}\n",
        address = stage.address
    );
    let file = stage.home.path().join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let mut server = Command::new("/usr/bin/prometheus");
    server
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            stage.home.path().join("tsdb").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _server = Killed(server.spawn().unwrap());
    let prometheus = Instance::Address {
        url: format!("http://127.0.0.1:{port}"),
        token: "none".to_owned(),
    };
    let end = Instant::now() + Duration::from_secs(60);
    for (query, value) in [
        ("up{job=\"orrery\"}", "1"),
        ("plugin_requests_total{job=\"orrery\",plugin_id=\"one\"}", "7"),
        ("requests_total{job=\"plugins\",exported_plugin_id=\"mine\"}", "7"),
        ("orrery_node_load{job=\"nodes\"}", "1.5"),
    ] {
        let path = format!("/api/v1/query?query={}", encoded(query));
        loop {
            let answer = prometheus.send(Method::GET, &path, None, Bytes::new()).await;
            let said: Value = answer
                .ok()
                .and_then(|a| serde_json::from_slice(&a.body).ok())
                .unwrap_or_default();
            if said["data"]["result"][0]["value"][1] == value {
                break;
            }
            if Instant::now() >= end {
                let targets = prometheus
                    .send(Method::GET, "/api/v1/targets", None, Bytes::new())
                    .await;
                let targets = targets.map(|a| String::from_utf8_lossy(&a.body).into_owned());
                panic!("{query}: {said}\n{targets:?}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    stage.strike().await;
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}
