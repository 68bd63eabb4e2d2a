//! Reports that hold something of every kind, the same for the same seed, and small changes of them.

use std::collections::{BTreeMap, BTreeSet};

use orrery_model::{
    Column, Control, ControlState, DnsRecord, MetadataSource, MetadataTemplate, Metric, MetricTemplate,
    Names, Node, NodeId, Report, SmolStr, TableTemplate, TableType, Timestamp, TopologyKind, id,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);

/// A small generator of numbers: equal seeds give equal ones.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// True in this many of a hundred cases.
    pub(crate) fn often(&mut self, per_cent: usize) -> bool {
        self.below(100) < per_cent
    }

    pub(crate) fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

const HOSTS: [&str; 3] = ["h0", "h1.example.com", "a-host-with-a-long-name.example.com"];
const NAMES: [&str; 4] = ["nginx", "redis", "sh", "a-process-with-a-name-longer-than-most"];
const STATES: [&str; 4] = ["running", "paused", "exited", "deleted"];
const POD_STATES: [&str; 3] = ["Running", "deleted", "failed"];
const SPACES: [&str; 3] = ["default", "kube-system", "shop"];
const OUTSIDE: [&str; 4] = ["8.8.8.8", "1.1.1.1", "2001:db8::7", "52.0.0.1"];
const IMAGES: [&str; 5] = [
    "nginx:1",
    "docker.io/shop/api:2.14.0",
    "weaveworks/scope:1.13",
    "k8s.gcr.io/pause:3.1",
    "<none>",
];

/// Facts that mean something to derivation, with words they may have, by kind.
fn vocabulary(kind: TopologyKind) -> &'static [(&'static str, &'static [&'static str])] {
    match kind {
        TopologyKind::Process => &[
            ("name", &NAMES),
            ("ppid", &["1", "2", "101"]),
            ("pid", &["1", "101", "102"]),
            ("cmdline", &["/bin/sh -c true", "nginx -g daemon off;"]),
            ("threads", &["1", "4"]),
            ("docker_container_id", &["c0", "c1", "c7", ""]),
            (
                "cgroup",
                &[
                    "/system.slice/ssh.service",
                    "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
                    "/kubepods/x",
                    "/init.scope",
                ],
            ),
            ("unit", &["ssh.service", "session-2.scope", "user.slice"]),
            ("user", &["root", "ada"]),
            ("kernel_thread", &["true", "false"]),
            ("started_ms", &["1700000000000", "soon"]),
            ("open_files_limited", &["true"]),
            ("does_not_make_connections", &["true"]),
            ("host_node_id", &["h0;<host>", "h1.example.com;<host>"]),
            ("env_A", &["1", "2"]),
        ],
        TopologyKind::Container => &[
            ("docker_container_name", &["web", "db", "weavescope", "k8s_POD_x"]),
            ("docker_container_hostname", &["web.local", "db.local", ""]),
            ("docker_container_state", &STATES),
            ("docker_container_uptime", &["3 minutes", "5 minutes"]),
            ("docker_image_id", &["i0", "i1", "i2", "i9", ""]),
            ("docker_image_name", &IMAGES),
            ("docker_container_network_mode", &["host", "bridge"]),
            ("docker_is_in_host_network", &["true", "false"]),
            ("does_not_make_connections", &["true"]),
            ("docker_label_io.kubernetes.pod.namespace", &SPACES),
            ("docker_label_com.docker.compose.project", &["shop", "wiki"]),
            ("docker_label_com.docker.stack.namespace", &["stack-a"]),
            ("docker_label_works.weave.role", &["system"]),
            ("docker_label_io.kubernetes.container.name", &["pretty"]),
            ("docker_env_PATH", &["/bin", "/usr/bin"]),
            ("host_node_id", &["h0;<host>", "h1.example.com;<host>"]),
            ("control_probe_id", &["p1", "p2"]),
        ],
        TopologyKind::ContainerImage => &[
            ("docker_image_id", &["i0", "i1", "i2"]),
            ("docker_image_name", &IMAGES),
            ("docker_image_tag", &["latest", "2"]),
            ("docker_image_size", &["10MB", "12MB"]),
            ("docker_image_label_works.weave.role", &["system"]),
            ("host_node_id", &["h0;<host>"]),
        ],
        TopologyKind::Host => &[
            ("cores", &["1", "8"]),
            ("os", &["linux"]),
            ("host_node_id", &["h0;<host>", "h1.example.com;<host>"]),
            ("control_probe_id", &["p1"]),
            ("uptime", &["1s", "2s"]),
        ],
        TopologyKind::Endpoint => &[
            ("host_node_id", &["h0;<host>", "h1.example.com;<host>"]),
            ("pid", &["1", "101", "102", "103"]),
            ("conn_count", &["0", "4"]),
            ("copy_of", &[";10.0.0.1;80", "h0;127.0.0.1;9000"]),
            ("rtt_ms_avg", &["0.5", "x"]),
        ],
        TopologyKind::Overlay => &[
            ("weave_peer_nick_name", &["peer-a", ""]),
            ("host_node_id", &["h0;<host>"]),
        ],
        TopologyKind::SwarmService => &[
            ("service_name", &["front", "back"]),
            ("stack_namespace", &["stack-a", "stack-b"]),
        ],
        TopologyKind::EcsTask => &[("ecs_task_family", &["fam"]), ("ecs_created_at", &["2026-01-01"])],
        _ => &[
            ("kubernetes_name", &["n0", "n1", "n2", ""]),
            ("kubernetes_namespace", &SPACES),
            ("kubernetes_state", &POD_STATES),
            ("kubernetes_ip", &["10.1.0.1", "10.1.0.2", "None", ""]),
            ("kubernetes_is_in_host_network", &["true"]),
            ("kubernetes_volume_claim", &["n0", "n1"]),
            ("kubernetes_volume_name", &["n0", "n1"]),
            ("kubernetes_storage_class_name", &["n0", "n1"]),
            ("kubernetes_volume_snapshot_name", &["n0", "n1"]),
            ("kuberneets_snapshot_data", &["n0", "n1"]),
            ("kubernetes_created", &["2026-01-01", "2026-01-02"]),
            ("host_node_id", &["h0;<host>"]),
        ],
    }
}

const METRICS: [&str; 5] = [
    "process_cpu_usage_percent",
    "docker_memory_usage",
    "load1",
    "bytes_sent_per_s",
    "rtt_ms",
];
const CONTROLS: [&str; 4] = ["docker_stop_container", "host_exec", "p~go", "undeclared"];
const PARENT_KINDS: [TopologyKind; 13] = [
    TopologyKind::Container,
    TopologyKind::ContainerImage,
    TopologyKind::Pod,
    TopologyKind::Deployment,
    TopologyKind::DaemonSet,
    TopologyKind::StatefulSet,
    TopologyKind::CronJob,
    TopologyKind::Job,
    TopologyKind::Service,
    TopologyKind::EcsTask,
    TopologyKind::EcsService,
    TopologyKind::SwarmService,
    TopologyKind::Host,
];

/// An id of this kind out of few, so that nodes find each other.
fn some_id(kind: TopologyKind, dice: &mut Dice) -> NodeId {
    let n = dice.below(4);
    match kind {
        TopologyKind::Process => id::process(dice.of(&HOSTS), [1, 101, 102, 103, 104, 105][dice.below(6)]),
        TopologyKind::Host => id::tagged(kind, dice.of(&HOSTS)),
        TopologyKind::Container => id::tagged(kind, &format!("c{n}")),
        TopologyKind::ContainerImage => id::tagged(kind, &format!("i{}", n % 3)),
        TopologyKind::Endpoint => {
            let local = ["10.0.0.1", "10.0.0.2", "10.1.0.1", "192.168.7.7"];
            match dice.below(5) {
                0 => id::endpoint("h0", "127.0.0.1", 9000 + n as u16),
                1 => id::endpoint("", dice.of(&OUTSIDE), 443),
                2 => id::endpoint("", dice.of(&local), 80),
                3 => id::endpoint("", "10.0.0.1", 8080),
                _ => id::endpoint("", dice.of(&local), 30_000 + n as u16),
            }
        }
        TopologyKind::Overlay => NodeId::new(dice.of(&["#aa:1", "#aa:2", "#aa:3", "#docker_peer_h0", "net"])),
        TopologyKind::EcsService => NodeId::new(dice.of(&["cluster;web", "old;<ecs_service>"])),
        _ => id::tagged(kind, &format!("x{n}")),
    }
}

fn some_node(kind: TopologyKind, id: NodeId, dice: &mut Dice) -> Node {
    let mut node = Node::new(id, if dice.often(90) { kind.tag() } else { "" });
    for (key, words) in vocabulary(kind) {
        if dice.often(55) {
            node = node.with_latest(key, NOW, dice.of(words));
        }
    }
    if kind == TopologyKind::Process && dice.often(90) {
        let (host, pid) = node.id.split_once(';').unwrap_or(("h0", "1"));
        let (host, pid) = (format!("{host};<host>"), pid.to_owned());
        node = node
            .with_latest("host_node_id", NOW, host.as_str())
            .with_parent("host", host)
            .with_latest("pid", NOW, pid);
    }
    for _ in 0..dice.below(4) {
        change_something(&mut node, kind, dice);
    }
    node
}

fn change_fact(node: &mut Node, kind: TopologyKind, dice: &mut Dice) {
    let words = vocabulary(kind);
    let (key, values) = words[dice.below(words.len())];
    if dice.often(25) {
        node.latest.remove(key);
    } else {
        let value = dice.of(values);
        *node = std::mem::take(node).with_latest(key, Timestamp(NOW.0 + dice.below(9) as i64), value);
    }
}

fn change_set(node: &mut Node, dice: &mut Dice) {
    let sets: [(&str, &[&str]); 5] = [
        ("local_networks", &["10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16"]),
        (
            "docker_container_ips_with_scopes",
            &["h0;172.17.0.2", ";10.0.0.2", ";10.0.0.1"],
        ),
        (
            "docker_container_ports",
            &["10.0.0.1:8080->80/tcp", "80/tcp", "10.0.0.1:53->53/udp"],
        ),
        ("snooped_dns_names", &["s3.amazonaws.com", "example.com"]),
        ("reverse_dns_names", &["storage.googleapis.com", "r.example.com"]),
    ];
    let (key, values) = sets[dice.below(sets.len())];
    let set = node.sets.entry(key.into()).or_default();
    let value = SmolStr::new(dice.of(values));
    if !set.remove(&value) {
        set.insert(value);
    }
}

/// Changes one thing that a node says.
pub(crate) fn change_something(node: &mut Node, kind: TopologyKind, dice: &mut Dice) {
    match dice.below(9) {
        0 | 1 => change_fact(node, kind, dice),
        2 => change_set(node, dice),
        3 => {
            let to = some_id(kind, dice);
            if !node.adjacency.remove(&to) {
                node.adjacency.insert(to);
            }
        }
        4 | 5 => {
            let mut metric = Metric::of(NOW, dice.below(1_000) as f64 / 7.0, 0.0, 100.0);
            if dice.often(10) {
                metric.samples = Default::default();
            }
            node.metrics.insert(dice.of(&METRICS).into(), metric);
        }
        6 => {
            let parent = PARENT_KINDS[dice.below(PARENT_KINDS.len())];
            let ids: &mut Names = node.parents.entry(parent.tag().into()).or_default();
            let id = some_id(parent, dice);
            if !ids.remove(&id) {
                ids.insert(id);
            }
        }
        7 => {
            let active: BTreeSet<SmolStr> = (0..dice.below(3)).map(|_| dice.of(&CONTROLS).into()).collect();
            node.active_controls
                .insert(dice.of(&["", "p"]).into(), (NOW, active));
        }
        _ => {
            let dead = dice.often(50);
            let state = ControlState { timestamp: NOW, dead };
            node.latest_controls.insert(dice.of(&CONTROLS).into(), state);
        }
    }
}

/// How the nodes of a kind want to be shown; some kinds say nothing.
fn declare(report: &mut Report, kind: TopologyKind, dice: &mut Dice) {
    let topology = report.topology_mut(kind);
    if dice.often(30) {
        topology.shape = "cloud".into();
        topology.tag = "camera".into();
        topology.label = "thing".into();
        topology.label_plural = "things".into();
    }
    for (at, (key, _)) in vocabulary(kind).iter().enumerate() {
        if dice.often(60) {
            let template = MetadataTemplate {
                id: if dice.often(80) {
                    SmolStr::new(key)
                } else {
                    SmolStr::default()
                },
                label: SmolStr::new(key.to_uppercase()),
                priority: ((at * 7) % 5) as f64,
                data_type: dice.of(&["", "number"]).into(),
                from: MetadataSource::Latest,
                truncate: (at % 3) as u32,
            };
            topology.metadata_templates.insert(SmolStr::new(key), template);
        }
    }
    for (key, from) in [
        ("local_networks", MetadataSource::Sets),
        ("container", MetadataSource::Counters),
        ("process", MetadataSource::Counters),
    ] {
        let template = MetadataTemplate {
            id: key.into(),
            label: key.into(),
            priority: 3.0,
            from,
            ..MetadataTemplate::default()
        };
        topology.metadata_templates.insert(key.into(), template);
    }
    for (at, key) in METRICS.iter().enumerate() {
        if dice.often(70) {
            let template = MetricTemplate {
                id: SmolStr::new(key),
                label: SmolStr::new(key.replace('_', " ")),
                format: "percent".into(),
                group: SmolStr::default(),
                priority: ((at * 3) % 4) as f64,
            };
            topology.metric_templates.insert(SmolStr::new(key), template);
        }
    }
    for (key, table_type) in [
        ("docker_label_", TableType::PropertyList),
        ("env_", TableType::Multicolumn),
    ] {
        if dice.often(30) {
            let template = TableTemplate {
                id: key.into(),
                label: key.into(),
                prefix: key.into(),
                table_type,
                columns: vec![Column {
                    id: "a".into(),
                    label: "A".into(),
                    data_type: SmolStr::default(),
                }],
                fixed_rows: BTreeMap::new(),
            };
            topology.table_templates.insert(key.into(), template);
        }
    }
    for (rank, key) in CONTROLS[..3].iter().enumerate() {
        if dice.often(60) {
            let control = Control {
                id: SmolStr::new(key),
                human: SmolStr::new(key.replace('_', " ")),
                rank: rank as i64,
                probe_id: dice.of(&["", "p9"]).into(),
                ..Control::default()
            };
            topology.controls.insert(SmolStr::new(key), control);
        }
    }
}

/// A report with up to `size` nodes of each kind.
pub(crate) fn report(seed: u64, size: usize) -> Report {
    let mut dice = Dice::new(seed);
    let mut report = Report {
        ts: NOW,
        ..Report::default()
    };
    for kind in TopologyKind::ALL {
        // Some machines have no Kubernetes, no containers, or no processes.
        if dice.often(25) {
            continue;
        }
        if dice.often(80) {
            declare(&mut report, kind, &mut dice);
        }
        let many = match kind {
            TopologyKind::Process | TopologyKind::Endpoint => size * 4,
            _ => size,
        };
        for _ in 0..dice.below(many + 1) {
            let node = some_node(kind, some_id(kind, &mut dice), &mut dice);
            report.topology_mut(kind).insert(node);
        }
    }
    for address in OUTSIDE {
        if dice.often(40) {
            let record = DnsRecord {
                forward: [SmolStr::new(dice.of(&["db.database.windows.net", "a.example"]))].into(),
                reverse: [SmolStr::new(dice.of(&["r.example", "x.googleapis.com"]))].into(),
            };
            report.dns.insert(address.into(), record);
        }
    }
    report
}

/// Changes one thing in a report: mostly what a node says; sometimes nodes come and go, or what stands
/// beside them changes.
pub(crate) fn change_one(report: &mut Report, dice: &mut Dice) {
    let kind = TopologyKind::ALL[dice.below(TopologyKind::ALL.len())];
    match dice.below(20) {
        0 | 1 => {
            let node = some_node(kind, some_id(kind, dice), dice);
            report.topology_mut(kind).insert(node);
        }
        2 | 3 => {
            let gone = some_id(kind, dice);
            report.topology_mut(kind).nodes.remove(&gone);
        }
        4 => declare(report, kind, dice),
        5 => {
            let names = DnsRecord {
                forward: [SmolStr::new(dice.of(&["s3.amazonaws.com", "b.example"]))].into(),
                reverse: BTreeSet::new(),
            };
            if report.dns.remove(dice.of(&OUTSIDE)).is_none() {
                report.dns.insert(dice.of(&OUTSIDE).into(), names);
            }
        }
        _ => {
            let kinds: Vec<TopologyKind> = report
                .topologies
                .iter()
                .filter(|(_, t)| !t.nodes.is_empty())
                .map(|(k, _)| *k)
                .collect();
            let Some(kind) = kinds.get(dice.below(kinds.len())).copied() else {
                return;
            };
            let nodes = &mut report.topology_mut(kind).nodes;
            let at = dice.below(nodes.len());
            if let Some(node) = nodes.values_mut().nth(at) {
                change_something(std::sync::Arc::make_mut(node), kind, dice);
            }
        }
    }
}
