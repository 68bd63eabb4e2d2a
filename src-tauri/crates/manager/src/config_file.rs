//! A plugin's config as a file that it can read: checked against its rules, secrets put in, for its eyes alone.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use orrery_packages::policy;
use orrery_packages::{Manifest, PackageError};
use serde_json::Value;
use uuid::Uuid;

use crate::config::Dirs;
use crate::error::Failure;
use crate::layers::{self, Given};
use crate::way;

/// Whether a plugin can work with what it is given.
pub(crate) fn check(manifest: &Manifest, given: &Given) -> Result<(), Failure> {
    resolved(manifest, given).map(drop)
}

/// The config with defaults and secrets in place, as a plugin gets it; none when there is nothing to say.
pub(crate) fn delivered(manifest: &Manifest, given: &Given) -> Result<Option<Value>, Failure> {
    match resolved(manifest, given)? {
        Some(value) if !given.is_text() => policy::reveal(&manifest.policy, &value)
            .map(Some)
            .map_err(|errors| Failure::package(PackageError::Policy(errors))),
        value => Ok(value),
    }
}

fn resolved(manifest: &Manifest, given: &Given) -> Result<Option<Value>, Failure> {
    given.resolved(manifest).map_err(|errors| {
        let told = errors.into_iter().map(layers::told).collect();
        Failure::package(PackageError::Policy(told))
    })
}

/// Writes a config into a file of its own and gives its path; none when there is nothing to say.
pub(crate) fn write(dirs: &Dirs, manifest: &Manifest, given: &Given) -> Result<Option<PathBuf>, Failure> {
    let Some(text) = text_of(manifest, given)? else {
        return Ok(None);
    };
    let dir = dirs.config(manifest.id.as_str());
    make_dir(&dir)?;
    let path = dir.join(Uuid::now_v7().simple().to_string());
    fill(&path, &text, manifest)?;
    Ok(Some(path))
}

/// Puts another config into the file that a running process was started with.
pub(crate) fn rewrite(path: &Path, manifest: &Manifest, given: &Given) -> Result<(), Failure> {
    let beside = path.with_extension("new");
    // One that an end in between left.
    let _ = std::fs::remove_file(&beside);
    fill(&beside, &text_of(manifest, given)?.unwrap_or_default(), manifest)?;
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

fn text_of(manifest: &Manifest, given: &Given) -> Result<Option<String>, Failure> {
    Ok(delivered(manifest, given)?.map(|value| match value {
        Value::String(text) if given.is_text() => text,
        value => format!("{value:#}\n"),
    }))
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
