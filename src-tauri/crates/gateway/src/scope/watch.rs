//! Scope's topology websocket: `WS /api/topology/{t}/ws?t=1s`, a reset first and then what changed.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use crate::limits::{SCOPE_TICK, WS_MESSAGE_BYTES_MAX, WS_SEND_TIMEOUT};
use crate::params::Params;
use crate::router::Gateway;

/// Opens a topology's websocket.
pub(crate) async fn watch(
    State(gateway): State<Gateway>,
    Path(topology): Path<String>,
    Params(q): Params<BTreeMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(WS_MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| run(gateway, topology, q, socket))
}

async fn run(gateway: Gateway, topology: String, q: BTreeMap<String, String>, mut socket: WebSocket) {
    let tick = tick(q.get("t").map(String::as_str));
    let options = super::options(&q);
    let mut publications = gateway.engine.publications();
    let mut sent: Option<BTreeMap<String, Value>> = None;
    loop {
        let published = gateway.engine.published();
        let (name, chosen) = (topology.clone(), options.clone());
        let nodes = tokio::task::spawn_blocking(move || {
            let nodes = published.derivation.scope_nodes(&name, chosen.as_ref())?;
            serde_json::to_value(nodes)
                .ok()?
                .get_mut("nodes")
                .map(Value::take)
        });
        let Ok(Some(Value::Object(nodes))) = nodes.await else {
            return;
        };
        let nodes: BTreeMap<String, Value> = nodes.into_iter().collect();
        if let Some(message) = difference(sent.as_ref(), &nodes) {
            let message = Message::Text(message.to_string().into());
            if !matches!(timeout(WS_SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(()))) {
                return;
            }
        }
        sent = Some(nodes);
        let next = Instant::now() + tick;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next) => break,
                message = socket.recv() => if !matches!(message, Some(Ok(_))) { return },
            }
        }
        if publications.changed().await.is_err() {
            return;
        }
    }
}

/// What a client holding `before` needs to hold `after`; nothing when they are the same.
fn difference(before: Option<&BTreeMap<String, Value>>, after: &BTreeMap<String, Value>) -> Option<Value> {
    let Some(before) = before else {
        let add: Vec<&Value> = after.values().collect();
        return Some(json!({ "add": add, "update": null, "remove": null, "reset": true }));
    };
    let add: Vec<&Value> = after
        .iter()
        .filter(|(id, _)| !before.contains_key(*id))
        .map(|(_, n)| n)
        .collect();
    let update: Vec<&Value> = after
        .iter()
        .filter(|(id, n)| before.get(*id).is_some_and(|b| b != *n))
        .map(|(_, n)| n)
        .collect();
    let remove: Vec<&String> = before.keys().filter(|id| !after.contains_key(*id)).collect();
    if add.is_empty() && update.is_empty() && remove.is_empty() {
        return None;
    }
    let mut message = Map::new();
    message.insert("add".to_owned(), json!(add));
    message.insert("update".to_owned(), json!(update));
    message.insert("remove".to_owned(), json!(remove));
    Some(Value::Object(message))
}

/// A Go duration such as `1s`, `500ms` or `1m`; one second when it is none.
fn tick(text: Option<&str>) -> Duration {
    let parsed = text.and_then(|text| {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let seconds = match unit {
            "ms" => number / 1_000.0,
            "s" => number,
            "m" => number * 60.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(seconds).ok()
    });
    parsed
        .unwrap_or(Duration::from_secs(1))
        .clamp(SCOPE_TICK.0, SCOPE_TICK.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_read_as_go_writes_them() {
        assert_eq!(tick(Some("5s")), Duration::from_secs(5));
        assert_eq!(tick(Some("500ms")), Duration::from_millis(500));
        assert_eq!(
            tick(Some("1ns")),
            Duration::from_secs(1),
            "unknown units read as one second"
        );
        assert_eq!(tick(None), Duration::from_secs(1));
        assert_eq!(tick(Some("0s")), SCOPE_TICK.0, "no client makes us spin");
    }

    #[test]
    fn the_first_message_resets_and_later_ones_say_what_changed() {
        let node = |id: &str, value: i32| (id.to_owned(), json!({ "id": id, "value": value }));
        let first: BTreeMap<_, _> = [node("a", 1), node("b", 1)].into();
        let second: BTreeMap<_, _> = [node("b", 2), node("c", 1)].into();
        assert_eq!(
            difference(None, &first).map(|m| m["reset"].clone()),
            Some(json!(true))
        );
        let change = difference(Some(&first), &second).unwrap_or_default();
        assert_eq!(change["remove"], json!(["a"]));
        assert_eq!(change["update"][0]["id"], json!("b"));
        assert_eq!(change["add"][0]["id"], json!("c"));
        assert_eq!(
            difference(Some(&second), &second),
            None,
            "nothing changed, nothing sent"
        );
    }
}
