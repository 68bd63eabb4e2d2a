//! Orders and the operations that they start.

use std::time::Duration;

use orrery_engine::api::{PluginOrder, Request};
use orrery_gateway::Instance;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::progress::Progress;
use crate::exit::Exit;
use crate::output::{print_json, print_table, printable, table, text};
use crate::times;

/// Pause between two looks at an operation that is waited for.
const LOOK: Duration = Duration::from_millis(100);
/// Operations looked through for the one that is waited for.
const RECENT: u32 = 200;

/// Orders something and, unless told not to, waits for its end and says how far it is. Ctrl-C asks the instance
/// to cancel it, and the second one stops waiting.
pub(crate) async fn order(
    instance: &Instance,
    order: PluginOrder,
    no_wait: bool,
    json: bool,
) -> Result<(), Exit> {
    let request = Request::PluginOrder { order, wait: false };
    let mut operation = instance.call(&request).await?;
    let id = text(&operation, "id");
    let mut progress = Progress::new(json);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Exit::failed)?;
    let mut cancelling = false;
    while !no_wait && matches!(operation["state"].as_str(), Some("queued" | "running")) {
        progress.tell(&operation);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = interrupt.recv() => {
                if cancelling {
                    progress.end();
                    return Err(Exit::failed(format!("{id} goes on; see `orrery ops`")));
                }
                cancelling = true;
                progress.say(&cancel(instance, &id).await);
            }
        }
        operation = find(instance, &id).await?.unwrap_or(operation);
    }
    progress.tell(&operation);
    progress.end();
    if json {
        print_json(&operation)?;
    } else {
        say!("{}", outcome(&operation));
    }
    match operation["state"].as_str() {
        Some("failed" | "cancelled") if json => Err(Exit::failed(String::new())),
        Some("failed") => Err(Exit::failed(format!("{id} failed"))),
        Some("cancelled") => Err(Exit::failed(format!("{id} was cancelled"))),
        _ => Ok(()),
    }
}

/// Asks to cancel an operation that is waited for, and what to say of that.
async fn cancel(instance: &Instance, id: &str) -> String {
    let request = Request::CancelOperation { id: id.to_owned() };
    match instance.call(&request).await {
        Ok(_) => "cancelling; Ctrl-C again stops waiting".to_owned(),
        Err(error) => format!("{error} Ctrl-C again stops waiting."),
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

/// How an operation ended, or where to look for it. The last lines of a program that failed come on lines of their own.
fn outcome(operation: &Value) -> String {
    let id = text(operation, "id");
    match (operation["outcome"].as_str(), operation["state"].as_str()) {
        (Some(outcome), _) if !outcome.is_empty() => {
            let lines: Vec<String> = outcome.lines().map(printable).collect();
            lines.join("\n  ")
        }
        (_, Some("queued" | "running")) => {
            format!("{} is under way; see `orrery ops`: {id}", text(operation, "kind"))
        }
        (_, _) => format!("{} {}: {id}", text(operation, "kind"), text(operation, "state")),
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
            say!("{}", outcome(&operation));
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
            // What a program said last has no place in a table.
            printable(
                o["outcome"]
                    .as_str()
                    .unwrap_or_default()
                    .lines()
                    .next()
                    .unwrap_or("–"),
            ),
        ]);
    }
    print_table(&out);
    Ok(())
}
