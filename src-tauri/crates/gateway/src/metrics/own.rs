//! What Orrery says of itself.

use orrery_engine::Engine;
use orrery_engine::api::{Caller, PluginState, SourceState};
use orrery_exposition::Family;
use orrery_services::traffic::{BUCKETS, Traffic};

/// Families about this instance: itself, its sources, its history, its plugins.
pub(super) fn families(engine: &Engine, caller: &Caller) -> Vec<Family> {
    let status = engine.status(caller);
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
    families.extend(plugins(engine));
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
pub(super) fn services(traffic: &[Traffic]) -> [Family; 5] {
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
        received.push(&labels, one.request_bytes as f64);
        sent.push(&labels, one.response_bytes as f64);
        for (result, durations) in &one.results {
            let [plugin, group, endpoint] = labels;
            let labels = [plugin, group, endpoint, ("result", result.word())];
            let buckets: Vec<(f64, u64)> = BUCKETS.into_iter().zip(durations.cumulative).collect();
            took.observe(&labels, &buckets, durations.count, durations.sum_seconds);
        }
    }
    [took, open, streams, received, sent]
}

/// Name of the family of a node's metric: what names may not hold becomes `_`.
pub(super) fn node_family(metric: &str) -> String {
    let safe = metric
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    format!("orrery_node_{}", safe.collect::<String>())
}
