//! What travels through a task: values, each with what it is a value of.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use ts_rs::TS;

/// What a value is a value of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
pub struct Series {
    /// Namespace in the catalog with the node in its place, such as `/iowait/host/a;<host>/iowait`.
    #[ts(as = "String")]
    pub namespace: SmolStr,
    /// Plugin or built-in probe that measured it.
    #[ts(as = "String")]
    pub plugin: SmolStr,
    /// Topology of the node.
    #[ts(as = "String")]
    pub topology: SmolStr,
    /// Node id.
    #[ts(as = "String")]
    pub node: SmolStr,
    /// Metric id.
    #[ts(as = "String")]
    pub metric: SmolStr,
    /// Unit or format, as its template says; empty when it says none.
    #[serde(default)]
    #[ts(as = "String")]
    pub unit: SmolStr,
    /// What else is said of it.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A value at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Sample {
    /// What it is a value of.
    #[serde(flatten)]
    pub series: Arc<Series>,
    /// When it was measured, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// The same value of something else.
    #[must_use]
    pub fn of(&self, series: Arc<Series>) -> Sample {
        Sample {
            series,
            ..self.clone()
        }
    }
}

/// Elements of a namespace or query, as they are written: in an element a backslash stands before a slash.
pub(crate) fn elements(namespace: &str) -> Vec<&str> {
    let text = namespace.strip_prefix('/').unwrap_or(namespace);
    let mut found = Vec::new();
    let (mut begin, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'/' => {
                found.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if !text.is_empty() {
        found.push(&text[begin..]);
    }
    found
}

/// A value as an element of a namespace.
pub(crate) fn element(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '/' | '\\' | '*' | ';' | '(' | ')') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Whether a namespace lies at or below a prefix, element by element; `*` stands for any element.
pub(crate) fn is_below(namespace: &str, prefix: &str) -> bool {
    let (namespace, prefix) = (elements(namespace), elements(prefix.trim_end_matches('/')));
    prefix.len() <= namespace.len()
        && prefix
            .iter()
            .zip(&namespace)
            .all(|(wanted, element)| fits(wanted, element))
}

/// Whether a namespace matches a pattern: the same element by element, `*` for any, `*` at the end for everything
/// below, `(a;b)` for either.
pub(crate) fn matches(namespace: &str, pattern: &str) -> bool {
    let (namespace, pattern) = (elements(namespace), elements(pattern));
    let open_end = pattern.last() == Some(&"*");
    let long_enough = namespace.len() == pattern.len() || (open_end && namespace.len() > pattern.len());
    long_enough
        && pattern
            .iter()
            .zip(&namespace)
            .all(|(wanted, element)| fits(wanted, element))
}

fn fits(wanted: &str, element: &str) -> bool {
    if wanted == "*" || wanted == element {
        return true;
    }
    let tuple = wanted.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    tuple.is_some_and(|words| words.split(';').map(str::trim).any(|w| w == element || w == "*"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sample of `/p/host/NODE/METRIC`.
    pub(crate) fn sample(node: &str, metric: &str, at_ms: i64, value: f64) -> Sample {
        Sample {
            series: Arc::new(Series {
                namespace: format!("/p/host/{node}/{metric}").into(),
                plugin: "p".into(),
                topology: "host".into(),
                node: node.into(),
                metric: metric.into(),
                unit: "percent".into(),
                tags: BTreeMap::new(),
            }),
            at_ms,
            value,
        }
    }

    #[test]
    fn patterns() {
        for (pattern, fits) in [
            ("/p/host/a/m", true),
            ("/p/host/*/m", true),
            ("/p/*", true),
            ("/*", true),
            ("/p/host/(a;b)/m", true),
            ("/p/host/( b ; a )/m", true),
            ("/p/host/(b;c)/m", false),
            ("/p/host/a", false),
            ("/p/host/a/m/*", false),
            ("/q/*", false),
            ("", false),
        ] {
            assert_eq!(matches("/p/host/a/m", pattern), fits, "{pattern}");
        }
    }

    #[test]
    fn a_slash_inside_of_an_element_separates_nothing() {
        let name = format!("/p/host/{}/m", element("a/b;*(c)\\"));
        assert_eq!(elements(&name), ["p", "host", r"a\/b\;\*\(c\)\\", "m"]);
        assert!(matches(&name, "/p/host/*/m"));
        assert!(matches(&name, &name));
    }

    #[test]
    fn prefixes() {
        for (prefix, below) in [
            ("/", true),
            ("", true),
            ("/p", true),
            ("/p/", true),
            ("/p/host/*/m", true),
            ("/p/ho", false),
            ("/p/host/a/m/n", false),
        ] {
            assert_eq!(is_below("/p/host/a/m", prefix), below, "{prefix}");
        }
    }

    #[test]
    fn samples_travel_as_json() {
        let sample = sample("a;<host>", "load", 5, 1.5);
        let text = serde_json::to_string(&sample).unwrap();
        assert!(text.contains(r#""namespace":"/p/host/a;<host>/load""#), "{text}");
        assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
    }
}
