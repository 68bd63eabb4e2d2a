//! Samples as text.

use std::collections::BTreeMap;

use crate::manifest::Table;
use crate::sample::Sample;

/// A form of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object on each line.
    JsonLines,
    /// Comma-separated, the head first.
    Csv,
}

/// Columns of CSV.
const COLUMNS: [&str; 9] = [
    "time",
    "at_ms",
    "namespace",
    "plugin",
    "topology",
    "node",
    "metric",
    "value",
    "tags",
];

impl Format {
    pub(super) fn read(config: &Table<'_>, otherwise: Format) -> Format {
        let words = [("jsonl", Format::JsonLines), ("csv", Format::Csv)];
        config.word("format", &words).unwrap_or(otherwise)
    }

    /// What a file of it begins with.
    pub(super) fn head(self) -> Vec<u8> {
        match self {
            Format::JsonLines => Vec::new(),
            Format::Csv => record(COLUMNS.iter().map(|c| (*c).to_owned())),
        }
    }

    /// Samples as lines.
    pub(super) fn lines(self, samples: &[Sample]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(samples.len() * 128);
        for sample in samples {
            match self {
                Format::JsonLines => {
                    // Neither type can fail to become JSON.
                    if serde_json::to_writer(&mut bytes, sample).is_ok() {
                        bytes.push(b'\n');
                    }
                }
                Format::Csv => bytes.extend(record(row(sample))),
            }
        }
        bytes
    }
}

fn row(sample: &Sample) -> impl Iterator<Item = String> {
    let series = &sample.series;
    let time = jiff::Timestamp::from_millisecond(sample.at_ms).map(|t| t.to_string());
    [
        time.unwrap_or_default(),
        sample.at_ms.to_string(),
        series.namespace.to_string(),
        series.plugin.to_string(),
        series.topology.to_string(),
        series.node.to_string(),
        series.metric.to_string(),
        sample.value.to_string(),
        tags(&series.tags),
    ]
    .into_iter()
}

fn tags(tags: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(";")
}

fn record(fields: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    // Writing to memory does not fail, and every record has as many fields as the first.
    if writer.write_record(fields).is_err() {
        return Vec::new();
    }
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    #[test]
    fn csv_survives_what_nodes_are_called() {
        let mut text = Format::Csv.head();
        let odd = sample("a,\"b\"\nc", "x", 1_500, 0.25);
        text.extend(Format::Csv.lines(&[odd]));
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(&record[0], "1970-01-01T00:00:01.5Z");
        assert_eq!((&record[5], &record[7]), ("a,\"b\"\nc", "0.25"));
    }

    #[test]
    fn json_lines_are_lines() {
        let text = Format::JsonLines.lines(&[sample("a\nb", "x", 1, 1.0), sample("c", "x", 1, 2.0)]);
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(
            (lines[0]["node"].as_str(), lines[1]["value"].as_f64()),
            (Some("a\nb"), Some(2.0))
        );
    }
}
