//! State of the instance.

use std::sync::PoisonError;

use crate::api::{Caller, SourceState, SourceStatus, Status};
use crate::clock;
use crate::engine::Engine;
use crate::user::user_name;

impl Engine {
    /// How the instance does.
    pub fn status(&self, caller: &Caller) -> Status {
        let shared = &self.shared;
        let now_ms = clock::now_ms();
        let (reports_per_s, report_bytes_per_s) = shared.rates.per_second(now_ms);
        let cost = shared
            .own_cost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sample();
        let history = shared.history.stats();
        Status {
            id: shared.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: shared.host.clone(),
            user: user_name(),
            root: rustix::process::geteuid().is_root(),
            started_ms: shared.started_ms,
            pid: std::process::id(),
            data_dir: shared.config.data_dir.display().to_string(),
            role: caller.role,
            read_only: shared.config.read_only,
            interval_ms: u64::try_from(shared.config.interval.as_millis()).unwrap_or(u64::MAX),
            published_ms: self.published().at_ms,
            sources: self.sources(),
            reports_per_s,
            report_bytes_per_s,
            own_cpu_percent: cost.cpu_percent,
            own_memory_bytes: cost.rss_bytes,
            history_bytes: history.bytes,
            history_limit_bytes: history.limit_bytes,
            history_from_ms: history.oldest_frame_ms,
            plugin_roots: shared
                .config
                .plugin_roots
                .iter()
                .map(|p| p.display().to_string())
                .collect(),
            attached_to: None,
        }
    }

    /// The built-in probes, then the plugin roots and remote probes.
    fn sources(&self) -> Vec<SourceStatus> {
        let mut all = self.shared.sources.all();
        let plugins = self.shared.registry.list().len();
        for root in self.shared.registry.roots() {
            let state = match (root.exists, &root.warning) {
                (false, _) => SourceState::Absent,
                (true, Some(_)) => SourceState::Limited,
                (true, None) => SourceState::Ok,
            };
            let path = root.path.display().to_string();
            let summary = match (root.exists, plugins) {
                (false, _) => "The folder does not exist; it is picked up when it appears".to_owned(),
                (true, 0) => "No plugin socket in it".to_owned(),
                (true, n) => format!("{n} plugin sockets in all folders"),
            };
            let mut status =
                crate::sources::status(&format!("plugins:{path}"), "Plugins", state, summary, path);
            status.limited_by = root.warning.unwrap_or_default();
            all.push(status);
        }
        if let Some(error) = self.shared.history.stats().last_error {
            let path = self.shared.config.data_dir.display().to_string();
            let mut status = crate::sources::status("history", "History", SourceState::Failed, error, path);
            status.limited_by =
                "New samples wait in memory and are dropped when there are too many".to_owned();
            status.remedy = format!("df -h {}", self.shared.config.data_dir.display());
            all.push(status);
        }
        let remotes = self.shared.remotes.all();
        if !remotes.is_empty() {
            let summary = format!("{} probes report to this instance", remotes.len());
            let mut status = crate::sources::status(
                "remote",
                "Other hosts",
                SourceState::Ok,
                summary,
                "/api/report".into(),
            );
            let odd = remotes
                .iter()
                .find_map(|(id, heard)| Some((id, heard.warnings.first()?)));
            if let Some((probe, warning)) = odd {
                status.state = SourceState::Limited;
                status.limited_by = format!("The last report of {probe}: {warning}");
            }
            all.push(status);
        }
        all
    }
}
