//! The keys that packages may be signed with: a directory of public keys.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use minisign_verify::PublicKey;

use super::KeyError;
use crate::limits::{KEY_MAX_BYTES, KEYS_MAX};

/// What a line that limits a key to some plugins begins with.
const PLUGINS_LINE: &str = "plugins:";

/// Public keys by name.
#[derive(Clone, Default)]
pub struct Keyring {
    keys: Vec<Key>,
}

/// A public key.
#[derive(Clone)]
pub(super) struct Key {
    /// Name of its file, without `.pub`.
    pub(super) name: String,
    pub(super) public: PublicKey,
    /// Patterns of the ids it may sign for; empty for all.
    plugins: Vec<String>,
}

impl Keyring {
    /// Reads every `*.pub` of a directory, in the order of their names. A directory that is not there holds no keys.
    ///
    /// A key file is as minisign writes it; a third line `plugins: http-* iowait` limits the key to these ids.
    ///
    /// # Errors
    /// When one cannot be read, is no key, or can be changed by anybody: rather no keys than the wrong ones.
    pub fn load(dir: &Path) -> Result<Self, KeyError> {
        let io_error = |source| KeyError::Io {
            path: dir.to_owned(),
            source,
        };
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io_error(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(io_error)?.path();
            if path.extension().is_some_and(|extension| extension == "pub") {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.len() > KEYS_MAX {
            return Err(KeyError::Bad {
                path: dir.to_owned(),
                reason: format!("there are more than {KEYS_MAX} keys"),
            });
        }
        let keys = paths.iter().map(|path| Key::load(path));
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    /// Names of the keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name.as_str())
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }
}

impl Key {
    fn load(path: &Path) -> Result<Self, KeyError> {
        let bad = |reason: &str| KeyError::Bad {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let io_error = |source| KeyError::Io {
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        let file = File::open(path).map_err(io_error)?;
        let mode = file.metadata().map_err(io_error)?.permissions().mode();
        if mode & 0o002 != 0 {
            return Err(bad(
                "anybody can change this key; take that right away with chmod o-w",
            ));
        }
        file.take(KEY_MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(io_error)?;
        let public = PublicKey::decode(&text).map_err(|error| bad(&format!("no public key: {error}")))?;
        let mut plugins = Vec::new();
        for line in text.lines().skip(2).filter(|line| !line.trim().is_empty()) {
            let Some(patterns) = line.strip_prefix(PLUGINS_LINE) else {
                return Err(bad("after the key there may be one line `plugins: ID…`"));
            };
            plugins.extend(
                patterns
                    .split([' ', ','])
                    .filter(|p| !p.is_empty())
                    .map(str::to_owned),
            );
            if plugins.is_empty() {
                return Err(bad("`plugins:` names the ids that this key may sign for"));
            }
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            name,
            public,
            plugins,
        })
    }

    /// Whether it may sign for a plugin.
    pub(super) fn may_sign(&self, id: &str) -> bool {
        self.plugins.is_empty() || self.plugins.iter().any(|pattern| fits(pattern, id))
    }
}

/// Whether an id fits a pattern, in which `*` stands for anything.
fn fits(pattern: &str, id: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == id;
    };
    let Some(mut left) = id.strip_prefix(first) else {
        return false;
    };
    let mut rest = rest;
    while let Some((middle, after)) = rest.split_once('*') {
        match left.find(middle) {
            Some(at) => left = &left[at + middle.len()..],
            None => return false,
        }
        rest = after;
    }
    left.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_ids() {
        for (pattern, id, good) in [
            ("iowait", "iowait", true),
            ("iowait", "iowait2", false),
            ("*", "anything", true),
            ("http-*", "http-stats", true),
            ("http-*", "https", false),
            ("*-stats", "http-stats", true),
            ("a*b*c", "a-x-b-y-c", true),
            ("a*b*c", "a-x-c", false),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
        ] {
            assert_eq!(fits(pattern, id), good, "{pattern} {id}");
        }
    }
}
