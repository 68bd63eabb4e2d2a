//! Unpacking a package into a revision: a read-only directory that is there as a whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::caps::Caps;
use super::entries::{Item, ItemKind, Next, too_many_entries, walk};
use super::error::{UnpackError, what_io};
use super::open::Shared;
use super::peek::first_entry;
use super::tree::{Incoming, MODE_EXECUTABLE, MODE_FILE, set_mode, sync_dir};
use crate::limits::CHUNK_BYTES;
use crate::manifest::{Manifest, ManifestError, ManifestFault};

/// Characters of the sum that a revision's name ends with.
pub(super) const HASH_CHARS: usize = 12;

/// A package, unpacked.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Its directory, `<revisions>/<id>/<version>-<first twelve characters of its sum>`.
    pub dir: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// SHA-256 of the archive, in hexadecimal.
    pub sha256: String,
    /// Size of its files, in bytes.
    pub bytes: u64,
}

/// Unpacks a package. Its signature has been looked at before: `sha256` is the sum that was verified, and an
/// archive that has another one by now is refused.
///
/// A revision that is there already is taken as it is. Dropping the future ends the work like cancelling does.
///
/// # Errors
/// When the package is unsafe, too large, damaged or not the one expected, when its manifest is wrong, when
/// the disk is full, or when it was cancelled. Nothing is left behind then.
pub async fn unpack(
    archive: &Path,
    sha256: &str,
    revisions_dir: &Path,
    caps: &Caps,
    cancel: &CancellationToken,
) -> Result<Revision, UnpackError> {
    let (archive, revisions_dir) = (archive.to_owned(), revisions_dir.to_owned());
    let (sha256, caps) = (sha256.to_ascii_lowercase(), *caps);
    on_own_thread(cancel.child_token(), move |cancel| {
        unpack_blocking(&archive, &sha256, &revisions_dir, &caps, cancel)
    })
    .await
}

/// Runs work that blocks on a thread of its own; when nobody waits for it any more, it is cancelled.
pub(super) async fn on_own_thread<T: Send + 'static>(
    cancel: CancellationToken,
    work: impl FnOnce(&CancellationToken) -> Result<T, UnpackError> + Send + 'static,
) -> Result<T, UnpackError> {
    let _guard = cancel.clone().drop_guard();
    match tokio::task::spawn_blocking(move || work(&cancel)).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(UnpackError::Cancelled),
        },
    }
}

fn unpack_blocking(
    archive: &Path,
    sha256: &str,
    revisions_dir: &Path,
    caps: &Caps,
    cancel: &CancellationToken,
) -> Result<Revision, UnpackError> {
    let mut filling: Option<(Manifest, Filling)> = None;
    let shared = walk(archive, caps, cancel, |item, bytes, shared| {
        match &mut filling {
            None => {
                let (manifest, text) = first_entry(&item, bytes, shared)?;
                let plugin_dir = revisions_dir.join(manifest.id.as_str());
                let mut fresh = Filling::new(Incoming::create(&plugin_dir)?, *caps);
                fresh.add(&item, &mut text.as_slice(), shared)?;
                filling = Some((manifest, fresh));
            }
            Some((_, filling)) => filling.add(&item, bytes, shared)?,
        }
        Ok(Next::Go)
    })?;
    let Some((manifest, filling)) = filling else {
        return Err(UnpackError::Corrupt("it is empty".to_owned()));
    };
    let found = shared.sum();
    if found != sha256 {
        return Err(UnpackError::Checksum {
            expected: sha256.to_owned(),
            found,
        });
    }
    let plugin_dir = revisions_dir.join(manifest.id.as_str());
    let dir = plugin_dir.join(format!("{}-{}", manifest.version, &found[..HASH_CHARS]));
    let bytes = filling.bytes;
    let incoming = filling.finish(&manifest)?;
    shared.check_cancelled()?;
    // Whatever stands there is whole: it came by the same rename.
    if !dir.exists() && incoming.place(&dir)? {
        sync_dir(&plugin_dir)?;
        sync_dir(revisions_dir)?;
    }
    Ok(Revision {
        dir,
        manifest,
        sha256: found,
        bytes,
    })
}

/// What stands at a path within the package.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A directory that the archive names.
    Directory,
    /// A directory that the archive only implies.
    Implied,
    File,
    Link,
}

/// A revision being filled.
struct Filling {
    incoming: Incoming,
    caps: Caps,
    seen: BTreeMap<String, Kind>,
    /// Made at the end, so that nothing is ever written through a link.
    symlinks: Vec<(String, String)>,
    bytes: u64,
}

impl Filling {
    fn new(incoming: Incoming, caps: Caps) -> Self {
        Self {
            incoming,
            caps,
            seen: BTreeMap::new(),
            symlinks: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, item: &Item, bytes: &mut dyn Read, shared: &Shared) -> Result<(), UnpackError> {
        self.make_parents(&item.path)?;
        let path = self.incoming.path().join(&item.path);
        match &item.kind {
            ItemKind::Directory => {
                if self.seen.get(&item.path) == Some(&Kind::Implied) {
                    self.seen.insert(item.path.clone(), Kind::Directory);
                } else {
                    self.note(&item.path, Kind::Directory)?;
                    fs::create_dir(&path).map_err(what_io("creating", &path))?;
                }
            }
            ItemKind::File {
                executable,
                bytes: size,
            } => {
                self.note(&item.path, Kind::File)?;
                write_file(&path, bytes, *executable, shared)?;
                self.bytes += size;
            }
            ItemKind::Symlink(target) => {
                self.note(&item.path, Kind::Link)?;
                self.symlinks.push((item.path.clone(), target.clone()));
            }
            ItemKind::HardLink(target) => {
                if self.seen.get(target) != Some(&Kind::File) {
                    return Err(UnpackError::unsafe_path(
                        &item.path,
                        "a link to no file of the package before it",
                    ));
                }
                self.note(&item.path, Kind::File)?;
                let target = self.incoming.path().join(target);
                fs::hard_link(&target, &path).map_err(what_io("creating", &path))?;
            }
        }
        Ok(())
    }

    /// Remembers a name; the second of the same name is refused.
    fn note(&mut self, path: &str, kind: Kind) -> Result<(), UnpackError> {
        if self.seen.len() as u64 >= self.caps.entries {
            return Err(too_many_entries(&self.caps));
        }
        if self.seen.insert(path.to_owned(), kind).is_some() {
            return Err(UnpackError::unsafe_path(path, "twice"));
        }
        Ok(())
    }

    fn make_parents(&mut self, path: &str) -> Result<(), UnpackError> {
        for (slash, _) in path.match_indices('/') {
            let parent = &path[..slash];
            match self.seen.get(parent) {
                Some(Kind::Directory | Kind::Implied) => {}
                Some(Kind::File | Kind::Link) => {
                    return Err(UnpackError::unsafe_path(
                        path,
                        "which lies in something that is no directory",
                    ));
                }
                None => {
                    self.note(parent, Kind::Implied)?;
                    let dir = self.incoming.path().join(parent);
                    fs::create_dir(&dir).map_err(what_io("creating", &dir))?;
                }
            }
        }
        Ok(())
    }

    /// Makes the links, looks whether everything is as the manifest says, and makes it last.
    fn finish(self, manifest: &Manifest) -> Result<Incoming, UnpackError> {
        let root = self.incoming.path();
        for (link, target) in &self.symlinks {
            let path = root.join(link);
            symlink(target, &path).map_err(what_io("creating", &path))?;
        }
        self.check_links()?;
        check_entry(root, manifest)?;
        // Deepest first: a directory is finished when everything in it is.
        for (path, kind) in self.seen.iter().rev() {
            if matches!(kind, Kind::Directory | Kind::Implied) {
                finish_dir(&root.join(path))?;
            }
        }
        finish_dir(root)?;
        Ok(self.incoming)
    }

    /// Words alone do not tell where a link leads that goes through other links.
    fn check_links(&self) -> Result<(), UnpackError> {
        let root = self.incoming.path();
        let root = root.canonicalize().map_err(what_io("reading", root))?;
        for (link, _) in &self.symlinks {
            match root.join(link).canonicalize() {
                Ok(found) if found.starts_with(&root) => {}
                Ok(_) => {
                    return Err(UnpackError::unsafe_path(
                        link,
                        "a link that leads out of the package",
                    ));
                }
                Err(_) => return Err(UnpackError::unsafe_path(link, "a link that leads nowhere")),
            }
        }
        Ok(())
    }
}

fn finish_dir(dir: &Path) -> Result<(), UnpackError> {
    set_mode(dir, MODE_EXECUTABLE)?;
    sync_dir(dir)
}

fn write_file(
    path: &Path,
    bytes: &mut dyn Read,
    executable: bool,
    shared: &Shared,
) -> Result<(), UnpackError> {
    let write_error = |error| what_io("writing", path)(error);
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(write_error)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        shared.check_cancelled()?;
        match bytes.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => file.write_all(&chunk[..read]).map_err(write_error)?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(shared.explain(&error)),
        }
    }
    set_mode(path, if executable { MODE_EXECUTABLE } else { MODE_FILE })?;
    file.sync_all().map_err(write_error)
}

/// Whether the program that the manifest names is there and can be run.
pub(super) fn check_entry(root: &Path, manifest: &Manifest) -> Result<(), UnpackError> {
    let entry = &manifest.run.entry;
    let wrong = |what: &str| {
        Err(UnpackError::Manifest(ManifestError::nowhere(
            ManifestFault::Invalid,
            format!("run.entry {entry} {what}"),
        )))
    };
    match fs::metadata(root.join(entry)) {
        Ok(metadata) if !metadata.is_file() => wrong("is no file"),
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => wrong("is not executable"),
        Ok(_) => Ok(()),
        Err(_) => wrong("is not in the package"),
    }
}
