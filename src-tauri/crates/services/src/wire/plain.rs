//! Requests of a head alone, and answers that come in one piece and say how long they are.

use std::io::{self, Error, ErrorKind};
use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use httparse::{ParserConfig, Status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::link::Link;
use super::replay::Replay;
use crate::limits::{PLAIN_BYTES, PLAIN_HEADERS};

/// What becomes of the headers of an answer. None of them is of one connection alone.
pub(crate) trait Keep {
    /// Those that are there from the beginning.
    fn begin(&self) -> HeaderMap;

    /// One more.
    fn keep(&self, headers: &mut HeaderMap, name: HeaderName, value: HeaderValue);

    /// There are no more.
    fn end(&self, headers: &mut HeaderMap);
}

/// A connection on which nobody waits for anything.
pub(super) struct Plain {
    stream: UnixStream,
    /// The head of a request.
    head: Vec<u8>,
    /// Where an answer comes to stand. It is copied from here: an answer that is still on its way to its caller would
    /// keep the next one from standing in the same place.
    room: Box<[u8]>,
}

impl Plain {
    pub(super) fn new(stream: UnixStream) -> Self {
        Plain {
            stream,
            head: Vec::new(),
            room: Box::default(),
        }
    }

    /// Whether it can take a request, as far as is known here: it is not closed, and says nothing unasked.
    pub(super) fn is_open(&self) -> bool {
        let silent = self.stream.try_read(&mut [0]);
        silent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Sends the head that `write` writes.
    pub(super) async fn send(&mut self, write: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
        self.head.clear();
        write(&mut self.head);
        self.stream.write_all(&self.head).await
    }

    /// Waits for what comes first of an answer.
    pub(super) async fn receive(&mut self) -> io::Result<Bytes> {
        if self.room.is_empty() {
            self.room = vec![0; PLAIN_BYTES].into();
        }
        match self.stream.read(&mut self.room).await? {
            0 => Err(Error::new(
                ErrorKind::UnexpectedEof,
                "the connection closed before there was an answer",
            )),
            came => Ok(Bytes::copy_from_slice(&self.room[..came])),
        }
    }

    /// The connection for the library.
    pub(super) async fn into_link(self) -> hyper::Result<Link> {
        Link::over(Replay::new(self.stream)).await
    }

    /// The same after a request was sent, of whose answer this much has come.
    pub(super) async fn into_link_after(self, came: Bytes) -> hyper::Result<Link> {
        Link::over(Replay::after(self.stream, came)).await
    }
}

/// The answer that these bytes are, with those of its headers that `keep` keeps, and whether its connection stays open;
/// none where they are not exactly one, or where it takes more than its length to know where it ends. What is in doubt
/// is left to the library.
pub(super) fn whole(came: &Bytes, keep: &impl Keep) -> Option<(Response<Bytes>, bool)> {
    let mut room = [const { MaybeUninit::uninit() }; PLAIN_HEADERS];
    let mut head = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut head, came, &mut room);
    let Ok(Status::Complete(end)) = parsed else {
        return None;
    };
    let status = StatusCode::from_u16(head.code?).ok()?;
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if head.version != Some(1) || status.is_informational() || bodiless {
        return None;
    }
    let (mut length, mut stays) = (None, true);
    let mut headers = keep.begin();
    for said in head.headers.iter() {
        if said.name.eq_ignore_ascii_case("content-length") {
            // Said twice, it is for the library to judge.
            length = Some(digits(said.value).filter(|_| length.is_none())?);
        } else if said.name.eq_ignore_ascii_case("connection") {
            match said.value {
                value if value.eq_ignore_ascii_case(b"keep-alive") => {}
                value if value.eq_ignore_ascii_case(b"close") => stays = false,
                _ => return None,
            }
        } else {
            let name = HeaderName::from_bytes(said.name.as_bytes()).ok()?;
            if name == header::TRANSFER_ENCODING || name == header::UPGRADE {
                return None;
            }
            let value = HeaderValue::from_maybe_shared(came.slice_ref(said.value)).ok()?;
            keep.keep(&mut headers, name, value);
        }
    }
    let body = came.slice(end..);
    if length != Some(body.len()) {
        return None;
    }
    keep.end(&mut headers);
    let mut whole = Response::new(body);
    (*whole.status_mut(), *whole.headers_mut()) = (status, headers);
    Some((whole, stays))
}

/// A length as it may be said: digits alone.
fn digits(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}
