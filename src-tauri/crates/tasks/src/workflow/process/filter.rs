//! Lets some samples pass.

use super::Processor;
use crate::manifest::Table;
use crate::sample::{Sample, matches};

/// Lets samples pass that match all of it; or, the other way about, those that do not.
#[derive(Debug)]
pub(super) struct Filter {
    queries: Vec<String>,
    tags: Vec<(String, String)>,
    min: Option<f64>,
    max: Option<f64>,
    drop: bool,
}

impl Filter {
    pub(super) fn read(config: &Table<'_>) -> Filter {
        let mut queries: Vec<String> = config.text("query").map(str::to_owned).into_iter().collect();
        queries.extend(config.texts("queries").into_iter().map(str::to_owned));
        for query in &queries {
            if !query.starts_with('/') {
                config.fault("query", format!("{query:?} does not begin with a slash"));
            }
        }
        let tags = config.text_map("tags");
        Filter {
            queries,
            tags: tags.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            min: config.number("min"),
            max: config.number("max"),
            drop: config.boolean("drop").unwrap_or(false),
        }
    }

    fn matches(&self, sample: &Sample) -> bool {
        let series = &sample.series;
        (self.queries.is_empty() || self.queries.iter().any(|query| matches(&series.namespace, query)))
            && self
                .tags
                .iter()
                .all(|(name, value)| series.tags.get(name) == Some(value))
            && self.min.is_none_or(|min| sample.value >= min)
            && self.max.is_none_or(|max| sample.value <= max)
    }
}

impl Processor for Filter {
    fn process(&mut self, samples: &[Sample]) -> Vec<Sample> {
        let passing = samples.iter().filter(|sample| self.matches(sample) != self.drop);
        passing.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sample::tests::sample;
    use crate::workflow::process::tests::made;

    #[test]
    fn by_query_tag_and_value() {
        let samples = [
            sample("a", "x", 0, 1.0),
            sample("a", "y", 0, 2.0),
            sample("b", "x", 0, 3.0),
        ];
        let values = |config| -> Vec<f64> {
            let kept = made("filter", &config).process(&samples);
            kept.iter().map(|s| s.value).collect()
        };
        assert_eq!(values(json!({ "query": "/p/host/*/x" })), [1.0, 3.0]);
        assert_eq!(values(json!({ "query": "/p/host/*/x", "drop": true })), [2.0]);
        assert_eq!(
            values(json!({ "queries": ["/p/host/b/*", "/p/host/a/y"] })),
            [2.0, 3.0]
        );
        assert_eq!(values(json!({ "min": 2, "max": 2.5 })), [2.0]);
        assert_eq!(values(json!({ "tags": { "site": "lab" } })), [] as [f64; 0]);
        assert_eq!(values(json!({})), [1.0, 2.0, 3.0]);
    }
}
