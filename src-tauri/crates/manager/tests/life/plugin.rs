//! The program of the plugins: serves reports on a socket, and misbehaves as it is told.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What it was told.
#[derive(Clone, Default)]
struct Told {
    id: String,
    version: String,
    socket: String,
    config_file: String,
    /// Ends with this code before it listens.
    fails: Option<u8>,
    /// Removes what is at the path of its socket first, as programs with a path of their own have to.
    unlink: bool,
    /// Ends with code 5 when this file is there, and makes it when not.
    once: Option<PathBuf>,
    /// Ends with code 9 so long after its start.
    ends_after: Option<Duration>,
    /// Reports as another plugin.
    poses_as: Option<String>,
    /// Listens so late.
    late: Duration,
    /// How it takes `POST /config`: `take`, `refuse`, anything else: not at all.
    config: String,
    /// Ends with code 4 when its config has this text in it.
    hates: Option<String>,
}

pub(crate) fn main(args: &[String]) -> ExitCode {
    let mut told = Told::default();
    let mut args = args.iter();
    while let (Some(key), Some(value)) = (args.next(), args.next()) {
        let number = || value.parse::<u64>().unwrap();
        match key.as_str() {
            "--id" => told.id.clone_from(value),
            "--version" => told.version.clone_from(value),
            "--socket" => told.socket.clone_from(value),
            "--config-file" => told.config_file.clone_from(value),
            "--fails" => told.fails = Some(value.parse().unwrap()),
            "--unlink" => told.unlink = value == "yes",
            "--once" => told.once = Some(PathBuf::from(value)),
            "--ends-after-ms" => told.ends_after = Some(Duration::from_millis(number())),
            "--poses-as" => told.poses_as = Some(value.clone()),
            "--late-ms" => told.late = Duration::from_millis(number()),
            "--config" => told.config.clone_from(value),
            "--hates" => told.hates = Some(value.clone()),
            other => {
                eprintln!("what is {other}?");
                return ExitCode::from(2);
            }
        }
    }
    if let Some(code) = told.fails {
        eprintln!("cannot open the flux capacitor");
        return ExitCode::from(code);
    }
    if let Some(once) = &told.once
        && File::create_new(once).is_err()
    {
        eprintln!("once was enough");
        return ExitCode::from(5);
    }
    let config = std::fs::read_to_string(&told.config_file).unwrap_or_default();
    if told.hates.as_ref().is_some_and(|hated| config.contains(hated)) {
        eprintln!("this config is bad");
        return ExitCode::from(4);
    }
    if let Err(error) = File::create(mark()) {
        eprintln!("{}: {error}", mark().display());
        return ExitCode::from(6);
    }
    std::thread::sleep(told.late);
    if told.unlink {
        let _ = std::fs::remove_file(&told.socket);
    }
    let listener = match UnixListener::bind(&told.socket) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("{}: {error}", told.socket);
            return ExitCode::from(3);
        }
    };
    if let Some(after) = told.ends_after {
        let until = Instant::now() + after;
        std::thread::spawn(move || {
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            eprintln!("the capacitor blew");
            std::process::exit(9);
        });
    }
    let config = Arc::new(Mutex::new(config));
    for stream in listener.incoming().flatten() {
        let (told, config) = (told.clone(), Arc::clone(&config));
        std::thread::spawn(move || serve(&told, &config, stream));
    }
    ExitCode::SUCCESS
}

/// A file that it expects to find again as long as it runs.
fn mark() -> PathBuf {
    std::env::temp_dir().join("mark")
}

fn serve(told: &Told, config: &Mutex<String>, stream: UnixStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let (status, answer) = answer(told, config, &first, &body);
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(text.as_bytes()).ok()?;
    }
}

fn answer(told: &Told, config: &Mutex<String>, first: &str, body: &[u8]) -> (u16, Value) {
    let target = first.split(' ').nth(1).unwrap_or_default();
    let target = target.split('?').next().unwrap_or_default();
    match (first.split(' ').next().unwrap_or_default(), target) {
        ("GET", "/report") => {
            let id = told.poses_as.as_ref().unwrap_or(&told.id);
            let spec = json!({ "id": id, "label": id, "interfaces": ["reporter"], "api_version": "1" });
            (200, json!({ "Plugins": [spec] }))
        }
        ("GET", "/who") => {
            let config = config.lock().unwrap().clone();
            let cwd = std::env::current_dir().unwrap_or_default();
            let variable = std::env::var("ORRERY_CONFIG_FILE").ok();
            let who = json!({
                "pid": std::process::id(), "version": told.version, "config": config,
                "cwd": cwd, "variable": variable, "tmp": mark().exists(),
            });
            (200, who)
        }
        ("POST", "/config") => match told.config.as_str() {
            "take" => {
                *config.lock().unwrap() = String::from_utf8_lossy(body).into_owned();
                (200, json!({}))
            }
            "refuse" => (400, json!({ "error": "not with me" })),
            _ => (404, json!({})),
        },
        _ => (404, json!({})),
    }
}
