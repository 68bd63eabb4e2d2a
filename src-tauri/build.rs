//! Tells Tauri which commands exist, and makes sure that there is a UI bundle to embed.

use std::path::Path;

const COMMANDS: &[&str] = &[
    "call",
    "open_view",
    "view_send",
    "close_view",
    "save_export",
    "save_text",
    "pick_package",
    "pipe_open",
    "pipe_send",
    "pipe_detach",
    "pipe_close",
    "send",
    "follow",
    "unfollow",
    "open_external",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dist = Path::new("ui/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    if !dist.join("index.html").exists() {
        std::fs::create_dir_all(dist)?;
        let page = "<!doctype html><meta charset=\"utf-8\"><title>Orrery</title>\
                    <p>The interface is not built. Run <code>make ui</code>, then build again.</p>\n";
        std::fs::write(dist.join("index.html"), page)?;
    }
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(tauri_build::AppManifest::new().commands(COMMANDS));
    tauri_build::try_build(attributes)?;
    Ok(())
}
