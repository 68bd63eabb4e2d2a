//! The newest lines in memory, and their way to the file.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use super::file::RotatedFile;
use super::level::Level;
use crate::limits::{
    LINE_OVERHEAD_BYTES, LOG_FILE_BYTES, LOG_FILES_KEPT, PAGE_LINES, RING_BYTES, UNWRITTEN_BYTES,
};

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What Orrery says itself, such as a start or an end.
    Orrery,
}

impl Stream {
    /// A stable name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Orrery => "orrery",
        }
    }
}

/// A line, or several that are one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Number, rising by one; readers go on from it. The first is 1.
    pub seq: u64,
    /// When it came, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Where it comes from.
    pub stream: Stream,
    /// How grave it is, as far as it tells.
    pub level: Level,
    /// The text, without control characters other than tabs, and ends of lines within a panic or traceback.
    pub text: String,
}

/// Some lines, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The lines.
    pub lines: Vec<Line>,
    /// Ask for what comes after this.
    pub next: u64,
    /// Lines that were dropped because too many came at once.
    pub dropped: u64,
}

/// Where an output is kept besides memory.
#[derive(Debug, Clone)]
pub struct OutputConfig {
    /// The file. Its directory is made when needed.
    pub file: PathBuf,
    /// Size at which it is set aside, in bytes.
    pub max_bytes: u64,
    /// How many files set aside are kept.
    pub kept: usize,
}

impl OutputConfig {
    /// A file with the usual size and number.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            max_bytes: LOG_FILE_BYTES,
            kept: LOG_FILES_KEPT,
        }
    }
}

/// The output of one program over all its restarts. Clones are the same output.
#[derive(Debug, Clone)]
pub struct Output {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
    /// Locked only by the one task that writes.
    file: Option<Mutex<RotatedFile>>,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    bytes: usize,
    last: u64,
    dropped: u64,
    /// Text for the file.
    unwritten: String,
    /// Lines that did not fit into that.
    not_written: u64,
    writing: bool,
}

impl Output {
    /// An output that is kept in memory alone.
    pub fn in_memory() -> Self {
        Self::with(None)
    }

    /// An output that also goes to a file. Must be used within a tokio runtime for that.
    pub fn open(config: OutputConfig) -> Self {
        Self::with(Some(RotatedFile::new(config.file, config.max_bytes, config.kept)))
    }

    fn with(file: Option<RotatedFile>) -> Self {
        let ring = Mutex::default();
        Self {
            inner: Arc::new(Inner {
                ring,
                newest: watch::Sender::new(0),
                file: file.map(Mutex::new),
            }),
        }
    }

    /// Adds a line of our own.
    pub fn note(&self, level: Level, text: impl Into<String>) {
        self.push(Stream::Orrery, level, text.into());
    }

    /// Lines after number `after`, at most `limit` of them and [`PAGE_LINES`]. Lines that fell out of memory are
    /// passed over, which shows in the numbers.
    pub fn page(&self, after: u64, limit: usize) -> Page {
        let ring = self.ring();
        let first = ring.lines.front().map_or(ring.last + 1, |line| line.seq);
        let skip = usize::try_from(after.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        let lines: Vec<Line> = ring
            .lines
            .iter()
            .skip(skip)
            .take(limit.min(PAGE_LINES))
            .cloned()
            .collect();
        // A reader from before a restart of the application starts anew.
        let next = lines.last().map_or(after.min(ring.last), |line| line.seq);
        Page {
            lines,
            next,
            dropped: ring.dropped,
        }
    }

    /// The last lines after number `after`, at most `limit` of them, oldest first.
    pub fn last(&self, after: u64, limit: usize) -> Vec<Line> {
        let ring = self.ring();
        let mut lines: Vec<Line> = ring
            .lines
            .iter()
            .rev()
            .take_while(|line| line.seq > after)
            .take(limit)
            .cloned()
            .collect();
        lines.reverse();
        lines
    }

    /// Tells when new lines come: the value is the newest line's number.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.inner.newest.subscribe()
    }

    /// Number of the newest line; 0 when there is none.
    pub fn newest(&self) -> u64 {
        self.ring().last
    }

    /// Waits until everything is in the file.
    pub async fn flush(&self) {
        let output = self.clone();
        // The task ends only when the runtime does.
        let _ = tokio::task::spawn_blocking(move || output.write_out()).await;
    }

    pub(crate) fn push(&self, stream: Stream, level: Level, text: String) {
        let at_ms = now_ms();
        let start_writing = {
            let mut ring = self.ring();
            ring.last += 1;
            let line = Line {
                seq: ring.last,
                at_ms,
                stream,
                level,
                text,
            };
            let writes = self.inner.file.is_some() && ring.queue(&line);
            ring.bytes += line.text.len() + LINE_OVERHEAD_BYTES;
            ring.lines.push_back(line);
            while ring.bytes > RING_BYTES {
                let Some(oldest) = ring.lines.pop_front() else {
                    break;
                };
                ring.bytes -= oldest.text.len() + LINE_OVERHEAD_BYTES;
            }
            self.inner.newest.send_replace(ring.last);
            writes
        };
        if start_writing {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => {
                    let output = self.clone();
                    runtime.spawn_blocking(move || output.write_out());
                }
                // Written with the next line that comes within a runtime.
                Err(_) => self.ring().writing = false,
            }
        }
    }

    pub(crate) fn count_dropped(&self, lines: u64) {
        self.ring().dropped += lines;
    }

    /// Writes until nothing is left to write.
    fn write_out(&self) {
        let Some(file) = &self.inner.file else { return };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let text = {
                let mut ring = self.ring();
                if ring.unwritten.is_empty() {
                    ring.writing = false;
                    return;
                }
                if ring.not_written > 0 {
                    let missing = format!(
                        "… {} lines are missing here\n",
                        std::mem::take(&mut ring.not_written)
                    );
                    ring.unwritten.push_str(&missing);
                }
                std::mem::take(&mut ring.unwritten)
            };
            if let Err(error) = file.append(&text) {
                // The ring still has the lines; a full disk must not fill the log as well.
                tracing::debug!(%error, "a program's log cannot be written");
            }
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.inner.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    /// Queues a line for the file. True when a writer is to be started.
    fn queue(&mut self, line: &Line) -> bool {
        if self.unwritten.len() > UNWRITTEN_BYTES {
            self.not_written += 1;
            return false;
        }
        let time = jiff::Timestamp::from_millisecond(line.at_ms).unwrap_or_default();
        let (stream, level) = (line.stream.as_str(), line.level.as_str());
        // Lines that belong to the one before are set in.
        let text = line.text.replace('\n', "\n\t");
        self.unwritten
            .push_str(&format!("{time:.3} {stream} {level} {text}\n"));
        !std::mem::replace(&mut self.writing, true)
    }
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
