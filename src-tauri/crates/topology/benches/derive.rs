//! How long one snapshot of a machine with 2,000 processes takes to become what clients see.
//!
//! With `ORRERY_DATA` set, `report-2000.json.gz` of that folder is used besides a made-up report.

#![expect(clippy::print_stderr, reason = "says what is skipped")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use orrery_model::{MetadataTemplate, Metric, MetricTemplate, Node, Report, Timestamp, TopologyKind};
use orrery_topology::derive::{Derivation, Options};

const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);
const PROCESSES: u32 = 2_000;
const CONNECTIONS: u32 = 500;

fn made_up() -> Report {
    let mut report = Report::default();
    let host = "bench;<host>";
    let mut node = Node::new(host, "host").with_latest("host_node_id", NOW, host);
    node.sets.insert(
        "local_networks".into(),
        ["10.0.0.0/8".into(), "127.0.0.0/8".into()].into(),
    );
    report.topology_mut(TopologyKind::Host).insert(node);
    let processes = report.topology_mut(TopologyKind::Process);
    for (i, (id, label)) in [
        ("pid", "PID"),
        ("cmdline", "Command"),
        ("ppid", "Parent PID"),
        ("threads", "# Threads"),
    ]
    .into_iter()
    .enumerate()
    {
        let template = MetadataTemplate {
            id: id.into(),
            label: label.into(),
            priority: i as f64,
            ..Default::default()
        };
        processes.metadata_templates.insert(id.into(), template);
    }
    for (i, id) in [
        "process_cpu_usage_percent",
        "process_memory_usage_bytes",
        "open_files_count",
    ]
    .into_iter()
    .enumerate()
    {
        let template = MetricTemplate {
            id: id.into(),
            label: id.into(),
            priority: i as f64,
            ..Default::default()
        };
        processes.metric_templates.insert(id.into(), template);
    }
    for pid in 1..=PROCESSES {
        let mut node = Node::new(format!("bench;{pid}"), "process")
            .with_latest("host_node_id", NOW, host)
            .with_latest("pid", NOW, pid.to_string())
            .with_latest("ppid", NOW, (pid / 7).to_string())
            .with_latest("threads", NOW, "4")
            .with_latest("name", NOW, format!("worker-{}", pid % 90))
            .with_latest(
                "cmdline",
                NOW,
                format!("/usr/lib/service/worker --shard {pid} --listen 127.0.0.1"),
            )
            .with_latest("cgroup", NOW, format!("/system.slice/unit-{}.service", pid % 120))
            .with_parent("host", host);
        for id in [
            "process_cpu_usage_percent",
            "process_memory_usage_bytes",
            "open_files_count",
        ] {
            node = node.with_metric(id, Metric::of(NOW, f64::from(pid % 100), 0.0, 100.0));
        }
        report.topology_mut(TopologyKind::Process).insert(node);
    }
    let endpoints = report.topology_mut(TopologyKind::Endpoint);
    for i in 0..CONNECTIONS {
        let (client, server) = (1 + i * 7 % PROCESSES, 1 + i * 13 % PROCESSES);
        let target = format!(";10.0.0.1;{}", 2_000 + server);
        let owned = |id: String, pid: u32| {
            Node::new(id, "endpoint")
                .with_latest("host_node_id", NOW, host)
                .with_latest("pid", NOW, pid.to_string())
        };
        let source = owned(format!(";10.0.0.1;{}", 30_000 + i), client)
            .with_adjacent(target.as_str())
            .with_metric("bytes_sent_per_s", Metric::of(NOW, 10.0, 0.0, 0.0));
        endpoints.insert(source);
        endpoints.insert(owned(target, server));
    }
    report
}

fn recorded() -> Option<Report> {
    let Some(folder) = std::env::var_os("ORRERY_DATA") else {
        eprintln!("skipped: ORRERY_DATA is not set");
        return None;
    };
    let bytes = std::fs::read(std::path::Path::new(&folder).join("report-2000.json.gz")).ok()?;
    Some(
        Report::decode_body(&bytes, "application/json", "gzip", NOW)
            .ok()?
            .report,
    )
}

fn derive(c: &mut Criterion) {
    let reports = [("made up", Some(made_up())), ("recorded", recorded())];
    for (name, report) in reports
        .into_iter()
        .filter_map(|(name, r)| Some((name, Arc::new(r?))))
    {
        let fresh = || Derivation::new(report.clone(), None);
        let options = Options::default();
        let everything: Options = [("unconnected".to_owned(), "show".to_owned())].into();
        let mut group = c.benchmark_group(name);
        group.bench_function("picture of the mixed view", |b| {
            b.iter(|| black_box(fresh().picture("everything", &options, "")));
        });
        group.bench_function("picture of all processes", |b| {
            b.iter(|| black_box(fresh().picture("processes", &everything, "")));
        });
        group.bench_function("list of topologies", |b| {
            b.iter(|| black_box(fresh().topologies()));
        });
        group.bench_function("first search", |b| {
            b.iter(|| black_box(fresh().search("worker-5", 50)));
        });
        let warm = fresh();
        group.bench_function("next search", |b| {
            b.iter(|| black_box(warm.search("worker-5", 50)));
        });
        let host = report
            .topology(TopologyKind::Host)
            .nodes
            .keys()
            .next()
            .map(ToString::to_string);
        let host = host.unwrap_or_default();
        group.bench_function("card of the host", |b| {
            b.iter(|| black_box(warm.details("hosts", &host, &options)));
        });
        group.bench_function("Scope's processes", |b| {
            b.iter(|| black_box(fresh().scope_nodes("processes", None)));
        });
        group.finish();
    }
}

criterion_group!(benches, derive);
criterion_main!(benches);
