//! Making keys and signatures, in minisign's form.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use minisign::{KeyPair as MinisignKeys, SecretKey, SecretKeyBox};
use tokio_util::sync::CancellationToken;

use super::{KeyError, signature_file, verify::trusted_comment};
use crate::archive::{peek_blocking, program_manifest, write_beside};
use crate::digest::sum_of;
use crate::id::PluginId;
use crate::limits::KEY_MAX_BYTES;
use crate::manifest::Manifest;

/// A new pair of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// File of the secret key: keep it to yourself.
    pub secret: PathBuf,
    /// File of the public key: for the directory of keys of every machine that takes your packages.
    pub public: PathBuf,
}

/// Makes `<name>.key` and `<name>.pub` in a directory. With a password the secret key is encrypted.
///
/// # Errors
/// When one of them is there already, or cannot be written.
pub fn keygen(dir: &Path, name: &str, password: Option<&str>) -> Result<KeyPair, KeyError> {
    let pair = KeyPair {
        secret: dir.join(format!("{name}.key")),
        public: dir.join(format!("{name}.pub")),
    };
    let bad = |error: minisign::PError| KeyError::Bad {
        path: pair.secret.clone(),
        reason: error.to_string(),
    };
    let keys = match password {
        Some(password) => MinisignKeys::generate_encrypted_keypair(Some(password.to_owned())),
        None => MinisignKeys::generate_unencrypted_keypair(),
    }
    .map_err(bad)?;
    let comment = format!("orrery secret key {name}");
    let secret = keys.sk.to_box(Some(&comment)).map_err(bad)?.into_string();
    let public = keys.pk.to_box().map_err(bad)?.into_string();
    fs::create_dir_all(dir).map_err(|source| KeyError::Io {
        path: dir.to_owned(),
        source,
    })?;
    write_new(&pair.secret, &format!("{}\n", secret.trim_end()), 0o600)?;
    write_new(&pair.public, &format!("{}\n", public.trim_end()), 0o644)?;
    Ok(pair)
}

/// Signs a package: writes its signature beside it and says where. Id and version come from its manifest and
/// are signed with it.
///
/// # Errors
/// When it is no package, or the key cannot be used.
pub fn sign(archive: &Path, secret_key: &Path, password: Option<&str>) -> Result<PathBuf, KeyError> {
    let manifest = peek_blocking(archive, &CancellationToken::new())?;
    sign_as(archive, &manifest, secret_key, password)
}

/// Signs a program without a package, under the id that it is to have: writes its signature beside it and says where.
///
/// # Errors
/// When it cannot be read, or the key cannot be used.
pub fn sign_program(
    program: &Path,
    id: &PluginId,
    secret_key: &Path,
    password: Option<&str>,
) -> Result<PathBuf, KeyError> {
    let sum = File::open(program).and_then(sum_of);
    let sum = sum.map_err(|source| KeyError::Io {
        path: program.to_owned(),
        source,
    })?;
    sign_as(program, &program_manifest(id, &sum), secret_key, password)
}

fn sign_as(
    archive: &Path,
    manifest: &Manifest,
    secret_key: &Path,
    password: Option<&str>,
) -> Result<PathBuf, KeyError> {
    let key = read_secret(secret_key, password)?;
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| KeyError::Io { path, source }
    };
    let file = File::open(archive).map_err(io_error(archive))?;
    let comment = trusted_comment(manifest);
    let untrusted = format!("signature of {} {}", manifest.id, manifest.version);
    let signature = minisign::sign(None, &key, file, Some(&comment), Some(&untrusted)).map_err(|error| {
        KeyError::Bad {
            path: secret_key.to_owned(),
            reason: error.to_string(),
        }
    })?;
    let path = signature_file(archive);
    write_beside(&path, signature.into_string().as_bytes()).map_err(io_error(&path))?;
    Ok(path)
}

fn read_secret(path: &Path, password: Option<&str>) -> Result<SecretKey, KeyError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(KEY_MAX_BYTES).read_to_string(&mut text))
        .map_err(|source| KeyError::Io {
            path: path.to_owned(),
            source,
        })?;
    let bad = |reason: String| KeyError::Bad {
        path: path.to_owned(),
        reason,
    };
    let sealed = SecretKeyBox::from_string(&text).map_err(|error| bad(error.to_string()))?;
    let opened = match password {
        Some(password) => sealed.into_secret_key(Some(password.to_owned())),
        None => sealed.into_unencrypted_secret_key(),
    };
    opened.map_err(|error| match password {
        Some(_) => bad(format!("the password does not fit: {error}")),
        None => bad(format!("no secret key, or one that needs a password: {error}")),
    })
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), KeyError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|source| KeyError::Io {
            path: path.to_owned(),
            source,
        })
}
