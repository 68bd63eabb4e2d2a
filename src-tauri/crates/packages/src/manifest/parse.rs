//! Reading and writing a manifest.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::{MANIFEST_FILE, MANIFEST_FORM, Manifest, ManifestError, ManifestFault, check};
use crate::limits::MANIFEST_MAX_BYTES;

impl Manifest {
    /// Reads a manifest. Keys that nobody knows are errors: a typing mistake in a limit must not be a limit
    /// that does not hold.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and column.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() as u64 > MANIFEST_MAX_BYTES {
            return Err(ManifestError::nowhere(
                ManifestFault::Syntax,
                format!("a manifest has at most {MANIFEST_MAX_BYTES} bytes"),
            ));
        }
        check_form(text)?;
        let mut manifest: Self = toml::from_str(text).map_err(|error| from_toml(&error, text))?;
        check::check(&manifest).map_err(|wrong| {
            ManifestError::at(ManifestFault::Invalid, &wrong.message, text, wrong.find(text))
        })?;
        if manifest.label.is_empty() {
            manifest.label = manifest.id.to_string();
        }
        for rule in &mut manifest.policy {
            if rule.prefix.is_empty() {
                rule.prefix = format!("/{}", manifest.id);
            }
        }
        Ok(manifest)
    }

    /// Reads the manifest in a directory.
    ///
    /// # Errors
    /// When there is none, or something is wrong with it.
    pub fn read(dir: &Path) -> Result<Self, ManifestError> {
        Self::read_file(&dir.join(MANIFEST_FILE))
    }

    /// Reads a manifest from a file of any name.
    ///
    /// # Errors
    /// When it cannot be read, or something is wrong with it.
    pub fn read_file(path: &Path) -> Result<Self, ManifestError> {
        let unreadable = |error: std::io::Error| {
            ManifestError::nowhere(
                ManifestFault::Unreadable,
                format!("{} cannot be read: {error}", path.display()),
            )
        };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MANIFEST_MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        Self::from_bytes(&bytes)
    }

    /// Reads a manifest as it came out of an archive.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => Err(ManifestError::nowhere(
                ManifestFault::Syntax,
                format!("not UTF-8 after byte {}", error.valid_up_to()),
            )),
        }
    }

    /// Writes the manifest, leaving out what is as usual.
    ///
    /// # Errors
    /// When a `[[service]]` holds what TOML cannot say.
    pub fn to_toml(&self) -> Result<String, ManifestError> {
        toml::to_string_pretty(self)
            .map_err(|error| ManifestError::nowhere(ManifestFault::Invalid, error.to_string()))
    }

    /// Whether this can be the manifest of a package: everything it runs lies inside.
    ///
    /// # Errors
    /// What lies outside.
    pub fn check_packaged(&self) -> Result<(), ManifestError> {
        if self.run.entry_is_absolute() {
            return Err(ManifestError::nowhere(
                ManifestFault::Invalid,
                "run.entry of a package is a path within it; an absolute one is for local plugins alone",
            ));
        }
        Ok(())
    }
}

/// A newer form may have any keys, so it is told apart before keys are looked at.
fn check_form(text: &str) -> Result<(), ManifestError> {
    #[derive(Deserialize)]
    struct Form {
        manifest: Option<Spanned<toml::Value>>,
    }
    let form: Form = toml::from_str(text).map_err(|error| from_toml(&error, text))?;
    let Some(manifest) = form.manifest else {
        return Ok(());
    };
    match manifest.get_ref().as_integer() {
        Some(number) if number == i64::from(MANIFEST_FORM) => Ok(()),
        Some(number) => Err(ManifestError::at(
            ManifestFault::Unsupported,
            format!(
                "this manifest has form {number}, and this version of Orrery understands form {MANIFEST_FORM}"
            ),
            text,
            Some(manifest.span()),
        )),
        None => Err(ManifestError::at(
            ManifestFault::Syntax,
            "manifest is the number of the file's form: 1",
            text,
            Some(manifest.span()),
        )),
    }
}

fn from_toml(error: &toml::de::Error, text: &str) -> ManifestError {
    let message = error.message();
    let (fault, message) = match message.strip_prefix("unknown field ") {
        Some(rest) => (
            ManifestFault::UnknownKey,
            format!("unknown key {}", rest.replacen(", expected", "; known here:", 1)),
        ),
        None => (
            ManifestFault::Syntax,
            message.replace("missing field", "missing key"),
        ),
    };
    ManifestError::at(fault, message, text, error.span())
}
