//! What plugins expose, joined, with how scraping them went.

use orrery_exposition::{Family, Merged};

use super::scrapes::Outcome;

/// Adds what every plugin exposes, in the order of their ids.
pub(super) fn add(mut merged: Merged, scrapes: &[(String, Outcome)]) -> Merged {
    let mut took = Family::gauge(
        "orrery_plugin_scrape_duration_seconds",
        "How long a plugin's scrape took.",
    );
    let mut good = Family::gauge(
        "orrery_plugin_scrape_success",
        "1 when a plugin's scrape succeeded; a plugin without metrics succeeds.",
    );
    let mut samples = Family::gauge(
        "orrery_plugin_scrape_samples",
        "Samples that a plugin exposes, those that are left out included.",
    );
    for (plugin, outcome) in scrapes {
        let label = [("plugin_id", plugin.as_str())];
        took.push(&label, outcome.took.as_secs_f64());
        good.push(&label, f64::from(u8::from(outcome.exposed.is_ok())));
        match &outcome.exposed {
            Ok(families) => {
                let families = families.as_deref().unwrap_or_default();
                let count: usize = families.iter().map(|f| f.samples.len()).sum();
                samples.push(&label, count as f64);
                merged.plugin(plugin, families);
            }
            Err(reason) => tracing::debug!(%plugin, %reason, "a scrape failed"),
        }
    }
    let mut conflicts = Family::gauge(
        "orrery_plugin_metrics_type_conflict",
        "1 for each family that a plugin exposes as another type than one before it; it is left out.",
    );
    for conflict in merged.conflicts() {
        let labels = [
            ("plugin_id", conflict.plugin.as_str()),
            ("family", conflict.family.as_str()),
            ("left_out", conflict.left_out.word()),
            ("kept", conflict.kept.word()),
        ];
        conflicts.push(&labels, 1.0);
    }
    merged.own([took, good, samples, conflicts]);
    merged
}
