//! Adds and removes tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Processor;
use crate::manifest::Table;
use crate::sample::Sample;

#[derive(Debug)]
pub(super) struct Tag {
    set: BTreeMap<String, String>,
    remove: Vec<String>,
}

impl Tag {
    pub(super) fn read(config: &Table<'_>) -> Tag {
        let set = config.text_map("set").into_iter();
        let remove = config.texts("remove").into_iter();
        Tag {
            set: set.map(|(k, v)| (k.to_owned(), v)).collect(),
            remove: remove.map(str::to_owned).collect(),
        }
    }
}

impl Processor for Tag {
    fn process(&mut self, samples: &[Sample]) -> Vec<Sample> {
        let tagged = samples.iter().map(|sample| {
            let mut series = (*sample.series).clone();
            for name in &self.remove {
                series.tags.remove(name);
            }
            let set = self.set.iter().map(|(k, v)| (k.clone(), v.clone()));
            series.tags.extend(set);
            sample.of(Arc::new(series))
        });
        tagged.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sample::tests::sample;
    use crate::workflow::process::tests::made;

    #[test]
    fn tags_come_and_go() {
        let set =
            made("tag", &json!({ "set": { "site": "lab", "rack": 4 } })).process(&[sample("a", "x", 0, 1.0)]);
        assert_eq!(set[0].series.tags["site"], "lab");
        assert_eq!(set[0].series.tags["rack"], "4");
        let removed = made("tag", &json!({ "remove": ["site", "none"] })).process(&set);
        assert_eq!(removed[0].series.tags.len(), 1);
    }
}
