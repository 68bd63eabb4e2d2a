//! Archives made byte by byte, so that they can hold what no packer would write.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};
use tempfile::TempDir;

/// A manifest whose program is `bin/run`.
pub(crate) const MANIFEST: &str = "id = \"probe\"\nversion = \"1.2.3\"\nrun.entry = \"bin/run\"\n";

/// An archive in the making.
#[derive(Clone, Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    /// Nothing yet.
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    /// The manifest and its program: what every good package has.
    pub(crate) fn good() -> Self {
        Self::empty()
            .file("plugin.toml", 0o644, MANIFEST.as_bytes())
            .file("bin/run", 0o755, b"#!/bin/sh\n")
    }

    /// A file.
    pub(crate) fn file(self, name: &str, mode: u32, data: &[u8]) -> Self {
        self.entry(EntryType::Regular, name, "", mode, data)
    }

    /// A directory.
    pub(crate) fn dir(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, "", 0o755, b"")
    }

    /// A symbolic link.
    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, name, target, 0o777, b"")
    }

    /// A hard link.
    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Link, name, target, 0o644, b"")
    }

    /// Anything. Names longer than a header has room for are cut.
    pub(crate) fn entry(mut self, kind: EntryType, name: &str, link: &str, mode: u32, data: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let put = |to: &mut [u8], text: &str| {
            let length = text.len().min(to.len());
            to[..length].copy_from_slice(&text.as_bytes()[..length]);
        };
        put(&mut header.as_old_mut().name, name);
        put(&mut header.as_old_mut().linkname, link);
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(data.len() as u64);
        header.set_cksum();
        self.bytes.extend_from_slice(header.as_bytes());
        self.raw(data)
    }

    /// A name too long for a header, as GNU tar writes it.
    pub(crate) fn long_name(self, name: &str) -> Self {
        self.entry(
            EntryType::GNULongName,
            "././@LongLink",
            "",
            0o644,
            name.as_bytes(),
        )
    }

    /// PAX records.
    pub(crate) fn pax(self, kind: EntryType, records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let mut length = rest.len() + 1;
            while format!("{length}{rest}").len() != length {
                length += 1;
            }
            text.push_str(&format!("{length}{rest}"));
        }
        self.entry(kind, "pax", "", 0o644, text.as_bytes())
    }

    /// Bytes, filled up to a block.
    pub(crate) fn raw(mut self, data: &[u8]) -> Self {
        self.bytes.extend_from_slice(data);
        let rest = self.bytes.len() % 512;
        if rest > 0 {
            self.bytes.resize(self.bytes.len() + 512 - rest, 0);
        }
        self
    }

    /// The two blocks that end an archive.
    pub(crate) fn end(mut self) -> Self {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self
    }

    /// As `.tar`.
    pub(crate) fn tar(self) -> Vec<u8> {
        self.bytes
    }

    /// As `.tar.gz`.
    pub(crate) fn gzip(self) -> Vec<u8> {
        gzip(&self.end().bytes)
    }

    /// As `.tar.zst`.
    pub(crate) fn zstd(self) -> Vec<u8> {
        zstd::encode_all(&self.end().bytes[..], 3).unwrap()
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A place to work in: a file for the archive, a directory for revisions, and something outside that must
/// not change.
pub(crate) struct Ground {
    pub(crate) dir: TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("revisions")).unwrap();
        fs::write(dir.path().join("victim"), "untouched").unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn revisions(&self) -> PathBuf {
        self.path("revisions")
    }

    /// Writes an archive; its path and sum.
    pub(crate) fn archive(&self, bytes: &[u8]) -> (PathBuf, String) {
        let path = self.path("package");
        fs::write(&path, bytes).unwrap();
        (path, sum(bytes))
    }

    /// Everything there is, with modes and contents.
    pub(crate) fn listing(&self) -> Vec<String> {
        listing(self.dir.path())
    }
}

pub(crate) fn listing(dir: &Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(current) = waiting.pop() {
        for entry in fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let shown = path.strip_prefix(dir).unwrap().display().to_string();
            let mode = metadata.permissions().mode() & 0o7777;
            if metadata.is_dir() {
                found.push(format!("{shown}/ {mode:o}"));
                waiting.push(path);
            } else if metadata.is_symlink() {
                found.push(format!("{shown} -> {}", fs::read_link(&path).unwrap().display()));
            } else {
                found.push(format!("{shown} {mode:o} {}", metadata.len()));
            }
        }
    }
    found.sort();
    found
}
