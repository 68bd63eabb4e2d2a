//! Joining: one family, one help, one type, whoever exposes it.

use std::collections::{BTreeMap, BTreeSet};

use crate::family::{Family, Kind, Sample};
use crate::write;

/// Label that names the plugin.
const PLUGIN: &str = "plugin_id";
/// What a plugin's own label of that name becomes.
const EXPORTED: &str = "exported_plugin_id";
/// What plugins' families are called with before their own name.
const PREFIX: &str = "plugin_";

/// Samples left out, by plugin and reason: `type_conflict` or `duplicate`.
pub type Drops = BTreeMap<(String, &'static str), u64>;

/// Families of everybody, by name.
#[derive(Debug, Default)]
pub struct Merged {
    families: BTreeMap<String, Family>,
    drops: Drops,
}

impl Merged {
    /// Adds families of the host itself, as they are.
    pub fn own(&mut self, families: impl IntoIterator<Item = Family>) {
        for family in families {
            self.families.insert(family.name.clone(), family);
        }
    }

    /// Adds what a plugin exposes, each sample labelled with its id. The first to expose a family gives its type;
    /// who says otherwise later is left out and counted.
    pub fn plugin(&mut self, id: &str, families: Vec<Family>) {
        for family in families {
            let name = format!("{PREFIX}{}", family.name);
            let count = u64::try_from(family.samples.len()).unwrap_or(u64::MAX);
            let held = self.families.entry(name.clone()).or_insert_with(|| Family {
                name,
                kind: family.kind,
                help: family.help.clone(),
                samples: Vec::new(),
            });
            if held.kind != family.kind {
                *self.drops.entry((id.to_owned(), "type_conflict")).or_default() += count;
                continue;
            }
            let mut seen: BTreeSet<(&'static str, Vec<(String, String)>)> = BTreeSet::new();
            for sample in family.samples {
                let labels = labelled(id, sample.labels);
                let mut key = labels.clone();
                key.sort();
                if seen.insert((sample.suffix, key)) {
                    held.samples.push(Sample { labels, ..sample });
                } else {
                    *self.drops.entry((id.to_owned(), "duplicate")).or_default() += 1;
                }
            }
        }
    }

    /// What was left out.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// All of it as text, by family name.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for family in self.families.values().filter(|f| !f.samples.is_empty()) {
            if family.help.is_empty() {
                let help = match family.kind {
                    Kind::Untyped => "Exposed without a type.".to_owned(),
                    kind => format!("A {} without a help text.", kind.word()),
                };
                write::family(
                    &mut out,
                    &Family {
                        help,
                        ..family.clone()
                    },
                );
            } else {
                write::family(&mut out, family);
            }
        }
        out
    }
}

fn labelled(id: &str, own: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut labels = vec![(PLUGIN.to_owned(), id.to_owned())];
    for (name, value) in own {
        if name == PLUGIN {
            // A label of the new name that was there already gives way: it names nothing we know.
            labels.retain(|(n, _)| n != EXPORTED);
            labels.push((EXPORTED.to_owned(), value));
        } else if name != EXPORTED || !labels.iter().any(|(n, _)| n == EXPORTED) {
            labels.push((name, value));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn merged(plugins: &[(&str, &str)]) -> Merged {
        let mut merged = Merged::default();
        for (id, text) in plugins {
            merged.plugin(id, parse(text).unwrap());
        }
        merged
    }

    #[test]
    fn one_family_has_one_head_and_everybodys_samples() {
        let text = "# HELP r Requests.\n# TYPE r counter\nr{code=\"200\"} 3\n";
        assert_eq!(
            merged(&[("a", text), ("b", text)]).text(),
            "# HELP plugin_r Requests.\n# TYPE plugin_r counter\nplugin_r{plugin_id=\"a\",code=\"200\"} 3\n\
             plugin_r{plugin_id=\"b\",code=\"200\"} 3\n"
        );
    }

    #[test]
    fn another_type_later_is_left_out_and_counted() {
        let merged = merged(&[
            ("a", "# TYPE r counter\nr 1\n"),
            ("b", "# TYPE r gauge\nr 2\n# TYPE ok gauge\nok 1\n"),
        ]);
        assert_eq!(
            merged.drops(),
            &Drops::from([(("b".to_owned(), "type_conflict"), 1)])
        );
        assert!(merged.text().contains("plugin_ok{plugin_id=\"b\"} 1"));
        assert!(!merged.text().contains("plugin_r{plugin_id=\"b\"}"));
    }

    #[test]
    fn an_own_label_of_our_name_is_kept_under_another() {
        let merged = merged(&[(
            "a",
            "m{exported_plugin_id=\"x\",plugin_id=\"y\"} 1\nm{q=\"\\\"\\\\\\n\"} +Inf\n",
        )]);
        assert_eq!(
            merged.text(),
            "# HELP plugin_m Exposed without a type.\n# TYPE plugin_m untyped\n\
             plugin_m{plugin_id=\"a\",exported_plugin_id=\"y\"} 1\n\
             plugin_m{plugin_id=\"a\",q=\"\\\"\\\\\\n\"} +Inf\n"
        );
    }

    #[test]
    fn a_series_is_there_once() {
        let merged = merged(&[("a", "m{x=\"1\",y=\"2\"} 1\nm{y=\"2\",x=\"1\"} 2\n")]);
        assert_eq!(merged.drops(), &Drops::from([(("a".to_owned(), "duplicate"), 1)]));
        assert_eq!(merged.text().matches("plugin_m{").count(), 1);
    }
}
