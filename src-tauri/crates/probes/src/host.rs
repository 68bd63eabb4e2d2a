//! The machine itself.

use orrery_model::{MetadataSource, Metric, Node, Report, SmolStr, Timestamp, TopologyKind, id};
use smol_str::{ToSmolStr as _, format_smolstr};

use crate::templates::{metadata, metric, shape};
use crate::{Health, HealthState, Observation, Probe, ProbeError, networks, procfs};

/// The name by which everything on this machine is scoped.
pub fn host_id() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Reports the host.
#[derive(Debug)]
pub struct HostProbe {
    host: String,
    probe_id: String,
    version: String,
    /// Busy and total ticks of the report before.
    cpu: Option<(u64, u64)>,
    facts: Facts,
}

/// What does not change while the machine runs.
#[derive(Debug)]
struct Facts {
    os: SmolStr,
    kernel: SmolStr,
    cores: SmolStr,
}

impl HostProbe {
    /// A probe of the host with this id, which says who it is in what it reports.
    pub fn new(host: String, probe_id: String, version: String) -> Self {
        HostProbe {
            host,
            probe_id,
            version,
            cpu: None,
            facts: Facts::read(),
        }
    }

    /// Share of all processors that was busy since the report before; none in the first.
    fn cpu_percent(&mut self, stat: &str) -> Option<f64> {
        let now = procfs::cpu_times(stat)?;
        let before = self.cpu.replace(now)?;
        let total = now.1.checked_sub(before.1).filter(|t| *t > 0)?;
        Some(now.0.saturating_sub(before.0) as f64 / total as f64 * 100.0)
    }
}

impl Facts {
    fn read() -> Self {
        let release = procfs::read("/etc/os-release").unwrap_or_default();
        let uname = rustix::system::uname();
        let kernel = format_smolstr!(
            "{} {}",
            uname.release().to_string_lossy(),
            uname.version().to_string_lossy()
        );
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let os = pretty_name(&release).unwrap_or_else(|| uname.sysname().to_string_lossy().into_owned());
        Facts {
            os: os.into(),
            kernel,
            cores: cores.to_smolstr(),
        }
    }
}

fn pretty_name(release: &str) -> Option<String> {
    let value = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned()).filter(|v| !v.is_empty())
}

impl Probe for HostProbe {
    fn id(&self) -> &'static str {
        "host"
    }

    fn report(&mut self, now: Timestamp) -> Result<Observation, ProbeError> {
        let read = |path: &str| {
            procfs::read(path).map_err(|source| ProbeError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let (stat, meminfo, load) = (
            read("/proc/stat")?,
            read("/proc/meminfo")?,
            read("/proc/loadavg")?,
        );
        let uptime = read("/proc/uptime")?;
        let host_id = id::tagged(TopologyKind::Host, &self.host);
        let seconds = uptime.split('.').next().unwrap_or_default().trim();
        let mut node = Node::new(host_id.clone(), TopologyKind::Host.tag())
            .with_latest("host_name", now, self.host.as_str())
            .with_latest("host_node_id", now, host_id)
            .with_latest("control_probe_id", now, self.probe_id.as_str())
            .with_latest("host_scope_version", now, self.version.as_str())
            .with_latest("kernel_version", now, self.facts.kernel.clone())
            .with_latest("os", now, self.facts.os.clone())
            .with_latest("cores", now, self.facts.cores.clone())
            .with_latest("uptime", now, seconds)
            .with_latest("ts", now, now.to_string());
        if let Some(boot) = procfs::boot_time(&stat) {
            node = node.with_latest("started_ms", now, (boot * 1_000).to_smolstr());
        }
        node.sets
            .insert(SmolStr::new_static("local_networks"), networks::local().into());

        if let Some(percent) = self.cpu_percent(&stat) {
            node = node.with_metric("host_cpu_usage_percent", Metric::of(now, percent, 0.0, 100.0));
        }
        if let Some(total) = procfs::memory(&meminfo, "MemTotal") {
            let available = procfs::memory(&meminfo, "MemAvailable").unwrap_or_else(|| free(&meminfo));
            let used = total.saturating_sub(available) as f64;
            node = node.with_metric("host_mem_usage_bytes", Metric::of(now, used, 0.0, total as f64));
        }
        if let Some(one) = load
            .split_ascii_whitespace()
            .next()
            .and_then(|f| f.parse::<f64>().ok())
        {
            node = node.with_metric("load1", Metric::of(now, one, 0.0, one));
        }
        let summary = format!("{}, {} cores", self.facts.os, self.facts.cores);
        Ok(Observation {
            report: report(node, now),
            health: healthy(summary),
        })
    }
}

/// Memory that could be had on kernels that do not say.
fn free(meminfo: &str) -> u64 {
    ["MemFree", "Buffers", "Cached"]
        .iter()
        .filter_map(|f| procfs::memory(meminfo, f))
        .sum()
}

fn healthy(summary: String) -> Health {
    Health {
        state: HealthState::Ok,
        summary,
        looked_at: "/proc".to_owned(),
        limited_by: String::new(),
        remedy: String::new(),
    }
}

fn report(node: Node, now: Timestamp) -> Report {
    use MetadataSource::{Latest, Sets};
    let mut report = Report {
        ts: now,
        ..Report::default()
    };
    let hosts = report.topology_mut(TopologyKind::Host);
    shape(hosts, TopologyKind::Host);
    metadata(hosts, "kernel_version", "Kernel version", 1.0, "", Latest);
    metadata(hosts, "uptime", "Uptime", 2.0, "duration", Latest);
    metadata(hosts, "cores", "Cores", 3.0, "number", Latest);
    metadata(hosts, "host_name", "Hostname", 11.0, "", Latest);
    metadata(hosts, "os", "OS", 12.0, "", Latest);
    metadata(hosts, "local_networks", "Local networks", 13.0, "", Sets);
    metadata(hosts, "host_scope_version", "Probe version", 14.0, "", Latest);
    metric(hosts, "host_cpu_usage_percent", "CPU", "percent", "", 1.0);
    metric(hosts, "host_mem_usage_bytes", "Memory", "filesize", "", 2.0);
    metric(hosts, "load1", "Load (1m)", "", "load", 11.0);
    hosts.insert(node);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_reported() {
        let mut probe = HostProbe::new("h".into(), "p".into(), "1".into());
        probe.report(Timestamp(1)).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60));
        let seen = probe.report(Timestamp(2)).unwrap();
        let node = seen.report.node(TopologyKind::Host, "h;<host>").unwrap();
        for fact in [
            "host_name",
            "os",
            "kernel_version",
            "uptime",
            "cores",
            "started_ms",
        ] {
            assert!(
                node.latest(fact).is_some_and(|v| !v.is_empty()),
                "{fact} is known"
            );
        }
        assert!(
            node.sets["local_networks"].contains("127.0.0.0/8"),
            "loopback is local"
        );
        let last = |metric: &str| node.metrics.get(metric).and_then(Metric::last).map(|s| s.value);
        assert!(
            last("host_cpu_usage_percent").is_some_and(|v| (0.0..=100.0).contains(&v)),
            "share of all cores"
        );
        assert!(
            last("host_mem_usage_bytes").is_some_and(|v| v > 0.0),
            "some memory is used"
        );
        assert!(last("load1").is_some(), "load is known");
    }

    #[test]
    fn the_systems_name_is_read_without_quotes() {
        assert_eq!(
            pretty_name("NAME=x\nPRETTY_NAME=\"Debian 12\"\n").as_deref(),
            Some("Debian 12")
        );
        assert_eq!(pretty_name("PRETTY_NAME=\"\"\n"), None);
    }
}
