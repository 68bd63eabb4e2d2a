//! The real program on a real socket, counting the requests of a real server: this test itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

struct Running {
    child: Child,
    root: tempfile::TempDir,
}

impl Running {
    fn start() -> Running {
        let root = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_http-statistics"))
            .args(["--hostname", "h", "--plugins"])
            .arg(root.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running { child, root };
        until("the socket", || UnixStream::connect(running.socket()).is_ok());
        running
    }

    fn socket(&self) -> PathBuf {
        self.root.path().join("http-statistics/http-statistics.sock")
    }

    fn report(&self) -> Value {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
            .write_all(b"GET /report?api_version=1&probe_id=1f HTTP/1.1\r\nHost: plugin\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Serves on loopback until the process ends: 200 for `/`, 404 for anything else.
fn serve() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 1_024];
            let read = stream.read(&mut head).unwrap_or(0);
            let answer = if head[..read].starts_with(b"GET / ") {
                "200 OK"
            } else {
                "404 Not Found"
            };
            let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        }
    });
    address
}

fn get(address: std::net::SocketAddr, path: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1"));
}

#[test]
fn requests_and_status_codes_appear_on_the_server_process() {
    let plugin = Running::start();
    let report = plugin.report();
    assert_eq!(report["Plugins"][0]["id"], "http-statistics");
    if report["Plugins"][0]["description"]
        .as_str()
        .unwrap()
        .contains("needs root")
    {
        println!("skipped: capturing packets needs root");
        return;
    }
    let address = serve();
    let node = format!("h;{}", std::process::id());
    let mut both = false;
    until("both codes on this process", || {
        get(address, "/");
        get(address, "/missing");
        let report = plugin.report();
        let metrics = &report["Process"]["nodes"][&node]["metrics"];
        let value = |id: &str| metrics[id]["samples"][0]["value"].as_f64().unwrap_or_default();
        let requests = value("http_requests_per_second");
        let (ok, missing) = (
            value("http_responses_200_per_second"),
            value("http_responses_404_per_second"),
        );
        both = ok > 0.0 && missing > 0.0;
        if both {
            // Loopback shows every packet twice; each message counts once.
            assert!(
                (requests - ok - missing).abs() <= requests * 0.2,
                "{requests} asked, {ok} and {missing} answered"
            );
        }
        both
    });
    assert!(both);
}

#[test]
fn signals_end_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let mut plugin = Running::start();
        let folder = plugin.root.path().join("http-statistics");
        Command::new("kill")
            .args([signal, &plugin.child.id().to_string()])
            .status()
            .unwrap();
        assert!(
            plugin.child.wait().unwrap().success(),
            "{signal} is an ordinary end"
        );
        assert!(
            folder.symlink_metadata().is_err(),
            "{signal}: socket and folder are removed"
        );
    }
}
