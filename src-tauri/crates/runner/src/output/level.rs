//! How grave a line is, as far as it tells.

use serde_json::{Map, Value};

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is amiss.
    Warn,
    /// News.
    Info,
    /// For those who look for faults.
    Debug,
    /// For those who look for faults in detail.
    Trace,
}

impl Level {
    /// A stable name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "error" | "err" | "fatal" | "critical" | "crit" | "panic" | "emerg" | "alert" => Self::Error,
            "warn" | "warning" => Self::Warn,
            "info" | "information" | "notice" => Self::Info,
            "debug" | "dbg" => Self::Debug,
            "trace" => Self::Trace,
            _ => return None,
        })
    }

    /// Levels of programs that count in tens.
    fn from_number(number: u64) -> Self {
        match number {
            0..=10 => Self::Trace,
            11..=20 => Self::Debug,
            21..=30 => Self::Info,
            31..=40 => Self::Warn,
            _ => Self::Error,
        }
    }
}

/// Words at the start of a line among which a level is looked for: date, time and zone may stand before it.
const LEADING_WORDS: usize = 4;

/// Level and text of one clean line.
pub(super) fn read(line: String) -> (Level, String) {
    if line.starts_with('{')
        && let Ok(Value::Object(fields)) = serde_json::from_str(&line)
    {
        return from_json(fields, line);
    }
    let level = from_logfmt(&line)
        .or_else(|| from_klog(&line))
        .or_else(|| from_words(&line));
    (level.unwrap_or(Level::Info), line)
}

/// Message first, then the other fields in their order; level and time are told apart from the text.
fn from_json(mut fields: Map<String, Value>, line: String) -> (Level, String) {
    let mut take = |names: &[&str]| names.iter().find_map(|name| fields.remove(*name));
    let level = take(&["level", "@level", "lvl", "severity", "levelname"]);
    let message = take(&["message", "msg", "@message", "event"]);
    take(&["time", "ts", "timestamp", "@timestamp"]);
    let level = match level {
        Some(Value::String(word)) => Level::from_word(&word),
        Some(Value::Number(number)) => number.as_u64().map(Level::from_number),
        _ => None,
    };
    let Some(message) = message else {
        return (level.unwrap_or(Level::Info), line);
    };
    let mut text = plain(&message);
    for (key, value) in &fields {
        text.push(' ');
        text.push_str(key);
        text.push('=');
        text.push_str(&plain(value));
    }
    (level.unwrap_or(Level::Info), super::text::clean(text.as_bytes()))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `time=… level=warn msg="…"`.
fn from_logfmt(line: &str) -> Option<Level> {
    let mut words = line.split_ascii_whitespace().take(LEADING_WORDS);
    words.find_map(|word| Level::from_word(word.strip_prefix("level=")?.trim_matches('"')))
}

/// `W1121 08:36:08.000000 …`.
fn from_klog(line: &str) -> Option<Level> {
    let head = line.as_bytes().get(..6)?;
    let (letter, date) = head.split_first()?;
    let is_date = date.get(..4)?.iter().all(u8::is_ascii_digit) && date.get(4) == Some(&b' ');
    let level = match letter {
        b'E' | b'F' => Level::Error,
        b'W' => Level::Warn,
        b'I' => Level::Info,
        b'D' => Level::Debug,
        _ => return None,
    };
    is_date.then_some(level)
}

/// `[WARN] x`, `WARN x`, `warning: x`, `2026-11-21 08:36:08 ERROR x`. Small letters count only with a bracket or a
/// colon, because "error" is also a word of prose.
fn from_words(line: &str) -> Option<Level> {
    line.split_ascii_whitespace()
        .take(LEADING_WORDS)
        .enumerate()
        .find_map(|(at, word)| {
            let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            let marked = word.starts_with('[') && word.contains(']') || (at == 0 && word.ends_with(':'));
            let shouted = bare.len() > 2 && bare.bytes().all(|byte| byte.is_ascii_uppercase());
            if marked || shouted {
                Level::from_word(bare)
            } else {
                None
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_their_level() {
        let check = |line: &str, level: Level| {
            assert_eq!(read(line.to_owned()), (level, line.to_owned()), "the text stays");
        };
        check("plain words", Level::Info);
        check("[WARN] x", Level::Warn);
        check("[warn] x", Level::Warn);
        check("WARN x", Level::Warn);
        check("WARNING: x", Level::Warn);
        check("warning: x", Level::Warn);
        check("[ERROR] x", Level::Error);
        check("[DEBUG] x", Level::Debug);
        check("[TRACE] x", Level::Trace);
        check("[INFO] x", Level::Info);
        check("2026-11-21 08:36:08 ERROR x", Level::Error);
        check("2026-11-21T08:36:08Z  WARN orrery: x", Level::Warn);
        check("time=2026 level=error msg=\"x\"", Level::Error);
        check("level=warning msg=x", Level::Warn);
        check("W1121 08:36:08.000000 1 a.go:5] x", Level::Warn);
        check("E1121 08:36:08.000000 1 a.go:5] x", Level::Error);
        check("no error here", Level::Info);
        check("in no case is ERROR found this late, at least", Level::Info);
        check("W12 short", Level::Info);
        check("", Level::Info);
        check("[]", Level::Info);
        check("{broken json", Level::Info);
    }

    #[test]
    fn json_lines_keep_level_message_and_fields() {
        let check = |line: &str, level: Level, text: &str| {
            assert_eq!(read(line.to_owned()), (level, text.to_owned()), "{line}");
        };
        check(
            r#"{"level":"warn","msg":"slow","took_ms":12,"who":"db"}"#,
            Level::Warn,
            "slow took_ms=12 who=db",
        );
        check(
            r#"{"time":"x","severity":"ERROR","message":"gone"}"#,
            Level::Error,
            "gone",
        );
        check(
            r#"{"@level":"debug","@message":"m","@timestamp":"t"}"#,
            Level::Debug,
            "m",
        );
        check(r#"{"level":50,"msg":"bad"}"#, Level::Error, "bad");
        check(r#"{"level":30,"msg":"fine"}"#, Level::Info, "fine");
        check(r#"{"msg":"a\u001b[31m\u0000b"}"#, Level::Info, "ab");
        check(
            r#"{"level":"warn","other":1}"#,
            Level::Warn,
            r#"{"level":"warn","other":1}"#,
        );
        check(r#"{"level":{},"msg":["x"]}"#, Level::Info, r#"["x"]"#);
    }
}
