//! Choosing how the web view paints. The page cannot learn whether the GPU is real, so it is looked for here.

use tauri::WebviewWindow;

/// Turns accelerated compositing off where there is no GPU: there a 2D canvas is several times faster without.
#[cfg(target_os = "linux")]
pub(crate) fn suit_renderer(window: &WebviewWindow) {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt as _, WebViewExt as _};

    if has_gpu() {
        return;
    }
    let set = window.with_webview(|view| {
        if let Some(settings) = view.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    });
    if let Err(error) = set {
        tracing::debug!(%error, "the web view keeps its way of painting");
    }
}

/// Other systems choose well by themselves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn suit_renderer(_window: &WebviewWindow) {}

#[cfg(target_os = "linux")]
fn has_gpu() -> bool {
    let nodes = std::fs::read_dir("/dev/dri").into_iter().flatten().flatten();
    nodes
        .into_iter()
        .any(|n| n.file_name().to_string_lossy().starts_with("renderD"))
}
