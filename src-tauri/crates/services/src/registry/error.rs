//! Why a change was refused.

use http::StatusCode;

use super::Origin;
use crate::object::FieldError;

/// Why a change was refused. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is no such object.
    #[error("there is no service {0}")]
    NotFound(String),
    /// There is one of this name.
    #[error("{0} exists already")]
    Exists(String),
    /// The object has changed since the caller read it.
    #[error("{name} has changed: it is at resourceVersion {current}, not {given}")]
    Stale {
        /// The object.
        name: String,
        /// What the caller knew.
        given: String,
        /// What it is.
        current: String,
    },
    /// Somebody else declares the object.
    #[error("{name} is declared by {by}, and is changed there")]
    Declared {
        /// The object.
        name: String,
        /// Who declares it, for people.
        by: String,
    },
    /// The object breaks rules.
    #[error("the object is invalid: {}", list(.0))]
    Invalid(Vec<FieldError>),
    /// The patch cannot be applied.
    #[error("the patch cannot be applied: {0}")]
    Patch(String),
    /// There are as many objects as there may be.
    #[error("there are {} objects already", crate::limits::MAX_OBJECTS)]
    TooMany,
    /// The change could not be kept.
    #[error("the change could not be kept: {0}")]
    Store(String),
}

impl RegistryError {
    /// The HTTP status for it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            RegistryError::NotFound(_) => StatusCode::NOT_FOUND,
            RegistryError::Exists(_) | RegistryError::Stale { .. } | RegistryError::Declared { .. } => {
                StatusCode::CONFLICT
            }
            RegistryError::Invalid(_) | RegistryError::Patch(_) => StatusCode::UNPROCESSABLE_ENTITY,
            RegistryError::TooMany => StatusCode::INSUFFICIENT_STORAGE,
            RegistryError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One word for it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            RegistryError::NotFound(_) => "NotFound",
            RegistryError::Exists(_) => "AlreadyExists",
            RegistryError::Stale { .. } => "Conflict",
            RegistryError::Declared { .. } => "DeclaredElsewhere",
            RegistryError::Invalid(_) => "Invalid",
            RegistryError::Patch(_) => "BadPatch",
            RegistryError::TooMany => "TooMany",
            RegistryError::Store(_) => "StoreFailed",
        }
    }

    /// What is wrong with which field.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        match self {
            RegistryError::Invalid(fields) => fields,
            _ => &[],
        }
    }

    pub(super) fn declared(name: &str, by: &Origin) -> Self {
        RegistryError::Declared {
            name: name.to_owned(),
            by: match by {
                Origin::Api => "the API".to_owned(),
                Origin::File(file) => format!("the file {file}"),
                Origin::Package(plugin) => format!("the package of {plugin}"),
            },
        }
    }
}

fn list(errors: &[FieldError]) -> String {
    let all: Vec<_> = errors.iter().map(ToString::to_string).collect();
    all.join("; ")
}
