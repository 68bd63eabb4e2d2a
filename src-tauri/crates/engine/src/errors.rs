//! Short ways to make coded errors.

use crate::api::{ApiError, Code};

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

    /// The request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// A fault of ours.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, message.to_string())
    }
}
