//! What a page asks of the addresses that a browser has too: services, the audit log and whatever is kept there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::Method;
use orrery_engine::api::{ApiError, Code};
use serde_json::{Value, json};
use tauri::State;
use tauri::ipc::{Channel, InvokeResponseBody};
use tokio::task::AbortHandle;

use crate::host::Host;

/// Answers that a page may follow at a time.
const FOLLOWED_MAX: usize = 32;
/// What a page may send at once, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Sends a request to an address of the instance; gives the status and the body of its answer, whatever it says.
#[tauri::command]
pub(crate) async fn send(
    host: State<'_, Host>,
    method: String,
    path: String,
    media_type: Option<String>,
    body: String,
) -> Result<Value, ApiError> {
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| ApiError::new(Code::BadRequest, "There is no such method."))?;
    if body.len() > BODY_BYTES_MAX {
        let message = "There is too much to send at once.";
        return Err(ApiError::new(Code::LimitExceeded, message));
    }
    let answer = host
        .instance()
        .send(method, below(&path)?, media_type.as_deref(), body.into())
        .await?;
    Ok(json!({
        "status": answer.status.as_u16(),
        "body": String::from_utf8_lossy(&answer.body),
    }))
}

/// Answers that are followed, by the number that the page gave.
#[derive(Default)]
pub(crate) struct Followed(Mutex<BTreeMap<u32, AbortHandle>>);

impl Followed {
    fn add(&self, number: u32, follow: impl FnOnce() -> AbortHandle) -> Result<(), ApiError> {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        followed.retain(|_, task| !task.is_finished());
        if followed.len() >= FOLLOWED_MAX {
            let message = "Too much is followed in this window.";
            return Err(ApiError::new(Code::LimitExceeded, message));
        }
        if let Some(earlier) = followed.insert(number, follow()) {
            earlier.abort();
        }
        Ok(())
    }
}

/// Follows an answer that comes line by line. Lines arrive on `channel`, and last why there are no more.
#[tauri::command]
pub(crate) async fn follow(
    host: State<'_, Host>,
    followed: State<'_, Followed>,
    number: u32,
    path: String,
    channel: Channel<InvokeResponseBody>,
) -> Result<(), ApiError> {
    let path = below(&path)?.to_owned();
    let instance = host.instance();
    followed.add(number, || {
        let task = tokio::spawn(async move {
            let said = |message: Value| {
                channel
                    .send(InvokeResponseBody::Json(message.to_string()))
                    .is_ok()
            };
            let ended = instance.lines(&path, |line| said(json!({ "line": line }))).await;
            // The page may be gone by now.
            said(json!({ "end": ended.err() }));
        });
        task.abort_handle()
    })
}

/// Follows no longer.
#[tauri::command]
pub(crate) fn unfollow(followed: State<'_, Followed>, number: u32) {
    let mut followed = followed.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(task) = followed.remove(&number) {
        task.abort();
    }
}

/// The addresses of an instance; whatever else a socket may answer to is none of the page's business.
fn below(path: &str) -> Result<&str, ApiError> {
    if path.starts_with("/api/") || path == "/apis" || path.starts_with("/apis/") {
        return Ok(path);
    }
    let message = format!("{path} is no address of an instance.");
    Err(ApiError::new(Code::BadRequest, message))
}
