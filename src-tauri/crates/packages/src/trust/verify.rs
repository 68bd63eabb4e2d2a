//! Looking at a package before anything of it is unpacked or run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use minisign_verify::{Error as MinisignError, Signature as Minisig, StreamVerifier};
use tokio_util::sync::CancellationToken;

use super::keyring::Key;
use super::{Keyring, Signature, Trust, VerifyError, signature_file};
use crate::archive::{UnpackError, peek_blocking, program_manifest, what_io};
use crate::digest::Sum;
use crate::id::PluginId;
use crate::limits::{CHUNK_BYTES, SIDECAR_MAX_BYTES};
use crate::manifest::Manifest;

/// A package that may be unpacked.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What is known of its signature.
    pub signature: Signature,
    /// Its manifest.
    pub manifest: Manifest,
}

/// Looks at a package's sum and signature, and then at its manifest; `sha256` is the sum that it has to have.
/// The signature lies beside the package, see [`signature_file`].
///
/// A good signature is of a known key that may sign for this plugin, and its trusted comment, which is signed
/// too, names the same id and version as the manifest: `id=http-stats version=1.4.0`.
///
/// # Errors
/// When the trust asked for is not given, or the file is no package or another one than expected.
pub async fn verify(
    archive: &Path,
    sha256: &str,
    keyring: &Keyring,
    trust: Trust,
) -> Result<Verified, VerifyError> {
    let looked_into = |archive: &Path| Ok(peek_blocking(archive, &CancellationToken::new())?);
    on_own_thread(archive, sha256, keyring, trust, looked_into).await
}

/// Looks at the sum and signature of a program without a package, see
/// [`program_manifest`](crate::program_manifest()); a signature names that manifest's id and version.
///
/// # Errors
/// When the trust asked for is not given, or the file is another one than expected.
pub async fn verify_program(
    program: &Path,
    id: &PluginId,
    sha256: &str,
    keyring: &Keyring,
    trust: Trust,
) -> Result<Verified, VerifyError> {
    let manifest = program_manifest(id, sha256);
    on_own_thread(program, sha256, keyring, trust, move |_| Ok(manifest)).await
}

async fn on_own_thread(
    file: &Path,
    sha256: &str,
    keyring: &Keyring,
    trust: Trust,
    manifest: impl FnOnce(&Path) -> Result<Manifest, VerifyError> + Send + 'static,
) -> Result<Verified, VerifyError> {
    let (file, sha256) = (file.to_owned(), sha256.to_ascii_lowercase());
    let keyring = keyring.clone();
    let work =
        tokio::task::spawn_blocking(move || verify_blocking(&file, &sha256, &keyring, trust, manifest));
    match work.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(UnpackError::Cancelled.into()),
        },
    }
}

fn verify_blocking(
    archive: &Path,
    sha256: &str,
    keyring: &Keyring,
    trust: Trust,
    manifest: impl FnOnce(&Path) -> Result<Manifest, VerifyError>,
) -> Result<Verified, VerifyError> {
    let minisig = match trust {
        Trust::Off => None,
        Trust::Warn | Trust::Require => read_signature(archive)?,
    };
    let signed_by = match (&minisig, trust) {
        (Some(minisig), _) => candidates(keyring, minisig)?,
        (None, Trust::Require) => {
            let file = signature_file(archive);
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            return Err(VerifyError::Missing(name.into_owned()));
        }
        (None, Trust::Off | Trust::Warn) => Vec::new(),
    };
    let good = read_once(archive, sha256, signed_by)?;
    // Bytes that nobody has signed are looked into only where that is allowed.
    let signer = match (&minisig, good) {
        (None, _) => None,
        (Some(_), Some(key)) => Some(key),
        (Some(_), None) => {
            return Err(VerifyError::Bad(
                "it belongs to other bytes or another comment".to_owned(),
            ));
        }
    };
    let manifest = manifest(archive)?;
    let signature = match (&minisig, signer) {
        (Some(minisig), Some(key)) => {
            check_binding(minisig.trusted_comment(), &manifest)?;
            if !key.may_sign(&manifest.id) {
                return Err(VerifyError::UnknownKey(format!(
                    "the package is signed with the key {}, which may not sign for {}",
                    key.name, manifest.id
                )));
            }
            Signature::Valid {
                key: key.name.clone(),
            }
        }
        _ if trust == Trust::Off => Signature::Off,
        _ => Signature::Unsigned,
    };
    Ok(Verified { signature, manifest })
}

/// The signature beside a package, if there is one.
fn read_signature(archive: &Path) -> Result<Option<Minisig>, VerifyError> {
    let path = signature_file(archive);
    let mut text = String::new();
    match File::open(&path).and_then(|file| file.take(SIDECAR_MAX_BYTES).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(VerifyError::Bad("it is no text".to_owned()));
        }
        Err(error) => return Err(what_io("reading", &path)(error).into()),
    }
    match Minisig::decode(&text) {
        Ok(minisig) => Ok(Some(minisig)),
        Err(error) => Err(VerifyError::Bad(format!("it is no minisign signature: {error}"))),
    }
}

/// The keys that a signature says it is of, each with a verifier.
fn candidates<'a>(
    keyring: &'a Keyring,
    minisig: &'a Minisig,
) -> Result<Vec<(&'a Key, StreamVerifier<'a>)>, VerifyError> {
    let mut found = Vec::new();
    for key in keyring.keys() {
        match key.public.verify_stream(minisig) {
            Ok(verifier) => found.push((key, verifier)),
            Err(MinisignError::UnexpectedKeyId) => {}
            Err(error) => return Err(VerifyError::Bad(error.to_string())),
        }
    }
    if found.is_empty() {
        return Err(VerifyError::UnknownKey(
            "the package is signed with a key that is not among this machine's keys".to_owned(),
        ));
    }
    Ok(found)
}

/// Reads the file once for its sum and all verifiers; the key whose signature it is.
fn read_once<'a>(
    archive: &Path,
    sha256: &str,
    mut verifiers: Vec<(&'a Key, StreamVerifier<'a>)>,
) -> Result<Option<&'a Key>, VerifyError> {
    let read_error = |error| what_io("reading", archive)(error);
    let mut file = File::open(archive).map_err(read_error)?;
    let mut sum = Sum::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk).map_err(read_error)?;
        if read == 0 {
            break;
        }
        sum.update(&chunk[..read]);
        for (_, verifier) in &mut verifiers {
            verifier.update(&chunk[..read]);
        }
    }
    let found = sum.finish();
    if found != sha256 {
        return Err(VerifyError::Package(UnpackError::Checksum {
            expected: sha256.to_owned(),
            found,
        }));
    }
    let good = verifiers
        .into_iter()
        .find_map(|(key, mut verifier)| verifier.finalize().is_ok().then_some(key));
    Ok(good)
}

/// Whether the signed comment names this plugin and version: otherwise an old signature of the same key
/// could pass for one of another plugin.
fn check_binding(comment: &str, manifest: &Manifest) -> Result<(), VerifyError> {
    let fields: BTreeMap<&str, &str> = comment
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .collect();
    let version = manifest.version.to_string();
    for (name, expected) in [("id", manifest.id.as_str()), ("version", version.as_str())] {
        match fields.get(name) {
            Some(found) if *found == expected => {}
            Some(found) => {
                return Err(VerifyError::Bad(format!(
                    "it is for {name} {}, and the package has {name} {expected}",
                    found.escape_debug()
                )));
            }
            None => {
                return Err(VerifyError::Bad(format!(
                    "its trusted comment does not name the {name}: sign with `orrery plugin sign`, \
                     or give minisign -t \"id={} version={version}\"",
                    manifest.id
                )));
            }
        }
    }
    Ok(())
}

/// What a signature's trusted comment says.
pub(super) fn trusted_comment(manifest: &Manifest) -> String {
    format!("id={} version={}", manifest.id, manifest.version)
}
