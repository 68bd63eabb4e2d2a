//! Recognising HTTP/1 in what a segment carries.

/// What begins in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// A request, to the end that the segment goes to.
    Request,
    /// A response with its status code, by the end that the segment comes from.
    Response(u16),
}

const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"POST ",
    b"PUT ",
    b"HEAD ",
    b"DELETE ",
    b"PATCH ",
    b"OPTIONS ",
    b"TRACE ",
    b"CONNECT ",
];

/// Messages that begin in a segment: at its start, and after an empty line within (pipelined requests, and
/// responses without a body sent together). Bodies that look like messages are not told apart.
pub(crate) fn messages(payload: &[u8]) -> Vec<Message> {
    let mut found: Vec<Message> = message(payload).into_iter().collect();
    if found.is_empty() {
        return found;
    }
    let mut rest = payload;
    while let Some(at) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
        rest = rest.get(at + 4..).unwrap_or_default();
        found.extend(message(rest));
    }
    found
}

fn message(bytes: &[u8]) -> Option<Message> {
    if let Some(code) = bytes.strip_prefix(b"HTTP/1.") {
        // "1 200 OK": minor version, blank, code.
        let code = std::str::from_utf8(code.get(2..5)?).ok()?.parse().ok()?;
        return (100..600).contains(&code).then_some(Message::Response(code));
    }
    let method = METHODS.iter().find(|m| bytes.starts_with(m))?;
    let line = bytes.split(|b| *b == b'\r' || *b == b'\n').next()?;
    // The first line may be cut off by the capture; a whole one says which protocol it speaks.
    let whole = line.len() < bytes.len();
    let speaks = line.windows(7).any(|w| w == b"HTTP/1.");
    (line.len() > method.len() && (speaks || !whole)).then_some(Message::Request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, expected: &[Message]) {
        assert_eq!(messages(payload.as_bytes()), expected, "{payload:?}");
    }

    #[test]
    fn messages_are_told_from_anything_else() {
        use Message::{Request, Response};
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[Request]);
        check("POST /x HTTP/1.0\r\n\r\n{}", &[Request]);
        check("HTTP/1.1 404 Not Found\r\n\r\n", &[Response(404)]);
        check(
            "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
            &[Request, Request],
        );
        check(
            "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\n",
            &[Response(304), Response(200)],
        );
        check("GET me out of here\r\n", &[]);
        check("HTTP/2 200", &[]);
        check("HTTP/1.1 abc", &[]);
        check("HTTP/1.1 999 x", &[]);
        check("GET ", &[]);
        check("<html>\r\n\r\nGET / HTTP/1.1\r\n", &[]);
        check("", &[]);
    }

    #[test]
    fn a_first_line_longer_than_the_capture_is_a_request_still() {
        check(&format!("GET /{}", "a".repeat(3_000)), &[Message::Request]);
    }
}
