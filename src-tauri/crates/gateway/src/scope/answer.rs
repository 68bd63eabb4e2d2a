//! A topology's nodes as an answer, written while it leaves: the client reads one piece while the next is made, and
//! no more than a piece is held of what may be many megabytes.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use http::header;
use orrery_engine::topology::scope_api::TopologyAnswer;
use tokio::task::yield_now;

use crate::limits::ANSWER_PIECE_BYTES;

/// The answer as JSON.
pub(super) fn streamed(answer: TopologyAnswer) -> Response {
    let pieces = stream::unfold(answer.into_json(ANSWER_PIECE_BYTES), |mut pieces| async move {
        // What was made is sent before the next piece is, and others have their turn.
        yield_now().await;
        let piece = pieces.next()?;
        Some((piece, pieces))
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    // Compression asks once more after the last piece, for trailers; an unfolded stream must not be asked again.
    (json, Body::from_stream(pieces.fuse())).into_response()
}
