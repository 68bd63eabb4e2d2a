//! A log file with a size at which it is set aside, and a number of files set aside that are kept.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A log file, opened when the first text comes.
#[derive(Debug)]
pub(super) struct RotatedFile {
    path: PathBuf,
    max_bytes: u64,
    kept: usize,
    open: Option<(File, u64)>,
}

impl RotatedFile {
    pub(super) fn new(path: PathBuf, max_bytes: u64, kept: usize) -> Self {
        Self {
            path,
            max_bytes,
            kept,
            open: None,
        }
    }

    /// Appends whole lines.
    pub(super) fn append(&mut self, text: &str) -> io::Result<()> {
        let result = self.try_append(text);
        if result.is_err() {
            // The next text tries from the start: the disk may have room again, or the directory be back.
            self.open = None;
        }
        result
    }

    fn try_append(&mut self, text: &str) -> io::Result<()> {
        let added = text.len() as u64;
        if self
            .open
            .as_ref()
            .is_some_and(|(_, size)| *size > 0 && size + added > self.max_bytes)
        {
            self.open = None;
            self.set_aside()?;
        }
        if self.open.is_none() {
            self.open = Some(open(&self.path)?);
        }
        if let Some((file, size)) = &mut self.open {
            file.write_all(text.as_bytes())?;
            *size += added;
        }
        Ok(())
    }

    /// `x.log` becomes `x.log.1`, that becomes `x.log.2`, and so on; the last goes.
    fn set_aside(&self) -> io::Result<()> {
        let numbered = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            if number > 0 {
                name.push(format!(".{number}"));
            }
            PathBuf::from(name)
        };
        if self.kept == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (0..self.kept).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_set_aside_and_few_are_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("logs/a.log");
        let mut file = RotatedFile::new(path.clone(), 10, 2);
        for line in ["one111\n", "two222\n", "three3\n", "four44\n"] {
            file.append(line).expect("appends");
        }
        let text = |name: &str| fs::read_to_string(dir.path().join("logs").join(name)).ok();
        assert_eq!(text("a.log").as_deref(), Some("four44\n"));
        assert_eq!(text("a.log.1").as_deref(), Some("three3\n"));
        assert_eq!(text("a.log.2").as_deref(), Some("two222\n"));
        assert_eq!(text("a.log.3"), None);

        // A new start goes on with what is there.
        let mut file = RotatedFile::new(path.clone(), 10, 2);
        file.append("x\n").expect("appends");
        assert_eq!(text("a.log").as_deref(), Some("four44\nx\n"));
        file.append("a line longer than the limit\n").expect("appends");
        assert_eq!(text("a.log").as_deref(), Some("a line longer than the limit\n"));
    }

    #[test]
    fn a_fault_does_not_last() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("place");
        fs::write(&place, "a file where the directory should be").expect("writes");
        let mut file = RotatedFile::new(place.join("a.log"), 10, 0);
        assert!(file.append("x\n").is_err());
        fs::remove_file(&place).expect("removes");
        file.append("y\n").expect("appends");
        file.append("more than ten bytes\n").expect("appends");
        assert_eq!(
            fs::read_to_string(place.join("a.log")).expect("reads"),
            "more than ten bytes\n"
        );
    }
}
