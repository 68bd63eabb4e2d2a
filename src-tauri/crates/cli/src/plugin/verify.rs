//! `orrery plugin verify`: everything that an install does before it starts the program.

use std::path::Path;

use orrery_engine::Settings;
use orrery_packages::manifest::Machine;
use orrery_packages::{
    Caps, FetchOptions, Keyring, Manifest, PackageError, Signature, Source, Trust, fetch, remove_revision,
    unpack, verify,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::make::{Made, ended};
use super::make_args::Verify;
use crate::args::Common;
use crate::exit::Exit;
use crate::output::{file_size, printable};
use crate::target;

pub(super) async fn run(common: &Common, options: Verify) -> Result<(), Exit> {
    let paths = target::paths(common);
    let file = common
        .config
        .clone()
        .unwrap_or_else(|| paths.config.join("config.toml"));
    let settings = Settings::read(&file, common.config.is_some()).map_err(Exit::usage)?;
    let keys = options
        .keys
        .clone()
        .or(settings.packages.keys)
        .unwrap_or_else(|| paths.data.join("keys"));
    let trust = options.trust.or(settings.packages.trust).unwrap_or_default();

    let cancel = CancellationToken::new();
    let interrupted = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.cancel();
        }
    });
    let temporary = tempfile::tempdir().map_err(Exit::failed)?;
    let looked = look(&source(&options), &keys, trust, temporary.path(), &cancel).await;
    ended(common.json, looked)
}

fn source(options: &Verify) -> Source {
    let (package, sha256) = (options.package.clone(), options.sha256.clone());
    if let Some(index) = &options.index {
        return Source::Index {
            index: index.clone(),
            plugin: package,
            version: options.version.clone(),
        };
    }
    if package.starts_with("https://") || package.starts_with("http://") {
        return Source::Url { url: package, sha256 };
    }
    Source::File {
        path: package.into(),
        sha256,
    }
}

async fn look(
    source: &Source,
    keys: &Path,
    trust: Trust,
    temporary: &Path,
    cancel: &CancellationToken,
) -> Result<Made, PackageError> {
    let keyring = Keyring::load(keys)?;
    let archive = temporary.join("package");
    let fetched = fetch(source, &FetchOptions::default(), |_, _| {}, cancel, &archive).await?;
    let verified = verify(&archive, &fetched.sha256, &keyring, trust).await?;
    let manifest = verified.manifest;
    if let Err(reasons) = manifest.host.check(&Machine::this()) {
        return Err(PackageError::HostMismatch(reasons));
    }
    let revisions = temporary.join("revisions");
    let revision = unpack(&archive, &fetched.sha256, &revisions, &Caps::default(), cancel).await?;
    // Its directories are read-only, which keeps the temporary directory from being removed.
    remove_revision(&revision.dir)?;
    Ok(told(
        &manifest,
        &verified.signature,
        &fetched.sha256,
        fetched.bytes,
        revision.bytes,
    ))
}

fn told(manifest: &Manifest, signature: &Signature, sha256: &str, bytes: u64, unpacked: u64) -> Made {
    let signed = match signature {
        Signature::Valid { key } => format!("good, of the key {key}"),
        Signature::Unsigned => "none".to_owned(),
        Signature::Off => "not looked at".to_owned(),
    };
    let text = format!(
        "{} {}  {}\nsha256     {sha256}\nsignature  {signed}\nsize       {}, {} unpacked",
        manifest.id,
        manifest.version,
        printable(&manifest.label),
        file_size(bytes),
        file_size(unpacked)
    );
    Made {
        text,
        data: json!({
            "ok": true,
            "id": manifest.id,
            "version": manifest.version,
            "label": manifest.label,
            "description": manifest.description,
            "sha256": sha256,
            "signature": signature.to_string(),
            "bytes": bytes,
            "unpacked_bytes": unpacked,
        }),
    }
}
