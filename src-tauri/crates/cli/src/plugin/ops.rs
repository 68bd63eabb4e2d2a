//! Orders and the operations that they start.

use std::time::Duration;

use orrery_engine::api::{PluginOrder, Request};
use orrery_gateway::Instance;
use serde_json::Value;

use crate::exit::Exit;
use crate::output::{print_json, print_table, table, text};
use crate::times;

/// Pause between two looks at an operation that is waited for.
const LOOK: Duration = Duration::from_millis(100);
/// Operations looked through for the one that is waited for.
const RECENT: u32 = 200;

/// Orders something and, unless told not to, waits for its end and says how far it is.
pub(crate) async fn order(
    instance: &Instance,
    order: PluginOrder,
    no_wait: bool,
    json: bool,
) -> Result<(), Exit> {
    let request = Request::PluginOrder { order, wait: false };
    let mut operation = instance.call(&request).await?;
    let id = text(&operation, "id");
    let mut told = Progress::default();
    while !no_wait && matches!(operation["state"].as_str(), Some("queued" | "running")) {
        if !json {
            told.tell(&operation);
        }
        tokio::time::sleep(LOOK).await;
        operation = find(instance, &id).await?.unwrap_or(operation);
    }
    if json {
        print_json(&operation)?;
    } else {
        told.tell(&operation);
        println!("{}", outcome(&operation));
    }
    match operation["state"].as_str() {
        Some("failed") if json => Err(Exit::failed(String::new())),
        Some("failed") => Err(Exit::failed(format!("{id} failed"))),
        Some("cancelled") => Err(Exit::failed(format!("{id} was cancelled"))),
        _ => Ok(()),
    }
}

async fn find(instance: &Instance, id: &str) -> Result<Option<Value>, Exit> {
    let all = instance
        .call(&Request::Operations { limit: Some(RECENT) })
        .await?;
    Ok(all
        .as_array()
        .into_iter()
        .flatten()
        .find(|o| o["id"] == id)
        .cloned())
}

fn outcome(operation: &Value) -> String {
    match operation["outcome"].as_str() {
        Some(outcome) if !outcome.is_empty() => text(operation, "outcome"),
        _ => format!(
            "{} {} ({})",
            text(operation, "kind"),
            text(operation, "plugin"),
            text(operation, "id")
        ),
    }
}

/// What has been said of an operation's steps.
#[derive(Default)]
struct Progress {
    said: Vec<String>,
}

impl Progress {
    /// Says what is new, a line for every step that begins or ends.
    fn tell(&mut self, operation: &Value) {
        for step in operation["steps"].as_array().into_iter().flatten() {
            let state = text(step, "state");
            if state == "waiting" || state == "skipped" {
                continue;
            }
            let mut line = format!("  {:<10} {state}", text(step, "id"));
            if let (true, Some(total)) = (state == "done", step["total_bytes"].as_u64()) {
                line.push_str(&format!("  {total} bytes"));
            }
            if step["text"].as_str().is_some_and(|t| !t.is_empty()) {
                line.push_str(&format!("  {}", text(step, "text")));
            }
            if !self.said.contains(&line) {
                eprintln!("{line}");
                self.said.push(line);
            }
        }
    }
}

/// `orrery ops`.
pub(crate) async fn run(
    instance: &Instance,
    cancel: Option<String>,
    limit: u32,
    json: bool,
) -> Result<(), Exit> {
    if let Some(id) = cancel {
        let operation = instance.call(&Request::CancelOperation { id }).await?;
        return if json {
            print_json(&operation)
        } else {
            println!("{}", outcome(&operation));
            Ok(())
        };
    }
    let all = instance.call(&Request::Operations { limit: Some(limit) }).await?;
    if json {
        return print_json(&all);
    }
    let mut out = table(&["OPERATION", "KIND", "PLUGIN", "STATE", "ORDERED", "OUTCOME"]);
    for o in all.as_array().into_iter().flatten() {
        out.add_row(vec![
            text(o, "id"),
            text(o, "kind"),
            text(o, "plugin"),
            text(o, "state"),
            times::show(o["ordered_ms"].as_i64().unwrap_or_default()),
            text(o, "outcome"),
        ]);
    }
    print_table(&out);
    Ok(())
}
