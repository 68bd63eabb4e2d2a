//! Processes.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use orrery_model::{MetadataSource, Metric, Node, NodeId, Report, SmolStr, Timestamp, TopologyKind, id};
use smol_str::ToSmolStr as _;

use crate::cgroup::Cgroup;
use crate::limits::{CMDLINE_BYTES_MAX, PROCESSES_MAX};
use crate::procfs::{self, Stat};
use crate::templates::{metadata, metric, shape};
use crate::users::Users;
use crate::{Health, HealthState, Observation, Probe, ProbeError};

/// Reports all processes that can be seen.
#[derive(Debug)]
pub struct ProcessProbe {
    host: String,
    host_node: NodeId,
    users: Users,
    known: BTreeMap<u32, Known>,
    boot_seconds: u64,
    ticks: u64,
    page: u64,
    max_cpu: f64,
    /// Memory of the machine in bytes, which no process can have more of; 0 when it is not known.
    max_memory: f64,
    last: Option<Timestamp>,
}

/// What is read of a process once, and what its next report compares with.
#[derive(Debug)]
struct Known {
    start_ticks: u64,
    cpu_ticks: u64,
    name: SmolStr,
    cmdline: SmolStr,
    exe: SmolStr,
    user: SmolStr,
    cgroup: Cgroup,
    started_ms: SmolStr,
    pid: SmolStr,
    id: NodeId,
    files_limit: Option<u64>,
    kernel_thread: bool,
}

impl ProcessProbe {
    /// A probe of the processes of the host with this id.
    pub fn new(host: String, _probe_id: String) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        ProcessProbe {
            host_node: id::tagged(TopologyKind::Host, &host),
            host,
            users: Users::default(),
            known: BTreeMap::new(),
            boot_seconds: procfs::read("/proc/stat")
                .ok()
                .and_then(|s| procfs::boot_time(&s))
                .unwrap_or_default(),
            ticks: procfs::ticks_per_second(),
            page: rustix::param::page_size() as u64,
            max_cpu: cores as f64 * 100.0,
            max_memory: procfs::read("/proc/meminfo")
                .ok()
                .and_then(|info| procfs::memory(&info, "MemTotal"))
                .unwrap_or_default() as f64,
            last: None,
        }
    }

    /// Reads what does not change while a process runs. A program that replaces itself keeps its start, so
    /// the name in the kernel's record is compared too, by the caller.
    fn learn(&mut self, pid: u32, stat: &Stat) -> Known {
        let read = |file: &str| procfs::read(&format!("/proc/{pid}/{file}")).unwrap_or_default();
        let (name, cmdline) = names(&read("cmdline"), &stat.comm);
        let uid = std::fs::metadata(format!("/proc/{pid}")).map_or(0, |m| m.uid());
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).map(|p| p.to_string_lossy().into());
        let started_ms = self.boot_seconds * 1_000 + stat.start_ticks * 1_000 / self.ticks;
        Known {
            start_ticks: stat.start_ticks,
            cpu_ticks: stat.cpu_ticks,
            name,
            cmdline,
            exe: exe.unwrap_or_default(),
            user: self.users.name(uid),
            cgroup: Cgroup::parse(&read("cgroup")),
            started_ms: started_ms.to_smolstr(),
            pid: pid.to_smolstr(),
            id: id::process(&self.host, pid),
            files_limit: procfs::open_files_limit(&read("limits")),
            kernel_thread: stat.kernel_thread,
        }
    }

    fn node(&self, known: &Known, stat: &Stat, cpu_percent: Option<f64>, now: Timestamp) -> (Node, bool) {
        let mut node = Node::new(known.id.clone(), TopologyKind::Process.tag())
            .with_latest("pid", now, known.pid.clone())
            .with_latest("ppid", now, stat.ppid.to_smolstr())
            .with_latest("name", now, known.name.clone())
            .with_latest("threads", now, stat.threads.to_smolstr())
            .with_latest("user", now, known.user.clone())
            .with_latest("state", now, state(stat.state))
            .with_latest("started_ms", now, known.started_ms.clone())
            .with_latest("host_node_id", now, self.host_node.clone())
            .with_parent(TopologyKind::Host.tag(), self.host_node.clone());
        let facts = [
            ("cmdline", &known.cmdline),
            ("exe", &known.exe),
            ("cgroup", &known.cgroup.path),
            ("unit", &known.cgroup.unit),
            ("docker_container_id", &known.cgroup.container),
        ];
        for (key, value) in facts {
            if !value.is_empty() {
                node = node.with_latest(key, now, value.clone());
            }
        }
        if known.kernel_thread {
            node = node.with_latest("kernel_thread", now, "true");
        }
        if let Some(percent) = cpu_percent {
            node = node.with_metric(
                "process_cpu_usage_percent",
                Metric::of(now, percent, 0.0, self.max_cpu),
            );
        }
        if !known.kernel_thread {
            let memory = (stat.rss_pages * self.page) as f64;
            node = node.with_metric(
                "process_memory_usage_bytes",
                Metric::of(now, memory, 0.0, self.max_memory),
            );
        }
        let readable = match open_files(&known.pid) {
            Some(count) => {
                let limit = known.files_limit.unwrap_or(count) as f64;
                node = node.with_metric("open_files_count", Metric::of(now, count as f64, 0.0, limit));
                true
            }
            None => {
                node = node.with_latest("open_files_limited", now, "true");
                false
            }
        };
        (node, readable)
    }
}

impl Probe for ProcessProbe {
    fn id(&self) -> &'static str {
        "process"
    }

    fn report(&mut self, now: Timestamp) -> Result<Observation, ProbeError> {
        let mut pids = procfs::pids().map_err(|source| ProbeError::Read {
            path: "/proc".to_owned(),
            source,
        })?;
        let left_out = pids.len().saturating_sub(PROCESSES_MAX);
        pids.truncate(PROCESSES_MAX);
        let elapsed = self
            .last
            .replace(now)
            .map(|last| (now.0 - last.0) as f64 / 1e9)
            .filter(|s| *s > 0.0);

        let mut report = Report {
            ts: now,
            ..Report::default()
        };
        let processes = report.topology_mut(TopologyKind::Process);
        describe(processes);
        let (mut buffer, mut seen, mut readable) = (Vec::with_capacity(512), 0_usize, 0_usize);
        let mut still = BTreeMap::new();
        for pid in pids {
            // A process that ended since it was listed is no news.
            if procfs::read_into(&format!("/proc/{pid}/stat"), &mut buffer).is_err() {
                continue;
            }
            let Some(stat) = Stat::parse(&buffer) else {
                continue;
            };
            let same = self
                .known
                .remove(&pid)
                .filter(|k| k.start_ticks == stat.start_ticks);
            let first = same.is_none();
            let mut known = match same {
                Some(known) => known,
                None => self.learn(pid, &stat),
            };
            let cpu_percent = elapsed.filter(|_| !first).map(|seconds| {
                let used = stat.cpu_ticks.saturating_sub(known.cpu_ticks) as f64 / self.ticks as f64;
                used / seconds * 100.0
            });
            known.cpu_ticks = stat.cpu_ticks;
            let (node, sees_files) = self.node(&known, &stat, cpu_percent, now);
            seen += 1;
            readable += usize::from(sees_files);
            processes.insert(node);
            still.insert(pid, known);
        }
        self.known = still;
        Ok(Observation {
            report,
            health: health(seen, readable, left_out),
        })
    }
}

/// Name and command line as people know them. A program that writes over its arguments, as nginx does,
/// leaves one long first argument: that is its name.
fn names(raw: &str, comm: &str) -> (SmolStr, SmolStr) {
    let raw = raw
        .get(..raw.floor_char_boundary(CMDLINE_BYTES_MAX))
        .unwrap_or_default();
    let trimmed = raw.trim_end_matches(['\0', ' ']);
    if trimmed.is_empty() {
        return (SmolStr::new(comm), SmolStr::default());
    }
    let cmdline = trimmed.replace('\0', " ");
    let first = trimmed.split('\0').next().unwrap_or_default().trim_end();
    let program = first.split(' ').next().unwrap_or_default();
    let name = if program.starts_with('/') && !program.ends_with(':') {
        program.rsplit('/').next().unwrap_or(program)
    } else {
        first
    };
    (
        SmolStr::new(if name.is_empty() { comm } else { name }),
        SmolStr::from(cmdline),
    )
}

/// Number of open files: the size of the directory on kernels that keep it (6.2 and newer), a count of its
/// entries on others; none when they may not be seen.
fn open_files(pid: &str) -> Option<u64> {
    let path = format!("/proc/{pid}/fd");
    let size = std::fs::metadata(&path).ok()?.len();
    let mut entries = std::fs::read_dir(&path).ok()?;
    if size > 0 {
        return Some(size);
    }
    Some(
        entries
            .by_ref()
            .take(crate::limits::FILES_PER_PROCESS_MAX)
            .count() as u64,
    )
}

fn state(code: char) -> &'static str {
    match code {
        'R' => "running",
        'S' => "sleeping",
        'D' => "waiting for disk",
        'Z' => "zombie",
        'T' | 't' => "stopped",
        'I' => "idle",
        _ => "unknown",
    }
}

fn health(seen: usize, readable: usize, left_out: usize) -> Health {
    let limited = readable < seen;
    let mut summary = format!("{seen} processes");
    if limited {
        summary = format!("{seen} processes, {readable} with readable open files");
    }
    if left_out > 0 {
        summary = format!("{summary}, {left_out} more left out");
    }
    Health {
        state: if limited {
            HealthState::Limited
        } else {
            HealthState::Ok
        },
        summary,
        looked_at: "/proc".to_owned(),
        limited_by: if limited {
            "Open files of other users' processes need root".to_owned()
        } else {
            String::new()
        },
        remedy: if limited {
            "sudo orrery serve".to_owned()
        } else {
            String::new()
        },
    }
}

fn describe(processes: &mut orrery_model::Topology) {
    use MetadataSource::Latest;
    shape(processes, TopologyKind::Process);
    metadata(processes, "pid", "PID", 1.0, "number", Latest);
    metadata(processes, "cmdline", "Command", 2.0, "", Latest);
    metadata(processes, "ppid", "Parent PID", 3.0, "number", Latest);
    metadata(processes, "threads", "# Threads", 4.0, "number", Latest);
    metadata(processes, "user", "User", 5.0, "", Latest);
    metadata(processes, "state", "State", 6.0, "", Latest);
    metadata(processes, "unit", "Unit", 11.0, "", Latest);
    metadata(processes, "exe", "Executable", 12.0, "", Latest);
    metadata(processes, "cgroup", "Cgroup", 13.0, "", Latest);
    metric(processes, "process_cpu_usage_percent", "CPU", "percent", "", 1.0);
    metric(
        processes,
        "process_memory_usage_bytes",
        "Memory",
        "filesize",
        "",
        2.0,
    );
    metric(processes, "open_files_count", "Open files", "integer", "", 3.0);
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    struct Ended(Child);
    impl Drop for Ended {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_started_process_is_reported_with_its_facts() {
        let child = Ended(Command::new("sleep").arg("61.5").spawn().unwrap());
        let mut probe = ProcessProbe::new("h".into(), "p".into());
        probe.report(Timestamp(0)).unwrap();
        let seen = probe.report(Timestamp(1_000_000_000)).unwrap();
        let node = seen
            .report
            .node(TopologyKind::Process, &format!("h;{}", child.0.id()))
            .unwrap();
        assert_eq!(node.latest("name"), Some("sleep"));
        assert_eq!(node.latest("cmdline"), Some("sleep 61.5"));
        assert_eq!(node.latest("ppid"), Some(std::process::id().to_string().as_str()));
        assert_eq!(node.latest("threads"), Some("1"));
        assert!(node.latest("user").is_some() && node.latest("started_ms").is_some());
        assert!(
            node.parents["host"].contains("h;<host>"),
            "the host is its parent"
        );
        let last = |metric: &str| node.metrics.get(metric).and_then(Metric::last).map(|s| s.value);
        assert!(last("process_memory_usage_bytes").is_some_and(|v| v > 0.0));
        assert!(
            last("open_files_count").is_some_and(|v| v >= 3.0),
            "it has its three standard files"
        );
        assert!(
            last("process_cpu_usage_percent").is_some_and(|v| v < 50.0),
            "it sleeps"
        );
    }

    #[test]
    fn a_process_that_ended_is_gone_from_the_next_report() {
        let mut child = Ended(Command::new("sleep").arg("62").spawn().unwrap());
        let id = format!("h;{}", child.0.id());
        let mut probe = ProcessProbe::new("h".into(), "p".into());
        assert!(
            probe
                .report(Timestamp(0))
                .unwrap()
                .report
                .node(TopologyKind::Process, &id)
                .is_some()
        );
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        assert!(
            probe
                .report(Timestamp(1))
                .unwrap()
                .report
                .node(TopologyKind::Process, &id)
                .is_none()
        );
    }

    #[test]
    fn names_are_what_people_call_programs() {
        let check = |raw: &str, name: &str, cmdline: &str| {
            assert_eq!(
                names(raw, "comm"),
                (SmolStr::new(name), SmolStr::new(cmdline)),
                "{raw:?}"
            );
        };
        check("", "comm", "");
        check(
            "/usr/bin/python3\0-m\0http.server\0",
            "python3",
            "/usr/bin/python3 -m http.server",
        );
        check(
            "nginx: worker process              ",
            "nginx: worker process",
            "nginx: worker process",
        );
        check("sleep\x002\0", "sleep", "sleep 2");
        check("\0\0", "comm", "");
    }

    #[test]
    fn what_may_not_be_seen_is_said() {
        let limited = health(10, 4, 0);
        assert_eq!(limited.state, HealthState::Limited);
        assert!(
            limited.summary.contains("10 processes, 4") && limited.remedy.contains("sudo"),
            "{limited:?}"
        );
        assert_eq!(health(10, 10, 0).state, HealthState::Ok);
    }
}
