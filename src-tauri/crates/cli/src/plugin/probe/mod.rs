//! `orrery plugin probe`: tries a plugin, and says what the person who writes it wants to know.

mod findings;
mod report;
mod socket;
mod trial;

use std::path::Path;
use std::time::Duration;

use orrery_packages::PluginId;
use orrery_plugins::once::FirstReport;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{print_json, printable};
use findings::{Findings, Verdict};

/// What was tried.
#[derive(Default)]
struct Tried {
    id: Option<String>,
    report: Option<FirstReport>,
    /// The last lines that the program wrote.
    output: Vec<String>,
}

/// Tries a socket, a directory with a manifest, a package, or a program without one, and prints what it finds; fails when something is
/// wrong.
pub(crate) async fn run(target: &Path, id: Option<String>, json: bool) -> Result<(), Exit> {
    let found = std::fs::metadata(target).map_err(|error| {
        let message = format!("{}: {error}", target.display());
        if error.kind() == std::io::ErrorKind::NotFound {
            Exit::nothing(format!("{message}; is the plugin running?"))
        } else {
            Exit::failed(message)
        }
    })?;
    let mut findings = Findings::default();
    let tried = if found.is_dir() {
        trial::directory(target, &mut findings).await?
    } else if found.is_file() {
        match orrery_packages::is_program(target).map_err(Exit::failed)? {
            true => trial::program(target, &mut findings).await?,
            false => trial::package(target, &mut findings).await?,
        }
    } else {
        let mut tried = Tried {
            id: id.or_else(|| id_of(target, &mut findings)),
            ..Tried::default()
        };
        if let Some(id) = &tried.id {
            tried.report = socket::look(target, id, &mut findings).await?;
        }
        tried
    };
    let wrong = findings.count(Verdict::Wrong);
    if json {
        print_json(&data(target, &tried, &findings))?;
    } else {
        tell(&tried, &findings);
    }
    if wrong == 0 {
        return Ok(());
    }
    Err(Exit::failed(if json {
        String::new()
    } else {
        format!("{wrong} of {} checks went wrong", findings.all().len())
    }))
}

fn data(target: &Path, tried: &Tried, findings: &Findings) -> Value {
    let checks = findings
        .all()
        .iter()
        .map(|(verdict, about, text)| json!({ "verdict": verdict.word(), "about": about, "text": text }));
    json!({
        "ok": findings.count(Verdict::Wrong) == 0,
        "target": target,
        "id": tried.id,
        "report": tried.report.as_ref().map(|r| json!({
            "label": r.label,
            "interfaces": r.interfaces,
            "nodes": r.nodes,
            "bytes": r.bytes,
            "took_ms": millis(r.took),
        })),
        "checks": checks.collect::<Vec<_>>(),
        "output": tried.output,
    })
}

fn tell(tried: &Tried, findings: &Findings) {
    for (verdict, about, text) in findings.all() {
        say!("{:<6} {about:<9} {}", verdict.word(), printable(text));
    }
    let (wrong, notes) = (findings.count(Verdict::Wrong), findings.count(Verdict::Note));
    if wrong > 0 && !tried.output.is_empty() {
        say!("\nIt wrote:");
        for line in &tried.output {
            say!("  {}", printable(line));
        }
    } else if wrong == 0 && notes == 0 {
        say!("\nThis is a plugin as it should be.");
    } else if wrong == 0 {
        say!("\nThis plugin works. What is marked `note` may not be what was meant.");
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn id_of(socket: &Path, findings: &mut Findings) -> Option<String> {
    let name = socket.file_stem().unwrap_or_default().to_string_lossy();
    match name.parse::<PluginId>() {
        Ok(id) => Some(id.to_string()),
        Err(reason) => {
            findings.wrong(
                "id",
                format!("the socket's name is the plugin's id with .sock at its end, and {reason}"),
            );
            None
        }
    }
}
