//! Gives metrics other names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Processor;
use crate::manifest::Table;
use crate::sample::{Sample, Series, element, elements};

#[derive(Debug)]
pub(super) struct Rename {
    metrics: BTreeMap<String, String>,
    prefix: String,
    suffix: String,
}

impl Rename {
    pub(super) fn read(config: &Table<'_>) -> Rename {
        let metrics = config.text_map("metrics").into_iter();
        let affix = |key| config.text(key).unwrap_or_default().to_owned();
        Rename {
            metrics: metrics.map(|(k, v)| (k.to_owned(), v)).collect(),
            prefix: affix("prefix"),
            suffix: affix("suffix"),
        }
    }
}

impl Processor for Rename {
    fn process(&mut self, samples: &[Sample]) -> Vec<Sample> {
        let named = samples.iter().map(|sample| {
            let metric = sample.series.metric.as_str();
            let new = self.metrics.get(metric).map_or(metric, String::as_str);
            let new = format!("{}{new}{}", self.prefix, self.suffix);
            sample.of(renamed(&sample.series, &new))
        });
        named.collect()
    }
}

/// A series under another metric's name.
pub(super) fn renamed(series: &Series, metric: &str) -> Arc<Series> {
    let mut series = series.clone();
    let mut elements = elements(&series.namespace);
    elements.pop();
    series.namespace = format!("/{}/{}", elements.join("/"), element(metric)).into();
    series.metric = metric.into();
    Arc::new(series)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sample::tests::sample;
    use crate::workflow::process::tests::made;

    #[test]
    fn name_and_namespace_agree() {
        let config = json!({ "metrics": { "x": "cpu/total" }, "prefix": "host_" });
        let named = made("rename", &config).process(&[sample("a", "x", 0, 1.0), sample("a", "y", 0, 1.0)]);
        assert_eq!(named[0].series.metric, "host_cpu/total");
        assert_eq!(named[0].series.namespace, "/p/host/a/host_cpu\\/total");
        assert_eq!(named[1].series.namespace, "/p/host/a/host_y");
    }
}
