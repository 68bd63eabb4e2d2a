//! How a program ended.

use crate::output::Line;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, when it ended by itself.
    pub code: Option<i32>,
    /// Number of the signal that ended it.
    pub signal: Option<i32>,
    /// It was ended for using more memory than it may.
    pub oom: bool,
    /// We were asked to end it.
    pub requested: bool,
    /// It went down with its guardian; how it ended is not known.
    pub lost: bool,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// How long it had run, in milliseconds.
    pub ran_ms: i64,
    /// The last lines it wrote, oldest first; at most [`crate::limits::LAST_LINES`].
    pub last_lines: Vec<Line>,
}

impl Exit {
    /// True when it ended by itself and with code 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// Name of the signal that ended it, such as `SIGKILL`.
    pub fn signal_name(&self) -> Option<String> {
        let number = self.signal?;
        let name = nix::sys::signal::Signal::try_from(number).map(|signal| signal.as_str().to_owned());
        Some(name.unwrap_or_else(|_| format!("signal {number}")))
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal_name()) {
            _ if self.oom => write!(f, "killed for using more memory than allowed"),
            _ if self.lost => write!(f, "ended with the guardian process"),
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => write!(f, "killed by {signal}"),
            (None, None) => write!(f, "ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_words() {
        let plain = Exit {
            code: None,
            signal: None,
            oom: false,
            requested: false,
            lost: false,
            at_ms: 0,
            ran_ms: 0,
            last_lines: vec![],
        };
        let check = |exit: &Exit, text: &str| assert_eq!(exit.to_string(), text);
        check(
            &Exit {
                code: Some(3),
                ..plain.clone()
            },
            "exited with code 3",
        );
        check(
            &Exit {
                signal: Some(9),
                ..plain.clone()
            },
            "killed by SIGKILL",
        );
        check(
            &Exit {
                signal: Some(40),
                ..plain.clone()
            },
            "killed by signal 40",
        );
        check(
            &Exit {
                signal: Some(9),
                oom: true,
                ..plain.clone()
            },
            "killed for using more memory than allowed",
        );
        check(
            &Exit {
                signal: Some(9),
                lost: true,
                ..plain
            },
            "ended with the guardian process",
        );
    }
}
