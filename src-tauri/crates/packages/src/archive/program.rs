//! A program without a package: an executable file that says where it listens by itself. A manifest is made up for it,
//! and it becomes a revision like any other.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::error::{UnpackError, what_io};
use super::tree::{Incoming, MODE_EXECUTABLE, MODE_FILE, set_mode, sync_dir};
use super::unpack::{HASH_CHARS, Revision, on_own_thread};
use crate::digest::Sum;
use crate::id::PluginId;
use crate::limits::CHUNK_BYTES;
use crate::manifest::{MANIFEST_FILE, Manifest};

/// First bytes of programs: of what the machine runs itself, and of what names its interpreter.
const PROGRAMS: [&[u8]; 2] = [b"\x7fELF", b"#!"];

/// Whether a file is a program by its first bytes. Blocks.
///
/// # Errors
/// When it cannot be read.
pub fn is_program(path: &Path) -> std::io::Result<bool> {
    let mut first = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut first)?;
    Ok(PROGRAMS.iter().any(|begin| first.starts_with(begin)))
}

/// The id that a program's file name gives: what stands before its first dot, with dashes for what no id has.
///
/// # Errors
/// When that is no id.
pub fn program_id(file_name: &str) -> Result<PluginId, String> {
    let stem = file_name.split('.').next().unwrap_or_default();
    let plain: String = stem
        .chars()
        .map(|c| if c == '_' || c == ' ' { '-' } else { c })
        .collect();
    let parsed = plain.parse::<PluginId>();
    parsed.map_err(|why| format!("the name of a program without a manifest becomes its id, and {why}"))
}

/// The manifest of a program without one: it says itself where it listens, and runs while it is needed. Its version
/// comes from its sum, until it says one itself.
#[must_use]
pub fn program_manifest(id: &PluginId, sha256: &str) -> Manifest {
    let hash: String = sha256.chars().take(HASH_CHARS).collect();
    let mut version = semver::Version::new(0, 0, 0);
    // Hexadecimal digits always are what may stand there.
    version.build = semver::BuildMetadata::new(&hash).unwrap_or_default();
    Manifest::of_program(id, version)
}

/// Makes a revision of a program, `<revisions>/<id>/<version>-<first twelve characters of its sum>`, as
/// [`unpack`](super::unpack()) does of a package.
///
/// # Errors
/// When it is not the file expected, when the disk is full, or when it was cancelled. Nothing is left behind then.
pub async fn place_program(
    program: &Path,
    manifest: &Manifest,
    sha256: &str,
    revisions_dir: &Path,
    cancel: &CancellationToken,
) -> Result<Revision, UnpackError> {
    let (program, revisions_dir) = (program.to_owned(), revisions_dir.to_owned());
    let (sha256, manifest) = (sha256.to_ascii_lowercase(), manifest.clone());
    on_own_thread(cancel.child_token(), move |cancel| {
        place_blocking(&program, manifest, &sha256, &revisions_dir, cancel)
    })
    .await
}

fn place_blocking(
    program: &Path,
    manifest: Manifest,
    sha256: &str,
    revisions_dir: &Path,
    cancel: &CancellationToken,
) -> Result<Revision, UnpackError> {
    let plugin_dir = revisions_dir.join(manifest.id.as_str());
    let incoming = Incoming::create(&plugin_dir)?;
    let root = incoming.path();
    let entry = root.join(&manifest.run.entry);
    let bin = entry.parent().unwrap_or(root);
    fs::create_dir_all(bin).map_err(what_io("creating", bin))?;
    let (bytes, found) = copy(program, &entry, cancel)?;
    if found != sha256 {
        return Err(UnpackError::Checksum {
            expected: sha256.to_owned(),
            found,
        });
    }
    write_manifest(root, &manifest)?;
    for dir in [bin, root] {
        set_mode(dir, MODE_EXECUTABLE)?;
        sync_dir(dir)?;
    }
    let hash: String = found.chars().take(HASH_CHARS).collect();
    let dir = plugin_dir.join(format!("{}-{hash}", manifest.version));
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

/// Copies a program; gives its size and its sum.
fn copy(from: &Path, to: &Path, cancel: &CancellationToken) -> Result<(u64, String), UnpackError> {
    let mut source = File::open(from).map_err(what_io("reading", from))?;
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(what_io("writing", to))?;
    let (mut sum, mut bytes, mut chunk) = (Sum::default(), 0, vec![0; CHUNK_BYTES]);
    loop {
        if cancel.is_cancelled() {
            return Err(UnpackError::Cancelled);
        }
        let read = source.read(&mut chunk).map_err(what_io("reading", from))?;
        if read == 0 {
            break;
        }
        sum.update(&chunk[..read]);
        bytes += read as u64;
        copy.write_all(&chunk[..read]).map_err(what_io("writing", to))?;
    }
    set_mode(to, MODE_EXECUTABLE)?;
    copy.sync_all().map_err(what_io("writing", to))?;
    Ok((bytes, sum.finish()))
}

fn write_manifest(dir: &Path, manifest: &Manifest) -> Result<(), UnpackError> {
    let path = dir.join(MANIFEST_FILE);
    let text = manifest.to_toml()?;
    let mut file = File::create(&path).map_err(what_io("writing", &path))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(what_io("writing", &path))?;
    set_mode(&path, MODE_FILE)
}

/// Writes what a program has said of itself by now into the manifest that was made up for it. Blocks.
///
/// # Errors
/// When the file system says no; the manifest is as before then.
pub fn restate_program(dir: &Path, manifest: &Manifest) -> Result<(), UnpackError> {
    let path = dir.join(MANIFEST_FILE);
    let beside = dir.join(".plugin.toml.new");
    set_mode(dir, 0o755)?;
    let written = (|| {
        let text = manifest.to_toml()?;
        match fs::remove_file(&beside) {
            // One that an end in between left.
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(what_io("removing", &beside)(error)),
        }
        let mut file = File::create_new(&beside).map_err(what_io("writing", &beside))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(what_io("writing", &beside))?;
        set_mode(&beside, MODE_FILE)?;
        fs::rename(&beside, &path).map_err(what_io("writing", &path))?;
        sync_dir(dir)
    })();
    set_mode(dir, MODE_EXECUTABLE)?;
    written
}
