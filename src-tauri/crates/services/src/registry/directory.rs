//! Objects from the files of a directory: YAML, TOML, JSON.
//!
//! The directory is looked at every [`DIRECTORY_POLL`](limits::DIRECTORY_POLL). A file is read once it has been
//! left alone for [`DIRECTORY_SETTLE`](limits::DIRECTORY_SETTLE); everything that has settled is taken in with
//! one change of the table. Polling needs no watch that can be lost, and works on every file system.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use serde::Serialize;
use serde_json::Value;

use super::{Broken, Declared, Origin, Registry, RegistryError};
use crate::limits;
use crate::object::text::{self, Format};
use crate::object::{self, FieldError};

/// A watched directory.
pub struct DirectorySource {
    directory: PathBuf,
    registry: Registry,
    troubles: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileTrouble {
    /// Its name in the directory.
    pub file: String,
    /// What is wrong, each with its place.
    pub messages: Vec<String>,
}

/// Tells one content of a file from another without reading it.
type Print = (u64, u64, i64, i64);

struct Seen {
    print: Option<Print>,
    since: Instant,
    /// Since when it is to be read, if it is.
    due_since: Option<Instant>,
}

impl DirectorySource {
    /// A source for the files of this directory, which may come to be later.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, registry: Registry) -> Self {
        DirectorySource {
            directory: directory.into(),
            registry,
            troubles: Arc::default(),
        }
    }

    /// Where to read what is wrong with files, while [`DirectorySource::run`] runs.
    pub fn troubles(&self) -> impl Fn() -> Vec<FileTrouble> + Send + Sync + use<> {
        let troubles = Arc::clone(&self.troubles);
        move || {
            let troubles = troubles.lock().unwrap_or_else(PoisonError::into_inner);
            let told = troubles.iter().map(|(file, messages)| FileTrouble {
                file: file.clone(),
                messages: messages.clone(),
            });
            told.collect()
        }
    }

    /// Takes in every file, says that the registry is synced, and follows changes for ever.
    pub async fn run(self) {
        let mut seen = BTreeMap::new();
        let gone = self.registry.declaring_files().await;
        let mut changed = self.look(&mut seen, true).await;
        changed.extend(gone);
        self.take_in(changed).await;
        self.registry.set_synced().await;
        loop {
            let unsettled = seen.values().any(|known: &Seen| known.due_since.is_some());
            let pause = if unsettled {
                limits::DIRECTORY_POLL_UNSETTLED
            } else {
                limits::DIRECTORY_POLL
            };
            tokio::time::sleep(pause).await;
            let changed = self.look(&mut seen, false).await;
            if !changed.is_empty() {
                self.take_in(changed).await;
            }
        }
    }

    /// The files that are to be read, or have gone.
    async fn look(&self, seen: &mut BTreeMap<String, Seen>, at_once: bool) -> BTreeSet<String> {
        let directory = self.directory.clone();
        let listed = tokio::task::spawn_blocking(move || list(&directory)).await;
        let listed = match listed.map_err(io::Error::other).and_then(|listed| listed) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                // Better what was known than nothing: whoever takes the directory away means the files.
                tracing::warn!(directory = %self.directory.display(), %error, "services cannot be listed");
                return BTreeSet::new();
            }
        };
        settle(seen, &listed, Instant::now(), at_once)
    }

    async fn take_in(&self, files: BTreeSet<String>) {
        let directory = self.directory.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let read = |file: String| (read(&directory, &file), Origin::File(file));
            files.into_iter().map(read).collect::<Vec<_>>()
        });
        let read = match reading.await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "services cannot be read");
                return;
            }
        };
        for (declared, origin) in &read {
            self.remember(origin, declared);
        }
        let all = read
            .into_iter()
            .map(|(declared, origin)| (origin, declared))
            .collect();
        if let Err(refused) = self.registry.declare(all).await {
            for refused in refused {
                self.blame(&refused.origin, &refused.error);
            }
        }
    }

    fn remember(&self, origin: &Origin, declared: &Declared) {
        let Origin::File(file) = origin else { return };
        let told = |errors: &Vec<FieldError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        let messages: Vec<_> = declared
            .broken
            .iter()
            .flat_map(|broken| told(&broken.errors))
            .collect();
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.is_empty() {
            troubles.remove(file);
        } else {
            tracing::warn!(file, ?messages, "a file of services is not in force");
            troubles.insert(file.clone(), messages);
        }
    }

    fn blame(&self, origin: &Origin, error: &RegistryError) {
        let Origin::File(file) = origin else { return };
        tracing::warn!(file, %error, "a file of services is not wholly in force");
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.entry(file.clone()).or_default().push(error.to_string());
    }
}

/// Updates what was seen and gives what has settled.
fn settle(
    seen: &mut BTreeMap<String, Seen>,
    listed: &BTreeMap<String, Print>,
    now: Instant,
    at_once: bool,
) -> BTreeSet<String> {
    /// A file that never settles is read all the same.
    const AT_LAST: Duration = Duration::from_secs(1);
    for file in listed.keys() {
        seen.entry(file.clone()).or_insert(Seen {
            print: None,
            since: now,
            due_since: None,
        });
    }
    let mut changed = BTreeSet::new();
    for (file, known) in seen.iter_mut() {
        let print = listed.get(file).copied();
        if known.print != print {
            known.print = print;
            known.since = now;
            known.due_since.get_or_insert(now);
        }
        let Some(due_since) = known.due_since else {
            continue;
        };
        let settled = now.duration_since(known.since) >= limits::DIRECTORY_SETTLE;
        if at_once || settled || now.duration_since(due_since) >= AT_LAST {
            known.due_since = None;
            changed.insert(file.clone());
        }
    }
    seen.retain(|_, known| known.print.is_some() || known.due_since.is_some());
    changed
}

fn list(directory: &Path) -> io::Result<BTreeMap<String, Print>> {
    let mut listed = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        if file.starts_with('.') || format(&file).is_none() {
            continue;
        }
        // It may go while it is looked at.
        let Ok(found) = fs::metadata(entry.path()) else {
            continue;
        };
        if found.is_file() {
            listed.insert(
                file,
                (found.ino(), found.size(), found.mtime(), found.mtime_nsec()),
            );
        }
        if listed.len() == limits::MAX_FILES {
            tracing::warn!(directory = %directory.display(), "too many files; further ones are not read");
            break;
        }
    }
    Ok(listed)
}

fn format(file: &str) -> Option<Format> {
    Format::of_extension(Path::new(file).extension()?.to_str()?)
}

/// What a file declares; nothing when it has gone.
fn read(directory: &Path, file: &str) -> Declared {
    let mut declared = Declared {
        objects: Vec::new(),
        broken: Vec::new(),
    };
    let unreadable = |message: String| Broken {
        name: None,
        errors: vec![FieldError {
            field: String::new(),
            message: format!("{file}: {message}"),
        }],
        unreadable: true,
    };
    let documents = match content(&directory.join(file)) {
        Ok(text) => text::documents(&text, format(file).unwrap_or(Format::Json)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return declared,
        Err(error) => Err(error.to_string()),
    };
    match documents {
        Ok(documents) => {
            for document in &documents {
                add(&mut declared, document);
            }
        }
        Err(message) => declared.broken.push(unreadable(message)),
    }
    declared
}

fn content(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let most = limits::MAX_OBJECT_BYTES as u64 + 1;
    fs::File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

fn add(declared: &mut Declared, document: &Value) {
    let name = document.pointer("/metadata/name").and_then(Value::as_str);
    let mut errors = match object::read(document) {
        Ok(object)
            if declared
                .objects
                .iter()
                .all(|other| other.metadata.name != object.metadata.name) =>
        {
            declared.objects.push(object);
            return;
        }
        Ok(_) => vec![FieldError {
            field: "metadata.name".to_owned(),
            message: "is declared twice in this file".to_owned(),
        }],
        Err(errors) => errors,
    };
    for error in &mut errors {
        if let Some(name) = name {
            error.message = format!("{} (in {name})", error.message);
        }
    }
    declared.broken.push(Broken {
        name: name.map(str::to_owned),
        errors,
        unreadable: false,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ag7_a_file_is_read_once_it_is_left_alone() {
        let mut seen = BTreeMap::new();
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let listed = |size| BTreeMap::from([("a.yaml".to_owned(), (1, size, 0, 0))]);
        let none = BTreeMap::new();
        let mut look = |listed: &BTreeMap<String, Print>, ms| settle(&mut seen, listed, at(ms), false).len();
        // Ten changes in a second are read at most twice, the last when it has settled.
        let mut reads = 0;
        for step in 0..10 {
            reads += look(&listed(step), step * 90);
        }
        reads += look(&listed(9), 950) + look(&listed(9), 1_050);
        assert_eq!(reads, 1);
        assert_eq!(look(&listed(9), 5_000), 0, "nothing new");
        // An editor takes a file away and puts it back.
        assert_eq!(look(&none, 6_000) + look(&listed(10), 6_050), 0);
        assert_eq!(look(&listed(10), 6_200), 1);
        // One that never settles is read after a second.
        let restless: usize = (0..30).map(|n| look(&listed(20 + n), 7_000 + n * 50)).sum();
        assert_eq!(restless, 1);
        assert_eq!(look(&none, 9_000) + look(&none, 9_200), 1, "it has gone");
        assert_eq!(look(&none, 9_500), 0);
    }
}
