//! `orrery plugin probe`: calls a socket as Orrery does, and says what the person who writes the plugin wants
//! to know.

mod report;

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, StatusCode};
use orrery_model::{Report, Timestamp};
use orrery_packages::PluginId;
use orrery_plugins::limits::{CALL_BUDGET, MAX_ANSWER_BYTES};
use orrery_plugins::once::{self, FirstReport, OnceError};
use orrery_supervisor::HealthAnswer;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{file_size, print_json, printable};

/// How long an answer is waited for: longer than Orrery does, to say by how much one is too late.
const PATIENCE: Duration = Duration::from_secs(10);
/// Reports asked for in a row, to tell the usual time from the first one's.
const CALLS: usize = 5;
/// Answer to anything but a report, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;
/// Beginning of an answer that is shown when it makes no sense, in characters.
const SHOWN_CHARS: usize = 120;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and may not be what was meant.
    Note,
    /// It does not work.
    Wrong,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Wrong => "wrong",
        }
    }
}

/// Everything that was found, in order.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<(Verdict, &'static str, String)>);

impl Findings {
    pub(super) fn ok(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Ok, about, text.into()));
    }

    pub(super) fn note(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Note, about, text.into()));
    }

    pub(super) fn wrong(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Wrong, about, text.into()));
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|(v, ..)| *v == verdict).count()
    }
}

/// Calls a socket and prints what it finds; fails when something is wrong.
pub(super) async fn run(socket: &Path, id: Option<String>, json: bool) -> Result<(), Exit> {
    let mut findings = Findings::default();
    let id = match id {
        Some(id) => Some(id),
        None => id_of(socket, &mut findings),
    };
    let mut report = None;
    if let Some(id) = &id
        && file(socket, &mut findings)?
        && program(socket, &mut findings).await
    {
        report = reports(socket, id, &mut findings).await;
        if let Some(first) = &report {
            health(socket, first, &mut findings).await;
            anything(socket, &mut findings).await;
        }
    }
    let wrong = findings.count(Verdict::Wrong);
    if json {
        print_json(&data(socket, id.as_deref(), report.as_ref(), &findings))?;
    } else {
        tell(&findings);
    }
    if wrong == 0 {
        return Ok(());
    }
    Err(Exit::failed(if json {
        String::new()
    } else {
        format!("{wrong} of {} checks went wrong", findings.0.len())
    }))
}

fn data(socket: &Path, id: Option<&str>, report: Option<&FirstReport>, findings: &Findings) -> Value {
    let checks = findings
        .0
        .iter()
        .map(|(verdict, about, text)| json!({ "verdict": verdict.word(), "about": about, "text": text }));
    json!({
        "ok": findings.count(Verdict::Wrong) == 0,
        "socket": socket,
        "id": id,
        "report": report.map(|r| json!({
            "label": r.label,
            "interfaces": r.interfaces,
            "nodes": r.nodes,
            "bytes": r.bytes,
            "took_ms": millis(r.took),
        })),
        "checks": checks.collect::<Vec<_>>(),
    })
}

fn tell(findings: &Findings) {
    for (verdict, about, text) in &findings.0 {
        say!("{:<6} {about:<9} {}", verdict.word(), printable(text));
    }
    let (wrong, notes) = (findings.count(Verdict::Wrong), findings.count(Verdict::Note));
    if wrong == 0 && notes == 0 {
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

/// The socket's file: whether there is one, and who may use it.
fn file(socket: &Path, findings: &mut Findings) -> Result<bool, Exit> {
    let found = std::fs::metadata(socket).map_err(|error| {
        let message = format!("{}: {error}", socket.display());
        if error.kind() == std::io::ErrorKind::NotFound {
            Exit::nothing(format!("{message}; is the plugin running?"))
        } else {
            Exit::failed(message)
        }
    })?;
    if !found.file_type().is_socket() {
        findings.wrong("socket", format!("{} is no socket", socket.display()));
        return Ok(false);
    }
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own && found.uid() != 0 {
        findings.wrong(
            "socket",
            format!(
                "its owner is user {}: Orrery calls sockets of root and of the user that it runs as itself ({own})",
                found.uid()
            ),
        );
    }
    let folder = socket.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = std::fs::metadata(folder.unwrap_or(Path::new("."))).map_err(Exit::failed)?;
    // Of a socket, the right to write is the right to connect.
    if folder.mode() & 0o011 != 0 && found.mode() & 0o022 != 0 {
        findings.note(
            "socket",
            "other users can read its reports and press its buttons: put it into a folder of its own with mode 0700",
        );
    } else {
        findings.ok("socket", "there, and for its owner alone");
    }
    Ok(true)
}

/// Who listens.
async fn program(socket: &Path, findings: &mut Findings) -> bool {
    let listener = match once::listener(socket).await {
        Ok(listener) => listener,
        Err(error) => {
            findings.wrong(
                "program",
                format!(
                    "nobody listens ({error}): the program ended and left its socket, or cannot be reached"
                ),
            );
            return false;
        }
    };
    let name = listener
        .pid
        .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    let name = name.map_or_else(|| "somebody".to_owned(), |n| n.trim().to_owned());
    let pid = listener
        .pid
        .map_or_else(String::new, |pid| format!(", process {pid}"));
    findings.ok("program", format!("{name} listens{pid}, user {}", listener.uid));
    true
}

/// Its reports: one with patience and looked into, then some as Orrery asks for them.
async fn reports(socket: &Path, id: &str, findings: &mut Findings) -> Option<FirstReport> {
    let began = Instant::now();
    let target = "/report?api_version=1&probe_id=orrery-probe";
    let asked = once::ask(
        socket,
        Method::GET,
        target,
        Bytes::new(),
        PATIENCE,
        MAX_ANSWER_BYTES,
    )
    .await;
    let took = began.elapsed();
    let (status, body) = match asked {
        Ok(answer) => answer,
        Err(OnceError::Timeout) => {
            findings.wrong(
                "report",
                format!("no answer to GET /report within {} s", PATIENCE.as_secs()),
            );
            return None;
        }
        Err(error) => {
            findings.wrong("report", format!("GET /report: {error}"));
            return None;
        }
    };
    let too_late = took > CALL_BUDGET;
    if too_late {
        findings.wrong(
            "time",
            format!(
                "the answer took {} ms, and Orrery waits {} ms: do the work in the background, and tell what was seen last",
                millis(took),
                CALL_BUDGET.as_millis()
            ),
        );
    }
    if status != StatusCode::OK {
        findings.wrong(
            "report",
            format!(
                "GET /report was answered with {status}; it has to be 200{}",
                beginning(&body)
            ),
        );
        return None;
    }
    match Report::from_json(&body, now()) {
        Ok(decoded) => {
            for warning in &decoded.warnings {
                findings.note("report", warning.to_string());
            }
            report::look(&decoded.report, now(), findings);
        }
        Err(error) => {
            findings.wrong("report", format!("it does not read: {error}{}", beginning(&body)));
            return None;
        }
    }
    if too_late {
        return None;
    }
    as_orrery_asks(socket, id, findings).await
}

/// What an answer begins with, to recognise it by.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text.trim().chars().take(SHOWN_CHARS).collect();
    if text.is_empty() {
        "; the answer is empty".to_owned()
    } else {
        format!("; the answer begins {text:?}")
    }
}

async fn as_orrery_asks(socket: &Path, id: &str, findings: &mut Findings) -> Option<FirstReport> {
    let mut times = Vec::new();
    let mut last = None;
    for call in 1..=CALLS {
        match once::first_report(socket, id, "orrery-probe").await {
            Ok(report) => {
                times.push(report.took);
                last = Some(report);
            }
            Err(error) => {
                let which = if call == 1 {
                    String::new()
                } else {
                    format!("call {call} in a row: ")
                };
                findings.wrong("report", format!("{which}{error}"));
                return None;
            }
        }
    }
    let report = last?;
    findings.ok(
        "report",
        format!(
            "{}: {}; nodes: {}; {}",
            report.label,
            report.interfaces.join(", "),
            report.nodes,
            file_size(report.bytes)
        ),
    );
    times.sort();
    if let (Some(least), Some(most)) = (times.first(), times.last()) {
        findings.ok(
            "time",
            format!(
                "{CALLS} reports in a row, {} to {} ms each; the budget is {} ms",
                millis(*least),
                millis(*most),
                CALL_BUDGET.as_millis()
            ),
        );
    }
    Some(report)
}

async fn health(socket: &Path, report: &FirstReport, findings: &mut Findings) {
    let promised = report.interfaces.iter().any(|i| i == "health");
    let asked = once::ask(
        socket,
        Method::GET,
        "/health",
        Bytes::new(),
        PATIENCE,
        ANSWER_BYTES,
    )
    .await;
    let read = match asked {
        Ok((status, body)) => HealthAnswer::read(status.as_u16(), &body).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match read {
        Ok(Some(answer)) => {
            let word = format!("{:?}", answer.word).to_lowercase();
            let said = if answer.messages.is_empty() {
                word
            } else {
                format!("{word}: {}", answer.messages.join("; "))
            };
            findings.ok("health", format!("GET /health says {said}"));
        }
        Ok(None) if promised => findings.wrong(
            "health",
            "it names the interface health, and GET /health has no answer that reads",
        ),
        Ok(None) => findings.ok("health", "no GET /health: it is judged by its reports"),
        Err(error) => findings.wrong("health", format!("GET /health: {error}")),
    }
}

/// One that answers everything with a report seems to offer everything.
async fn anything(socket: &Path, findings: &mut Findings) {
    let target = "/orrery-asks-for-what-is-not-there";
    let asked = once::ask(
        socket,
        Method::GET,
        target,
        Bytes::new(),
        PATIENCE,
        MAX_ANSWER_BYTES,
    )
    .await;
    if asked.is_ok_and(|(status, _)| status.is_success()) {
        findings.note(
            "routes",
            "it answers any path; answer 404 to what it does not offer",
        );
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
