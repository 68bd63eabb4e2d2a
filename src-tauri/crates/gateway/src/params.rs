//! Query parameters whose faults are told in the form that every error has.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use orrery_engine::api::ApiError;
use serde::de::DeserializeOwned;

use crate::error::Failure;

/// The query of a request as `T`.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Params(query)),
            Err(rejection) => Err(Failure(ApiError::bad_request(format!(
                "The query of {} does not parse: {}.",
                parts.uri.path(),
                rejection.body_text().trim_end_matches('.')
            )))),
        }
    }
}
