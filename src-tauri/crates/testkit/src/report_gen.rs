//! Reports of machines that do not exist, of the shape real probes send, the same for the same seed.

use std::sync::Arc;

use orrery_model::{
    Control, DnsRecord, MetadataTemplate, Metric, MetricTemplate, Node, Report, SmolStr, TableTemplate,
    Timestamp, TopologyKind, id,
};

/// What to generate. Every report of one generator says the same but for times, readings and, after
/// [`ReportGen::churn`], the processes.
#[derive(Debug, Clone)]
pub struct ReportGen {
    /// Hosts, named `host-0` and on.
    pub hosts: usize,
    /// Processes on each host.
    pub processes_per_host: usize,
    /// Containers, dealt to the hosts in turn; the first processes of a host run in its containers.
    pub containers: usize,
    /// Connections, each from a process to another one by two endpoints.
    pub connections: usize,
    /// Changes every number and name.
    pub seed: u64,
    /// Samples of every metric: 1 for what one probe sends, 15 for what a window holds.
    pub samples: usize,
    generation: u64,
    churned: Vec<u32>,
}

/// Nanoseconds between samples.
const SAMPLE_STEP_NS: i64 = 1_000_000_000;
const FIRST_PID: u32 = 300;
const PROCESS_METRICS: [(&str, &str, &str, f64); 3] = [
    ("process_cpu_usage_percent", "CPU", "percent", 100.0),
    (
        "process_memory_usage_bytes",
        "Memory",
        "filesize",
        18_446_744_073_709_552_000.0,
    ),
    ("open_files_count", "Open files", "integer", 20_000.0),
];
const COMMANDS: [&str; 6] = ["nginx", "redis-server", "python3", "sleep", "postgres", "java"];

impl ReportGen {
    /// A generator of one host of this many processes, with a tenth as many containers and as many
    /// connections.
    pub fn of_processes(processes: usize) -> Self {
        ReportGen::new(1, processes, processes / 10, processes, 1)
    }

    /// A generator with one sample per metric.
    pub fn new(
        hosts: usize,
        processes_per_host: usize,
        containers: usize,
        connections: usize,
        seed: u64,
    ) -> Self {
        ReportGen {
            hosts,
            processes_per_host,
            containers,
            connections,
            seed,
            samples: 1,
            generation: 0,
            churned: vec![0; hosts * processes_per_host],
        }
    }

    /// The same with this many samples per metric.
    #[must_use]
    pub fn with_samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Ends this fraction of the processes (0 to 1) and starts as many others in their place.
    pub fn churn(&mut self, fraction: f64) {
        self.generation += 1;
        for slot in 0..self.churned.len() {
            if self.unit(&[7, self.generation, slot as u64]) < fraction {
                self.churned[slot] += 1;
            }
        }
    }

    /// What a probe would say at this time.
    pub fn report(&self, now: Timestamp) -> Report {
        let mut report = Report {
            ts: now,
            id: SmolStr::new("generated"),
            ..Report::default()
        };
        self.declare(&mut report, now);
        for host in 0..self.hosts {
            report
                .topology_mut(TopologyKind::Host)
                .insert(self.host(host, now));
        }
        for container in 0..self.containers {
            let (node, image) = self.container(container, now);
            report.topology_mut(TopologyKind::Container).insert(node);
            report.topology_mut(TopologyKind::ContainerImage).insert(image);
        }
        for slot in 0..self.churned.len() {
            report
                .topology_mut(TopologyKind::Process)
                .insert(self.process(slot, now));
        }
        self.connect(&mut report, now);
        report
    }

    /// The id of the process in this slot, from 0 to `hosts * processes_per_host`.
    pub fn process_id(&self, slot: usize) -> SmolStr {
        id::process(&host_name(self.host_of(slot)), self.pid(slot))
    }

    fn declare(&self, report: &mut Report, now: Timestamp) {
        for kind in [TopologyKind::Process, TopologyKind::Container, TopologyKind::Host] {
            let topology = report.topology_mut(kind);
            topology.shape = kind.shape().into();
            topology.label = kind.label().into();
            topology.label_plural = kind.label_plural().into();
        }
        let processes = report.topology_mut(TopologyKind::Process);
        for (at, (id, label, format, _)) in (1_u32..).zip(PROCESS_METRICS) {
            let template = MetricTemplate {
                id: id.into(),
                label: label.into(),
                format: format.into(),
                group: SmolStr::default(),
                priority: f64::from(at),
            };
            processes.metric_templates.insert(id.into(), template);
        }
        for (at, (id, label)) in (1_u32..).zip([
            ("pid", "PID"),
            ("cmdline", "Command"),
            ("ppid", "Parent PID"),
            ("threads", "# Threads"),
        ]) {
            let template = MetadataTemplate {
                id: id.into(),
                label: label.into(),
                priority: f64::from(at),
                ..MetadataTemplate::default()
            };
            processes.metadata_templates.insert(id.into(), template);
        }
        let containers = report.topology_mut(TopologyKind::Container);
        for (rank, id) in (1_i64..).zip(["docker_stop_container", "docker_restart_container"]) {
            let control = Control {
                id: id.into(),
                human: id.trim_start_matches("docker_").replace('_', " ").into(),
                icon: "fa-stop".into(),
                rank,
                declared: now,
                ..Control::default()
            };
            containers.controls.insert(id.into(), control);
        }
        let labels = TableTemplate {
            id: "docker_label_".into(),
            label: "Docker labels".into(),
            prefix: "docker_label_".into(),
            ..TableTemplate::default()
        };
        containers.table_templates.insert("docker_label_".into(), labels);
    }

    fn host(&self, host: usize, now: Timestamp) -> Node {
        let name = host_name(host);
        let mut node = Node::new(id::tagged(TopologyKind::Host, &name), "host")
            .with_latest("host_name", now, name.as_str())
            .with_latest("host_node_id", now, id::tagged(TopologyKind::Host, &name))
            .with_latest("os", now, "linux")
            .with_latest("kernel_version", now, "6.18.44 #1 SMP PREEMPT_DYNAMIC");
        node.sets
            .insert("local_networks".into(), [SmolStr::new("10.0.0.0/8")].into());
        for (at, (id, max)) in (0_u64..).zip([
            ("host_cpu_usage_percent", 100.0),
            ("host_mem_usage_bytes", 8.0e9),
            ("load1", 4.0),
        ]) {
            node = node.with_metric(id, self.metric(&[1, host as u64, at], max, now));
        }
        node
    }

    fn container(&self, container: usize, now: Timestamp) -> (Node, Node) {
        let host = host_name(container % self.hosts.max(1));
        let long = format!(
            "{:016x}{:016x}",
            self.mix(&[2, container as u64]),
            self.mix(&[3, container as u64])
        );
        let image = id::tagged(
            TopologyKind::ContainerImage,
            &format!("{:016x}", self.mix(&[4, container as u64 % 20])),
        );
        let mut node = Node::new(id::tagged(TopologyKind::Container, &long), "container")
            .with_latest("docker_container_id", now, long.as_str())
            .with_latest("docker_container_name", now, format!("service-{container}"))
            .with_latest(
                "docker_container_hostname",
                now,
                format!("service-{container}.local"),
            )
            .with_latest("docker_container_state", now, "running")
            .with_latest(
                "docker_label_com.example.team",
                now,
                COMMANDS[container % COMMANDS.len()],
            )
            .with_latest("host_node_id", now, id::tagged(TopologyKind::Host, &host))
            .with_metric(
                "docker_memory_usage",
                self.metric(&[5, container as u64], 1e9, now),
            )
            .with_metric(
                "docker_cpu_total_usage",
                self.metric(&[6, container as u64], 100.0, now),
            )
            .with_parent("host", id::tagged(TopologyKind::Host, &host))
            .with_parent("container_image", image.clone());
        let active = ["docker_stop_container", "docker_restart_container"].map(SmolStr::new);
        node.active_controls
            .insert(SmolStr::default(), (now, active.into()));
        let image = Node::new(image, "container_image").with_latest(
            "docker_image_name",
            now,
            format!("example/{}:1", COMMANDS[container % COMMANDS.len()]),
        );
        (node, image)
    }

    fn process(&self, slot: usize, now: Timestamp) -> Node {
        let host = self.host_of(slot);
        let pid = self.pid(slot);
        let command = COMMANDS[usize::try_from(self.mix(&[8, slot as u64]) % 6).unwrap_or(0)];
        let host_id = id::tagged(TopologyKind::Host, &host_name(host));
        let mut node = Node::new(self.process_id(slot), "process")
            .with_latest("cmdline", now, format!("{command} --slot {slot}"))
            .with_latest("host_node_id", now, host_id.clone())
            .with_latest("name", now, command)
            .with_latest("pid", now, pid.to_string())
            .with_latest("ppid", now, "1")
            .with_latest("threads", now, "1")
            .with_parent("host", host_id);
        for (at, (id, _, _, max)) in (0_u64..).zip(PROCESS_METRICS) {
            node = node.with_metric(id, self.metric(&[9, slot as u64, at], max, now));
        }
        if let Some(container) = self.container_of(slot) {
            let long = format!(
                "{:016x}{:016x}",
                self.mix(&[2, container as u64]),
                self.mix(&[3, container as u64])
            );
            node = node
                .with_latest("docker_container_id", now, long.as_str())
                .with_parent("container", id::tagged(TopologyKind::Container, &long));
        }
        node
    }

    fn connect(&self, report: &mut Report, now: Timestamp) {
        let slots = self.churned.len() as u64;
        if slots == 0 {
            return;
        }
        for connection in 0..self.connections {
            let pick = |salt: u64| usize::try_from(self.mix(&[salt, connection as u64]) % slots).unwrap_or(0);
            let (client, server) = (pick(10), pick(11));
            let from_port = u16::try_from(32_768 + connection % 28_000).unwrap_or(u16::MAX);
            let to_port = u16::try_from(1024 + server % 8000).unwrap_or(u16::MAX);
            let to = self.endpoint(server, to_port, now);
            let from = self.endpoint(client, from_port, now).with_adjacent(to.id.clone());
            let endpoints = report.topology_mut(TopologyKind::Endpoint);
            for end in [to, from] {
                match endpoints.nodes.get_mut(&end.id) {
                    Some(held) => Arc::make_mut(held).merge(&end),
                    None => endpoints.insert(end),
                }
            }
        }
        for host in 0..self.hosts {
            let record = DnsRecord {
                reverse: [SmolStr::new(host_name(host))].into(),
                ..DnsRecord::default()
            };
            report.dns.insert(address(host), record);
        }
        report.sampling.count = self.connections as u64;
        report.sampling.total = self.connections as u64;
    }

    fn endpoint(&self, slot: usize, port: u16, now: Timestamp) -> Node {
        let host = self.host_of(slot);
        Node::new(id::endpoint("", &address(host), port), "endpoint")
            .with_latest(
                "host_node_id",
                now,
                id::tagged(TopologyKind::Host, &host_name(host)),
            )
            .with_latest("pid", now, self.pid(slot).to_string())
    }

    fn metric(&self, key: &[u64], max: f64, now: Timestamp) -> Metric {
        let top = if max > 1e12 { 1e8 } else { max };
        let reading = |back: i64| {
            let date = Timestamp(now.0 - back * SAMPLE_STEP_NS);
            let tick = date.0.div_euclid(SAMPLE_STEP_NS).unsigned_abs();
            let mut seed = key.to_vec();
            seed.push(tick);
            let value = (self.unit(&seed) * top * 100.0).round() / 100.0;
            orrery_model::Sample { date, value }
        };
        let count = i64::try_from(self.samples).unwrap_or(0);
        Metric {
            samples: (0..count).rev().map(reading).collect(),
            min: 0.0,
            max,
        }
    }

    fn host_of(&self, slot: usize) -> usize {
        slot / self.processes_per_host.max(1)
    }

    fn container_of(&self, slot: usize) -> Option<usize> {
        let container = slot % self.processes_per_host.max(1) * self.hosts + self.host_of(slot);
        (container < self.containers).then_some(container)
    }

    fn pid(&self, slot: usize) -> u32 {
        let within = u32::try_from(slot % self.processes_per_host.max(1)).unwrap_or(0);
        let per_host = u32::try_from(self.processes_per_host).unwrap_or(0);
        FIRST_PID + within + self.churned.get(slot).copied().unwrap_or(0) * per_host
    }

    /// A number between 0 and 1 that depends on the seed and the key alone.
    fn unit(&self, key: &[u64]) -> f64 {
        f64::from(u32::try_from(self.mix(key) >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    /// SplitMix64's finisher over the seed and the key.
    fn mix(&self, key: &[u64]) -> u64 {
        key.iter().fold(self.seed, |state, part| {
            let mut z = state.wrapping_add(*part).wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
    }
}

fn host_name(host: usize) -> String {
    format!("host-{host}")
}

fn address(host: usize) -> SmolStr {
    SmolStr::new(format!(
        "10.{}.{}.{}",
        host / 65_536 % 256,
        host / 256 % 256,
        host % 256
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

    #[test]
    fn the_same_seed_says_the_same() {
        let one = ReportGen::new(2, 20, 6, 30, 5);
        assert_eq!(one.report(NOW), ReportGen::new(2, 20, 6, 30, 5).report(NOW));
        assert_ne!(one.report(NOW), ReportGen::new(2, 20, 6, 30, 6).report(NOW));
        let report = one.report(NOW);
        assert_eq!(report.topology(TopologyKind::Process).nodes.len(), 40);
        assert_eq!(report.topology(TopologyKind::Container).nodes.len(), 6);
        assert!(
            report
                .topology(TopologyKind::Endpoint)
                .nodes
                .values()
                .any(|n| !n.adjacency.is_empty())
        );
        assert!(report.node(TopologyKind::Process, &one.process_id(39)).is_some());
    }

    #[test]
    fn churn_replaces_about_that_fraction() {
        let mut generator = ReportGen::of_processes(1000);
        let before = generator.report(NOW);
        generator.churn(0.1);
        let after = generator.report(NOW);
        let gone = before
            .topology(TopologyKind::Process)
            .nodes
            .keys()
            .filter(|id| after.node(TopologyKind::Process, id).is_none())
            .count();
        assert!((50..150).contains(&gone), "{gone} of 1000");
        assert_eq!(after.topology(TopologyKind::Process).nodes.len(), 1000);
    }
}
