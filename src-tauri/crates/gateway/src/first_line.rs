//! Node ids as people type them.
//!
//! Ids of nodes hold angle brackets, as in `/api/topology/hosts/here;<host>`. They may not stand in an address as
//! they are, which Scope let pass and scripts for it rely on; the parser of HTTP refuses them. So they are escaped
//! in the first line of a connection before it is parsed. Later lines are left alone: where one request ends and the
//! next begins is the parser's to know. Clients that keep connections escape what they send.

use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The bytes of a connection's first line, until they have gone by.
#[derive(Debug, Default)]
pub(crate) struct FirstLine {
    has_passed: bool,
    /// What was read and did not fit where it should go, since escaping made it longer. At most three times what was
    /// read at once.
    rest: Vec<u8>,
}

impl FirstLine {
    /// Whether nothing is left to be done, so that the stream may be read as it is.
    pub(crate) fn has_passed(&self) -> bool {
        self.has_passed && self.rest.is_empty()
    }

    /// Reads from the stream, with angle brackets of the first line escaped.
    pub(crate) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if self.rest.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(stream).poll_read(cx, buf))?;
            if self.has_passed {
                return Poll::Ready(Ok(()));
            }
            let read = buf.filled().get(before..).unwrap_or_default();
            let end = read.iter().position(|byte| *byte == b'\n');
            let line = read.get(..end.unwrap_or(read.len())).unwrap_or_default();
            self.has_passed |= end.is_some();
            if !line.iter().any(|byte| matches!(byte, b'<' | b'>')) {
                return Poll::Ready(Ok(()));
            }
            self.rest = escaped(line);
            self.rest.extend(read.get(line.len()..).unwrap_or_default());
            buf.set_filled(before);
        }
        let fits = self.rest.len().min(buf.remaining());
        let rest = self.rest.split_off(fits);
        buf.put_slice(&self.rest);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

fn escaped(line: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(line.len() + 8);
    for byte in line {
        match byte {
            b'<' => escaped.extend(b"%3C"),
            b'>' => escaped.extend(b"%3E"),
            byte => escaped.push(*byte),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use super::*;

    /// What arrives piece by piece, and then nothing more.
    struct Pieces(VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<Result<()>> {
            if let Some(piece) = self.0.front_mut() {
                let fits = piece.len().min(buf.remaining());
                buf.put_slice(&piece[..fits]);
                piece.drain(..fits);
                if piece.is_empty() {
                    self.0.pop_front();
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    /// What comes out of pieces, read into a buffer of so many bytes.
    async fn through(pieces: &[&str], room: usize) -> String {
        let mut stream = Pieces(pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect());
        let mut line = FirstLine::default();
        let mut out = Vec::new();
        loop {
            let mut space = vec![0; room];
            let mut buf = ReadBuf::new(&mut space);
            poll_fn(|cx| line.poll_read(&mut stream, cx, &mut buf))
                .await
                .unwrap();
            if buf.filled().is_empty() {
                return String::from_utf8(out).unwrap();
            }
            out.extend(buf.filled());
        }
    }

    #[tokio::test]
    async fn angle_brackets_of_the_first_line_are_escaped_and_nothing_else() {
        let sent = "GET /api/topology/hosts/a;<host> HTTP/1.1\r\nx: <y>\r\n\r\n<body>\n<more>";
        let expected = "GET /api/topology/hosts/a;%3Chost%3E HTTP/1.1\r\nx: <y>\r\n\r\n<body>\n<more>";
        for room in [1, 2, 7, 4096] {
            assert_eq!(through(&[sent], room).await, expected, "{room}");
            for cut in 1..sent.len() {
                let (a, b) = sent.split_at(cut);
                assert_eq!(through(&[a, b], room).await, expected, "{room} {cut}");
            }
        }
    }

    #[tokio::test]
    async fn what_has_none_passes_as_it_is() {
        let sent = "POST /api/report HTTP/1.1\r\ncontent-length: 3\r\n\r\n<a>";
        assert_eq!(through(&[sent], 4096).await, sent);
    }
}
