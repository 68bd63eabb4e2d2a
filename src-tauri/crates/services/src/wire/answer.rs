//! An answer whose body comes over a connection that somebody has to drive.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::idle::{Held, Idle};
use super::link::Link;

/// An answer of a plugin.
pub(crate) type Answer = Response<AnswerBody>;

/// The body of an answer. Reading it drives its connection.
pub(crate) struct AnswerBody {
    incoming: Incoming,
    driven: Driven,
}

/// Who drives the connection that a body comes over.
enum Driven {
    /// The body; at its end the connection goes home.
    Here { link: Link, home: Arc<Idle> },
    /// Somebody else, or nobody any more.
    Elsewhere,
}

impl From<Incoming> for AnswerBody {
    fn from(incoming: Incoming) -> Self {
        AnswerBody {
            incoming,
            driven: Driven::Elsewhere,
        }
    }
}

impl AnswerBody {
    pub(super) fn driving(incoming: Incoming, link: Option<Link>, home: Arc<Idle>) -> Self {
        let driven = match link {
            Some(link) => Driven::Here { link, home },
            None => Driven::Elsewhere,
        };
        let mut body = AnswerBody { incoming, driven };
        body.go_home_at_the_end();
        body
    }

    /// Lets a task of its own drive the connection: the request is still on its way, and must not wait for
    /// somebody to read the answer.
    pub(crate) fn let_drive(&mut self) {
        if let Driven::Here { link, .. } = std::mem::replace(&mut self.driven, Driven::Elsewhere) {
            let (_, connection) = link.into_parts();
            // Its errors are those of the body.
            tokio::spawn(async move { drop(connection.await) });
        }
    }

    fn go_home_at_the_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.go_home();
        }
    }

    fn go_home(&mut self) {
        if let Driven::Here { link, home } = std::mem::replace(&mut self.driven, Driven::Elsewhere) {
            home.put(Held::Link(link));
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut polled = Poll::Pending;
        if let Driven::Here { link, .. } = &mut this.driven {
            let mut quiet = Context::from_waker(Waker::noop());
            polled = Pin::new(&mut this.incoming).poll_frame(&mut quiet);
            if polled.is_pending() && link.has_ended(cx) {
                this.driven = Driven::Elsewhere;
            }
        }
        if polled.is_pending() {
            polled = Pin::new(&mut this.incoming).poll_frame(cx);
        }
        match &polled {
            Poll::Ready(Some(Ok(_))) => this.go_home_at_the_end(),
            Poll::Ready(Some(Err(_))) => this.driven = Driven::Elsewhere,
            Poll::Ready(None) => this.go_home(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
