//! How far an operation is, on a terminal or in a file.

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

use crate::output::{file_size, text};

/// Tells what is new: a line for every step that ended. On a terminal the last line is the step under way, and
/// counts its bytes.
pub(super) struct Progress {
    said: Vec<String>,
    quiet: bool,
    /// Whether a line may be written over.
    live: bool,
    /// Text of the line that will be written over.
    open: String,
}

impl Progress {
    /// `quiet` tells nothing.
    pub(super) fn new(quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Progress {
            said: Vec::new(),
            quiet,
            live: std::io::stderr().is_terminal() && !dumb,
            open: String::new(),
        }
    }

    /// Tells what an operation's steps came to since the last time.
    pub(super) fn tell(&mut self, operation: &Value) {
        for step in operation["steps"].as_array().into_iter().flatten() {
            match step["state"].as_str() {
                Some("running") if self.live => self.over(&line(step)),
                Some("done" | "failed") => self.line(settled(step)),
                _ => {}
            }
        }
    }

    /// Tells how much of a file was sent.
    pub(super) fn sent(&mut self, done: u64, total: u64) {
        if self.live {
            self.over(&format!("  {:<10} {}", "send", share(done, Some(total))));
        } else if done == total {
            self.line(format!("  {:<10} done  {}", "send", file_size(total)));
        }
    }

    /// Says something in between.
    pub(super) fn say(&mut self, text: &str) {
        self.end();
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Ends the line that is written over.
    pub(super) fn end(&mut self) {
        if !self.open.is_empty() {
            eprintln!();
            self.open.clear();
        }
    }

    fn line(&mut self, line: String) {
        if self.quiet || self.said.contains(&line) {
            return;
        }
        if self.live && !self.open.is_empty() {
            eprint!("\r\u{1b}[K");
            self.open.clear();
        }
        eprintln!("{line}");
        self.said.push(line);
    }

    fn over(&mut self, line: &str) {
        if self.quiet || self.open == line {
            return;
        }
        eprint!("\r{line}\u{1b}[K");
        // A terminal that takes no more text is no reason to end.
        let _ = std::io::stderr().flush();
        line.clone_into(&mut self.open);
    }
}

/// A step at this moment.
fn line(step: &Value) -> String {
    let bytes = match step["done_bytes"].as_u64() {
        Some(done) => share(done, step["total_bytes"].as_u64()),
        None => "…".to_owned(),
    };
    format!("  {:<10} {bytes}{}", text(step, "id"), remark(step))
}

/// A step as it stays: no count of bytes that changes while it runs.
fn settled(step: &Value) -> String {
    let mut line = format!("  {:<10} {}", text(step, "id"), text(step, "state"));
    let bytes = step["total_bytes"].as_u64().or(step["done_bytes"].as_u64());
    if let (Some("done"), Some(bytes)) = (step["state"].as_str(), bytes) {
        line.push_str(&format!("  {}", file_size(bytes)));
    }
    line + &remark(step)
}

fn remark(step: &Value) -> String {
    match step["text"].as_str() {
        Some(said) if !said.is_empty() => format!("  {}", text(step, "text")),
        _ => String::new(),
    }
}

fn share(done: u64, total: Option<u64>) -> String {
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = done.min(total).saturating_mul(100) / total;
            format!("{} of {}  {percent}%", file_size(done), file_size(total))
        }
        None => file_size(done),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_are_told_with_bytes_and_what_they_say() {
        for (step, now, then) in [
            (
                json!({ "id": "fetch", "state": "running", "text": "", "done_bytes": 1024, "total_bytes": 4096 }),
                "  fetch      1.0 KiB of 4.0 KiB  25%",
                "  fetch      running",
            ),
            (
                json!({ "id": "fetch", "state": "running", "text": "try 2 of 5", "done_bytes": 10, "total_bytes": null }),
                "  fetch      10 B  try 2 of 5",
                "  fetch      running  try 2 of 5",
            ),
            (
                json!({ "id": "fetch", "state": "done", "text": "", "done_bytes": 0, "total_bytes": 0 }),
                "  fetch      0 B",
                "  fetch      done  0 B",
            ),
            (
                json!({ "id": "start", "state": "failed", "text": "\u{1b}[2Jno" }),
                "  start      …  \u{fffd}[2Jno",
                "  start      failed  \u{fffd}[2Jno",
            ),
        ] {
            assert_eq!((line(&step).as_str(), settled(&step).as_str()), (now, then));
        }
    }
}
