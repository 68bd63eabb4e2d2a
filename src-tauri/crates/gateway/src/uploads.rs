//! `POST /api/uploads`: a package on its way in, as the body. Its handle is what an install is ordered with.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use futures_util::StreamExt as _;
use http::StatusCode;
use orrery_engine::Engine;
use orrery_engine::api::{ApiError, Caller, Code, Role};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::timeout;

use crate::error::Failure;
use crate::limits::UPLOAD_STALL;
use crate::router::Gateway;

/// A package takes as long as it takes; only one that stalls is given up.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/uploads", post(receive))
        // The engine bounds packages, while they arrive.
        .layer(DefaultBodyLimit::disable())
}

/// A package that came in.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Received {
    /// The handle that an install is ordered with.
    upload: String,
    /// How much came.
    bytes: u64,
}

async fn receive(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Failure> {
    gateway.engine.allow(&caller, Role::Admin, true)?;
    let mut upload = gateway.engine.upload_package().await?;
    let mut chunks = body.into_data_stream();
    let mut bytes: u64 = 0;
    loop {
        let chunk = timeout(UPLOAD_STALL, chunks.next()).await.map_err(|_| {
            let message = format!(
                "Nothing came for {} s; the upload was dropped.",
                UPLOAD_STALL.as_secs()
            );
            Failure(ApiError::new(Code::Timeout, message))
        })?;
        let Some(chunk) = chunk else { break };
        let chunk = chunk
            .map_err(|error| Failure(ApiError::bad_request(format!("The upload broke off: {error}."))))?;
        bytes = bytes.saturating_add(chunk.len() as u64);
        upload.write(&chunk).await.map_err(Engine::upload_failed)?;
    }
    if bytes == 0 {
        return Err(Failure(ApiError::bad_request(
            "The upload is empty; send the package as the body.",
        )));
    }
    let upload = upload.finish().await.map_err(Engine::upload_failed)?;
    Ok((StatusCode::CREATED, Json(Received { upload, bytes })).into_response())
}
