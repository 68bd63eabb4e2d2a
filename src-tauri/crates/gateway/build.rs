//! Makes sure that there is a UI bundle to embed: a page that says how to build it stands in until then.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let dist = Path::new("../../../ui/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    if !dist.join("index.html").exists() {
        std::fs::create_dir_all(dist)?;
        let page = "<!doctype html><meta charset=\"utf-8\"><title>Orrery</title>\
                    <p>The interface is not built. Run <code>make ui</code>, then build again.</p>\n";
        std::fs::write(dist.join("index.html"), page)?;
    }
    Ok(())
}
