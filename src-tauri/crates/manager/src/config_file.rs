//! A plugin's config as a file that it can read: checked against its rules, secrets put in, for its eyes alone.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use orrery_packages::policy;
use orrery_packages::{Manifest, PackageError};
use orrery_store::Config;
use serde_json::Value;
use uuid::Uuid;

use crate::config::Dirs;
use crate::error::Failure;
use crate::way;

/// Whether a plugin can work with a config, or without one.
pub(crate) fn check(manifest: &Manifest, config: Option<&Config>) -> Result<(), Failure> {
    match config {
        // Text is the plugin's own business.
        Some(Config::Text(_)) => Ok(()),
        Some(Config::Structured(value)) => checked(manifest, value).map(drop),
        None => checked(manifest, &Value::Null).map(drop),
    }
}

/// The config with defaults and secrets in place, as a plugin gets it.
pub(crate) fn delivered(manifest: &Manifest, config: &Config) -> Result<Value, Failure> {
    match config {
        Config::Text(text) => Ok(Value::String(text.clone())),
        Config::Structured(value) => {
            let checked = checked(manifest, value)?;
            policy::reveal(&manifest.policy, &checked)
                .map_err(|errors| Failure::package(PackageError::Policy(errors)))
        }
    }
}

/// Writes a config into a file of its own and gives its path.
pub(crate) fn write(dirs: &Dirs, manifest: &Manifest, config: &Config) -> Result<PathBuf, Failure> {
    let dir = dirs.config(manifest.id.as_str());
    make_dir(&dir)?;
    let path = dir.join(Uuid::now_v7().simple().to_string());
    fill(&path, &text_of(manifest, config)?, manifest)?;
    Ok(path)
}

/// Writes what holds without a config, when there are rules that give anything.
pub(crate) fn write_defaults(dirs: &Dirs, manifest: &Manifest) -> Result<Option<PathBuf>, Failure> {
    if manifest.policy.is_empty() {
        return Ok(None);
    }
    let empty = Config::Structured(Value::Object(serde_json::Map::new()));
    write(dirs, manifest, &empty).map(Some)
}

/// Puts another config into the file that a running process was started with.
pub(crate) fn rewrite(path: &Path, manifest: &Manifest, config: &Config) -> Result<(), Failure> {
    let beside = path.with_extension("new");
    // One that an end in between left.
    let _ = std::fs::remove_file(&beside);
    fill(&beside, &text_of(manifest, config)?, manifest)?;
    std::fs::rename(&beside, path).map_err(|error| Failure::file("replace", path, &error))
}

/// Removes the config files of a plugin but one.
pub(crate) fn keep_only(dirs: &Dirs, plugin: &str, keep: Option<&Path>) {
    let dir = dirs.config(plugin);
    let Ok(entries) = std::fs::read_dir(&dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if Some(path.as_path()) != keep
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(%error, path = %path.display(), "cannot remove an old config file");
        }
    }
    if keep.is_none() {
        // It stays when something is in it, which the next sweep sees to.
        let _ = std::fs::remove_dir(&dir);
    }
}

fn checked(manifest: &Manifest, value: &Value) -> Result<Value, Failure> {
    policy::check(&manifest.policy, value).map_err(|errors| Failure::package(PackageError::Policy(errors)))
}

fn text_of(manifest: &Manifest, config: &Config) -> Result<String, Failure> {
    Ok(match delivered(manifest, config)? {
        Value::String(text) if matches!(config, Config::Text(_)) => text,
        value => format!("{value:#}\n"),
    })
}

fn make_dir(dir: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| Failure::file("make the directory", dir, &error))
}

/// Writes a new file, for the eyes of the plugin's account alone. Its directory is ours.
fn fill(path: &Path, text: &str, manifest: &Manifest) -> Result<(), Failure> {
    let account = way::account(manifest)?;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            match &account {
                Some(account) => fchown(&file, Some(account.uid), Some(account.gid)),
                None => Ok(()),
            }
        });
    written.map_err(|error| Failure::file("write", path, &error))
}
