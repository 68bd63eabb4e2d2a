//! `orrery doctor`: what is missing on this machine and how to get it.

use std::path::Path;

use orrery_engine::{Paths, user_name};

use crate::args::Common;
use crate::exit::Exit;
use crate::output::print_json;
use crate::{desktop, target};

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Note,
    Missing,
}

struct Check {
    what: &'static str,
    verdict: Verdict,
    found: String,
    remedy: &'static str,
}

impl Check {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Check {
            what,
            verdict: Verdict::Good,
            found: found.into(),
            remedy: "",
        }
    }

    fn note(what: &'static str, found: impl Into<String>, remedy: &'static str) -> Self {
        Check {
            what,
            verdict: Verdict::Note,
            found: found.into(),
            remedy,
        }
    }

    fn missing(what: &'static str, found: impl Into<String>, remedy: &'static str) -> Self {
        Check {
            what,
            verdict: Verdict::Missing,
            found: found.into(),
            remedy,
        }
    }
}

/// Looks at everything and prints it; fails when something that everybody needs is missing.
pub(crate) async fn run(common: &Common) -> Result<(), Exit> {
    let paths = target::paths(common);
    let mut checks = vec![
        rights(),
        data(&paths),
        processes(),
        sockets(),
        window(),
        display(),
    ];
    checks.extend(paths.plugin_roots().iter().map(|root| plugin_root(root)));
    checks.push(instance(common).await);
    for (what, program, remedy) in [
        (
            "traffic control",
            "tc",
            "apt install iproute2 (the traffic-control example needs it)",
        ),
        (
            "namespaces",
            "nsenter",
            "apt install util-linux (the traffic-control example needs it)",
        ),
        (
            "Python 3",
            "python3",
            "apt install python3 (the volume-count example needs it)",
        ),
    ] {
        checks.push(if on_path(program) {
            Check::good(what, format!("{program} is installed"))
        } else {
            Check::note(what, format!("{program} is not installed"), remedy)
        });
    }
    if common.json {
        let list: Vec<_> = checks
            .iter()
            .map(|c| {
                let verdict = match c.verdict {
                    Verdict::Good => "good",
                    Verdict::Note => "note",
                    Verdict::Missing => "missing",
                };
                serde_json::json!({ "what": c.what, "verdict": verdict, "found": c.found, "remedy": c.remedy })
            })
            .collect();
        print_json(&list.into())?;
    } else {
        for check in &checks {
            let mark = match check.verdict {
                Verdict::Good => "✓",
                Verdict::Note => "–",
                Verdict::Missing => "✗",
            };
            say!("{mark} {:<16} {}", check.what, check.found);
            if !check.remedy.is_empty() {
                say!("  {:<16} → {}", "", check.remedy);
            }
        }
    }
    if checks.iter().any(|c| c.verdict == Verdict::Missing) {
        return Err(Exit::failed("something that Orrery needs is missing"));
    }
    Ok(())
}

fn rights() -> Check {
    if rustix::process::geteuid().is_root() {
        Check::good("rights", "root: everything on this machine can be seen")
    } else {
        let remedy = "sudo orrery serve (the window attaches to it by itself)";
        Check::note(
            "rights",
            format!("{}: other users' open files and sockets stay hidden", user_name()),
            remedy,
        )
    }
}

fn data(paths: &Paths) -> Check {
    let dir = paths.data.display().to_string();
    match std::fs::create_dir_all(&paths.data).and_then(|()| std::fs::metadata(&paths.data)) {
        Ok(meta) if !meta.permissions().readonly() => Check::good("data directory", dir),
        Ok(_) => Check::missing(
            "data directory",
            format!("{dir} is read-only"),
            "choose another with --data DIR",
        ),
        Err(e) => Check::missing(
            "data directory",
            format!("{dir}: {e}"),
            "choose another with --data DIR",
        ),
    }
}

fn processes() -> Check {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all
        .filter(|e| {
            e.file_name()
                .to_string_lossy()
                .bytes()
                .all(|b| b.is_ascii_digit())
        })
        .count();
    if numbers > 1 {
        Check::good("processes", format!("{numbers} can be seen in /proc"))
    } else {
        Check::note(
            "processes",
            "only the own ones: /proc is mounted with hidepid",
            "sudo orrery serve",
        )
    }
}

fn sockets() -> Check {
    let family = rustix::net::AddressFamily::NETLINK;
    let kind = rustix::net::SocketType::DGRAM;
    let protocol = rustix::net::netlink::SOCK_DIAG;
    match rustix::net::socket(family, kind, Some(protocol)) {
        Ok(_) => Check::good("connections", "the kernel lists sockets (sock_diag)"),
        Err(e) => Check::missing(
            "connections",
            format!("sock_diag: {e}"),
            "a kernel with CONFIG_INET_DIAG",
        ),
    }
}

fn window() -> Check {
    match desktop::installed() {
        Some(path) => Check::good("window", path.display().to_string()),
        None => Check::note(
            "window",
            "orrery-desktop is not installed",
            "use a browser: orrery serve, orrery token --open",
        ),
    }
}

fn display() -> Check {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    match set("WAYLAND_DISPLAY").or_else(|| set("DISPLAY")) {
        Some(display) => Check::good("display", display),
        None => Check::note(
            "display",
            "none",
            "use a browser: orrery serve, orrery token --open",
        ),
    }
}

fn plugin_root(root: &Path) -> Check {
    let found = root.display().to_string();
    if root.is_dir() {
        Check::good("plugin sockets", found)
    } else {
        Check::note(
            "plugin sockets",
            format!("{found} does not exist"),
            "it is picked up when a plugin makes it",
        )
    }
}

async fn instance(common: &Common) -> Check {
    let asked = match target::find(common) {
        Ok(instance) => instance
            .call(&orrery_engine::api::Request::Status)
            .await
            .map(|status| (instance, status)),
        Err(exit) => return Check::note("instance", exit.message, "orrery serve, or orrery-desktop"),
    };
    match asked {
        Ok((instance, status)) => {
            let pid = &status["pid"];
            Check::good("instance", format!("{instance} (process {pid})"))
        }
        Err(error) => Check::note("instance", error.message, "orrery serve, or orrery-desktop"),
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .any(|dir| dir.join(program).is_file())
}
