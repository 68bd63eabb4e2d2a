//! Built-in processors: samples in, samples out, with a bounded memory of what came before.

mod average;
mod downsample;
mod filter;
mod rate;
mod rename;
mod series_map;
mod tag;
mod threshold;

use crate::manifest::Table;
use crate::sample::Sample;

/// Makes samples of samples.
pub(crate) trait Processor: Send {
    /// What becomes of the samples of one run.
    fn process(&mut self, samples: &[Sample]) -> Vec<Sample>;
}

/// Names of what is built in.
pub(crate) const BUILT_IN: &[&str] = &[
    "downsample",
    "filter",
    "moving-average",
    "rate",
    "rename",
    "tag",
    "threshold",
];

/// The built-in processor of this name with this config; none when there is none, or when its config is wrong,
/// which is noted then.
pub(crate) fn built_in(name: &str, config: &Table<'_>) -> Option<Box<dyn Processor>> {
    Some(match name {
        "downsample" => Box::new(downsample::Downsample::read(config)?),
        "filter" => Box::new(filter::Filter::read(config)),
        "moving-average" => Box::new(average::MovingAverage::read(config)),
        "rate" => Box::new(rate::Rate::read(config)),
        "rename" => Box::new(rename::Rename::read(config)),
        "tag" => Box::new(tag::Tag::read(config)),
        "threshold" => Box::new(threshold::Threshold::read(config)?),
        _ => return None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::manifest::Faults;

    /// A processor with a config that has to be right.
    pub(crate) fn made(name: &str, config: &Value) -> Box<dyn Processor> {
        let faults = Faults::default();
        let table = Table::new(config.as_object().unwrap(), "config", &faults);
        let made = built_in(name, &table);
        drop(table);
        assert!(faults.is_empty(), "{:?}", faults.into_all());
        made.unwrap()
    }

    #[test]
    fn every_name_is_built_and_every_config_is_checked() {
        let good = json!({ "every": "1s", "above": 1 });
        for name in BUILT_IN {
            let faults = Faults::default();
            let wrong = json!({ "nonsense": 1 });
            let table = Table::new(wrong.as_object().unwrap(), "config", &faults);
            built_in(name, &table);
            drop(table);
            let all = faults.into_all();
            assert!(
                all.iter().any(|f| f.field == "config.nonsense"),
                "{name}: {all:?}"
            );
            let faults = Faults::default();
            let table = Table::new(good.as_object().unwrap(), "config", &faults);
            assert!(built_in(name, &table).is_some(), "{name}");
            table.open();
        }
        let faults = Faults::default();
        let table = Table::new(good.as_object().unwrap(), "config", &faults);
        assert!(built_in("no-such", &table).is_none());
        table.open();
    }
}
