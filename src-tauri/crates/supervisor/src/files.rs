//! Whether files that a start depends on have changed.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::limits;
use crate::spec::Spec;

/// What the files looked like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looks(Vec<Option<[i64; 6]>>);

impl Looks {
    /// Looks at the program and its working directory. Blocks.
    pub(crate) fn of_program(spec: &Spec) -> Looks {
        let directory = fs::metadata(&spec.cwd)
            .ok()
            .map(|found| [found.dev(), found.ino()].map(u64::cast_signed));
        let directory = directory.map(|[dev, ino]| [dev, ino, 0, 0, 0, 0]);
        Looks(vec![look(&spec.program), directory])
    }

    /// Looks at its socket. Blocks.
    pub(crate) fn of_socket(spec: &Spec) -> Looks {
        Looks(vec![look(&spec.socket.path)])
    }
}

fn look(path: &Path) -> Option<[i64; 6]> {
    let found = fs::metadata(path).ok()?;
    let [dev, ino, size] = [found.dev(), found.ino(), found.size()].map(u64::cast_signed);
    Some([
        dev,
        ino,
        size,
        i64::from(found.mode()),
        found.mtime_nsec() ^ found.mtime(),
        found.ctime_nsec() ^ found.ctime(),
    ])
}

/// Compares a program with the SHA-256 it must have; says what is wrong. Blocks.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn differs(program: &Path, expected: &str) -> io::Result<Option<String>> {
    let file = fs::File::open(program)?;
    let mut limited = file.take(limits::PINNED_BYTES + 1);
    let mut hasher = Sha256::new();
    let read = io::copy(&mut limited, &mut Hash(&mut hasher))?;
    if read > limits::PINNED_BYTES {
        return Ok(Some(
            "the program is too large for its checksum to be tried".to_owned(),
        ));
    }
    let found: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let same = found.eq_ignore_ascii_case(expected.trim());
    Ok((!same)
        .then(|| "the program is another one than the one that was accepted: its SHA-256 differs".to_owned()))
}

struct Hash<'a>(&'a mut Sha256);

impl io::Write for Hash<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_from_another_by_its_checksum() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("program");
        fs::write(&program, "hello").expect("writes");
        let sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(differs(&program, sum).expect("reads"), None);
        assert_eq!(differs(&program, &sum.to_uppercase()).expect("reads"), None);
        fs::write(&program, "hellO").expect("writes");
        assert!(differs(&program, sum).expect("reads").is_some());
        assert!(differs(&directory.path().join("none"), sum).is_err());
    }

    #[test]
    fn changes_are_seen() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("program");
        let spec = Spec::new(&program, directory.path(), directory.path().join("s"));
        let missing = Looks::of_program(&spec);
        fs::write(&program, "a").expect("writes");
        let there = Looks::of_program(&spec);
        assert_ne!(missing, there);
        fs::write(directory.path().join("other"), "a").expect("writes");
        assert_eq!(there, Looks::of_program(&spec));
        fs::write(&program, "ab").expect("writes");
        assert_ne!(there, Looks::of_program(&spec));
    }
}
