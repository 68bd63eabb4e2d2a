//! What is counted of plugins that we run, and until when.

use bytes::Bytes;
use http::Method;
use orrery_engine::Paths;
use orrery_gateway::Instance;

use crate::package::Package;
use crate::stage::Stage;

async fn scraped(stage: &Stage) -> String {
    let instance = Instance::Socket(Paths::below(stage.home()).instance_socket());
    let answer = instance
        .send(Method::GET, "/metrics", None, Bytes::new())
        .await
        .unwrap();
    String::from_utf8(answer.body.to_vec()).unwrap()
}

async fn says(stage: &Stage, wanted: &str) {
    stage
        .until(wanted, async || scraped(stage).await.contains(wanted))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mx9_what_happens_to_a_plugin_is_counted_until_it_is_removed() {
    let stage = Stage::set().await;
    stage.install(&Package::lamp("1.0.0", "dim")).await;
    let count = |change: &str, result: &str, times: u32| {
        format!(
            "orrery_plugin_status_changes_total{{plugin_id=\"lamp\",change=\"{change}\",result=\"{result}\"}} {times}\n"
        )
    };
    says(&stage, &count("start", "ok", 1)).await;
    says(
        &stage,
        "orrery_plugin_state{plugin_id=\"lamp\",state=\"running\"} 1\n",
    )
    .await;
    says(
        &stage,
        "orrery_plugin_process_start_time_seconds{plugin_id=\"lamp\"} ",
    )
    .await;
    says(&stage, "orrery_plugin_process_memory_bytes{plugin_id=\"lamp\"} ").await;
    stage.tell("lamp", "restart").await;
    says(&stage, &count("restart", "ok", 1)).await;
    stage.tell("lamp", "stop").await;
    says(&stage, &count("stop", "ok", 1)).await;
    stage.tell("lamp", "start").await;
    says(&stage, &count("start", "ok", 2)).await;
    let (status, said) = stage.delete("/api/plugins/lamp?wait=true").await;
    assert!(status.is_success(), "{said:#}");
    stage
        .until("its series are gone", async || {
            !scraped(&stage).await.contains("\"lamp\"")
        })
        .await;
    stage.end().await;
}
