//! The audit log: every control and change, who asked for it, from where, and what became of it.
//!
//! It is kept as lines of JSON in `audit.jsonl` of the data directory, so that it can be read without us. Two files
//! of bounded size are kept. It is about who did what; what happened is in the events.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{ApiError, Caller, Code, Origin, Role};
use crate::clock;
use crate::limits::{AUDIT_FILE_BYTES, AUDIT_LIST, AUDIT_TEXT_BYTES};

/// One thing that somebody did, or wanted to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// Grows by one with each entry, also over restarts.
    pub id: i64,
    /// When it ended, ms since the epoch.
    pub at_ms: i64,
    /// Who: the name of a token or of a user.
    pub user: String,
    /// What they may do.
    pub role: Role,
    /// The way they came.
    pub origin: Origin,
    /// Where from: an address or a process.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// What, such as `control` or `plugin restart`.
    pub what: String,
    /// What it was done to, such as a node or a plugin; the subject of the events that it led to.
    pub subject: String,
    /// Further words, such as the name of the control.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What became of it.
    pub result: AuditResult,
    /// Why not, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The operation that it began, whose end `/api/ops` tells.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What became of something that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    /// It was done.
    Done,
    /// It goes on as an operation.
    Accepted,
    /// Who asked may not, or nobody may.
    Forbidden,
    /// It went wrong.
    Failed,
}

impl AuditResult {
    /// How an error counts.
    pub fn of(error: &ApiError) -> Self {
        if error.code == Code::Forbidden {
            AuditResult::Forbidden
        } else {
            AuditResult::Failed
        }
    }
}

/// What is to be noted of somebody's doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// What, such as `control`.
    pub what: String,
    /// What it is done to.
    pub subject: String,
    /// Further words.
    pub detail: String,
    /// The operation that it began.
    pub operation: String,
}

impl Deed {
    /// Something done to a subject.
    pub fn new(what: impl Into<String>, subject: impl Into<String>) -> Self {
        Deed {
            what: what.into(),
            subject: subject.into(),
            detail: String::new(),
            operation: String::new(),
        }
    }

    /// The same with further words.
    #[must_use]
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// The log of an instance.
#[derive(Debug)]
pub(crate) struct Audit {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    last_id: i64,
}

impl Audit {
    /// The log of a data directory; a last line that a crash cut short is closed.
    pub(crate) fn open(data_dir: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(data_dir)?;
        let path = data_dir.join("audit.jsonl");
        let mut file = opened(&path)?;
        let mut bytes = file.seek(SeekFrom::End(0))?;
        if bytes > 0 && !std::fs::read(&path)?.ends_with(b"\n") {
            file.write_all(b"\n")?;
            bytes += 1;
        }
        let mut audit = Audit {
            path,
            open: Mutex::new(Open {
                file,
                bytes,
                last_id: 0,
            }),
        };
        let last_id = audit.read(0)?.last().map_or(0, |e| e.id);
        audit
            .open
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .last_id = last_id;
        Ok(audit)
    }

    /// Notes what somebody did. What cannot be noted is told to our own log.
    pub(crate) fn note(
        &self,
        caller: &Caller,
        deed: Deed,
        result: AuditResult,
        message: &str,
        took: Duration,
    ) {
        let entry = AuditEntry {
            id: 0,
            at_ms: clock::now_ms(),
            user: caller.user.clone(),
            role: caller.role,
            origin: caller.origin,
            from: caller.from.clone(),
            what: deed.what,
            subject: cut(deed.subject),
            detail: cut(deed.detail),
            result,
            message: cut(message.to_owned()),
            operation: deed.operation,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        if let Err(error) = self.append(entry) {
            tracing::error!(%error, path = %self.path.display(), "the audit log cannot be written");
        }
    }

    fn append(&self, entry: AuditEntry) -> std::io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let id = open.last_id + 1;
        let mut line = serde_json::to_vec(&AuditEntry { id, ..entry })?;
        line.push(b'\n');
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if open.bytes > 0 && open.bytes + length > AUDIT_FILE_BYTES {
            std::fs::rename(&self.path, self.older())?;
            open.file = opened(&self.path)?;
            open.bytes = 0;
        }
        // One write, so that a crash leaves at most one line cut short.
        open.file.write_all(&line)?;
        open.bytes += length;
        open.last_id = id;
        Ok(())
    }

    fn older(&self) -> PathBuf {
        self.path.with_extension("1.jsonl")
    }

    /// Entries after one, the oldest first; without `after` the newest. Reads files: not for the threads that serve.
    pub(crate) fn list(&self, after: Option<i64>, limit: Option<usize>) -> std::io::Result<Vec<AuditEntry>> {
        let limit = limit.unwrap_or(AUDIT_LIST.0).min(AUDIT_LIST.1);
        let mut entries = self.read(after.unwrap_or(0))?;
        if after.is_some() {
            entries.truncate(limit);
        } else {
            entries.drain(..entries.len().saturating_sub(limit));
        }
        Ok(entries)
    }

    /// Every whole entry after one. Lines that are none are passed over.
    fn read(&self, after: i64) -> std::io::Result<Vec<AuditEntry>> {
        let files = {
            // Both are opened before a turn can come between them.
            let _turn = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            [self.older(), self.path.clone()].map(File::open)
        };
        let mut entries = Vec::new();
        for file in files {
            let file = match file {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for line in BufReader::new(file).split(b'\n') {
                let entry: Result<AuditEntry, _> = serde_json::from_slice(&line?);
                entries.extend(entry.ok().filter(|e| e.id > after));
            }
        }
        Ok(entries)
    }
}

fn opened(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

/// At most so much of a text that comes from outside.
fn cut(mut text: String) -> String {
    if text.len() > AUDIT_TEXT_BYTES {
        let end = (0..=AUDIT_TEXT_BYTES)
            .rev()
            .find(|i| text.is_char_boundary(*i))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn caller() -> Caller {
        Caller {
            user: "token ci".to_owned(),
            role: Role::Control,
            origin: Origin::Http,
            from: "127.0.0.1".to_owned(),
        }
    }

    fn note(audit: &Audit, subject: &str) {
        let deed = Deed::new("control", subject).with("light");
        audit.note(&caller(), deed, AuditResult::Done, "", Duration::from_millis(3));
    }

    fn ids(entries: &[AuditEntry]) -> Vec<i64> {
        entries.iter().map(|e| e.id).collect()
    }

    #[test]
    fn entries_are_numbered_over_restarts_and_listed_by_page() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::open(dir.path()).unwrap();
        (0..5).for_each(|i| note(&audit, &format!("n{i}")));
        assert_eq!(ids(&audit.list(None, Some(2)).unwrap()), [4, 5], "the newest");
        assert_eq!(
            ids(&audit.list(Some(1), Some(2)).unwrap()),
            [2, 3],
            "those that follow"
        );
        let first = &audit.list(Some(0), Some(1)).unwrap()[0];
        assert_eq!(
            (
                first.user.as_str(),
                first.subject.as_str(),
                first.detail.as_str(),
                first.took_ms
            ),
            ("token ci", "n0", "light", 3)
        );
        let mode = std::fs::metadata(dir.path().join("audit.jsonl"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(audit);
        // As a crash in the middle of a line leaves it.
        let mut file = opened(&dir.path().join("audit.jsonl")).unwrap();
        file.write_all(b"{\"id\": 6, \"at").unwrap();
        let audit = Audit::open(dir.path()).unwrap();
        note(&audit, "later");
        assert_eq!(ids(&audit.list(Some(3), None).unwrap()), [4, 5, 6]);
    }

    #[test]
    fn it_stays_below_its_bounds_and_goes_on_from_file_to_file() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::open(dir.path()).unwrap();
        let long = "é".repeat(AUDIT_TEXT_BYTES);
        let each = AUDIT_TEXT_BYTES as u64;
        let count = i64::try_from(3 * AUDIT_FILE_BYTES / each).unwrap();
        (0..count).for_each(|_| note(&audit, &long));
        let files: u64 = ["audit.jsonl", "audit.1.jsonl"]
            .map(|f| std::fs::metadata(dir.path().join(f)).unwrap().len())
            .iter()
            .sum();
        assert!(
            files <= 2 * AUDIT_FILE_BYTES && files > AUDIT_FILE_BYTES,
            "{files}"
        );
        let entries = audit.list(Some(0), Some(usize::MAX)).unwrap();
        assert_eq!(entries.len(), AUDIT_LIST.1);
        assert!(entries[0].subject.ends_with('…'), "outside text is cut");
        let newest = audit.list(None, Some(1)).unwrap();
        assert_eq!(ids(&newest), [count]);
    }
}
