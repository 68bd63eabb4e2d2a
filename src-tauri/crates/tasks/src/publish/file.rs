//! A file, rotated by size.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use tokio::time::Instant;

use super::format::Format;
use super::{Sink, Undelivered};
use crate::limits::{FILE_BYTES, FILES_KEPT, FILES_KEPT_MAX};
use crate::manifest::Table;
use crate::sample::Sample;
use crate::seams::Later;

/// Appends to a file. A file that is large enough becomes `NAME.1`, that one `NAME.2`, and so on.
#[derive(Debug, Clone)]
pub(super) struct File {
    path: PathBuf,
    /// What is relative lies in here; directories below are made.
    home: PathBuf,
    format: Format,
    rotate_bytes: u64,
    keep: usize,
}

/// Smallest size at which a file may be rotated. Bytes.
const ROTATE_BYTES_MIN: i64 = 1024;

impl File {
    pub(super) fn read(config: &Table<'_>, home: &Path) -> Option<File> {
        let path = config.needed_text("path").map(PathBuf::from);
        let leads_up = |path: &PathBuf| path.components().any(|part| part == Component::ParentDir);
        if path.as_ref().is_some_and(leads_up) {
            config.fault("path", "holds `..`: name the directory itself");
        }
        let path = path.map(|path| home.join(path));
        let is_csv = path
            .as_ref()
            .is_some_and(|p| p.extension().is_some_and(|e| e == "csv"));
        let format = Format::read(config, if is_csv { Format::Csv } else { Format::JsonLines });
        let rotate = config.integer("rotate_bytes", ROTATE_BYTES_MIN..=i64::MAX);
        let most = i64::try_from(FILES_KEPT_MAX).unwrap_or(i64::MAX);
        let keep = config
            .integer("keep", 0..=most)
            .and_then(|n| usize::try_from(n).ok());
        Some(File {
            path: path?,
            home: home.to_owned(),
            format,
            rotate_bytes: rotate.and_then(|n| u64::try_from(n).ok()).unwrap_or(FILE_BYTES),
            keep: keep.unwrap_or(FILES_KEPT),
        })
    }

    fn append(&self, lines: &[u8]) -> io::Result<()> {
        let length = match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Err(io::Error::other("it is not a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if let Some(parent) = self.path.parent().filter(|parent| parent.starts_with(&self.home)) {
            fs::create_dir_all(parent)?;
        }
        let is_full = length > 0 && length.saturating_add(lines.len() as u64) > self.rotate_bytes;
        if is_full {
            self.rotate()?;
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        let head = if length == 0 || is_full {
            self.format.head()
        } else {
            Vec::new()
        };
        let before = file.metadata()?.len();
        let written = file.write_all(&[head.as_slice(), lines].concat());
        if written.is_err() {
            // Half a batch would be there twice after the next try.
            file.set_len(before)?;
        }
        written
    }

    fn rotate(&self) -> io::Result<()> {
        if self.keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            match fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, numbered(&self.path, 1))
    }
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

impl Sink for File {
    fn deliver<'a>(&'a self, samples: &'a [Sample], _: Instant) -> Later<'a, Result<(), Undelivered>> {
        let lines = self.format.lines(samples);
        let file = self.clone();
        Box::pin(async move {
            let path = file.path.display().to_string();
            let written = tokio::task::spawn_blocking(move || file.append(&lines)).await;
            let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
            written.map_err(|error| Undelivered::Later(format!("cannot write to {path}: {error}")))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::Faults;
    use crate::sample::tests::sample;

    fn made(config: &serde_json::Value) -> File {
        let faults = Faults::default();
        let table = Table::new(config.as_object().unwrap(), "config", &faults);
        let file = File::read(&table, Path::new("/nowhere"));
        drop(table);
        assert!(faults.is_empty(), "{:?}", faults.into_all());
        file.unwrap()
    }

    async fn write(file: &File, from: i64, count: i64) -> Result<(), Undelivered> {
        let samples: Vec<Sample> = (from..from + count)
            .map(|i| sample("a", "x", i, i as f64))
            .collect();
        file.deliver(&samples, Instant::now()).await
    }

    #[tokio::test]
    async fn it_grows_and_is_rotated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        let file = made(&json!({ "path": path, "rotate_bytes": 2048, "keep": 2 }));
        for i in 0..20 {
            write(&file, i * 10, 10).await.unwrap();
        }
        let mut names: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["out.csv", "out.csv.1", "out.csv.2"]);
        let mut next = None;
        for name in ["out.csv.2", "out.csv.1", "out.csv"] {
            let text = fs::read_to_string(dir.path().join(name)).unwrap();
            assert!(text.len() <= 2048 && text.starts_with("time,at_ms,"), "{name}");
            for record in csv::Reader::from_reader(text.as_bytes()).records() {
                let at: i64 = record.unwrap()[1].parse().unwrap();
                assert!(next.is_none_or(|next| next == at), "a sample is missing or twice");
                next = Some(at + 1);
            }
        }
        assert_eq!(next, Some(200));
    }

    #[tokio::test]
    async fn what_cannot_be_written_waits() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("later");
        let file = made(&json!({ "path": folder.join("out.jsonl") }));
        assert!(matches!(write(&file, 0, 1).await, Err(Undelivered::Later(_))));
        fs::create_dir(&folder).unwrap();
        write(&file, 0, 1).await.unwrap();
        let file = made(&json!({ "path": folder }));
        assert!(
            matches!(write(&file, 0, 1).await, Err(Undelivered::Later(_))),
            "a folder"
        );
    }

    #[tokio::test]
    async fn what_is_relative_lies_in_a_directory_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("published");
        let config = json!({ "path": "loads/out.jsonl" });
        let faults = Faults::default();
        let file = File::read(&Table::new(config.as_object().unwrap(), "", &faults), &home).unwrap();
        write(&file, 0, 1).await.unwrap();
        assert!(home.join("loads/out.jsonl").is_file());
    }

    #[test]
    fn wrong_configs_are_refused() {
        for config in [
            json!({}),
            json!({ "path": "../up.jsonl" }),
            json!({ "path": "/x", "format": "xml" }),
            json!({ "path": "/x", "rotate_bytes": 1 }),
            json!({ "path": "/x", "colour": "red" }),
        ] {
            let faults = Faults::default();
            let table = Table::new(config.as_object().unwrap(), "config", &faults);
            let _ = File::read(&table, Path::new("/nowhere"));
            drop(table);
            assert!(!faults.is_empty(), "{config}");
        }
    }
}
