//! What is read plainly is what the library reads: every answer is asked for both ways, in one piece and cut in two
//! at every place, and has to come out alike.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::*;

/// Time for all cuts of one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers of all kinds, well formed and not.
const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
    "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nno",
    "HTTP/1.1 500 Oh\r\ncontent-length: 2\r\nConnection: Close\r\n\r\nno",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n1\r\n!\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nold",
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 9\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!",
    "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
    "HTTP/1.1 200 OK\r\nconnection: x-b\r\nx-b: 1\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nx: \u{e4}\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 099 Odd\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
    "HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "nonsense\r\n\r\n",
    "\0",
    "",
];

/// A plugin that answers each request with these bytes and hangs up; where there are two pieces, the second comes later.
async fn answering(listener: UnixListener, pieces: [Vec<u8>; 2]) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                break;
            }
        }
        for (at, piece) in pieces.iter().enumerate() {
            if at > 0 && !piece.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // Who asked may have had enough.
            let _ = stream.write_all(piece).await;
        }
    }
}

/// What an answer comes to: its status, its headers but for those of its framing, and its body.
type Outcome = Result<(u16, Vec<(String, Vec<u8>)>, Vec<u8>), ()>;

async fn outcome<B: hyper::body::Body<Data = Bytes>>(answer: Response<B>) -> Outcome {
    let (parts, body) = answer.into_parts();
    let framing = ["content-length", "connection", "transfer-encoding"];
    let headers = parts.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let mut headers: Vec<_> = headers
        .filter(|(name, _)| !framing.contains(&name.as_str()))
        .collect();
    headers.sort();
    let body = body.collect().await.map_err(|_| ())?.to_bytes();
    Ok((parts.status.as_u16(), headers, body.to_vec()))
}

fn head(sent: &mut Vec<u8>) {
    sent.extend_from_slice(b"GET /small HTTP/1.1\r\nhost: plugin\r\n\r\n");
}

/// Keeps every header.
struct All;

impl Keep for All {
    fn begin(&self) -> HeaderMap {
        HeaderMap::new()
    }

    fn keep(&self, headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
        headers.append(name, value);
    }

    fn end(&self, _headers: &mut HeaderMap) {}
}

async fn asked_plainly(wire: &Wire) -> Outcome {
    match wire.ask(head, &All).await.map_err(|_| ())? {
        Said::Whole(answer) => outcome(answer.map(http_body_util::Full::new)).await,
        Said::Begun(answer) => outcome(answer).await,
    }
}

async fn sent(wire: &Wire) -> Outcome {
    let mut request = Request::new(SentBody::default());
    *request.uri_mut() = http::Uri::from_static("/small");
    outcome(wire.send(request).await.map_err(|_| ())?).await
}

/// What an answer comes to that is cut in two, read plainly and by the library.
async fn both(socket: &Path, answer: &[u8], cut: usize) -> [Outcome; 2] {
    let listener = UnixListener::bind(socket).unwrap();
    let (first, second) = answer.split_at(cut);
    let plugin = tokio::spawn(answering(listener, [first.to_vec(), second.to_vec()]));
    let wire = Wire::new(socket, 0);
    let (plain, library) = tokio::join!(asked_plainly(&wire), sent(&wire));
    plugin.abort();
    [plain, library]
}

#[tokio::test]
async fn px1_what_is_read_plainly_is_what_the_library_reads() {
    let dir = tempfile::tempdir().unwrap();
    let (mut good, mut bad) = (0, 0);
    for answer in ANSWERS {
        let cuts = (0..=answer.len()).map(async |cut| {
            let socket = dir.path().join(format!("{cut}"));
            let [plain, library] = both(&socket, answer.as_bytes(), cut).await;
            assert_eq!(plain, library, "{answer:?} cut at {cut}");
            std::fs::remove_file(socket).unwrap();
            plain.is_ok()
        });
        // All in one task, which is put off when it has done much in one go.
        let all = tokio::time::timeout(PATIENCE, futures_util::future::join_all(cuts)).await;
        for is_good in all.unwrap_or_else(|_| panic!("{answer:?} is answered")) {
            if is_good { good += 1 } else { bad += 1 }
        }
    }
    assert!(good > 500 && bad > 100, "of both kinds: {good}, {bad}");
}

/// A plugin that keeps its connections and counts them.
async fn keeping(listener: UnixListener, answers: &'static [&'static str]) -> usize {
    let mut connections = 0;
    while let Ok(Ok((mut stream, _))) =
        tokio::time::timeout(Duration::from_millis(200), listener.accept()).await
    {
        connections += 1;
        tokio::spawn(async move {
            for answer in answers.iter().cycle() {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
    connections
}

#[tokio::test]
async fn a_connection_is_kept_whichever_way_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("plugin");
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let plain = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let answers: &'static [&'static str] = vec![chunked, plain, plain, chunked].leak();
    let plugin = tokio::spawn(keeping(UnixListener::bind(&socket).unwrap(), answers));
    let wire = Wire::new(&socket, 0);
    let expected = Ok((200, Vec::new(), b"ok".to_vec()));
    for _ in 0..8 {
        assert_eq!(asked_plainly(&wire).await, expected);
        assert_eq!(sent(&wire).await, expected);
        assert_eq!(asked_plainly(&wire).await, expected);
    }
    assert_eq!(plugin.await.unwrap(), 1, "one connection served all");
}

#[tokio::test]
async fn what_was_said_unasked_or_closed_is_not_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("plugin");
    let listener = UnixListener::bind(&socket).unwrap();
    // The second half of the first answer would be taken for the answer to the next request.
    let twice = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na";
    let plugin = tokio::spawn(answering(
        listener,
        [twice.into(), twice.replace('a', "b").into()],
    ));
    let wire = Wire::new(&socket, 0);
    for _ in 0..3 {
        let answer = asked_plainly(&wire).await;
        assert_eq!(answer, Ok((200, Vec::new(), b"a".to_vec())));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    plugin.abort();
}
