//! Questions that a plugin answers as it sees fit, and what all plugins are told.

use std::time::{Duration, Instant};

use http::Method;
use orrery_engine::api::{ApiError, Code};
use orrery_gateway::Instance;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{print_json, print_table, table, text};

/// Longest wait of one request; a longer one is several.
const ROUND: Duration = Duration::from_secs(45);
/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(500);

/// `orrery plugin wait`: asks until the answer has a code.
pub(super) async fn wait(
    instance: &Instance,
    plugin: &str,
    about: &str,
    code: i64,
    timeout: Duration,
    json: bool,
) -> Result<(), Exit> {
    let until = Instant::now() + timeout;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // In whole seconds, rounded up: the last round is not to end before the time that was asked for.
        let round = left.min(ROUND).as_millis().div_ceil(1_000);
        let body = json!({ "about": about, "code": code, "timeout": round as u64 });
        match post(instance, &format!("/api/plugins/{plugin}/wait"), &body).await {
            Ok(answer) if json => return print_json(&answer),
            Ok(answer) => {
                let lines = answer["messages"].as_array().into_iter().flatten();
                say!("{}", text(&answer, "status"));
                for line in lines.filter_map(Value::as_str) {
                    say!("{line}");
                }
                return Ok(());
            }
            Err(error) if may_come_yet(&error) && Instant::now() < until => tokio::time::sleep(PAUSE).await,
            Err(error) if error.code == Code::Timeout => return Err(Exit::failed(error.message)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Another answer so far, or none because plugin or instance do not run at the moment.
fn may_come_yet(error: &ApiError) -> bool {
    matches!(error.code, Code::Timeout | Code::Unavailable)
}

/// `orrery plugin broadcast`: tells every plugin that listens.
pub(super) async fn broadcast(
    instance: &Instance,
    event: &str,
    details: Option<&str>,
    json: bool,
) -> Result<(), Exit> {
    let details: Value = details
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| Exit::usage(format!("--details is no JSON: {error}")))?
        .unwrap_or_default();
    let body = json!({ "event": event, "details": details });
    let told = post(instance, "/api/broadcast", &body).await?;
    let failed = told
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one["result"] == "failed"));
    if json {
        print_json(&told)?;
    } else {
        let mut out = table(&["PLUGIN", "RESULT", "WHY"]);
        for one in told.as_array().into_iter().flatten() {
            out.add_row(vec![
                text(one, "plugin"),
                text(one, "result"),
                text(one, "message"),
            ]);
        }
        print_table(&out);
    }
    match failed {
        true => Err(Exit::failed(String::new())),
        false => Ok(()),
    }
}

async fn post(instance: &Instance, path: &str, body: &Value) -> Result<Value, ApiError> {
    let sent = instance
        .send(
            Method::POST,
            path,
            Some("application/json"),
            body.to_string().into(),
        )
        .await?;
    if sent.status.is_success() {
        return serde_json::from_slice(&sent.body).map_err(ApiError::internal);
    }
    Err(serde_json::from_slice(&sent.body)
        .unwrap_or_else(|_| ApiError::new(Code::Internal, format!("{instance} answered {}.", sent.status))))
}
