//! A directory index: which packages there are, in which versions, and where.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::error::FetchError;
use crate::archive::{peek_blocking, what_io};
use crate::digest::{parse_sum, sum_of};
use crate::error::PackageError;
use crate::id::PluginId;
use crate::limits::{INDEX_LIST_MAX, SIDECAR_MAX_BYTES};
use crate::manifest::{Host, Machine};
use crate::trust::signature_file;

/// The one form of indexes that is understood.
const INDEX_FORM: u32 = 1;

/// A directory index. Keys that it holds beyond these are for later versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Form of this file; 1.
    pub index: u32,
    /// Plugins by id.
    pub plugins: BTreeMap<PluginId, IndexEntry>,
}

/// A plugin in an index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Name shown.
    #[serde(default)]
    pub label: String,
    /// What it does, in a sentence.
    #[serde(default)]
    pub description: String,
    /// Its packages by version; several of one version are for different machines.
    pub versions: BTreeMap<Version, Vec<Build>>,
}

/// A package in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its address, or its path from the index.
    pub url: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Size of the file, in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Its signature as text; else it lies beside the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Machines that it runs on, as in the manifest.
    #[serde(default, skip_serializing_if = "crate::manifest::is_default")]
    pub host: Host,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// When it is none, or of a form that this version does not understand.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        #[derive(Deserialize)]
        struct Form {
            index: u32,
        }
        let wrong = |what: String| FetchError::Address(format!("the index {what}"));
        let broken = |error: serde_json::Error| wrong(format!("is none: {error}"));
        let Form { index: form } = serde_json::from_str(text).map_err(broken)?;
        if form != INDEX_FORM {
            return Err(wrong(format!(
                "has form {form}, and this version of Orrery understands form {INDEX_FORM}"
            )));
        }
        let index: Self = serde_json::from_str(text).map_err(broken)?;
        let too_long = index.plugins.len() > INDEX_LIST_MAX
            || index.plugins.values().any(|entry| {
                entry.versions.len() > INDEX_LIST_MAX
                    || entry
                        .versions
                        .values()
                        .any(|builds| builds.len() > INDEX_LIST_MAX)
            });
        if too_long {
            return Err(wrong(format!("lists more than {INDEX_LIST_MAX} of something")));
        }
        for (id, entry) in &index.plugins {
            for build in entry.versions.values().flatten() {
                if parse_sum(&build.sha256).is_none() {
                    return Err(wrong(format!("gives no SHA-256 for {} of {id}", build.url)));
                }
                if build
                    .signature
                    .as_ref()
                    .is_some_and(|text| text.len() as u64 > SIDECAR_MAX_BYTES)
                {
                    return Err(wrong(format!("gives no signature for {} of {id}", build.url)));
                }
            }
        }
        Ok(index)
    }

    /// The package of a plugin for a machine: of the version given, else of the newest. Versions such as
    /// `2.0.0-rc.1` are taken when they are asked for, or when there is no other.
    ///
    /// # Errors
    /// When there is none; the sentence says what there is.
    pub fn pick(
        &self,
        plugin: &str,
        version: Option<&str>,
        machine: &Machine,
    ) -> Result<(&Version, &Build), FetchError> {
        let entry = self
            .plugins
            .iter()
            .find_map(|(id, entry)| (id.as_str() == plugin).then_some(entry))
            .ok_or_else(|| FetchError::NotFound(format!("{} in the index", plugin.escape_debug())))?;
        let fitting = |(_, builds): &(&Version, &Vec<Build>)| {
            builds.iter().any(|build| build.host.check(machine).is_ok())
        };
        let all = || entry.versions.iter().rev().filter(fitting);
        let chosen = match version {
            Some(wanted) => all().find(|(version, _)| version.to_string() == wanted),
            None => all()
                .find(|(version, _)| version.pre.is_empty())
                .or_else(|| all().next()),
        };
        let build = chosen.and_then(|(version, builds)| {
            let build = builds.iter().find(|build| build.host.check(machine).is_ok())?;
            Some((version, build))
        });
        build.ok_or_else(|| {
            let there: Vec<_> = all().map(|(version, _)| version.to_string()).collect();
            FetchError::NotFound(match (version, there.is_empty()) {
                (_, true) => format!("{plugin} for this machine in the index"),
                (Some(wanted), false) => format!(
                    "{plugin} {} in the index, which has {}",
                    wanted.escape_debug(),
                    there.join(", ")
                ),
                (None, false) => format!("{plugin} in the index"),
            })
        })
    }

    /// The index of all packages in a directory, for `index.json` beside them.
    ///
    /// # Errors
    /// When the directory cannot be read, or a file that is named like a package is none.
    pub fn of_directory(dir: &Path) -> Result<Self, PackageError> {
        let read_error = |error| what_io("reading", dir)(error);
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir).map_err(read_error)? {
            let path = entry.map_err(read_error)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".tar.gz") || name.ends_with(".tar.zst") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut index = Self {
            index: INDEX_FORM,
            plugins: BTreeMap::new(),
        };
        for path in paths {
            index.add(&path)?;
        }
        Ok(index)
    }

    fn add(&mut self, path: &Path) -> Result<(), PackageError> {
        let read_error = |error| what_io("reading", path)(error);
        let manifest = peek_blocking(path, &tokio_util::sync::CancellationToken::new())?;
        let file = fs::File::open(path).map_err(read_error)?;
        let bytes = file.metadata().map_err(read_error)?.len();
        let build = Build {
            url: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            sha256: sum_of(file).map_err(read_error)?,
            bytes,
            signature: fs::read_to_string(signature_file(path)).ok(),
            host: manifest.host,
        };
        let entry = self.plugins.entry(manifest.id).or_default();
        entry.label = manifest.label;
        entry.description = manifest.description;
        entry.versions.entry(manifest.version).or_default().push(build);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn machine() -> Machine {
        Machine {
            os: "linux".into(),
            arch: "x86_64".into(),
            kernel: "6.1.0".into(),
        }
    }

    fn index() -> Index {
        let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let build = |url: &str| json!({ "url": url, "sha256": sum, "later": true });
        let for_arch =
            |url: &str, arch: &str| json!({ "url": url, "sha256": sum, "host": { "arch": [arch] } });
        let text = json!({
            "index": 1,
            "later": {},
            "plugins": {
                "a": { "versions": {
                    "1.0.0": [build("a1")],
                    "1.10.0": [for_arch("a110-arm", "aarch64"), for_arch("a110", "x86_64")],
                    "1.9.0": [build("a19")],
                    "2.0.0": [for_arch("a2-arm", "aarch64")],
                    "3.0.0-rc.1": [build("a3")],
                } },
                "pre": { "versions": { "0.1.0-alpha": [build("p")] } },
                "arm": { "versions": { "1.0.0": [for_arch("x", "aarch64")] } },
            },
        });
        Index::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn the_newest_that_runs_here_is_picked() {
        for (plugin, version, url) in [
            ("a", None, Some("a110")),
            ("a", Some("1.9.0"), Some("a19")),
            ("a", Some("3.0.0-rc.1"), Some("a3")),
            ("a", Some("2.0.0"), None),
            ("a", Some("9.9.9"), None),
            ("a", Some("not a version"), None),
            ("pre", None, Some("p")),
            ("arm", None, None),
            ("other", None, None),
        ] {
            let index = index();
            let found = index.pick(plugin, version, &machine());
            assert_eq!(
                found.as_ref().ok().map(|(_, build)| build.url.as_str()),
                url,
                "{plugin} {version:?}"
            );
            if let Err(error) = found {
                assert_eq!(error.code(), "fetch.not_found");
            }
        }
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let sum = "0".repeat(63);
        for text in [
            "",
            "<html>",
            "[]",
            "{}",
            "{\"index\": 2, \"plugins\": {}}",
            "{\"index\": 1}",
            "{\"index\": 1, \"plugins\": {\"../a\": {\"versions\": {}}}}",
            "{\"index\": 1, \"plugins\": {\"a\": {\"versions\": {\"one\": []}}}}",
            &format!(
                "{{\"index\": 1, \"plugins\": {{\"a\": {{\"versions\": {{\"1.0.0\": \
                 [{{\"url\": \"x\", \"sha256\": \"{sum}\"}}]}}}}}}}}"
            ),
        ] {
            assert_eq!(
                Index::parse(text).map_err(|error| error.code()),
                Err("fetch.address"),
                "{text}"
            );
        }
    }
}
