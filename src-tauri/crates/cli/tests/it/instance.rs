//! An instance to talk to: `orrery serve`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{Ran, command, orrery};

pub(crate) struct Instance {
    // Ends before its directory goes.
    _server: Server,
    pub(crate) home: TempDir,
    pub(crate) url: String,
    pub(crate) token: String,
}

/// Ended when it is dropped, also when the test fails while it starts.
struct Server(Child);

impl Instance {
    pub(crate) fn start() -> Instance {
        let home = tempfile::tempdir().unwrap();
        let spawned = command(home.path(), &["serve", "--listen", "127.0.0.1:0", "--no-probes"])
            .stdout(Stdio::piped())
            .spawn();
        let mut server = Server(spawned.unwrap());
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let token = std::fs::read_to_string(home.path().join("data/token")).unwrap();
        Instance {
            url: ready["url"].as_str().unwrap().to_owned(),
            token: token.trim().to_owned(),
            home,
            _server: server,
        }
    }

    /// Over the socket of the data directory.
    pub(crate) fn orrery(&self, words: &[&str]) -> Ran {
        orrery(self.home.path(), words)
    }

    /// Over its address.
    pub(crate) fn afar(&self, words: &[&str]) -> Ran {
        let whence = ["--url", &self.url, "--token", &self.token];
        orrery(self.home.path(), &[&whence, words].concat())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}
