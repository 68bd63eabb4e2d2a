//! `[export.otlp]`: which metrics are sent to a collector.

use std::collections::BTreeMap;

use orrery_packages::policy::SecretRef;
use serde::Deserialize;

/// The `[export]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportSettings {
    /// Metrics for an OTLP collector.
    pub otlp: OtlpSettings,
}

/// The `[export.otlp]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpSettings {
    /// Address of the collector; nothing is sent without.
    pub endpoint: Option<String>,
    /// Headers that go with every message. A value of the form `env:NAME` or `file:/PATH` says where a secret is.
    pub headers: BTreeMap<String, String>,
    /// Pause between two sendings, in seconds.
    pub interval_s: Option<u64>,
    /// What is sent; our own metrics and those of plugins' processes when nothing is said.
    pub what: Option<Vec<OtlpWhat>>,
    /// Topologies of the map whose nodes' metrics are sent; all when none is given.
    pub topologies: Vec<String>,
    /// Query that these nodes have to match.
    pub query: String,
}

/// Something that can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtlpWhat {
    /// What Orrery says of itself and of the requests it passes on.
    Own,
    /// What plugins' processes use, and how they fare.
    Plugins,
    /// What plugins expose themselves.
    Exposed,
    /// Every metric of every node of the map.
    Topology,
}

impl OtlpSettings {
    /// The headers with secrets in place of their references.
    ///
    /// # Errors
    /// Which header's secret cannot be read, and why.
    pub fn revealed_headers(&self) -> Result<Vec<(String, String)>, String> {
        let reveal = |(name, value): (&String, &String)| {
            let value = match value.parse::<SecretRef>() {
                Ok(secret) => secret.read().map_err(|why| format!("the header {name}: {why}"))?,
                Err(_) => value.clone(),
            };
            Ok((name.clone(), value))
        };
        self.headers.iter().map(reveal).collect()
    }

    /// What is sent.
    pub fn what(&self) -> Vec<OtlpWhat> {
        let mut what = self
            .what
            .clone()
            .unwrap_or_else(|| vec![OtlpWhat::Own, OtlpWhat::Plugins]);
        what.sort_unstable();
        what.dedup();
        what
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ExportSettings, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn secrets_are_read_where_they_are_and_texts_are_taken_as_they_stand() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "Bearer abc\n").unwrap();
        let mut settings = read(
            "[otlp]\nendpoint = \"http://localhost:4318\"\ninterval_s = 5\nwhat = [\"topology\", \"own\", \"own\"]\n\
             headers = { x-tenant = \"a:b\", authorization = \"x\" }\n",
        )
        .unwrap()
        .otlp;
        let place = format!("file:{}", file.display());
        settings.headers.insert("authorization".to_owned(), place);
        let headers = settings.revealed_headers().unwrap();
        let named = |(name, value): &(String, String)| format!("{name}={value}");
        let shown: Vec<String> = headers.iter().map(named).collect();
        assert_eq!(shown, ["authorization=Bearer abc", "x-tenant=a:b"]);
        assert_eq!(settings.what(), [OtlpWhat::Own, OtlpWhat::Topology]);
        std::fs::remove_file(&file).unwrap();
        let error = settings.revealed_headers().unwrap_err();
        assert!(
            error.contains("authorization") && error.contains("token"),
            "{error}"
        );
    }

    #[test]
    fn what_there_is_not_is_an_error_that_names_it() {
        let error = read("[otlp]\nwhat = [\"traces\"]\n").unwrap_err();
        assert!(error.contains("traces") && error.contains("topology"), "{error}");
        let error = read("[otlp]\nendpiont = \"x\"\n").unwrap_err();
        assert!(error.contains("endpiont"), "{error}");
        let nothing = OtlpSettings::default();
        assert_eq!(nothing.what(), [OtlpWhat::Own, OtlpWhat::Plugins]);
    }
}
