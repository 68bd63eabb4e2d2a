//! Exit codes that scripts rely on.

use std::process::ExitCode;

use orrery_engine::api::{ApiError, Code};

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) struct Exit {
    /// 1 failed, 2 wrong usage, 3 nothing there, 4 no instance, 5 refused.
    pub(crate) code: ExitCode,
    /// What to tell, without a trailing period's worth of ceremony; empty tells nothing.
    pub(crate) message: String,
}

impl Exit {
    fn with(code: u8, message: impl std::fmt::Display) -> Self {
        Exit {
            code: ExitCode::from(code),
            message: message.to_string(),
        }
    }

    pub(crate) fn failed(message: impl std::fmt::Display) -> Self {
        Self::with(1, message)
    }

    pub(crate) fn usage(message: impl std::fmt::Display) -> Self {
        Self::with(2, message)
    }

    pub(crate) fn nothing(message: impl std::fmt::Display) -> Self {
        Self::with(3, message)
    }

    pub(crate) fn no_instance(message: impl std::fmt::Display) -> Self {
        Self::with(4, message)
    }

    pub(crate) fn refused(message: impl std::fmt::Display) -> Self {
        Self::with(5, message)
    }
}

impl From<ApiError> for Exit {
    fn from(error: ApiError) -> Self {
        let code = match error.code {
            Code::BadRequest | Code::BadQuery | Code::Invalid => 2,
            Code::NotFound => 3,
            Code::Unavailable => 4,
            Code::Forbidden | Code::Conflict | Code::Refused => 5,
            Code::Timeout | Code::LimitExceeded | Code::Internal => 1,
        };
        Exit::with(code, error.message)
    }
}
