//! A server on loopback that answers as it is told, faults included.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// Where a range begins.
    pub(crate) range: Option<usize>,
    pub(crate) if_range: Option<String>,
    /// How many times this path was asked for before.
    pub(crate) before: usize,
}

/// What is answered.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Length that is declared, where it is not the body's.
    pub(crate) declared: Option<usize>,
    /// The connection ends after so many bytes of the body.
    pub(crate) cut_after: Option<usize>,
    /// Nothing more comes after that, and the connection stays.
    pub(crate) then_silent: bool,
    /// Pieces of the body come so far apart.
    pub(crate) pause: Option<Duration>,
}

impl Answer {
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self {
            status: 200,
            body: body.to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            body: b"an answer in words".to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).header("Location", to)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }

    /// As a server that can go on: a tag, and a part where one is asked for.
    pub(crate) fn ranged(asked: &Asked, body: &[u8], tag: &str) -> Self {
        let whole = Self::ok(body).header("ETag", tag);
        match asked.range {
            Some(from) if asked.if_range.as_deref() == Some(tag) && from < body.len() => {
                let mut part = whole.header(
                    "Content-Range",
                    &format!("bytes {from}-{}/{}", body.len() - 1, body.len()),
                );
                part.status = 206;
                part.body = body[from..].to_vec();
                part
            }
            _ => whole,
        }
    }
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

/// The server; it ends with this value.
pub(crate) struct Server {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    end: CancellationToken,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let end = CancellationToken::new();
        let handler: Arc<Handler> = Arc::new(handler);
        let (log, ended) = (Arc::clone(&asked), end.clone());
        tokio::spawn(ended.run_until_cancelled_owned(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&log)));
            }
        }));
        Self { address, asked, end }
    }

    /// Always the same body, whatever is asked for beside it is not there.
    pub(crate) async fn with(body: Vec<u8>) -> Self {
        Self::start(move |asked| match asked.path.as_str() {
            "/p.tar.gz" => Answer::ok(&body),
            _ => Answer::status(404),
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn serve(mut stream: TcpStream, handler: Arc<Handler>, log: Arc<Mutex<Vec<Asked>>>) -> Option<()> {
    let asked = read_request(&mut stream, &log).await?;
    let answer = handler(&asked);
    let length = answer.declared.unwrap_or(answer.body.len());
    let mut head = format!(
        "HTTP/1.1 {} Status\r\nContent-Length: {length}\r\nConnection: close\r\n",
        answer.status
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let end = answer
        .cut_after
        .unwrap_or(answer.body.len())
        .min(answer.body.len());
    let piece = if answer.pause.is_some() { 64 } else { end.max(1) };
    for part in answer.body[..end].chunks(piece) {
        stream.write_all(part).await.ok()?;
        if let Some(pause) = answer.pause {
            tokio::time::sleep(pause).await;
        }
    }
    if answer.then_silent {
        std::future::pending::<()>().await;
    }
    stream.shutdown().await.ok()
}

async fn read_request(stream: &mut TcpStream, log: &Mutex<Vec<Asked>>) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next_line().await.ok()??;
    let mut asked = Asked {
        path: first.split(' ').nth(1)?.to_owned(),
        range: None,
        if_range: None,
        before: 0,
    };
    loop {
        let line = lines.next_line().await.ok()??;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                asked.range = value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok();
            }
            "if-range" => asked.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut log = log.lock().unwrap();
    asked.before = log.iter().filter(|other| other.path == asked.path).count();
    log.push(asked.clone());
    Some(asked)
}
