//! Looking at a package's manifest without unpacking it.

use std::io::Read;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::caps::Caps;
use super::entries::{Item, ItemKind, Next, walk};
use super::error::UnpackError;
use super::open::Shared;
use crate::limits::MANIFEST_MAX_BYTES;
use crate::manifest::{MANIFEST_FILE, Manifest};

/// The manifest of a package: its first entry. Nothing else is read and nothing is written.
///
/// # Errors
/// When it is no package, or its manifest is wrong.
pub async fn peek(archive: &Path) -> Result<Manifest, UnpackError> {
    let archive: PathBuf = archive.to_owned();
    super::unpack::on_own_thread(CancellationToken::new(), move |cancel| {
        peek_blocking(&archive, cancel)
    })
    .await
}

pub(crate) fn peek_blocking(archive: &Path, cancel: &CancellationToken) -> Result<Manifest, UnpackError> {
    let mut manifest = None;
    walk(archive, &Caps::default(), cancel, |item, bytes, shared| {
        manifest = Some(first_entry(&item, bytes, shared)?.0);
        Ok(Next::Stop)
    })?;
    manifest.ok_or_else(|| UnpackError::Corrupt("it is empty".to_owned()))
}

/// The manifest, and its bytes as they are, from the entry that has to be it.
pub(super) fn first_entry(
    item: &Item,
    bytes: &mut dyn Read,
    shared: &Shared,
) -> Result<(Manifest, Vec<u8>), UnpackError> {
    let is_manifest = item.path == MANIFEST_FILE && matches!(item.kind, ItemKind::File { .. });
    if !is_manifest {
        return Err(UnpackError::Corrupt(format!(
            "its first entry is not {MANIFEST_FILE}"
        )));
    }
    let mut text = Vec::new();
    bytes
        .take(MANIFEST_MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|error| shared.explain(&error))?;
    let manifest = Manifest::from_bytes(&text)?;
    manifest.check_packaged()?;
    Ok((manifest, text))
}
