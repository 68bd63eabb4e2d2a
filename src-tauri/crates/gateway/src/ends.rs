//! What goes on for long, such as a stream or a websocket, ends with the right of whoever asked for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Ends the connection that a request came by.
#[derive(Debug, Clone)]
pub(crate) struct Cut(pub(crate) CancellationToken);

/// An answer that ends when `gone` does: a websocket with its connection, a stream where it stands. What is whole
/// already is left as it is.
pub(crate) fn within(gone: CancellationToken, cut: Option<Cut>, response: Response) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        if let Some(Cut(cut)) = cut {
            // A connection that ends cancels its own token, and with it this task.
            tokio::spawn(async move {
                tokio::select! {
                    () = gone.cancelled() => cut.cancel(),
                    () = cut.cancelled() => {}
                }
            });
        }
        return response;
    }
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::new(Within {
            body,
            gone: Box::pin(gone.cancelled_owned()),
            ended: false,
        })
    })
}

struct Within {
    body: Body,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
}

impl HttpBody for Within {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ended || self.gone.as_mut().poll(cx).is_ready() {
            self.ended = true;
            // Whoever produces it need not wait for the connection to notice.
            self.body = Body::empty();
            return Poll::Ready(None);
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // Compression asks again after the end, which not every body bears.
        self.ended = matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_stream_ends_where_it_stands_and_what_is_whole_stays() {
        let gone = CancellationToken::new();
        let first = stream::iter([Ok::<_, std::io::Error>("first")]);
        let endless = Body::from_stream(first.chain(stream::pending()));
        let mut response = within(gone.clone(), None, Response::new(endless));
        let piece = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(piece.into_data().unwrap(), "first");
        gone.cancel();
        assert!(response.body_mut().frame().await.is_none(), "the right has ended");
        let whole = within(gone, None, Response::new(Body::from("whole")));
        assert_eq!(whole.into_body().collect().await.unwrap().to_bytes(), "whole");
    }

    #[tokio::test]
    async fn what_has_ended_may_be_asked_again() {
        let pieces = stream::unfold(Some("only"), |piece| async move {
            Some((Ok::<_, std::io::Error>(piece?), None))
        });
        let answer = Response::new(Body::from_stream(pieces));
        let mut response = within(CancellationToken::new(), None, answer);
        assert!(response.body_mut().frame().await.is_some());
        assert!(response.body_mut().frame().await.is_none());
        assert!(response.body_mut().frame().await.is_none(), "and no panic");
    }

    #[tokio::test]
    async fn a_websocket_ends_with_its_connection() {
        let (gone, cut) = (CancellationToken::new(), CancellationToken::new());
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        within(gone.clone(), Some(Cut(cut.clone())), response);
        gone.cancel();
        cut.cancelled().await;
    }
}
