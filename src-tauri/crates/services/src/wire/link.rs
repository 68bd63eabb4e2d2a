//! A connection as the library speaks over it.

use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::SentBody;
use super::plain::Plain;
use super::replay::Replay;
use crate::limits;

/// One connection.
pub(super) struct Link {
    sender: SendRequest<SentBody>,
    connection: Driver,
}

type Conversation = Connection<TokioIo<Replay>, SentBody>;
type Driver = Box<Conversation>;

/// Why a link has no answer.
pub(super) enum Unsent {
    /// Nothing of the request was written; here it is again.
    Back(Box<Request<SentBody>>),
    Failed(hyper::Error),
}

impl Link {
    pub(super) async fn over(stream: Replay) -> hyper::Result<Self> {
        // It takes no more than `MAX_HEADERS` by itself.
        let (sender, connection) = Builder::new()
            .max_buf_size(limits::MAX_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Link {
            sender,
            connection: Box::new(connection),
        })
    }

    pub(super) fn into_parts(self) -> (SendRequest<SentBody>, Conversation) {
        (self.sender, *self.connection)
    }

    /// The connection without the library, unless something has come that nobody asked for.
    pub(super) fn into_plain(self) -> Option<Plain> {
        let parts = self.connection.into_parts();
        let stream = parts.io.into_inner().into_stream()?;
        parts.read_buf.is_empty().then(|| Plain::new(stream))
    }

    /// Whether it can take a request, as far as is known here. One that was closed meanwhile gives the request back.
    pub(super) fn is_open(&mut self) -> bool {
        let mut quiet = Context::from_waker(Waker::noop());
        self.sender.is_ready()
            || Pin::new(&mut self.connection).poll(&mut quiet).is_pending() && self.sender.is_ready()
    }

    /// Drives it along; whether it has come to its end.
    pub(super) fn has_ended(&mut self, cx: &mut Context<'_>) -> bool {
        Pin::new(&mut self.connection).poll(cx).is_ready()
    }

    /// Not an `async fn`: the request goes into the connection at once, and need not be carried along.
    pub(super) fn send(
        mut self,
        request: Request<SentBody>,
    ) -> impl Future<Output = Result<(Response<Incoming>, Option<Self>), Unsent>> {
        let answered = self.sender.try_send_request(request);
        let Link { sender, connection } = self;
        let mut connection = Some(connection);
        async move {
            let answer = driven(pin!(answered), &mut connection).await;
            match answer {
                Ok(answer) => Ok((answer, connection.map(|connection| Link { sender, connection }))),
                Err(mut error) => match error.take_message() {
                    Some(request) => Err(Unsent::Back(Box::new(request))),
                    None => Err(Unsent::Failed(error.into_error())),
                },
            }
        }
    }
}

/// Waits for an answer and drives its connection meanwhile.
fn driven<A>(
    mut answered: Pin<&mut impl Future<Output = A>>,
    connection: &mut Option<Driver>,
) -> impl Future<Output = A> {
    std::future::poll_fn(move |cx| {
        if let Some(driver) = connection
            && Pin::new(driver).poll(cx).is_ready()
        {
            // With it goes what it did not send, which is said to whoever waits.
            *connection = None;
        }
        // The connection brings the answer in the very call above, but who has done much in one go is put off here, and
        // woken by this waker.
        answered.as_mut().poll(cx)
    })
}
