//! What a page may ask for. Each command hands over and returns; none waits for I/O on the main thread.

use orrery_engine::api::{ApiError, Code, Request};
use orrery_engine::topology::view::ViewRequest;
use tauri::State;
use tauri::ipc::{Channel, Response};
use tauri_plugin_opener::OpenerExt as _;
use tokio::sync::mpsc;

use crate::host::Host;
use crate::views::OpenViews;

/// Messages waiting for a page before it is sent a whole frame instead.
const QUEUE: usize = 4;

/// Does an operation.
#[tauri::command]
pub(crate) async fn call(host: State<'_, Host>, request: Request) -> Result<Response, ApiError> {
    host.call(request).await.map(Response::new)
}

/// Opens a view channel; messages arrive on `channel`, requests go by [`view_send`].
#[tauri::command]
pub(crate) async fn open_view(
    host: State<'_, Host>,
    views: State<'_, OpenViews>,
    channel: Channel<Response>,
) -> Result<u32, ApiError> {
    let (requests, requests_in) = mpsc::channel(QUEUE);
    let (messages, mut messages_out) = mpsc::channel(QUEUE);
    let id = views
        .add(requests)
        .ok_or_else(|| ApiError::new(Code::LimitExceeded, "Too many views are open in this window."))?;
    let host = host.inner().clone();
    tokio::spawn(async move { host.serve_view(requests_in, messages).await });
    tokio::spawn(async move {
        while let Some(message) = messages_out.recv().await {
            if channel.send(Response::new(message.to_string())).is_err() {
                return;
            }
        }
    });
    Ok(id)
}

/// Sends a request on a view channel.
#[tauri::command]
pub(crate) async fn view_send(
    views: State<'_, OpenViews>,
    id: u32,
    request: ViewRequest,
) -> Result<(), ApiError> {
    let closed = || ApiError::new(Code::Unavailable, "The view is closed.");
    let requests = views.get(id).ok_or_else(closed)?;
    requests.send(request).await.map_err(|_| closed())
}

/// Closes a view channel.
#[tauri::command]
pub(crate) fn close_view(views: State<'_, OpenViews>, id: u32) {
    views.remove(id);
}

/// Opens a web address in the user's browser; nothing but http and https.
#[tauri::command]
pub(crate) fn open_external(app: tauri::AppHandle, url: String) -> Result<(), ApiError> {
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err(ApiError::new(Code::BadRequest, "Only web addresses are opened."));
    }
    app.opener()
        .open_url(url, None::<&str>)
        .map_err(|e| ApiError::new(Code::Unavailable, format!("No browser opened: {e}.")))
}
