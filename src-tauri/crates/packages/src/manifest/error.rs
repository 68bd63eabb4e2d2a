//! What can be wrong with a manifest.

use std::ops::Range;

/// What is wrong with a manifest, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// Kind.
    pub fault: ManifestFault,
    /// What is wrong and how to mend it, in one sentence.
    pub message: String,
    /// Line, from 1; 0 when it is not about a place.
    pub line: usize,
    /// Column in characters, from 1; 0 when it is not about a place.
    pub column: usize,
}

/// Kind of fault in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestFault {
    /// There is none, or it cannot be read.
    Unreadable,
    /// Not TOML, or a value of the wrong type.
    Syntax,
    /// A key that nobody knows.
    UnknownKey,
    /// A form that this version does not understand.
    Unsupported,
    /// A value that cannot be, by itself or beside others.
    Invalid,
}

impl ManifestError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.fault {
            ManifestFault::Unreadable => "manifest.unreadable",
            ManifestFault::Syntax => "manifest.syntax",
            ManifestFault::UnknownKey => "manifest.unknown_key",
            ManifestFault::Unsupported => "manifest.unsupported",
            ManifestFault::Invalid => "manifest.invalid",
        }
    }

    /// About no place.
    pub(crate) fn nowhere(fault: ManifestFault, message: impl Into<String>) -> Self {
        Self {
            fault,
            message: message.into(),
            line: 0,
            column: 0,
        }
    }

    /// About a stretch of the text.
    pub(crate) fn at(
        fault: ManifestFault,
        message: impl Into<String>,
        text: &str,
        span: Option<Range<usize>>,
    ) -> Self {
        let Some(span) = span else {
            return Self::nowhere(fault, message);
        };
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            fault,
            message: message.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl std::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(super::MANIFEST_FILE)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ManifestError {}
