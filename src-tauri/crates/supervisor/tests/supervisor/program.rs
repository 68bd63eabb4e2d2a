//! A plugin for tests that behaves, well or badly, as its arguments say. Started by a runner as its helper it is
//! the guardian.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for tests"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

/// How it behaves.
#[derive(Debug, Clone, Default)]
struct Ways {
    socket: PathBuf,
    id: String,
    /// Milliseconds before it binds.
    bind_after: u64,
    never_bind: bool,
    /// It binds and says nothing.
    hang: bool,
    html: bool,
    /// Bytes that its report is blown up to.
    huge: usize,
    /// Milliseconds before each report.
    slow: u64,
    /// Milliseconds until it ends by itself.
    exit_after: Option<u64>,
    code: u8,
    ignore_term: bool,
    /// A child that outlives it.
    fork: bool,
    say: String,
    /// Bytes that it allocates.
    eat: usize,
    /// Directory in which files tell it how to behave: `health` holds a status and a body, `hang` makes
    /// reports hang.
    orders: PathBuf,
    /// What it reports as its number of nodes' name.
    mark: String,
    keep_socket: bool,
    /// First line of its standard output, instead of its arguments.
    first: Option<String>,
    /// It writes nothing to its standard output.
    mute: bool,
}

fn main() -> ExitCode {
    orrery_runner::guardian::run_if_asked();
    let ways = read_ways();
    if !ways.say.is_empty() {
        eprintln!("{}", ways.say);
    }
    match &ways.first {
        Some(line) => println!("{line}"),
        None if ways.mute => {}
        None => println!("args: {:?}", std::env::args().skip(1).collect::<Vec<_>>()),
    }
    if ways.fork {
        // Its own session, and a command line by which it is found.
        let child = std::process::Command::new("setsid")
            .args(["/bin/sh", "-c", "sleep 600; true"])
            .arg(&ways.orders)
            .spawn();
        eprintln!("child: {}", child.expect("starts a child").id());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(live(ways))
}

fn read_ways() -> Ways {
    let mut ways = Ways {
        id: "none".to_owned(),
        ..Ways::default()
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_default();
        match arg.as_str() {
            "--socket" => ways.socket = value().into(),
            "--id" => ways.id = value(),
            "--bind-after" => ways.bind_after = number(&value()),
            "--never-bind" => ways.never_bind = true,
            "--hang" => ways.hang = true,
            "--html" => ways.html = true,
            "--huge" => ways.huge = usize::try_from(number(&value())).expect("fits"),
            "--slow" => ways.slow = number(&value()),
            "--exit-after" => ways.exit_after = Some(number(&value())),
            "--code" => ways.code = u8::try_from(number(&value())).expect("a code"),
            "--ignore-term" => ways.ignore_term = true,
            "--fork" => ways.fork = true,
            "--say" => ways.say = value(),
            "--eat" => ways.eat = usize::try_from(number(&value())).expect("fits"),
            "--orders" => ways.orders = value().into(),
            "--mark" => ways.mark = value(),
            "--keep-socket" => ways.keep_socket = true,
            "--first" => ways.first = Some(value()),
            "--mute" => ways.mute = true,
            other => panic!("no such way: {other}"),
        }
    }
    ways
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

async fn live(ways: Ways) -> ExitCode {
    let mut term = signal(SignalKind::terminate()).expect("listens to signals");
    let end = async {
        match ways.exit_after {
            Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            None => std::future::pending().await,
        }
    };
    let serve = async {
        tokio::time::sleep(Duration::from_millis(ways.bind_after)).await;
        if ways.never_bind {
            return std::future::pending().await;
        }
        let listener = UnixListener::bind(&ways.socket).expect("binds its socket");
        if ways.eat > 0 {
            let eaten = vec![1_u8; ways.eat];
            eprintln!(
                "ate {}",
                eaten.iter().map(|byte| usize::from(*byte)).sum::<usize>()
            );
        }
        loop {
            let (stream, _) = listener.accept().await.expect("accepts");
            tokio::spawn(answer(stream, ways.clone()));
        }
    };
    tokio::select! {
        () = serve => ExitCode::FAILURE,
        () = end => ExitCode::from(ways.code),
        () = asked(&mut term, ways.ignore_term) => {
            if !ways.keep_socket {
                // As well-behaved plugins do; whatever is there.
                let _ = std::fs::remove_file(&ways.socket);
            }
            ExitCode::SUCCESS
        }
    }
}

async fn asked(term: &mut tokio::signal::unix::Signal, ignore: bool) {
    loop {
        term.recv().await;
        if !ignore {
            return;
        }
        eprintln!("TERM ignored");
    }
}

async fn answer(mut stream: UnixStream, ways: Ways) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => head.extend_from_slice(&buffer[..read]),
        }
    }
    if ways.hang {
        return std::future::pending().await;
    }
    let line = String::from_utf8_lossy(&head)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = match target.split('?').next().unwrap_or_default() {
        "/report" => report(&ways).await,
        "/health" => health(&ways, &target).await,
        "/config" => (200, "{}".to_owned()),
        _ => (404, "not found".to_owned()),
    };
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // The caller may be gone.
    let _ = stream.write_all(text.as_bytes()).await;
}

async fn report(ways: &Ways) -> (u16, String) {
    tokio::time::sleep(Duration::from_millis(ways.slow)).await;
    if ways.orders.join("hang").exists() {
        return std::future::pending().await;
    }
    if ways.html {
        return (200, "<html>hello</html>".to_owned());
    }
    let Ways { id, mark, .. } = ways;
    let blown_up = " ".repeat(ways.huge);
    let body = format!(
        r#"{{"Host":{{"nodes":{{"{mark};<host>":{{}}}}}},{blown_up}"Plugins":[{{"id":"{id}","label":"Test","description":"Test","interfaces":["reporter"],"api_version":"1"}}]}}"#
    );
    (200, body)
}

/// The file `health` holds a status and, after a space, the body; `health-hang` makes it hang. Every call is
/// noted in `health-calls`.
async fn health(ways: &Ways, target: &str) -> (u16, String) {
    let calls = ways.orders.join("health-calls");
    let seen = std::fs::read_to_string(&calls).unwrap_or_default();
    let _ = std::fs::write(&calls, format!("{seen}{target}\n"));
    if ways.orders.join("health-hang").exists() {
        return std::future::pending().await;
    }
    match std::fs::read_to_string(ways.orders.join("health")) {
        Ok(text) if is_given(&ways.orders) => {
            let (status, body) = text.split_once(' ').expect("status and body");
            tokio::time::sleep(Duration::from_millis(ways.slow)).await;
            (status.parse().expect("a status"), body.to_owned())
        }
        _ => (404, "not found".to_owned()),
    }
}

fn is_given(orders: &Path) -> bool {
    orders.is_absolute()
}
