//! The body of a report on its way in.

use axum::body::Body;
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use orrery_engine::api::{ApiError, Code};

use crate::error::Failure;
use crate::limits::REPORT_BYTES_MAX;

/// A body in one piece. Its parts are let go of as they come: a report has megabytes, which are held once.
pub(super) async fn whole(body: Body, headers: &HeaderMap) -> Result<Vec<u8>, Failure> {
    let told = headers.get(header::CONTENT_LENGTH);
    let told: usize = told
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    if told > REPORT_BYTES_MAX {
        return Err(too_long());
    }
    let mut whole = Vec::with_capacity(told);
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part =
            part.map_err(|error| Failure(ApiError::bad_request(format!("The report broke off: {error}."))))?;
        if part.len() > REPORT_BYTES_MAX - whole.len() {
            return Err(too_long());
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole)
}

fn too_long() -> Failure {
    let message = format!("The report is longer than {REPORT_BYTES_MAX} bytes.");
    Failure(ApiError::new(Code::LimitExceeded, message))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_is_held_in_one_piece_and_bounded() {
        let body = |parts: usize| {
            let part = Bytes::from(vec![b'x'; 1 << 20]);
            let parts = (0..parts).map(move |_| Ok::<_, std::io::Error>(part.clone()));
            Body::from_stream(stream::iter(parts))
        };
        let none = HeaderMap::new();
        assert_eq!(whole(body(3), &none).await.unwrap().len(), 3 << 20);
        assert_eq!(whole(body(50), &none).await.unwrap().len(), REPORT_BYTES_MAX);
        let error = whole(body(51), &none).await.unwrap_err();
        assert_eq!(error.0.code, Code::LimitExceeded);
        let told = HeaderMap::from_iter([(header::CONTENT_LENGTH, (REPORT_BYTES_MAX + 1).into())]);
        assert!(whole(body(1), &told).await.is_err(), "refused before it comes");
    }
}
