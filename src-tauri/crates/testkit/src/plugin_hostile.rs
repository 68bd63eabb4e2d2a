//! Plugins that misbehave, each in one way. They speak to the socket byte by byte, because no HTTP library
//! would send what they send.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::plugin::{controller_json, id_of, listen, report_json, spec_json};

/// Size of the answer of [`Hostility::Oversized`], in bytes.
const OVERSIZED_BYTES: usize = 51_000_000;

/// Levels of nesting of [`Hostility::DeepJson`].
const DEEP_LEVELS: usize = 200_000;

/// How long a socket of [`Hostility::Flapping`] lives and how long it is gone.
const FLAP: Duration = Duration::from_millis(15);

/// Largest request read, in bytes.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// A way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hostility {
    /// Answers well, but only after 800 ms.
    Slow,
    /// Takes the request and never answers.
    Hanging,
    /// Listens and never accepts.
    Deaf,
    /// Sends the head of its answer one byte every 50 ms.
    Dripping,
    /// Sends headers without end.
    HeaderFlood,
    /// Sends 51 MB of valid JSON.
    Oversized,
    /// Promises 10 GB.
    Boasting,
    /// Sends a body without end.
    Endless,
    /// Ends in the middle of the promised body.
    Truncated,
    /// Ends before any answer.
    Silent,
    /// Reports under another plugin's id.
    WrongId,
    /// Reports two specs.
    TwoSpecs,
    /// Reports no spec.
    NoSpec,
    /// Names version 2 of the protocol.
    WrongVersion,
    /// Has no label.
    NoLabel,
    /// Does not claim to report.
    NoReporter,
    /// Nests 200,000 levels deep.
    DeepJson,
    /// Sends bytes that are not UTF-8 in a string.
    InvalidUtf8,
    /// Sends something that is not JSON.
    NotJson,
    /// Puts control characters where an error text will quote them.
    ControlBytes,
    /// Removes and makes its socket anew, dozens of times a second.
    Flapping,
    /// Reports well, and dies in the middle of a control.
    DyingMidControl,
    /// Answers 204.
    NoContent,
    /// Answers 500.
    ServerError,
    /// Answers well in HTTP/1.0 and closes.
    Http10,
    /// Answers in another protocol.
    Garbage,
}

impl Hostility {
    /// Every way.
    pub const ALL: [Hostility; 26] = [
        Hostility::Slow,
        Hostility::Hanging,
        Hostility::Deaf,
        Hostility::Dripping,
        Hostility::HeaderFlood,
        Hostility::Oversized,
        Hostility::Boasting,
        Hostility::Endless,
        Hostility::Truncated,
        Hostility::Silent,
        Hostility::WrongId,
        Hostility::TwoSpecs,
        Hostility::NoSpec,
        Hostility::WrongVersion,
        Hostility::NoLabel,
        Hostility::NoReporter,
        Hostility::DeepJson,
        Hostility::InvalidUtf8,
        Hostility::NotJson,
        Hostility::ControlBytes,
        Hostility::Flapping,
        Hostility::DyingMidControl,
        Hostility::NoContent,
        Hostility::ServerError,
        Hostility::Http10,
        Hostility::Garbage,
    ];

    /// A plugin id that tells the way.
    pub fn id(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// A plugin that misbehaves until the value is dropped.
pub struct HostilePlugin {
    path: PathBuf,
    counters: Arc<Counters>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Counters {
    calls: AtomicU64,
    open: AtomicUsize,
}

impl HostilePlugin {
    /// Listens on `path`, whose directory is made when missing.
    ///
    /// # Errors
    /// When the directory or the socket cannot be made.
    pub fn start(path: impl AsRef<Path>, how: Hostility) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let listener = listen(&path)?;
        let counters = Arc::new(Counters::default());
        let server = {
            let (path, counters) = (path.clone(), Arc::clone(&counters));
            match how {
                Hostility::Deaf => tokio::spawn(async move {
                    let _listener = listener;
                    std::future::pending::<()>().await;
                }),
                Hostility::Flapping => tokio::spawn(flap(listener, path, counters)),
                how => tokio::spawn(serve(listener, id_of(&path), how, counters)),
            }
        };
        Ok(HostilePlugin {
            path,
            counters,
            server,
        })
    }

    /// Path of the socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of requests that it read.
    pub fn calls(&self) -> u64 {
        self.counters.calls.load(Ordering::SeqCst)
    }

    /// Number of connections open.
    pub fn open_connections(&self) -> usize {
        self.counters.open.load(Ordering::SeqCst)
    }
}

impl Drop for HostilePlugin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: UnixListener, id: String, how: Hostility, counters: Arc<Counters>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let (id, counters) = (id.clone(), Arc::clone(&counters));
        connections.spawn(async move {
            counters.open.fetch_add(1, Ordering::SeqCst);
            let opened = Opened(Arc::clone(&counters));
            // A client that gives up in the middle is what this is about.
            let _ = misbehave(stream, &id, how, &opened.0).await;
        });
    }
}

struct Opened(Arc<Counters>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn flap(mut listener: UnixListener, path: PathBuf, counters: Arc<Counters>) {
    let id = id_of(&path);
    loop {
        let life = serve(listener, id.clone(), Hostility::Http10, Arc::clone(&counters));
        let _ = tokio::time::timeout(FLAP, life).await;
        if std::fs::remove_file(&path).is_err() {
            return;
        }
        tokio::time::sleep(FLAP).await;
        match listen(&path) {
            Ok(again) => listener = again,
            Err(_) => return,
        }
    }
}

async fn misbehave(mut stream: UnixStream, id: &str, how: Hostility, counters: &Counters) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    counters.calls.fetch_add(1, Ordering::SeqCst);
    let good = report_json(id).to_string();
    match how {
        Hostility::Slow => {
            tokio::time::sleep(Duration::from_millis(800)).await;
            send(&mut stream, "200 OK", good.as_bytes()).await
        }
        Hostility::Hanging | Hostility::Deaf => {
            let mut rest = [0; 64];
            while stream.read(&mut rest).await? > 0 {}
            Ok(())
        }
        Hostility::Dripping => {
            for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                .iter()
                .cycle()
            {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        }
        Hostility::HeaderFlood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream
                    .write_all(b"X-More: and more and more and more\r\n")
                    .await?;
            }
        }
        Hostility::Oversized => oversized(&mut stream, id).await,
        Hostility::Boasting => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n{")
                .await?;
            let mut rest = [0; 64];
            while stream.read(&mut rest).await? > 0 {}
            Ok(())
        }
        Hostility::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"pad\":\"").await?;
            let chunk = vec![b'x'; 1 << 16];
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Hostility::Truncated => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", good.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&good.as_bytes()[..good.len() / 2]).await
        }
        Hostility::Silent => Ok(()),
        Hostility::DyingMidControl if request.starts_with("POST") => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"va")
                .await
        }
        Hostility::NoContent => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await,
        Hostility::ServerError => send(&mut stream, "500 Internal Server Error", b"boom").await,
        Hostility::Http10 => {
            stream
                .write_all(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")
                .await?;
            stream.write_all(good.as_bytes()).await
        }
        Hostility::Garbage => stream.write_all(b"\x16\x03\x01\x00garbage\x00\xff\r\n\r\n").await,
        how => send(&mut stream, "200 OK", &body(id, how)).await,
    }
}

/// Bodies of those that answer correctly and say the wrong thing.
fn body(id: &str, how: Hostility) -> Vec<u8> {
    let mut report = report_json(id);
    let spec = spec_json(id, &["reporter"]);
    match how {
        Hostility::WrongId => report["Plugins"][0]["id"] = json!("watched"),
        Hostility::TwoSpecs => report["Plugins"] = json!([spec, spec_json("other", &["reporter"])]),
        Hostility::NoSpec => report["Plugins"] = json!([]),
        Hostility::WrongVersion => report["Plugins"][0]["api_version"] = json!("2"),
        Hostility::NoLabel => report["Plugins"][0]["label"] = json!(""),
        Hostility::NoReporter => report["Plugins"][0]["interfaces"] = json!(["controller"]),
        Hostility::ControlBytes => report["Plugins"][0]["id"] = json!("\u{0}\u{1b}[31mred\u{7f}\u{202e}"),
        Hostility::DyingMidControl => return controller_json(id, &["press"], &[]).to_string().into_bytes(),
        Hostility::DeepJson => {
            let mut text = format!("{{\"Plugins\":[{spec}],\"Host\":").into_bytes();
            text.resize(text.len() + DEEP_LEVELS, b'[');
            text.resize(text.len() + DEEP_LEVELS, b']');
            text.push(b'}');
            return text;
        }
        Hostility::InvalidUtf8 => {
            let mut text = report.to_string().into_bytes();
            if let Some(at) = text.windows(8).position(|w| w == b"testhost") {
                text[at] = 0xff;
            }
            return text;
        }
        Hostility::NotJson => return b"<html>\x00 no </html>".to_vec(),
        // The others answer on their own.
        _ => {}
    }
    report.to_string().into_bytes()
}

async fn oversized(stream: &mut UnixStream, id: &str) -> io::Result<()> {
    let spec = spec_json(id, &["reporter"]);
    // Without a length, so that only reading shows how large it is.
    let head = format!("HTTP/1.1 200 OK\r\n\r\n{{\"Plugins\":[{spec}],\"pad\":\"");
    stream.write_all(head.as_bytes()).await?;
    let chunk = vec![b'x'; 1 << 18];
    let mut left = OVERSIZED_BYTES;
    while left > 0 {
        let next = left.min(chunk.len());
        stream.write_all(&chunk[..next]).await?;
        left -= next;
    }
    stream.write_all(b"\"}").await
}

async fn send(stream: &mut UnixStream, status: &str, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}

/// Reads a request's head and as much of its body as comes with it; gives the head's text.
async fn read_request(stream: &mut UnixStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while bytes.len() < MAX_REQUEST_BYTES {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..read]);
        if bytes.windows(4).any(|w| w == b"\r\n\r\n") {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
