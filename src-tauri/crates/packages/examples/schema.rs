//! Prints the JSON Schema of `plugin.toml`, for `docs/plugin.schema.json`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let text = format!("{:#}\n", orrery_packages::manifest::schema());
    std::io::stdout().write_all(text.as_bytes())
}
