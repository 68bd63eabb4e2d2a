//! A world for the plugin: folders, namespaces, a container engine that lists one container.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::LinkNameSpaceType;
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) fn skipped(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    out.into_owned()
}

#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A network namespace with the interface `veth0`; it goes when dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    pub(crate) fn make(tag: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("orrery-tc-{}-{number}-{tag}", std::process::id());
        run("ip", &["netns", "add", &name]);
        Namespace { name }
    }

    pub(crate) fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// Lays a cable to another namespace: 10.99.0.1 here, 10.99.0.2 there.
    pub(crate) fn join(&self, far: &Namespace) {
        let inside = |namespace: &Namespace, arguments: &[&str]| {
            let net = format!("--net={}", namespace.path());
            run("nsenter", &[&[net.as_str(), "ip"], arguments].concat());
        };
        inside(
            self,
            &[
                "link",
                "add",
                "veth0",
                "type",
                "veth",
                "peer",
                "name",
                "veth0",
                "netns",
                &far.path(),
            ],
        );
        for (namespace, address) in [(self, "10.99.0.1/24"), (far, "10.99.0.2/24")] {
            inside(namespace, &["address", "add", address, "dev", "veth0"]);
            inside(namespace, &["link", "set", "veth0", "up"]);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _gone_already = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// How long it takes to connect from one end of the cable to the other: to the far end and back.
pub(crate) fn connect_time(from: &Namespace, to: &Namespace) -> Duration {
    let listener = inside(to, || TcpListener::bind("10.99.0.2:0").unwrap());
    let address = listener.local_addr().unwrap();
    inside(from, move || {
        let start = Instant::now();
        TcpStream::connect_timeout(&address, DEADLINE).unwrap();
        start.elapsed()
    })
}

/// Does something on a thread that has entered the namespace. Sockets stay in it when they leave the thread.
fn inside<T: Send + 'static>(namespace: &Namespace, work: impl FnOnce() -> T + Send + 'static) -> T {
    let entrance = fs::File::open(namespace.path()).unwrap();
    let enter = move || {
        rustix::thread::move_into_link_name_space(entrance.as_fd(), Some(LinkNameSpaceType::Network))
            .unwrap();
        work()
    };
    std::thread::spawn(enter).join().unwrap()
}

/// A name for a namespace in the folder that the plugin looks at; others on the machine stay out of it.
pub(crate) struct Named {
    link: PathBuf,
}

impl Drop for Named {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.link);
    }
}

pub(crate) struct World {
    folder: tempfile::TempDir,
    processes: std::cell::RefCell<Vec<Child>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("netns")).unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        World {
            folder,
            processes: std::cell::RefCell::default(),
        }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn named(&self, namespace: &Namespace) -> Named {
        let link = self.path("netns").join(&namespace.name);
        std::os::unix::fs::symlink(namespace.path(), &link).unwrap();
        Named { link }
    }

    /// A process in the namespace, which the engine lists as a container from now on, beside one on the host's
    /// network that must be left out. Gives its id.
    pub(crate) fn container(&self, namespace: &Namespace) -> String {
        let id = "c0ffee".repeat(10);
        let net = format!("--net={}", namespace.path());
        let sleeper = Command::new("nsenter")
            .args([&net, "sleep", "600"])
            .spawn()
            .unwrap();
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        let inside = format!("/proc/{}/ns/net", sleeper.id());
        until("it is inside", || {
            fs::read_link(&inside).is_ok_and(|link| link != own)
        });
        let on_host = "beef".repeat(16);
        let pid = sleeper.id();
        let inspected = move |network: &str| {
            format!("{{\"State\":{{\"Pid\":{pid}}},\"HostConfig\":{{\"NetworkMode\":\"{network}\"}}}}")
        };
        let listed = format!("[{{\"Id\":\"{id}\"}},{{\"Id\":\"{on_host}\"}},{{\"Id\":\"../../info\"}}]");
        let path = format!("/containers/{id}/json");
        let path_on_host = format!("/containers/{on_host}/json");
        self.processes.borrow_mut().push(sleeper);
        let listener = UnixListener::bind(self.path("docker.sock")).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let head = read_head(&mut stream);
                let (status, body) = match head.split(' ').nth(1) {
                    Some("/containers/json") => ("200 OK", listed.clone()),
                    Some(asked) if asked == path => ("200 OK", inspected("bridge")),
                    Some(asked) if asked == path_on_host => ("200 OK", inspected("host")),
                    _ => ("404 Not Found", "{}".to_owned()),
                };
                let length = body.len();
                let _gone = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        });
        id
    }

    /// A `tc` that remembers netem settings per namespace in a file and prints them as the real one does.
    pub(crate) fn simulated_tc(&self) -> PathBuf {
        let script = r#"#!/bin/sh
file="STATE/$(readlink /proc/self/ns/net | tr -dc 0-9)"
case "$*" in
"-j qdisc show")
    if [ -e STATE/foreign ]; then
        echo '[{"kind":"htb","handle":"1:","dev":"veth0","root":true,"options":{}}]'
    elif [ -e "$file" ]; then
        cat "$file"
    else
        echo '[{"kind":"noqueue","handle":"0:","dev":"lo","root":true,"options":{}},
               {"kind":"noqueue","handle":"0:","dev":"veth0","root":true,"refcnt":2,"options":{}}]'
    fi ;;
"qdisc del dev veth0 root") rm "$file" ;;
"qdisc replace dev veth0 root netem "*)
    shift 6
    options='"limit":1000'
    while [ $# -gt 1 ]; do
        case "$1" in
        delay) options="$options,\"delay\":{\"delay\":$(echo "${2%ms}" | awk '{print $1 / 1000}'),\"jitter\":0}" ;;
        loss) options="$options,\"loss-random\":{\"loss\":$(echo "${2%\%}" | awk '{print $1 / 100}')}" ;;
        *) exit 9 ;;
        esac
        shift 2
    done
    echo "[{\"kind\":\"netem\",\"handle\":\"8001:\",\"dev\":\"veth0\",\"root\":true,\"options\":{$options}}]" >"$file" ;;
*) echo "unexpected: $*" >&2; exit 9 ;;
esac
"#;
        let path = self.path("tc");
        fs::write(
            &path,
            script.replace("STATE", self.path("state").to_str().unwrap()),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn make_foreign(&self) {
        fs::write(self.path("state/foreign"), "").unwrap();
    }

    pub(crate) fn command(&self, tc: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_traffic-control"));
        command
            .arg("--plugins")
            .arg(self.path("plugins"))
            .arg("--docker")
            .arg(self.path("docker.sock"))
            .arg("--netns")
            .arg(self.path("netns"))
            .args(["--hostname", "testhost", "--tc", tc]);
        command
    }

    pub(crate) fn start(&self, tc: &str) -> Plugin {
        let child = self.command(tc).stderr(Stdio::null()).spawn().unwrap();
        let plugin = Plugin {
            child,
            socket: self.path("plugins/traffic-control/traffic-control.sock"),
        };
        until("the plugin listens", || {
            UnixStream::connect(&plugin.socket).is_ok()
        });
        until("the plugin has looked around", || {
            let report = plugin.get("/report");
            let description = report["Plugins"][0]["description"].as_str().unwrap();
            let found = report["Container"]["nodes"]
                .as_object()
                .is_some_and(|nodes| !nodes.is_empty());
            description.contains("no containers") || found
        });
        plugin
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for process in self.processes.get_mut() {
            let _gone = process.kill();
            let _gone = process.wait();
        }
    }
}

/// The running plugin.
pub(crate) struct Plugin {
    child: Child,
    socket: PathBuf,
}

impl Plugin {
    pub(crate) fn get(&self, path: &str) -> Value {
        body(&self.exchange(&format!("GET {path} HTTP/1.1"), ""))
    }

    pub(crate) fn press(&self, node: &str, control: &str) -> Value {
        let request =
            serde_json::json!({ "AppID": "1", "NodeID": node, "Control": control, "ControlArgs": null });
        body(&self.exchange("POST /control?api_version=1 HTTP/1.1", &request.to_string()))
    }

    /// Sends a request and gives the whole answer.
    pub(crate) fn exchange(&self, line: &str, body: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{line}\r\nHost: plugin\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
        .unwrap();
        // A request that is refused early may not be read to its end.
        let _refused = stream.write_all(body.as_bytes());
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    pub(crate) fn signal(&mut self, signal: &str) -> ExitStatus {
        run("kill", &[signal, &self.child.id().to_string()]);
        self.child.wait().unwrap()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[track_caller]
fn body(answer: &str) -> Value {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn read_head(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8_192 && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}
