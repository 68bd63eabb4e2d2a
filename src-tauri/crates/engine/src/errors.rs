//! Short ways to make coded errors.

use crate::api::{ApiError, Code};
use crate::limits::NEAR_BYTES_MAX;

impl ApiError {
    /// An error with a code and a message and no place in a query.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        ApiError {
            code,
            message: message.into(),
            at: None,
            fields: Vec::new(),
            operation: String::new(),
            reason: String::new(),
            retryable: false,
        }
    }

    /// A limit is reached at the moment; later there is room again.
    pub fn busy(message: impl Into<String>) -> Self {
        ApiError {
            retryable: true,
            ..Self::new(Code::LimitExceeded, message)
        }
    }

    /// No such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// No such thing, and which of those that there are is called nearly so.
    pub(crate) fn or_nearly<'a>(mut self, name: &str, all: impl IntoIterator<Item = &'a str>) -> Self {
        if let Some(near) = nearest(name, all) {
            self.message = format!("{}. Did you mean {near}?", self.message.trim_end_matches('.'));
        }
        self
    }

    /// The request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// A fault of ours.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, message.to_string())
    }
}

/// The name that is most like another, when it is like enough to have been meant.
fn nearest<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NEAR_BYTES_MAX {
        return None;
    }
    let near = all.into_iter().filter(|known| known.len() <= NEAR_BYTES_MAX);
    let near = near.map(|known| (strsim::osa_distance(name, known), known));
    let (distance, known) = near.min()?;
    (distance <= name.chars().count().div_ceil(3)).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_told_and_no_other() {
        let known = ["load", "cpu-to-file", "hosts"];
        for (name, near) in [
            ("lod", Some("load")),
            ("host", Some("hosts")),
            ("cpu-to-flie", Some("cpu-to-file")),
            ("memory", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), near, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(NEAR_BYTES_MAX + 1), known), None);
        let error = ApiError::not_found("There is no task lod.").or_nearly("lod", known);
        assert_eq!(error.message, "There is no task lod. Did you mean load?");
    }
}
