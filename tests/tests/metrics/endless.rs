//! A plugin whose metrics never end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orrery_testkit::plugin::{id_of, listen, report_json};

/// It ends with the value.
pub(crate) struct Endless(Arc<AtomicBool>);

impl Endless {
    pub(crate) fn start(path: &Path) -> Endless {
        let report = report_json(&id_of(path)).to_string();
        let listener: UnixListener = listen(path).unwrap().into_std().unwrap();
        listener.set_nonblocking(false).unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let over = ended.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (report, over) = (report.clone(), over.clone());
                std::thread::spawn(move || serve(stream, &report, &over));
            }
        });
        Endless(ended)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn serve(mut stream: UnixStream, report: &str, over: &AtomicBool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut request = String::new();
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => request.push_str(&line),
            }
        }
        if request.starts_with("GET /metrics") {
            // One that goes away is what this waits for.
            let _ = pour(&mut stream, over);
            return;
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", report.len());
        if stream.write_all(format!("{head}{report}").as_bytes()).is_err() {
            return;
        }
    }
}

fn pour(stream: &mut UnixStream, over: &AtomicBool) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let mut n = 0_u64;
    while !over.load(Ordering::SeqCst) {
        let lines: String = (0..512)
            .map(|k| format!("endless{{n=\"{n}.{k}\"}} 1\n"))
            .collect();
        n += 1;
        stream.write_all(format!("{:x}\r\n{lines}\r\n", lines.len()).as_bytes())?;
    }
    Ok(())
}
