//! Making a package out of a directory: the same files give the same bytes, whoever packs them, whenever.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::GzBuilder;
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

use super::caps::Caps;
use super::entries::too_many_entries;
use super::error::{PackError, UnpackError, what_io};
use super::{names, unpack};
use crate::digest::sum_of;
use crate::manifest::{MANIFEST_FILE, Manifest};

/// How a package is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// `.tar.gz`.
    #[default]
    Gzip,
    /// `.tar.zst`.
    Zstd,
}

impl Compression {
    /// What the name of such a package ends with.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "tar.gz",
            Self::Zstd => "tar.zst",
        }
    }
}

/// A package that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its file; its sum lies beside it, with `.sha256` at the end.
    pub path: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Size of the file, in bytes.
    pub bytes: u64,
}

/// Best that gzip can do.
const GZIP_LEVEL: u32 = 9;

/// Beyond this, zstd asks its readers for more memory.
const ZSTD_LEVEL: i32 = 19;

/// Modes in the archive: 0755 for directories and programs, 0644 for other files.
const MODE_EXECUTABLE: u32 = 0o755;
const MODE_FILE: u32 = 0o644;

/// Makes `<id>-<version>.tar.gz` (or `.tar.zst`) out of a directory, and its sum beside it.
///
/// Everything in the directory goes in, except `out_dir` should it lie inside.
///
/// # Errors
/// When the manifest is wrong, when its program is missing or not executable, when the directory holds
/// something that unpacking would refuse, or when the file system says no.
pub fn pack(dir: &Path, out_dir: &Path, compression: Compression) -> Result<Packed, PackError> {
    let manifest = Manifest::read(dir)?;
    manifest.check_packaged()?;
    unpack::check_entry(dir, &manifest)?;
    fs::create_dir_all(out_dir).map_err(what_io("creating", out_dir))?;
    let files = collect(dir, &out_dir.canonicalize().map_err(what_io("reading", out_dir))?)?;

    let name = format!("{}-{}.{}", manifest.id, manifest.version, compression.extension());
    let path = out_dir.join(&name);
    let write_error = |error| PackError::Unfit(what_io("writing", &path)(error));
    let mut temporary = NamedTempFile::new_in(out_dir).map_err(write_error)?;
    compress(dir, &files, compression, temporary.as_file_mut()).map_err(write_error)?;
    let bytes = temporary.as_file().metadata().map_err(write_error)?.len();
    let caps = Caps::default();
    if bytes > caps.archive_bytes {
        return Err(PackError::Unfit(UnpackError::TooMany(format!(
            "it has {bytes} bytes, and at most {} are taken",
            caps.archive_bytes
        ))));
    }
    let sha256 = File::open(temporary.path())
        .and_then(sum_of)
        .map_err(write_error)?;
    publish(temporary, &path).map_err(write_error)?;
    let sum_path = out_dir.join(format!("{name}.sha256"));
    write_beside(&sum_path, format!("{sha256}  {name}\n").as_bytes())
        .map_err(what_io("writing", &sum_path))?;
    Ok(Packed { path, sha256, bytes })
}

/// Writes a small file as a whole or not at all.
pub(crate) fn write_beside(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut temporary = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    temporary.write_all(text)?;
    publish(temporary, path)
}

/// Gives a finished file its name, for everybody to read.
fn publish(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    temporary
        .as_file()
        .set_permissions(fs::Permissions::from_mode(MODE_FILE))?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map(drop).map_err(|error| error.error)
}

/// Something to pack.
struct Piece {
    /// Path within the package.
    path: String,
    kind: PieceKind,
}

enum PieceKind {
    Directory,
    File { executable: bool },
    Symlink(String),
}

/// Everything in a directory but the manifest, in the order of their names.
fn collect(dir: &Path, skip: &Path) -> Result<Vec<Piece>, PackError> {
    let caps = Caps::default();
    let mut pieces = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(current) = waiting.pop() {
        for entry in fs::read_dir(&current).map_err(what_io("reading", &current))? {
            let path = entry.map_err(what_io("reading", &current))?.path();
            let kind = fs::symlink_metadata(&path).map_err(what_io("reading", &path))?;
            let relative = path.strip_prefix(dir).unwrap_or(&path);
            let Some(name) = names::inside(relative.as_os_str().as_bytes())? else {
                continue;
            };
            if name == MANIFEST_FILE {
                continue;
            }
            let kind = if kind.is_dir() {
                if path.canonicalize().map_err(what_io("reading", &path))? == skip {
                    continue;
                }
                waiting.push(path);
                PieceKind::Directory
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).map_err(what_io("reading", &path))?;
                check_link(dir, &path, &name)?;
                PieceKind::Symlink(names::link_stays_inside(&name, target.as_os_str().as_bytes())?)
            } else if kind.is_file() {
                let executable = kind.permissions().mode() & 0o111 != 0;
                PieceKind::File { executable }
            } else {
                return Err(UnpackError::unsafe_path(name, "which is of no usual kind").into());
            };
            pieces.push(Piece { path: name, kind });
            if pieces.len() as u64 >= caps.entries {
                return Err(too_many_entries(&caps).into());
            }
        }
    }
    pieces.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(pieces)
}

/// Says about a link what unpacking would say.
fn check_link(dir: &Path, link: &Path, name: &str) -> Result<(), UnpackError> {
    let root = dir.canonicalize().map_err(what_io("reading", dir))?;
    match link.canonicalize() {
        Ok(found) if found.starts_with(&root) => Ok(()),
        Ok(_) => Err(UnpackError::unsafe_path(
            name,
            "a link that leads out of the package",
        )),
        Err(_) => Err(UnpackError::unsafe_path(name, "a link that leads nowhere")),
    }
}

fn compress(dir: &Path, pieces: &[Piece], compression: Compression, to: &mut File) -> io::Result<()> {
    match compression {
        Compression::Gzip => {
            // No time, no name, no system: nothing that differs from one machine to the next.
            let encoder = GzBuilder::new()
                .mtime(0)
                .operating_system(255)
                .write(to, flate2::Compression::new(GZIP_LEVEL));
            write_tar(dir, pieces, encoder)?.finish().map(drop)
        }
        Compression::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(to, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            write_tar(dir, pieces, encoder)?.finish().map(drop)
        }
    }
}

fn write_tar<W: Write>(dir: &Path, pieces: &[Piece], to: W) -> io::Result<W> {
    let mut tar = Builder::new(to);
    append_file(&mut tar, dir, MANIFEST_FILE, false)?;
    for Piece { path, kind } in pieces {
        match kind {
            PieceKind::Directory => {
                let mut header = header(EntryType::Directory, MODE_EXECUTABLE, 0);
                tar.append_data(&mut header, format!("{path}/"), io::empty())?;
            }
            PieceKind::File { executable } => append_file(&mut tar, dir, path, *executable)?,
            PieceKind::Symlink(target) => {
                tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, target)?;
            }
        }
    }
    tar.into_inner()
}

fn append_file<W: Write>(tar: &mut Builder<W>, dir: &Path, path: &str, executable: bool) -> io::Result<()> {
    let file = File::open(dir.join(path))?;
    let mode = if executable { MODE_EXECUTABLE } else { MODE_FILE };
    let mut header = header(EntryType::Regular, mode, file.metadata()?.len());
    tar.append_data(&mut header, path, file)
}

fn header(kind: EntryType, mode: u32, bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
