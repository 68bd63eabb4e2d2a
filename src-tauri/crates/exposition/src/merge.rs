//! Joining: one family, one help, one type, whoever exposes it.

use std::collections::{BTreeMap, BTreeSet};

use crate::family::{Family, Kind, Sample, is_metric_name};
use crate::limits::{CONFLICTS_MAX, MERGED_SAMPLES_MAX, PREFIX_BYTES_MAX};
use crate::negotiate::Format;
use crate::{sound, write};

/// Label that names the plugin.
const PLUGIN: &str = "plugin_id";
/// What a plugin's own label of that name becomes.
const EXPORTED: &str = "exported_plugin_id";
/// What plugins' families are called with before their own name, unless a scraper asks otherwise.
const PREFIX: &str = "plugin_";
/// What our own families are called with. Plugins have no families of such a name.
const OWN: &str = "orrery_";

/// Why a sample was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Another plugin, whose id comes first, exposes the family as another type.
    TypeConflict,
    /// The family's name means a part of another one, as `x_sum` beside the histogram `x`.
    NameConflict,
    /// The series is there already.
    Duplicate,
    /// A label has a name that scrapers keep to themselves.
    ReservedLabel,
    /// The family has a name that is our own.
    ReservedName,
    /// A bucket or quantile without its bound, or a bound that is no number.
    Malformed,
    /// There are too many of all plugins together.
    Limit,
}

impl Reason {
    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Reason::TypeConflict => "type_conflict",
            Reason::NameConflict => "name_conflict",
            Reason::Duplicate => "duplicate",
            Reason::ReservedLabel => "reserved_label",
            Reason::ReservedName => "reserved_name",
            Reason::Malformed => "malformed",
            Reason::Limit => "limit",
        }
    }
}

/// Samples left out, by plugin and reason.
pub type Drops = BTreeMap<(String, Reason), u64>;

/// A family that a plugin exposes as another type than somebody before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The plugin.
    pub plugin: String,
    /// Name of the family as it is in the merged text.
    pub family: String,
    /// The type that was left out.
    pub left_out: Kind,
    /// The type that holds.
    pub kept: Kind,
}

/// Families of everybody, by name.
#[derive(Debug)]
pub struct Merged {
    prefix: String,
    families: BTreeMap<String, Family>,
    /// Whose family each name means.
    claimed: BTreeMap<String, String>,
    samples: usize,
    drops: Drops,
    conflicts: Vec<Conflict>,
}

impl Default for Merged {
    fn default() -> Self {
        Merged {
            prefix: PREFIX.to_owned(),
            families: BTreeMap::new(),
            claimed: BTreeMap::new(),
            samples: 0,
            drops: Drops::new(),
            conflicts: Vec::new(),
        }
    }
}

impl Merged {
    /// One in which plugins' families are called with this before their own name; with nothing, they keep it.
    /// None when no name can begin so.
    pub fn with_prefix(prefix: &str) -> Option<Self> {
        let allowed = prefix.is_empty()
            || (prefix.len() <= PREFIX_BYTES_MAX && is_metric_name(prefix) && !prefix.starts_with(OWN));
        allowed.then(|| Merged {
            prefix: prefix.to_owned(),
            ..Merged::default()
        })
    }

    /// Adds families of the host itself, as they are. They go first: what plugins expose is compared with them.
    pub fn own(&mut self, families: impl IntoIterator<Item = Family>) {
        for family in families {
            self.claim(&family.name, family.kind);
            match self.families.get_mut(&family.name) {
                Some(held) => held.samples.extend(family.samples),
                None => {
                    self.families.insert(family.name.clone(), family);
                }
            }
        }
    }

    /// Adds what a plugin exposes, each sample labelled with its id. The first to expose a family gives its type;
    /// who says otherwise later is left out, counted and named.
    pub fn plugin(&mut self, id: &str, families: &[Family]) {
        for family in families {
            for (name, samples) in sound::split(family) {
                self.family(id, family, &format!("{}{name}", self.prefix), &samples);
            }
        }
    }

    fn family(&mut self, id: &str, family: &Family, name: &str, samples: &[&Sample]) {
        if samples.is_empty() {
            return;
        }
        if let Some(reason) = self.refused(id, name, family.kind) {
            let count = u64::try_from(samples.len()).unwrap_or(u64::MAX);
            *self.drops.entry((id.to_owned(), reason)).or_default() += count;
            return;
        }
        self.claim(name, family.kind);
        let held = self.families.entry(name.to_owned()).or_insert_with(|| Family {
            name: name.to_owned(),
            kind: family.kind,
            help: String::new(),
            samples: Vec::new(),
        });
        if held.help.is_empty() {
            held.help.clone_from(&family.help);
        }
        let renamed = family.kind == Kind::Counter;
        let mut seen: BTreeSet<(&'static str, Vec<(String, String)>)> = BTreeSet::new();
        for sample in samples {
            let suffix = if renamed { "" } else { sample.suffix };
            let labels = labelled(id, &sample.labels);
            let mut key = labels.clone();
            key.sort();
            let reason = match sound::fault(family.kind, sample) {
                Some(reason) => reason,
                None if self.samples >= MERGED_SAMPLES_MAX => Reason::Limit,
                None if !seen.insert((suffix, key)) => Reason::Duplicate,
                None => {
                    self.samples += 1;
                    held.samples.push(Sample {
                        suffix,
                        labels,
                        value: sample.value,
                    });
                    continue;
                }
            };
            *self.drops.entry((id.to_owned(), reason)).or_default() += 1;
        }
    }

    /// Why a plugin's family cannot be here, if it cannot.
    fn refused(&mut self, id: &str, name: &str, kind: Kind) -> Option<Reason> {
        if name.starts_with(OWN) {
            return Some(Reason::ReservedName);
        }
        if let Some(held) = self.families.get(name).filter(|held| held.kind != kind) {
            if self.conflicts.len() < CONFLICTS_MAX {
                self.conflicts.push(Conflict {
                    plugin: id.to_owned(),
                    family: name.to_owned(),
                    left_out: kind,
                    kept: held.kind,
                });
            }
            return Some(Reason::TypeConflict);
        }
        let others = |ending: &&str| {
            let owner = self.claimed.get(&format!("{name}{ending}"));
            owner.is_some_and(|owner| owner != name)
        };
        kind.claims()
            .iter()
            .find(|e| others(e))
            .map(|_| Reason::NameConflict)
    }

    fn claim(&mut self, name: &str, kind: Kind) {
        for ending in kind.claims() {
            let claimed = self.claimed.entry(format!("{name}{ending}"));
            claimed.or_insert_with(|| name.to_owned());
        }
    }

    /// What was left out.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// Families whose types contradict each other; the first hundred.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// The families, by name.
    pub fn into_families(self) -> impl Iterator<Item = Family> {
        self.families.into_values().filter(|f| !f.samples.is_empty())
    }

    /// All of it as text, by family name.
    pub fn text(&self, format: Format) -> String {
        let mut out = String::new();
        for family in self.families.values().filter(|f| !f.samples.is_empty()) {
            write::family(&mut out, family, format, |name| self.claimed.contains_key(name));
        }
        if format == Format::OpenMetrics {
            out.push_str("# EOF\n");
        }
        out
    }
}

fn labelled(id: &str, own: &[(String, String)]) -> Vec<(String, String)> {
    let mut labels = Vec::with_capacity(own.len() + 1);
    labels.push((PLUGIN.to_owned(), id.to_owned()));
    let renamed = own.iter().any(|(name, _)| name == PLUGIN);
    for (name, value) in own {
        match name.as_str() {
            PLUGIN => labels.push((EXPORTED.to_owned(), value.clone())),
            // A label of the new name that was there already gives way: it names nothing we know.
            EXPORTED if renamed => {}
            _ => labels.push((name.clone(), value.clone())),
        }
    }
    labels
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
