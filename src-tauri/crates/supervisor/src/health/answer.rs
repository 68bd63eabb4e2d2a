//! What a plugin says at `GET /health`.

use serde_json::Value;

use crate::calls::CallError;
use crate::limits;
use crate::text::clean;

/// How a plugin feels, in its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthWord {
    /// All is well.
    Ok,
    /// It works, but not as it should; it is left running.
    Degraded,
    /// It does not work at present; it is left running.
    Error,
    /// It cannot tell.
    Unknown,
    /// It cannot go on; it is started anew.
    Fatal,
}

/// What a plugin says at `GET /health`.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthAnswer {
    /// In a word.
    pub word: HealthWord,
    /// Its code; 0 is good.
    pub code: i64,
    /// What it says, bounded.
    pub messages: Vec<String>,
    /// An object of its own, if it gives one.
    pub details: Option<Value>,
}

impl HealthAnswer {
    /// Reads an answer. `None` means that the plugin has no such route: it said so, or it gives the same JSON
    /// to every question. Both spellings, `{"status": "ok", "messages": […]}` and `{"status": "OK", "info": …}`
    /// or `"message"`, are read.
    ///
    /// # Errors
    /// [`CallError::Protocol`] when it is an answer, but not to this question.
    pub fn read(status: u16, body: &[u8]) -> Result<Option<HealthAnswer>, CallError> {
        let value: Option<Value> = serde_json::from_slice(body).ok();
        let word = value
            .as_ref()
            .and_then(|value| value.get("status"))
            .and_then(Value::as_str)
            .and_then(word);
        match (status, value, word) {
            (200..=299 | 500..=599, Some(value), Some(word)) => Self::of(&value, word).map(Some),
            (400..=499 | 501, ..) | (200..=299, Some(Value::Object(_)), None) => Ok(None),
            (200..=299, ..) => Err(CallError::Protocol(
                "its health answer is not an object of JSON".to_owned(),
            )),
            _ => Err(CallError::Protocol(format!(
                "it answered its health with status {status}"
            ))),
        }
    }

    fn of(value: &Value, word: HealthWord) -> Result<HealthAnswer, CallError> {
        let said = |key: &str| value.get(key).and_then(Value::as_str).map(clean);
        let mut messages: Vec<String> = match value.get("messages") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(clean).collect(),
            _ => Vec::new(),
        };
        messages.extend(said("message").or_else(|| said("info")));
        messages.retain(|message| !message.is_empty());
        messages.truncate(limits::CHECK_MESSAGES);
        let details = match value.get("details") {
            None | Some(Value::Null) => None,
            Some(details @ Value::Object(_)) if details.to_string().len() <= limits::DETAILS_BYTES => {
                Some(details.clone())
            }
            Some(Value::Object(_)) => {
                return Err(CallError::Protocol(
                    "the details of its health are too large".to_owned(),
                ));
            }
            Some(_) => {
                return Err(CallError::Protocol(
                    "the details of its health are not an object".to_owned(),
                ));
            }
        };
        let fatal = value.get("fatal").and_then(Value::as_bool) == Some(true);
        Ok(HealthAnswer {
            word: if fatal { HealthWord::Fatal } else { word },
            code: value
                .get("code")
                .and_then(Value::as_i64)
                .unwrap_or(i64::from(word != HealthWord::Ok)),
            messages,
            details,
        })
    }
}

fn word(text: &str) -> Option<HealthWord> {
    match text.to_ascii_lowercase().as_str() {
        "ok" | "pass" | "healthy" => Some(HealthWord::Ok),
        "degraded" | "warn" => Some(HealthWord::Degraded),
        "error" | "fail" | "unhealthy" => Some(HealthWord::Error),
        "unknown" => Some(HealthWord::Unknown),
        "fatal" => Some(HealthWord::Fatal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_every_spelling() {
        let check = |status: u16, body: &str, word: HealthWord, code: i64, messages: &[&str]| {
            let answer = HealthAnswer::read(status, body.as_bytes())
                .expect("reads")
                .expect("is one");
            assert_eq!((answer.word, answer.code), (word, code), "{body}");
            assert_eq!(answer.messages, messages, "{body}");
        };
        check(200, r#"{"status":"ok"}"#, HealthWord::Ok, 0, &[]);
        check(
            200,
            r#"{"status":"OK","info":"fine"}"#,
            HealthWord::Ok,
            0,
            &["fine"],
        );
        check(
            200,
            r#"{"status":"OK","info":"a","message":"b"}"#,
            HealthWord::Ok,
            0,
            &["b"],
        );
        check(
            200,
            r#"{"status":"degraded","code":7,"messages":["a","b",3]}"#,
            HealthWord::Degraded,
            7,
            &["a", "b"],
        );
        check(
            503,
            r#"{"status":"ERROR","info":"no disk"}"#,
            HealthWord::Error,
            1,
            &["no disk"],
        );
        check(200, r#"{"status":"UNKNOWN"}"#, HealthWord::Unknown, 1, &[]);
        check(200, r#"{"status":"fatal"}"#, HealthWord::Fatal, 1, &[]);
        check(
            200,
            r#"{"status":"error","fatal":true}"#,
            HealthWord::Fatal,
            1,
            &[],
        );
        check(
            200,
            "{\"status\":\"ok\",\"message\":\"a\\u001b[31m\"}",
            HealthWord::Ok,
            0,
            &["a [31m"],
        );
    }

    #[test]
    fn what_has_no_such_route_is_told_from_what_answers_badly() {
        let check = |status: u16, body: &str, missing: bool| {
            let answer = HealthAnswer::read(status, body.as_bytes());
            assert_eq!(matches!(answer, Ok(None)), missing, "{status} {body}: {answer:?}");
            assert_eq!(
                matches!(answer, Err(CallError::Protocol(_))),
                !missing,
                "{status} {body}: {answer:?}"
            );
        };
        check(404, "not found", true);
        check(405, "", true);
        check(400, "{}", true);
        check(501, "", true);
        // The same report for every path.
        check(200, r#"{"Plugins":[{"id":"a"}]}"#, true);
        check(200, "<html>hello</html>", false);
        check(200, "", false);
        check(200, "[1]", false);
        check(500, "oops", false);
        check(302, "", false);
        check(200, r#"{"status":"ok","details":[1]}"#, false);
        let large = format!(
            r#"{{"status":"ok","details":{{"a":"{}"}}}}"#,
            "x".repeat(limits::DETAILS_BYTES)
        );
        check(200, &large, false);
    }
}
