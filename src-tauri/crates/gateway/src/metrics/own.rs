//! What Orrery says of itself.

use std::time::Duration;

use orrery_engine::Engine;
use orrery_engine::api::{Caller, Origin, PluginState, Role, SourceState, Status};
use orrery_export::Standing;
use orrery_exposition::Family;
use orrery_services::traffic::{BUCKETS, Traffic};

use crate::router::Gateway;

/// Families about this instance: its process, itself, its sources, its history, its plugins, and the requests to what
/// plugins serve.
pub(crate) fn families(gateway: &Gateway) -> Vec<Family> {
    let engine = &gateway.engine;
    let anybody = Caller {
        user: String::new(),
        role: Role::View,
        origin: Origin::Http,
        from: String::new(),
    };
    let status = engine.status(&anybody);
    let mut families = vec![
        Family::gauge("orrery_build_info", "1, labelled with the version.")
            .with(&[("version", status.version.as_str())], 1.0),
        Family::gauge(
            "orrery_start_time_seconds",
            "When this instance started, since the epoch.",
        )
        .with(&[], status.started_ms as f64 / 1e3),
        Family::gauge(
            "orrery_cpu_percent",
            "Own CPU over the last ten seconds, of one core.",
        )
        .with(&[], status.own_cpu_percent),
        Family::gauge("orrery_memory_bytes", "Own resident memory.")
            .with(&[], status.own_memory_bytes as f64),
        Family::gauge(
            "orrery_reports_per_second",
            "Reports taken in over the last ten seconds.",
        )
        .with(&[], status.reports_per_s),
        Family::gauge(
            "orrery_report_bytes_per_second",
            "Bytes of reports taken in over the last ten seconds.",
        )
        .with(&[], status.report_bytes_per_s),
        Family::counter("orrery_publications_total", "Snapshots published.")
            .with(&[], engine.published().seq as f64),
        Family::gauge(
            "orrery_published_time_seconds",
            "When the newest snapshot was published, since the epoch.",
        )
        .with(&[], status.published_ms as f64 / 1e3),
        Family::gauge("orrery_history_bytes", "Size of the history on disk.")
            .with(&[], status.history_bytes as f64),
        Family::gauge("orrery_history_limit_bytes", "Limit of the history on disk.")
            .with(&[], status.history_limit_bytes as f64),
    ];
    let mut nodes = Family::gauge(
        "orrery_report_nodes",
        "Nodes in the merged report, by report topology.",
    );
    for (topology, count) in engine.published_counts() {
        nodes.push(&[("topology", topology)], count as f64);
    }
    let mut sources = Family::gauge("orrery_source_up", "1 while a source sees anything at all.");
    for source in &status.sources {
        let up = !matches!(source.state, SourceState::Failed | SourceState::Absent);
        sources.push(&[("source", source.id.as_str())], f64::from(u8::from(up)));
    }
    families.extend([nodes, sources]);
    families.extend(process(&status));
    families.extend(plugins(engine));
    if let Some(data_plane) = &gateway.services {
        families.extend(services(&data_plane.plane.traffic()));
    }
    if let Some(exporter) = &gateway.otlp {
        families.extend(exported(&exporter.standing()));
    }
    families
}

/// How sending metrics to a collector goes.
fn exported(standing: &Standing) -> [Family; 4] {
    let arrives = standing.arrives.map(|yes| f64::from(u8::from(yes)));
    let mut up = Family::gauge(
        "orrery_otlp_up",
        "1 when the last metrics arrived at the OTLP collector.",
    );
    if let Some(arrives) = arrives {
        up.push(&[], arrives);
    }
    [
        up,
        Family::counter("orrery_otlp_points_total", "Data points that arrived there.")
            .with(&[], standing.sent as f64),
        Family::counter(
            "orrery_otlp_points_left_out_total",
            "Data points that it refused, or that were too many.",
        )
        .with(&[], standing.left_out as f64),
        Family::counter("orrery_otlp_failures_total", "Times that nothing arrived there.")
            .with(&[], standing.failures as f64),
    ]
}

/// What every program exposes of itself, under the names that dashboards know.
fn process(status: &Status) -> Vec<Family> {
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = Duration::try_from(cpu).unwrap_or_default();
    let mut families = vec![
        Family::counter("process_cpu_seconds_total", "CPU time used, user and system.")
            .with(&[], cpu.as_secs_f64()),
        Family::gauge("process_resident_memory_bytes", "Resident memory.")
            .with(&[], status.own_memory_bytes as f64),
        Family::gauge(
            "process_start_time_seconds",
            "When this process began, since the epoch.",
        )
        .with(&[], status.started_ms as f64 / 1e3),
    ];
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // The listing has a descriptor of its own.
        let open = open.count().saturating_sub(1);
        families.push(Family::gauge("process_open_fds", "Open file descriptors.").with(&[], open as f64));
    }
    families
}

fn plugins(engine: &Engine) -> [Family; 4] {
    let mut up = Family::gauge("orrery_plugin_up", "1 while a plugin's socket answers well.");
    let mut latency = Family::gauge(
        "orrery_plugin_report_duration_seconds",
        "How long a plugin's last report took.",
    );
    let mut bytes = Family::gauge("orrery_plugin_report_bytes", "Size of a plugin's last report.");
    let mut failures = Family::gauge("orrery_plugin_failures", "Failed calls of a plugin in a row.");
    for p in engine.plugin_sockets() {
        // Sockets that are not called would share the label of the one that is.
        if matches!(p.state, PluginState::Rejected | PluginState::Conflict) {
            continue;
        }
        let label = [("plugin_id", p.id.as_str())];
        up.push(&label, f64::from(u8::from(p.state == PluginState::Ok)));
        failures.push(&label, f64::from(p.failures));
        if let Some(us) = p.latency_us {
            latency.push(&label, us as f64 / 1e6);
        }
        if let Some(size) = p.report_bytes {
            bytes.push(&label, size as f64);
        }
    }
    [up, latency, bytes, failures]
}

/// Families about requests to what plugins serve.
fn services(traffic: &[Traffic]) -> [Family; 6] {
    let mut took = Family::histogram(
        "orrery_service_request_duration_seconds",
        "Time until the head of the answer, by how the request ended.",
    );
    let mut open = Family::gauge(
        "orrery_service_requests_in_flight",
        "Requests without an answer yet.",
    );
    let mut streams = Family::gauge(
        "orrery_service_open_streams",
        "Answers and upgraded connections under way.",
    );
    let mut stalled = Family::counter(
        "orrery_service_stalled_total",
        "Answers and upgraded connections that were cut because nothing moved for too long.",
    );
    let mut received = Family::counter("orrery_service_request_bytes_total", "Bytes of requests' bodies.");
    let mut sent = Family::counter("orrery_service_response_bytes_total", "Bytes of answers' bodies.");
    for one in traffic {
        let endpoint = one.endpoint.word();
        let labels = [
            ("plugin_id", one.plugin.as_str()),
            ("group", one.group.as_str()),
            ("endpoint", endpoint),
        ];
        open.push(&labels, one.in_flight as f64);
        streams.push(&labels, one.open_streams as f64);
        stalled.push(&labels, one.stalled as f64);
        received.push(&labels, one.request_bytes as f64);
        sent.push(&labels, one.response_bytes as f64);
        for (result, durations) in &one.results {
            let [plugin, group, endpoint] = labels;
            let labels = [plugin, group, endpoint, ("result", result.word())];
            let buckets: Vec<(f64, u64)> = BUCKETS.into_iter().zip(durations.cumulative).collect();
            took.observe(&labels, &buckets, durations.count, durations.sum_seconds);
        }
    }
    [took, open, streams, stalled, received, sent]
}
