//! `WS /api/control/ws`: a remote Scope probe waits here for controls. The probe is the server of a remote
//! procedure call in the form of Go's `net/rpc`: a message with the header, then one with the value; answers
//! come in any order and are matched by their number.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderMap;
use orrery_engine::api::{ApiError, Caller};
use orrery_engine::{ProbeLink, RemoteAnswer, RemoteCall};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, interval, timeout};

use crate::error::Failure;
use crate::limits::{LINK_MESSAGE_BYTES_MAX, PING_EVERY, PONG_WITHIN, WS_SEND_TIMEOUT};
use crate::router::Gateway;

/// Header in which probes name themselves.
const PROBE_ID: &str = "x-scope-probe-id";

/// Opens a probe's connection for controls.
pub(crate) async fn link(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let probe = headers
        .get(PROBE_ID)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    if probe.is_empty() {
        let message = "The header X-Scope-Probe-ID is missing: it names the probe.";
        return Failure(ApiError::bad_request(message)).into_response();
    }
    match gateway.engine.connect_probe(&caller, &probe) {
        Ok(link) => upgrade
            .max_message_size(LINK_MESSAGE_BYTES_MAX)
            .on_upgrade(move |socket| async move {
                tracing::info!(%probe, "a remote probe waits for controls");
                let why = serve(link, socket).await;
                tracing::info!(%probe, why, "a remote probe is gone");
            }),
        Err(error) => Failure(error).into_response(),
    }
}

/// Passes calls on until the probe leaves; says why it ended.
async fn serve(mut link: ProbeLink, socket: WebSocket) -> &'static str {
    let (mut sink, mut stream) = socket.split();
    let mut calls = Calls::default();
    let mut ping = interval(PING_EVERY);
    let mut heard = Instant::now();
    loop {
        let out: Vec<Message> = tokio::select! {
            call = link.calls.recv() => match call {
                Some(call) => calls.begin(call),
                None => return "the probe has connected anew",
            },
            message = stream.next() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Text(text))) => match calls.take(text.as_bytes()) {
                        Ok(()) => continue,
                        Err(why) => return why,
                    },
                    Some(Ok(Message::Binary(bytes))) => match calls.take(&bytes) {
                        Ok(()) => continue,
                        Err(why) => return why,
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_))) | None => return "it closed the connection",
                    Some(Err(_)) => return "the connection broke",
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > PONG_WITHIN {
                    return "it answered no ping";
                }
                calls.forget_unwanted();
                vec![Message::Ping(Default::default())]
            }
        };
        for message in out {
            if !matches!(timeout(WS_SEND_TIMEOUT, sink.send(message)).await, Ok(Ok(()))) {
                return "it takes no messages";
            }
        }
    }
}

/// What a probe sends: the header of an answer, then its value; read together as well.
#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "Response")]
    response: Option<Head>,
    #[serde(rename = "Value")]
    value: Option<Value>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "Seq")]
    seq: u64,
    #[serde(rename = "Error", default)]
    error: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireAnswer {
    value: Option<Value>,
    error: String,
    pipe: String,
    raw_tty: bool,
    resize_tty_control: String,
    #[serde(rename = "removedNode")]
    removed_node: String,
}

/// Calls under way on one connection.
#[derive(Default)]
struct Calls {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<RemoteAnswer>>,
    /// Header whose value is the next message.
    head: Option<Head>,
}

impl Calls {
    fn begin(&mut self, call: RemoteCall) -> Vec<Message> {
        let seq = self.next;
        self.next += 1;
        self.waiting.insert(seq, call.answer);
        let head = json!({
            "Request": { "ServiceMethod": "control.Handle", "Seq": seq }, "Response": null, "Value": null,
        });
        let value = json!({
            "Request": null, "Response": null,
            "Value": {
                "AppID": "", "NodeID": call.node, "Control": call.control, "ControlArgs": call.args,
            },
        });
        [head, value]
            .into_iter()
            .map(|m| Message::Text(m.to_string().into()))
            .collect()
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|_| "it sent something that is no answer")?;
        match (wire.response, self.head.take()) {
            (Some(head), None) => match wire.value {
                Some(value) => self.answer(head, value),
                None => {
                    self.head = Some(head);
                    Ok(())
                }
            },
            (None, Some(head)) => self.answer(head, wire.value.unwrap_or_default()),
            (Some(_), Some(_)) => Err("it sent a header where a value was due"),
            (None, None) => Err("it sent a value without its header"),
        }
    }

    fn answer(&mut self, head: Head, value: Value) -> Result<(), &'static str> {
        let Some(waiting) = self.waiting.remove(&head.seq) else {
            // Its caller has given up, or it never was.
            return Ok(());
        };
        let answer = if head.error.is_empty() {
            let wire: WireAnswer =
                serde_json::from_value(value).map_err(|_| "it sent an answer of another form")?;
            let some = |text: String| Some(text).filter(|t| !t.is_empty());
            RemoteAnswer {
                value: wire.value,
                error: wire.error,
                pipe: some(wire.pipe),
                raw_tty: wire.raw_tty,
                resize_tty_control: some(wire.resize_tty_control),
                removed_node: some(wire.removed_node),
            }
        } else {
            RemoteAnswer {
                error: head.error,
                ..RemoteAnswer::default()
            }
        };
        // A caller that gave up needs no answer.
        let _ = waiting.send(answer);
        Ok(())
    }

    /// Callers that gave up leave nothing behind.
    fn forget_unwanted(&mut self) {
        self.waiting.retain(|_, waiting| !waiting.is_closed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(calls: &mut Calls) -> oneshot::Receiver<RemoteAnswer> {
        let (answer, answered) = oneshot::channel();
        calls.begin(RemoteCall {
            node: "n".to_owned(),
            control: "c".to_owned(),
            args: BTreeMap::new(),
            answer,
        });
        answered
    }

    #[test]
    fn answers_are_matched_by_number_in_either_form() {
        let mut calls = Calls::default();
        let (mut first, mut second) = (call(&mut calls), call(&mut calls));
        let two = br#"{"Request":null,"Response":{"ServiceMethod":"control.Handle","Seq":1,"Error":""},"Value":{"pipe":"p","raw_tty":true}}"#;
        calls.take(two).unwrap();
        assert_eq!(second.try_recv().unwrap().pipe.as_deref(), Some("p"));
        calls
            .take(br#"{"Request":null,"Response":{"Seq":0,"Error":"no such control"},"Value":null}"#)
            .unwrap();
        calls
            .take(br#"{"Request":null,"Response":null,"Value":{}}"#)
            .unwrap();
        assert_eq!(first.try_recv().unwrap().error, "no such control");
    }

    #[test]
    fn what_is_no_answer_ends_the_connection_and_late_ones_do_not() {
        let check = |messages: &[&str], want: Result<(), &str>| {
            let mut calls = Calls::default();
            drop(call(&mut calls));
            let got = messages.iter().try_for_each(|m| calls.take(m.as_bytes()));
            assert_eq!(got, want, "{messages:?}");
        };
        check(&["{"], Err("it sent something that is no answer"));
        check(&["{}"], Err("it sent a value without its header"));
        check(&[r#"{"Response":{"Seq":9}}"#, "{}"], Ok(()));
        check(
            &[r#"{"Response":{"Seq":0}}"#, r#"{"Response":{"Seq":0}}"#],
            Err("it sent a header where a value was due"),
        );
        check(
            &[r#"{"Response":{"Seq":0}}"#, r#"{"Value":7}"#],
            Err("it sent an answer of another form"),
        );
    }
}
