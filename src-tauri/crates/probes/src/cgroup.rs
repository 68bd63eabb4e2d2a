//! What a cgroup path says about a process: its unit and its container.

use smol_str::SmolStr;

/// What is known of a process by its cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cgroup {
    /// The path.
    pub(crate) path: SmolStr,
    /// Unit, session or slice that people know it by, such as `nginx.service`; empty in the root.
    pub(crate) unit: SmolStr,
    /// Id of its container; empty when it is in none.
    pub(crate) container: SmolStr,
}

impl Cgroup {
    /// From the text of /proc/<pid>/cgroup: the unified hierarchy, else the one of systemd, else the first
    /// that is not the root.
    pub(crate) fn parse(text: &str) -> Cgroup {
        let mut best = ("", 0);
        for line in text.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(number), Some(name), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let rank = match (number, name) {
                _ if path == "/" => 0,
                ("0", "") => 3,
                (_, "name=systemd") => 2,
                _ => 1,
            };
            if rank > best.1 {
                best = (path, rank);
            }
        }
        let path = best.0;
        Cgroup {
            path: SmolStr::new(path),
            unit: unit(path),
            container: container(path),
        }
    }
}

/// The innermost part that names a unit. A service comes before the session or scope
/// that it stands in.
fn unit(path: &str) -> SmolStr {
    let parts = || path.split('/').filter(|p| !p.is_empty());
    let named = |end: &'static str| {
        parts()
            .rev()
            .find(|p| p.ends_with(end) && !p.starts_with("user@"))
    };
    if let Some(service) = named(".service") {
        return SmolStr::new(service);
    }
    if let Some(session) = parts().find(|p| p.starts_with("session-") && p.ends_with(".scope")) {
        return SmolStr::new(session);
    }
    if let Some(scope) = named(".scope") {
        return SmolStr::new(scope);
    }
    named(".slice")
        .or_else(|| parts().next_back())
        .map(SmolStr::new)
        .unwrap_or_default()
}

/// 64 hex digits anywhere in the path are a container's id, whatever engine wrote them around it.
fn container(path: &str) -> SmolStr {
    const DIGITS: usize = 64;
    path.split(['/', '-', '.', ':'])
        .rev()
        .find(|part| {
            part.len() == DIGITS
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
        .map(SmolStr::new)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected_unit: &str, expected_container: &str) {
        let cgroup = Cgroup::parse(text);
        assert_eq!(
            (cgroup.unit.as_str(), cgroup.container.as_str()),
            (expected_unit, expected_container),
            "{text}"
        );
    }

    #[test]
    fn units_and_containers_are_read_from_paths() {
        let id = "a".repeat(64);
        check("0::/\n", "", "");
        check("0::/system.slice/nginx.service\n", "nginx.service", "");
        check(
            "0::/user.slice/user-1000.slice/session-3.scope\n",
            "session-3.scope",
            "",
        );
        let app = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope\n";
        check(app, "app-firefox.scope", "");
        check(
            "12:cpu:/x\n1:name=systemd:/system.slice/cron.service\n0::/\n",
            "cron.service",
            "",
        );
        check(
            &format!("0::/system.slice/docker-{id}.scope\n"),
            &format!("docker-{id}.scope"),
            &id,
        );
        check(&format!("4:memory:/docker/{id}\n"), &id, &id);
        check(
            &format!("0::/kubepods.slice/cri-containerd-{id}.scope\n"),
            &format!("cri-containerd-{id}.scope"),
            &id,
        );
        check("nonsense", "", "");
    }
}
