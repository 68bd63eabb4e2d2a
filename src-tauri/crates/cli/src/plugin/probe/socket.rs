//! A socket, called as Orrery calls it.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, StatusCode};
use orrery_model::{Report, Timestamp};
use orrery_plugins::limits::{CALL_BUDGET, MAX_ANSWER_BYTES};
use orrery_plugins::once::{self, FirstReport, OnceError};
use orrery_sockets::may_listen;
use orrery_supervisor::HealthAnswer;

use super::findings::Findings;
use super::{millis, report};
use crate::exit::Exit;
use crate::output::file_size;

/// How long an answer is waited for: longer than Orrery does, to say by how much one is too late.
const PATIENCE: Duration = Duration::from_secs(10);
/// Reports asked for in a row, to tell the usual time from the first one's.
const CALLS: usize = 5;
/// Answer to anything but a report, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;
/// Beginning of an answer that is shown when it makes no sense, in characters.
const SHOWN_CHARS: usize = 120;

/// Looks at everything about a socket; its report, if it is a good one.
pub(super) async fn look(
    socket: &Path,
    id: &str,
    findings: &mut Findings,
) -> Result<Option<FirstReport>, Exit> {
    if !(file(socket, findings)? && program(socket, findings).await) {
        return Ok(None);
    }
    let report = reports(socket, id, findings).await;
    if let Some(first) = &report {
        health(socket, first, findings).await;
        anything(socket, findings).await;
    }
    Ok(report)
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
    if !may_listen(socket, found.uid(), own) {
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
