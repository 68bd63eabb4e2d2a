//! Writes `ui/src/generated`. Run it after changing a type that crosses to the front end.

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/generated");
    orrery_tests::codegen::write_types(&dir)
}
