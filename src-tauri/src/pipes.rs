//! Terminals: a page's ends of pipes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use orrery_engine::api::{ApiError, Code};
use serde_json::json;
use tauri::State;
use tauri::ipc::{Channel, InvokeResponseBody};
use tokio::sync::mpsc;

use crate::host::Host;

/// Ends that a page may hold at a time.
const OPEN_MAX: usize = 32;
/// Chunks on their way between a page and a pipe.
const QUEUE: usize = 64;
/// What a page may send at once, in bytes.
const CHUNK_BYTES_MAX: usize = 256 * 1024;

/// Ends of pipes that a page holds, by number.
#[derive(Default)]
pub(crate) struct OpenPipes {
    next: AtomicU32,
    open: Mutex<BTreeMap<u32, Open>>,
}

struct Open {
    pipe: String,
    keys: mpsc::Sender<Bytes>,
}

impl OpenPipes {
    fn add(&self, pipe: &str, keys: mpsc::Sender<Bytes>) -> Option<u32> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, o| !o.keys.is_closed());
        if open.len() >= OPEN_MAX {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let pipe = pipe.to_owned();
        open.insert(number, Open { pipe, keys });
        Some(number)
    }

    fn keys(&self, number: u32) -> Option<mpsc::Sender<Bytes>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&number).map(|o| o.keys.clone())
    }

    fn remove(&self, number: u32) -> Option<String> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(&number).map(|o| o.pipe)
    }
}

/// Takes hold of the near end of a pipe. Bytes arrive on `channel`, and last how it ended.
#[tauri::command]
pub(crate) async fn pipe_open(
    host: State<'_, Host>,
    pipes: State<'_, OpenPipes>,
    id: String,
    channel: Channel<InvokeResponseBody>,
) -> Result<u32, ApiError> {
    let (keys, keys_in) = mpsc::channel(QUEUE);
    let (screen, mut screen_out) = mpsc::channel::<Bytes>(QUEUE);
    let number = pipes
        .add(&id, keys)
        .ok_or_else(|| ApiError::new(Code::LimitExceeded, "Too many terminals are open in this window."))?;
    let host = host.inner().clone();
    tokio::spawn(async move {
        let carrying = host.serve_pipe(&id, keys_in, screen);
        let showing = async {
            while let Some(bytes) = screen_out.recv().await {
                if channel.send(InvokeResponseBody::Raw(bytes.into())).is_err() {
                    return;
                }
            }
        };
        let (carried, ()) = tokio::join!(carrying, showing);
        let end = match carried {
            Ok(()) if host.pipe_is_open(&id).await => json!({
                "end": "taken", "text": "Another window shows this terminal now.",
            }),
            Ok(()) => json!({ "end": "closed", "text": "The far end closed it." }),
            Err(error) if error.code == Code::NotFound => json!({ "end": "closed", "text": error.message }),
            Err(error) => json!({ "end": "failed", "text": error.message }),
        };
        // The page may be gone by now.
        let _ = channel.send(InvokeResponseBody::Json(end.to_string()));
    });
    Ok(number)
}

/// Sends what was typed.
#[tauri::command]
pub(crate) async fn pipe_send(
    pipes: State<'_, OpenPipes>,
    handle: u32,
    data: Vec<u8>,
) -> Result<(), ApiError> {
    if data.len() > CHUNK_BYTES_MAX {
        return Err(ApiError::new(
            Code::LimitExceeded,
            "There is too much to send at once.",
        ));
    }
    let over = || ApiError::new(Code::Unavailable, "The terminal has ended.");
    let keys = pipes.keys(handle).ok_or_else(over)?;
    keys.send(data.into()).await.map_err(|_| over())
}

/// Lets go of the end and leaves the pipe.
#[tauri::command]
pub(crate) fn pipe_detach(pipes: State<'_, OpenPipes>, handle: u32) {
    pipes.remove(handle);
}

/// Closes the pipe for good, at both ends.
#[tauri::command]
pub(crate) async fn pipe_close(
    host: State<'_, Host>,
    pipes: State<'_, OpenPipes>,
    handle: u32,
) -> Result<(), ApiError> {
    match pipes.remove(handle) {
        Some(pipe) => host.close_pipe(&pipe).await,
        None => Ok(()),
    }
}
