//! A small HTTP server for packages: files of a directory, as slowly and as badly as it is told.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Bytes sent at a time.
const PIECE: usize = 256;

/// How it serves.
#[derive(Default)]
pub(crate) struct Manner {
    /// Wait before each piece.
    pub(crate) pause: Duration,
    /// Requests that are answered with 503 first.
    pub(crate) busy: u32,
}

/// A server on loopback, as long as the test runs.
pub(crate) struct Server {
    address: String,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU32,
    open: AtomicU32,
    most: AtomicU32,
}

impl Server {
    pub(crate) fn start(dir: &Path, manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let counts = Arc::new(Counts::default());
        let shared = Arc::new((dir.to_owned(), manner, Arc::clone(&counts)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let (dir, manner, counts) = &*shared;
                    serve(dir, manner, counts, stream);
                });
            }
        });
        Server { address, counts }
    }

    pub(crate) fn url(&self, file: &Path) -> String {
        let name = file.file_name().unwrap().to_str().unwrap();
        format!("http://{}/{name}", self.address)
    }

    pub(crate) fn requests(&self) -> u32 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// Files on their way at the same time, at most.
    pub(crate) fn most_at_once(&self) -> u32 {
        self.counts.most.load(Ordering::Relaxed)
    }
}

/// One request; who asks too much or goes away is nobody's concern.
fn serve(dir: &Path, manner: &Manner, counts: &Counts, mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let close = "Connection: close\r\n";
    if counts.requests.fetch_add(1, Ordering::Relaxed) < manner.busy {
        write!(stream, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n{close}\r\n").ok()?;
        return None;
    }
    let name = first.split(' ').nth(1)?.trim_start_matches('/');
    let path: PathBuf = dir.join(name);
    let Ok(body) = std::fs::read(path) else {
        write!(
            stream,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n{close}\r\n"
        )
        .ok()?;
        return None;
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}\r\n",
        body.len()
    )
    .ok()?;
    let open = counts.open.fetch_add(1, Ordering::Relaxed) + 1;
    counts.most.fetch_max(open, Ordering::Relaxed);
    let sent = send(&mut stream, &body, manner.pause, || {
        counts.open.fetch_sub(1, Ordering::Relaxed);
    });
    sent.ok()
}

/// Sends a body. `last` is called before its last piece: who has that may ask for the next at once.
fn send(stream: &mut TcpStream, body: &[u8], pause: Duration, last: impl Fn()) -> io::Result<()> {
    let pieces = body.chunks(PIECE);
    let count = pieces.len();
    for (n, piece) in pieces.enumerate() {
        std::thread::sleep(pause);
        if n + 1 == count {
            last();
        }
        stream.write_all(piece)?;
        stream.flush()?;
    }
    Ok(())
}
