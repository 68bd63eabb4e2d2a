//! Files through the native dialogs: saving exports, choosing packages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orrery_engine::api::{ApiError, Code, Request};
use tauri::State;
use tauri_plugin_dialog::DialogExt as _;

use crate::host::Host;

/// Asks where to save what an export gives, and writes it there. The path, or nothing when it was cancelled.
#[tauri::command]
pub(crate) async fn save_export(
    app: tauri::AppHandle,
    host: State<'_, Host>,
    request: Request,
) -> Result<Option<String>, ApiError> {
    if !matches!(
        request,
        Request::ExportReport { .. } | Request::ExportHistory { .. }
    ) {
        return Err(ApiError::new(
            Code::BadRequest,
            "Only exports are saved to files.",
        ));
    }
    let exported: serde_json::Value =
        serde_json::from_str(&host.call(request).await?).map_err(|e| internal(&e))?;
    let name = exported["file_name"]
        .as_str()
        .unwrap_or("orrery-export")
        .to_owned();
    save(
        app,
        &name,
        exported["text"].as_str().unwrap_or_default().as_bytes(),
    )
    .await
}

/// Asks for a plugin package; its path, or nothing when it was cancelled.
#[tauri::command]
pub(crate) async fn pick_package(app: tauri::AppHandle) -> Result<Option<String>, ApiError> {
    let chosen = tokio::task::spawn_blocking(move || {
        app.dialog()
            .file()
            .add_filter("Plugin packages", &["gz", "tgz", "zst"])
            .blocking_pick_file()
    })
    .await
    .map_err(|e| internal(&e))?;
    let Some(chosen) = chosen else { return Ok(None) };
    let path = chosen.into_path().map_err(|e| internal(&e))?;
    Ok(Some(path.display().to_string()))
}

/// Asks where to save a text that the page made, such as the table on screen, and writes it there.
#[tauri::command]
pub(crate) async fn save_text(
    app: tauri::AppHandle,
    file_name: String,
    media_type: String,
    text: String,
    base64: bool,
) -> Result<Option<String>, ApiError> {
    if text.len() > TEXT_BYTES_MAX || file_name.len() > FILE_NAME_BYTES_MAX {
        return Err(ApiError::new(Code::LimitExceeded, "There is too much to save."));
    }
    tracing::debug!(media_type, "saving what the page made");
    // A name, never a path: where it goes is for the person at the dialog to say.
    let name = file_name.replace(['/', '\\'], "-");
    if !base64 {
        return save(app, &name, text.as_bytes()).await;
    }
    let bytes = STANDARD.decode(&text);
    let bytes =
        bytes.map_err(|e| ApiError::bad_request(format!("What is to be saved is not base64: {e}.")))?;
    save(app, &name, &bytes).await
}

/// Text that a page may have saved, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// Suggested file name, in bytes.
const FILE_NAME_BYTES_MAX: usize = 255;

fn internal(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(Code::Internal, error.to_string())
}

async fn save(app: tauri::AppHandle, name: &str, content: &[u8]) -> Result<Option<String>, ApiError> {
    let name = name.to_owned();
    let chosen = tokio::task::spawn_blocking(move || {
        let extension = name.rsplit_once('.').map_or("txt", |(_, e)| e).to_owned();
        app.dialog()
            .file()
            .set_file_name(&name)
            .add_filter(extension.to_uppercase(), &[&extension])
            .blocking_save_file()
    })
    .await
    .map_err(|e| internal(&e))?;
    let Some(chosen) = chosen else { return Ok(None) };
    let path = chosen.into_path().map_err(|e| internal(&e))?;
    let shown = path.display().to_string();
    tokio::fs::write(&path, content)
        .await
        .map_err(|e| ApiError::new(Code::Unavailable, format!("Cannot write {shown}: {e}.")))?;
    Ok(Some(shown))
}
