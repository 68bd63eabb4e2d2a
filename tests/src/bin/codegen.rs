//! Writes `ui/src/generated` and `docs/openapi.json`. Run it after changing a type that crosses to the front end or
//! to HTTP, or a route; with `--check` it writes nothing and fails when what is committed is stale.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let (dir, openapi) = (
        orrery_tests::codegen::committed(),
        orrery_tests::codegen::openapi(),
    );
    if std::env::args().nth(1).as_deref() != Some("--check") {
        orrery_tests::codegen::write_types(&dir)?;
        orrery_tests::codegen::write_openapi(&openapi)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut stale: Vec<String> = orrery_tests::codegen::stale(&dir)?
        .iter()
        .map(|file| format!("ui/src/generated/{file}"))
        .collect();
    if orrery_tests::codegen::openapi_is_stale(&openapi)? {
        stale.push("docs/openapi.json".to_owned());
    }
    for file in &stale {
        report(&format!("{file} is stale: run `make types` and commit it"));
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
