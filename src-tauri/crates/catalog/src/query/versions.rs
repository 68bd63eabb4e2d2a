//! Which versions of a metric's source are asked for.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which versions are asked for. In text: `latest`, `all`, or a range such as `>=1.2, <2` or `=1.4.0`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub enum Versions {
    /// The newest that has the metric.
    #[default]
    Latest,
    /// Each.
    All,
    /// The newest in a range that has the metric.
    Range(VersionReq),
}

impl Versions {
    /// Whether a version is asked for.
    #[must_use]
    pub fn take(&self, version: &Version) -> bool {
        match self {
            Versions::Latest | Versions::All => true,
            // A range means what is installed too, where that is a preliminary version.
            Versions::Range(range) => {
                range.matches(version)
                    || (!version.pre.is_empty()
                        && range.matches(&Version::new(version.major, version.minor, version.patch)))
            }
        }
    }
}

impl FromStr for Versions {
    type Err = String;

    /// # Errors
    /// What a range looks like.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "latest" => Ok(Versions::Latest),
            "all" => Ok(Versions::All),
            range => {
                // As Cargo does it for dependencies, except that a bare full version means just that.
                let pinned = Version::parse(range).is_ok().then(|| format!("={range}"));
                let range = pinned.as_deref().unwrap_or(range);
                let range: VersionReq = range
                    .parse()
                    .map_err(|error| format!("no range of versions such as >=1.2, <2: {error}"))?;
                Ok(Versions::Range(range))
            }
        }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Versions::Latest => f.write_str("latest"),
            Versions::All => f.write_str("all"),
            Versions::Range(range) => range.fmt(f),
        }
    }
}

impl Serialize for Versions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_taken_by_range() {
        for (text, version, taken) in [
            ("", "1.0.0", true),
            ("latest", "1.0.0", true),
            ("all", "0.1.0", true),
            ("1.4.0", "1.4.0", true),
            ("1.4.0", "1.4.1", false),
            ("=1.4.0", "1.4.0", true),
            (">=1.2, <2", "1.9.9", true),
            (">=1.2, <2", "2.0.0", false),
            ("1.4", "1.9.0", true),
            (">=1.0.0", "1.5.0-rc.1", true),
        ] {
            let versions: Versions = text.parse().unwrap();
            assert_eq!(
                versions.take(&version.parse().unwrap()),
                taken,
                "{text} {version}"
            );
            assert_eq!(versions.to_string().parse::<Versions>(), Ok(versions));
        }
        assert!("one".parse::<Versions>().is_err());
    }
}
