//! Panics and tracebacks, which span many lines and are one event.

use std::time::Instant;

use super::level::{self, Level};
use crate::limits::{BLOCK_BYTES, BLOCK_LINES, BLOCK_PAUSE};

/// One entry for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) level: Level,
    pub(crate) text: String,
}

/// Gathers lines that belong together.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    kind: Kind,
    text: String,
    lines: usize,
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rust,
    Go,
    Python,
    Java,
}

impl Blocks {
    /// Takes a line in. Gives what is complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], cut: bool, now: Instant, mut each: impl FnMut(Entry)) {
        let mut line = super::text::clean(bytes);
        if cut {
            line.push('…');
        }
        if let Some(open) = &mut self.open {
            let fits = open.lines < BLOCK_LINES && open.text.len() + line.len() < BLOCK_BYTES;
            if fits && open.kind.goes_on(&line) {
                open.text.push('\n');
                open.text.push_str(&line);
                open.lines += 1;
                open.until = now + BLOCK_PAUSE;
                return;
            }
            // The line that says what was raised ends a traceback.
            if fits && open.kind == Kind::Python && !line.is_empty() && Kind::of(&line).is_none() {
                open.text.push('\n');
                open.text.push_str(&line);
                self.end(each);
                return;
            }
            self.end(&mut each);
        }
        match Kind::of(&line) {
            Some(kind) => {
                self.open = Some(Open {
                    kind,
                    text: line,
                    lines: 1,
                    until: now + BLOCK_PAUSE,
                });
            }
            None => {
                let (level, text) = level::read(line);
                each(Entry { level, text });
            }
        }
    }

    /// When an open block is to be ended if nothing follows.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.until)
    }

    /// Gives the open block, if there is one.
    pub(crate) fn end(&mut self, mut each: impl FnMut(Entry)) {
        if let Some(open) = self.open.take() {
            each(Entry {
                level: Level::Error,
                text: open.text.trim_end().to_owned(),
            });
        }
    }
}

impl Kind {
    /// The kind of block that a line starts.
    fn of(line: &str) -> Option<Self> {
        if line.starts_with("thread '") && line.contains("' panicked at")
            || line.starts_with("thread '") && line.contains(") panicked at")
        {
            Some(Self::Rust)
        } else if line.starts_with("panic:")
            || line.starts_with("fatal error:")
            || line.starts_with("runtime error:")
        {
            Some(Self::Go)
        } else if line.starts_with("Traceback (most recent call last)") {
            Some(Self::Python)
        } else if line.starts_with("Exception in thread") {
            Some(Self::Java)
        } else {
            None
        }
    }

    /// True when a line belongs to the block that was started before it.
    fn goes_on(self, line: &str) -> bool {
        let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        let indented = line.starts_with([' ', '\t']);
        match self {
            // The message follows on lines of its own.
            Self::Rust => !Self::looks_like_a_log(line) && Self::of(line).is_none(),
            Self::Go => {
                indented
                    || line.is_empty()
                    || starts(&[
                        "goroutine ",
                        "created by ",
                        "[signal ",
                        "panic:",
                        "exit status ",
                        "runtime.",
                        "main.",
                    ])
                    || line.ends_with(')') && !Self::looks_like_a_log(line)
            }
            Self::Python => indented,
            Self::Java => indented || starts(&["Caused by:", "Suppressed:"]),
        }
    }

    /// A line with a level or a time is the next news, not a part of a panic.
    fn looks_like_a_log(line: &str) -> bool {
        line.starts_with('{')
            || line.starts_with('[')
            || line
                .as_bytes()
                .get(..4)
                .is_some_and(|head| head.iter().all(u8::is_ascii_digit))
            || level::read(line.to_owned()).0 != Level::Info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(lines: &[&str]) -> Vec<(Level, String)> {
        let mut blocks = Blocks::default();
        let mut found = Vec::new();
        let mut each = |entry: Entry| found.push((entry.level, entry.text));
        for line in lines {
            blocks.feed(line.as_bytes(), false, Instant::now(), &mut each);
        }
        blocks.end(each);
        found
    }

    fn check(block: &[&str]) {
        let mut lines = vec!["before"];
        lines.extend(block);
        lines.push("2026-11-21 after");
        let expected = [
            (Level::Info, "before".to_owned()),
            (Level::Error, block.join("\n").trim_end().to_owned()),
            (Level::Info, "2026-11-21 after".to_owned()),
        ];
        assert_eq!(entries(&lines), expected);
    }

    #[test]
    fn panics_and_tracebacks_are_one_error() {
        check(&[
            "thread 'main' panicked at src/main.rs:2:5:",
            "index out of bounds: the len is 3 but the index is 99",
            "stack backtrace:",
            "   0: rust_begin_unwind",
            "             at /rustc/x",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        ]);
        check(&["thread 'main' (4711) panicked at src/main.rs:2:5:", "oh no"]);
        check(&[
            "panic: runtime error: index out of range [5] with length 3",
            "",
            "goroutine 1 [running]:",
            "main.main()",
            "\t/tmp/x.go:5 +0x1d",
            "exit status 2",
        ]);
        check(&[
            "Exception in thread \"main\" java.lang.Error: x",
            "\tat A.main(A.java:3)",
            "Caused by: y",
        ]);
        check(&[
            "Traceback (most recent call last):",
            "  File \"x.py\", line 1, in <module>",
            "    boom()",
            "ValueError: bad",
        ]);
    }

    #[test]
    fn a_traceback_ends_with_what_was_raised() {
        let found = entries(&[
            "Traceback (most recent call last):",
            "  File \"x.py\"",
            "ValueError: bad",
            "after",
        ]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], (Level::Info, "after".to_owned()));
    }

    #[test]
    fn blocks_are_bounded() {
        let mut lines = vec!["panic: x".to_owned()];
        lines.extend((0..BLOCK_LINES + 10).map(|at| format!("\tframe {at}")));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let found = entries(&lines);
        assert_eq!(found[0].1.lines().count(), BLOCK_LINES);
        assert_eq!(found.len(), 12);
    }

    #[test]
    fn two_panics_are_two_errors() {
        let found = entries(&[
            "thread 'a' panicked at x:",
            "one",
            "thread 'b' panicked at y:",
            "two",
        ]);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|(level, _)| *level == Level::Error));
    }
}
