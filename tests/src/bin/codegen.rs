//! Writes `ui/src/generated`. Run it after changing a type that crosses to the front end; with `--check` it
//! writes nothing and fails when what is committed is stale.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let dir = orrery_tests::codegen::committed();
    if std::env::args().nth(1).as_deref() != Some("--check") {
        orrery_tests::codegen::write_types(&dir)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stale = orrery_tests::codegen::stale(&dir)?;
    for file in &stale {
        report(&format!(
            "ui/src/generated/{file} is stale: run `make types` and commit it"
        ));
    }
    Ok(if stale.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[expect(clippy::print_stderr, reason = "a command talks to its terminal")]
fn report(text: &str) {
    eprintln!("{text}");
}
