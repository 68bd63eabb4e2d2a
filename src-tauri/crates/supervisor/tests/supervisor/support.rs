//! A supervisor on a real runner, calls over real sockets, and what tests ask of them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use orrery_runner::{Runner, RunnerConfig};
use orrery_supervisor::spec::{BackoffSpec, SocketSpec};
use orrery_supervisor::view::{InstanceState, InstanceView};
use orrery_supervisor::{
    CallError, Calls, Configured, Event, EventKind, HealthAnswer, Heard, Later, Peer, ReportFacts, Spec,
    Supervisor, Want,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_orrery-supervisor-test-plugin");

/// Long enough for anything on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A supervisor with its runner and a directory.
pub(crate) struct Lab {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) supervisor: Supervisor,
    events: Arc<Mutex<Vec<Event>>>,
}

static LABS: AtomicU64 = AtomicU64::new(0);

impl Lab {
    pub(crate) async fn new() -> Lab {
        Lab::with_groups(false).await
    }

    pub(crate) async fn with_groups(cgroups: bool) -> Lab {
        let name = format!(
            "supervisor-test-{}-{}",
            std::process::id(),
            LABS.fetch_add(1, Ordering::Relaxed)
        );
        let config = RunnerConfig {
            helper: PathBuf::from(PROGRAM),
            cgroups,
            ..RunnerConfig::new(name)
        };
        let runner = Runner::start(config).await.expect("a runner");
        let (supervisor, mut news) = Supervisor::start(Arc::new(runner), Arc::new(SocketCalls));
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&events);
        tokio::spawn(async move {
            while let Some(event) = news.recv().await {
                kept.lock().expect("not poisoned").push(event);
            }
        });
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("state")).expect("makes");
        Lab {
            directory,
            supervisor,
            events,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn socket(&self, id: &str) -> PathBuf {
        self.path(&format!("plugins/{id}/{id}.sock"))
    }

    /// A plugin that behaves in these ways besides the ordinary one; everything about it is quick.
    pub(crate) fn spec(&self, id: &str, ways: &[&str]) -> Spec {
        let mut spec = Spec::new(PROGRAM, self.path("state"), self.socket(id));
        let orders = self.directory.path().display().to_string();
        spec.args = ["--socket", "{socket}", "--id", id, "--orders", &orders]
            .map(str::to_owned)
            .to_vec();
        spec.args.extend(ways.iter().map(|way| (*way).to_owned()));
        spec.start.timeout = ms(5_000);
        spec.start.backoff = BackoffSpec {
            first: ms(100),
            max: ms(400),
            jitter: 0.0,
            factor: 2.0,
        };
        spec.stop_timeout = ms(2_000);
        spec.restart.stable_after = ms(60_000);
        spec.health.interval = ms(100);
        spec.metrics.interval = ms(100);
        spec
    }

    /// The same with a staging socket.
    pub(crate) fn staged(&self, id: &str, ways: &[&str]) -> Spec {
        let mut spec = self.spec(id, ways);
        let staging = self.path(&format!("staging/{id}/{id}.sock"));
        spec.socket = SocketSpec {
            staging: Some(staging),
            ..spec.socket
        };
        spec
    }

    pub(crate) async fn put(&self, id: &str, spec: Spec) {
        self.supervisor
            .put(id, spec, Want::Automatic)
            .await
            .expect("is taken in");
    }

    pub(crate) async fn run(&self, id: &str, ways: &[&str]) -> InstanceView {
        self.put(id, self.spec(id, ways)).await;
        self.until(id, InstanceState::Running).await
    }

    pub(crate) fn view(&self, id: &str) -> InstanceView {
        self.supervisor.view(id).expect("is known")
    }

    pub(crate) async fn until(&self, id: &str, state: InstanceState) -> InstanceView {
        self.until_view(id, |view| view.state == state).await
    }

    pub(crate) async fn until_view(&self, id: &str, holds: impl Fn(&InstanceView) -> bool) -> InstanceView {
        let mut changes = self.supervisor.changes();
        let search = async {
            loop {
                let view = self.view(id);
                if holds(&view) {
                    return view;
                }
                changes.changed().await.expect("goes on");
            }
        };
        let found = tokio::time::timeout(LONG, search).await;
        found.unwrap_or_else(|_| panic!("waited too long: {:#?}\n{:#?}", self.view(id), self.events(id)))
    }

    pub(crate) fn events(&self, id: &str) -> Vec<Event> {
        let events = self.events.lock().expect("not poisoned");
        events
            .iter()
            .filter(|event| event.plugin == id)
            .cloned()
            .collect()
    }

    pub(crate) async fn until_event(&self, id: &str, kind: EventKind) -> Event {
        let found = || self.events(id).into_iter().find(|event| event.kind == kind);
        until(&format!("{id} {kind:?}"), || found().is_some()).await;
        found().expect("is there")
    }

    pub(crate) fn count(&self, id: &str, kind: EventKind) -> usize {
        self.events(id).iter().filter(|event| event.kind == kind).count()
    }

    pub(crate) fn order(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("writes");
    }

    pub(crate) fn lines(&self, id: &str) -> Vec<String> {
        let page = self.supervisor.logs(id, 0, 1_000).expect("is known");
        page.lines.into_iter().map(|line| line.text).collect()
    }

    pub(crate) fn heard_good(&self, id: &str) {
        self.supervisor
            .heard(id, &self.socket(id), Heard::Good { took: ms(1) });
    }

    /// Processes of this lab's plugins, by their command lines.
    pub(crate) fn processes(&self) -> Vec<u32> {
        processes_with(&self.directory.path().display().to_string())
    }

    /// Ends everything; nothing may be left.
    pub(crate) async fn end(self) {
        self.supervisor.shutdown(ms(5_000)).await;
        assert_eq!(self.processes(), [] as [u32; 0], "processes are left");
        assert_eq!(
            sockets_below(self.directory.path()),
            [] as [PathBuf; 0],
            "sockets are left"
        );
    }
}

/// Sockets in a directory tree.
pub(crate) fn sockets_below(directory: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::FileTypeExt;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(sockets_below(&entry.path())),
            Ok(kind) if kind.is_socket() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

/// Processes with a text in their command line, zombies left out.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("lists").flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if pid != std::process::id() && String::from_utf8_lossy(&line).contains(text) {
            found.push(pid);
        }
    }
    found
}

pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub(crate) fn kill(pid: u32) {
    signal("-KILL", pid);
}

/// Asks a process to end, as its supervisor would.
pub(crate) fn terminate(pid: u32) {
    signal("-TERM", pid);
}

fn signal(name: &str, pid: u32) {
    let status = std::process::Command::new("/bin/kill")
        .args([name, &pid.to_string()])
        .status();
    assert!(status.expect("runs").success());
}

pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "waited too long: {what}");
        tokio::time::sleep(ms(5)).await;
    }
}

/// Calls over real sockets, as plain as can be.
pub(crate) struct SocketCalls;

impl SocketCalls {
    async fn ask(socket: &Path, request: &str, timeout: Duration) -> Result<(u16, Vec<u8>), CallError> {
        let exchange = async {
            let mut stream = UnixStream::connect(socket)
                .await
                .map_err(|error| CallError::Refused(error.to_string()))?;
            let broken = |error: std::io::Error| CallError::Protocol(error.to_string());
            stream.write_all(request.as_bytes()).await.map_err(broken)?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.map_err(broken)?;
            Ok(answer)
        };
        let answer = tokio::time::timeout(timeout, exchange)
            .await
            .unwrap_or(Err(CallError::Timeout))?;
        let split = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let split = split.ok_or_else(|| CallError::Protocol("no answer".to_owned()))?;
        let head = String::from_utf8_lossy(&answer[..split]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| CallError::Protocol("no status".to_owned()))?;
        Ok((status, answer[split + 4..].to_vec()))
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: plugin\r\n\r\n")
}

impl Calls for SocketCalls {
    fn first_report<'a>(
        &'a self,
        socket: &'a Path,
        id: &'a str,
        timeout: Duration,
    ) -> Later<'a, Result<ReportFacts, CallError>> {
        Box::pin(async move {
            let began = Instant::now();
            let peer_pid = self.listener(socket).await.ok().and_then(|peer| peer.pid);
            let (status, body) = SocketCalls::ask(socket, &get("/report"), timeout).await?;
            if status != 200 || body.len() > 50 << 20 {
                return Err(CallError::Protocol(format!(
                    "status {status}, {} bytes",
                    body.len()
                )));
            }
            let report: Value =
                serde_json::from_slice(&body).map_err(|error| CallError::Protocol(error.to_string()))?;
            let named = report["Plugins"][0]["id"].as_str().unwrap_or_default();
            if named != id {
                return Err(CallError::Protocol(format!("it calls itself '{named}'")));
            }
            let bytes = body.len() as u64;
            Ok(ReportFacts {
                nodes: 1,
                bytes,
                took: began.elapsed(),
                peer_pid,
                interfaces: Vec::new(),
                version: None,
                description: None,
            })
        })
    }

    fn health<'a>(
        &'a self,
        socket: &'a Path,
        about: Option<&'a str>,
        timeout: Duration,
    ) -> Later<'a, Result<Option<HealthAnswer>, CallError>> {
        Box::pin(async move {
            let target = about.map_or("/health".to_owned(), |about| format!("/health?about={about}"));
            let (status, body) = SocketCalls::ask(socket, &get(&target), timeout).await?;
            HealthAnswer::read(status, &body)
        })
    }

    fn configure<'a>(
        &'a self,
        socket: &'a Path,
        config: &'a Value,
        timeout: Duration,
    ) -> Later<'a, Result<Configured, CallError>> {
        Box::pin(async move {
            let body = config.to_string();
            let request = format!(
                "POST /config HTTP/1.1\r\nHost: plugin\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            match SocketCalls::ask(socket, &request, timeout).await? {
                (200, _) => Ok(Configured::Applied),
                (404, _) => Ok(Configured::Unsupported),
                (status, _) => Ok(Configured::Refused(format!("status {status}"))),
            }
        })
    }

    fn listener<'a>(&'a self, socket: &'a Path) -> Later<'a, std::io::Result<Peer>> {
        Box::pin(async move {
            let peer = UnixStream::connect(socket).await?.peer_cred()?;
            Ok(Peer {
                uid: peer.uid(),
                pid: peer.pid().and_then(|pid| u32::try_from(pid).ok()),
            })
        })
    }
}

impl Lab {
    /// Waits until a plugin is known at all.
    pub(crate) async fn until_order(&self, id: &str) {
        until(&format!("{id} is known"), || {
            self.supervisor.view(id).is_some_and(|view| view.generation > 0)
        })
        .await;
    }
}
