//! How a process ended, in words.

use orrery_runner::Exit;
use orrery_runner::output::Stream;

use super::wall_ms;
use crate::lifecycle::Cause;
use crate::limits;
use crate::spec::Spec;
use crate::text::span;
use crate::view::{ExitKind, ExitView};

/// What is known of an end besides the exit itself.
pub(crate) struct Circumstances<'a> {
    /// Why we ended it; none when it ended by itself.
    pub(crate) cause: Option<Cause>,
    /// Whether it had been ready.
    pub(crate) was_ready: bool,
    /// What it had answered or not.
    pub(crate) doubt: &'a str,
    pub(crate) spec: &'a Spec,
}

/// How a process ended, in words.
pub(crate) fn exit_view(exit: &Exit, known: &Circumstances<'_>) -> ExitView {
    let signal = exit.signal_name();
    let (kind, text) = match known.cause {
        Some(Cause::Unwanted | Cause::Restart | Cause::Yield) => {
            (ExitKind::Requested, "It was ended as ordered.".to_owned())
        }
        _ if exit.oom => {
            let allowed = known.spec.limits.memory_bytes.map_or_else(String::new, |bytes| {
                format!(" of {} MiB", bytes.div_ceil(1 << 20))
            });
            (
                ExitKind::OutOfMemory,
                format!("It used more memory than its limit{allowed} and was killed."),
            )
        }
        Some(Cause::StartTimeout) => {
            let time = span(known.spec.start.timeout);
            (
                ExitKind::StartTimeout,
                because(&format!("No valid report came within {time}"), known.doubt),
            )
        }
        Some(Cause::Protocol) => (
            ExitKind::Protocol,
            because("It does not answer as a plugin", known.doubt),
        ),
        Some(Cause::Unresponsive) => {
            let checks = known.spec.health.failures.max(1);
            let text = match checks {
                1 => "A check failed".to_owned(),
                checks => format!("{checks} checks in a row failed"),
            };
            (ExitKind::Unresponsive, because(&text, known.doubt))
        }
        Some(Cause::Fatal) => (
            ExitKind::Unresponsive,
            because("It said that it cannot go on", known.doubt),
        ),
        Some(Cause::Overtime) => (ExitKind::Unresponsive, "Its work took too long.".to_owned()),
        None if exit.lost => (
            ExitKind::Signal,
            "It went down with the process that guards all plugins.".to_owned(),
        ),
        None => {
            let before = if known.was_ready {
                ""
            } else {
                " before its first report"
            };
            match (exit.code, &signal) {
                (Some(code), _) => (ExitKind::Code, format!("It exited with code {code}{before}.")),
                (None, Some(signal)) => (ExitKind::Signal, format!("It was killed by {signal}{before}.")),
                (None, None) => (ExitKind::Code, format!("It ended{before}.")),
            }
        }
    };
    let said = exit
        .last_lines
        .iter()
        .filter(|line| line.stream != Stream::Orrery);
    let mut last_lines: Vec<String> = said.map(|line| line.text.clone()).collect();
    let surplus = last_lines.len().saturating_sub(limits::LAST_LINES);
    last_lines.drain(..surplus);
    ExitView {
        kind,
        code: exit.code,
        signal,
        at_ms: exit.at_ms,
        ran_ms: exit.ran_ms,
        text,
        last_lines,
    }
}

/// A launch that came to nothing.
pub(crate) fn never_ran(text: &str) -> ExitView {
    ExitView {
        kind: ExitKind::Spawn,
        code: None,
        signal: None,
        at_ms: wall_ms(),
        ran_ms: 0,
        text: because("It could not be started", text),
        last_lines: Vec::new(),
    }
}

/// A sentence with its reason, if there is one.
pub(crate) fn because(text: &str, why: &str) -> String {
    if why.is_empty() {
        format!("{text}.")
    } else {
        format!("{text}: {}.", why.trim_end_matches('.'))
    }
}
