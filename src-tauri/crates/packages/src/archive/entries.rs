//! The entries of an archive, one after the other, each looked at before anything is done with it.
//!
//! The tar library reads extension headers (long names, PAX records) into memory whatever their size, so
//! they are read here, within bounds.

use std::io::{self, Read};
use std::path::Path;

use tar::{Archive, Entry, EntryType, PaxExtensions};
use tokio_util::sync::CancellationToken;

use super::caps::Caps;
use super::error::UnpackError;
use super::names;
use super::open::{Shared, Unpacked, open};
use crate::limits::EXTENSION_MAX_BYTES;

/// An entry that a package may hold.
pub(super) struct Item {
    /// Path within the package.
    pub(super) path: String,
    /// What it is.
    pub(super) kind: ItemKind,
}

/// What an entry is.
pub(super) enum ItemKind {
    /// A file, whose bytes follow.
    File {
        /// Whether somebody may run it.
        executable: bool,
        /// Size, in bytes.
        bytes: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link, with its target as written.
    Symlink(String),
    /// Another name of a file that came before, as a path within the package.
    HardLink(String),
}

/// Whether to go on.
pub(super) enum Next {
    Go,
    Stop,
}

/// Reads an archive and hands over each entry with its bytes.
///
/// Reading to the end proves that the archive is whole; the sum of the file is known from [`Shared`] then.
pub(super) fn walk(
    path: &Path,
    caps: &Caps,
    cancel: &CancellationToken,
    mut visit: impl FnMut(Item, &mut dyn Read, &Shared) -> Result<Next, UnpackError>,
) -> Result<Shared, UnpackError> {
    let (reader, shared) = open(path, caps, cancel)?;
    let mut archive = Archive::new(reader);
    let mut extra = Extra::default();
    let mut count = 0;
    let entries = archive
        .entries()
        .map_err(|error| shared.explain(&error))?
        .raw(true);
    for entry in entries {
        let mut entry = entry.map_err(|error| shared.explain(&error))?;
        shared.check_cancelled()?;
        count += 1;
        // Extension headers count too: an archive of nothing else must end some time.
        if count > caps.entries.saturating_mul(2) {
            return Err(too_many_entries(caps));
        }
        if extra.take_in(&mut entry, &shared)? {
            continue;
        }
        let names = std::mem::take(&mut extra);
        let Some(item) = item(&entry, &names)? else {
            continue;
        };
        if let Next::Stop = visit(item, &mut entry, &shared)? {
            return Ok(shared);
        }
    }
    if extra.path.is_some() || extra.link.is_some() {
        return Err(UnpackError::Corrupt(
            "it ends with a name that belongs to nothing".to_owned(),
        ));
    }
    read_to_end(archive.into_inner(), &shared)?;
    Ok(shared)
}

pub(super) fn too_many_entries(caps: &Caps) -> UnpackError {
    UnpackError::TooMany(format!("it has more than {} entries", caps.entries))
}

/// After the last entry come zeros and nothing else.
fn read_to_end(mut reader: Unpacked, shared: &Shared) -> Result<(), UnpackError> {
    let mut chunk = vec![0; crate::limits::CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) if chunk[..read].iter().all(|byte| *byte == 0) => {}
            Ok(_) => {
                return Err(UnpackError::Corrupt(
                    "something follows the end of the archive".to_owned(),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(shared.explain(&error)),
        }
    }
}

/// Names that extension headers give to the entry after them.
#[derive(Default)]
struct Extra {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Extra {
    /// Takes an extension header in; false when the entry is none.
    fn take_in(&mut self, entry: &mut Entry<'_, impl Read>, shared: &Shared) -> Result<bool, UnpackError> {
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() {
            set_once(&mut self.path, trim_zero(extension(entry, shared)?))?;
        } else if kind.is_gnu_longlink() {
            set_once(&mut self.link, trim_zero(extension(entry, shared)?))?;
        } else if kind.is_pax_local_extensions() {
            let records = extension(entry, shared)?;
            self.take_records(&records, true)?;
        } else if kind.is_pax_global_extensions() {
            let records = extension(entry, shared)?;
            self.take_records(&records, false)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_records(&mut self, records: &[u8], local: bool) -> Result<(), UnpackError> {
        for record in PaxExtensions::new(records) {
            let record = record.map_err(|error| UnpackError::Corrupt(error.to_string()))?;
            match record.key_bytes() {
                b"path" if local => set_once(&mut self.path, record.value_bytes().to_vec())?,
                b"linkpath" if local => set_once(&mut self.link, record.value_bytes().to_vec())?,
                // Readers disagree on what these mean, and a package needs none of them.
                b"path" | b"linkpath" | b"size" => return Err(odd_record(record.key_bytes())),
                key if key.starts_with(b"GNU.sparse.") => return Err(odd_record(key)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn odd_record(key: &[u8]) -> UnpackError {
    UnpackError::Corrupt(format!(
        "it uses the extension {}, which no package needs",
        String::from_utf8_lossy(key).escape_debug()
    ))
}

fn set_once(name: &mut Option<Vec<u8>>, value: Vec<u8>) -> Result<(), UnpackError> {
    if name.replace(value).is_some() {
        return Err(UnpackError::Corrupt("an entry has two names".to_owned()));
    }
    Ok(())
}

fn trim_zero(mut name: Vec<u8>) -> Vec<u8> {
    while name.last() == Some(&0) {
        name.pop();
    }
    name
}

/// The bytes of an extension header.
fn extension(entry: &mut Entry<'_, impl Read>, shared: &Shared) -> Result<Vec<u8>, UnpackError> {
    if entry.size() > EXTENSION_MAX_BYTES {
        return Err(UnpackError::TooMany(format!(
            "an entry's name has more than {EXTENSION_MAX_BYTES} bytes"
        )));
    }
    let mut bytes = Vec::new();
    entry
        .read_to_end(&mut bytes)
        .map_err(|error| shared.explain(&error))?;
    Ok(bytes)
}

/// What an entry is, if a package may hold it; nothing for the package's own directory.
fn item(entry: &Entry<'_, impl Read>, names: &Extra) -> Result<Option<Item>, UnpackError> {
    let header = entry.header();
    let name = match &names.path {
        Some(name) => name.clone(),
        None => header.path_bytes().into_owned(),
    };
    let kind = header.entry_type();
    let Some(path) = names::inside(&name)? else {
        return match kind {
            EntryType::Directory => Ok(None),
            _ => Err(UnpackError::unsafe_path(name, "which has no name")),
        };
    };
    let mode = header
        .mode()
        .map_err(|error| UnpackError::Corrupt(error.to_string()))?;
    if mode & 0o6000 != 0 {
        return Err(UnpackError::unsafe_path(
            name,
            "which takes on another user's rights",
        ));
    }
    let target = || match &names.link {
        Some(link) => link.clone(),
        None => header
            .link_name_bytes()
            .map(std::borrow::Cow::into_owned)
            .unwrap_or_default(),
    };
    let kind = match kind {
        // An old form of tar marks directories by a slash at the end alone.
        EntryType::Regular if name.ends_with(b"/") => ItemKind::Directory,
        EntryType::Regular => ItemKind::File {
            executable: mode & 0o111 != 0,
            bytes: entry.size(),
        },
        EntryType::Directory => ItemKind::Directory,
        EntryType::Symlink => ItemKind::Symlink(names::link_stays_inside(&path, &target())?),
        EntryType::Link => match names::inside(&target())? {
            Some(target) => ItemKind::HardLink(target),
            None => return Err(UnpackError::unsafe_path(name, "a link to nothing")),
        },
        EntryType::Char | EntryType::Block => {
            return Err(UnpackError::unsafe_path(name, "which is a device"));
        }
        EntryType::Fifo => return Err(UnpackError::unsafe_path(name, "which is a pipe")),
        _ => return Err(UnpackError::unsafe_path(name, "which is of no usual kind")),
    };
    if !matches!(kind, ItemKind::File { .. }) && entry.size() > 0 {
        return Err(UnpackError::unsafe_path(name, "which is no file and has bytes"));
    }
    Ok(Some(Item { path, kind }))
}
