//! What is set once for everybody and changes what is derived.

use std::fmt;
use std::str::FromStr;

use orrery_model::{Node, SmolStr};
use smol_str::format_smolstr;

use crate::derive::keys;
use crate::derive::limits::{MAX_CONTAINER_FILTERS, MAX_FILTER_BYTES};

/// What is set once for everybody and changes what is derived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Choices that the filter of containers has besides its own, in order.
    pub container_filters: Vec<ContainerFilter>,
}

impl Settings {
    /// With the filters written as `Title:label=value`: first those that keep the containers with a label,
    /// then those that drop them.
    ///
    /// # Errors
    /// The text that is not of this form, or that there are too many.
    pub fn with_filters(keep: &[String], drop: &[String]) -> Result<Self, FilterError> {
        if keep.len() + drop.len() > MAX_CONTAINER_FILTERS {
            return Err(FilterError {
                text: SmolStr::default(),
                why: "there are too many",
            });
        }
        let read = |texts: &[String], drops: bool| -> Result<Vec<ContainerFilter>, FilterError> {
            let numbered = texts.iter().enumerate();
            numbered
                .map(|(i, text)| {
                    let filter: ContainerFilter = text.parse()?;
                    // Scope's own ids, which have the two words the wrong way round.
                    let word = if drops { "" } else { "Exclude" };
                    Ok(ContainerFilter {
                        value: format_smolstr!("containerLabelFilter{word}{i}"),
                        drops,
                        ..filter
                    })
                })
                .collect()
        };
        let mut container_filters = read(keep, false)?;
        container_filters.extend(read(drop, true)?);
        Ok(Settings { container_filters })
    }
}

/// A choice that keeps the containers with a label, or drops them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFilter {
    /// Value of the option that chooses it.
    pub(crate) value: SmolStr,
    /// Text shown.
    pub(crate) title: SmolStr,
    /// Key of the fact that holds the label.
    fact: SmolStr,
    wanted: SmolStr,
    drops: bool,
}

impl ContainerFilter {
    pub(crate) fn keeps(&self, container: &Node) -> bool {
        let has = container.latest(&self.fact).unwrap_or_default() == self.wanted;
        has != self.drops
    }
}

/// Why a text is no filter of containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    text: SmolStr,
    why: &'static str,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FilterError { text, why } = self;
        write!(
            f,
            "the container filter {text:?} does not read: {why}; write it as Title:label=value, with \\: for a colon that belongs to the title or the label"
        )
    }
}

impl std::error::Error for FilterError {}

impl FromStr for ContainerFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let error = |why| FilterError {
            text: text.chars().take(MAX_FILTER_BYTES).collect(),
            why,
        };
        if text.len() > MAX_FILTER_BYTES {
            return Err(error("it is too long"));
        }
        let mut parts = vec![String::new()];
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match (c, parts.last_mut()) {
                (':', _) => parts.push(String::new()),
                ('\\', Some(part)) => part.extend(chars.next()),
                (_, Some(part)) => part.push(c),
                (_, None) => {}
            }
        }
        let [title, label] = parts.as_slice() else {
            return Err(error("one colon must stand between title and label"));
        };
        let Some((key, wanted)) = label.split_once('=').filter(|(_, wanted)| !wanted.contains('=')) else {
            return Err(error("the label is not of the form key=value"));
        };
        if title.is_empty() || key.is_empty() {
            return Err(error("title and key must not be empty"));
        }
        Ok(ContainerFilter {
            value: SmolStr::default(),
            title: SmolStr::new(title),
            fact: format_smolstr!("{}{key}", keys::LABEL_PREFIX),
            wanted: SmolStr::new(wanted),
            drops: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_read_as_scope_writes_them() {
        let check = |text: &str, expected: Result<(&str, &str, &str), &str>| {
            let got = text.parse::<ContainerFilter>();
            let got = got
                .as_ref()
                .map(|f| (f.title.as_str(), f.fact.as_str(), f.wanted.as_str()));
            assert_eq!(got.map_err(|e| e.why), expected, "{text}");
        };
        check("Databases:role=db", Ok(("Databases", "docker_label_role", "db")));
        check("A\\:B:k\\:l=v", Ok(("A:B", "docker_label_k:l", "v")));
        check("Empty:role=", Ok(("Empty", "docker_label_role", "")));
        check("Databases", Err("one colon must stand between title and label"));
        check("a:b:c=d", Err("one colon must stand between title and label"));
        check("a:b", Err("the label is not of the form key=value"));
        check("a:b=c=d", Err("the label is not of the form key=value"));
        check(":b=c", Err("title and key must not be empty"));
        check(&"x".repeat(5_000), Err("it is too long"));
    }

    #[test]
    fn filters_have_scopes_values() {
        let text = |t: &str| vec![t.to_owned()];
        let settings = Settings::with_filters(&text("Db:role=db"), &text("No db:role=db"));
        let values: Vec<String> = settings
            .map(|s| s.container_filters.iter().map(|f| f.value.to_string()).collect())
            .unwrap_or_default();
        assert_eq!(values, ["containerLabelFilterExclude0", "containerLabelFilter0"]);
        let many = vec!["a:b=c".to_owned(); 1_000];
        assert!(Settings::with_filters(&many, &[]).is_err());
    }
}
