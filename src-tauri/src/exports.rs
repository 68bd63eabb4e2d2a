//! Saving files through the native dialog.

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
    if !matches!(request, Request::ExportReport { .. } | Request::ExportHistory { .. }) {
        return Err(ApiError::new(Code::BadRequest, "Only exports are saved to files."));
    }
    let internal = |e: &dyn std::fmt::Display| ApiError::new(Code::Internal, e.to_string());
    let exported: serde_json::Value =
        serde_json::from_str(&host.call(request).await?).map_err(|e| internal(&e))?;
    let name = exported["file_name"].as_str().unwrap_or("orrery-export").to_owned();
    let chosen = tokio::task::spawn_blocking(move || {
        let extension = name.rsplit_once('.').map_or("txt", |(_, e)| e).to_owned();
        app.dialog().file().set_file_name(&name).add_filter(extension.to_uppercase(), &[&extension]).blocking_save_file()
    })
    .await
    .map_err(|e| internal(&e))?;
    let Some(chosen) = chosen else { return Ok(None) };
    let path = chosen.into_path().map_err(|e| internal(&e))?;
    let text = exported["text"].as_str().unwrap_or_default().to_owned();
    let shown = path.display().to_string();
    tokio::fs::write(&path, text)
        .await
        .map_err(|e| ApiError::new(Code::Unavailable, format!("Cannot write {shown}: {e}.")))?;
    Ok(Some(shown))
}
