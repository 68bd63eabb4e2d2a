//! Where objects are kept between runs: one plain file each, or nowhere.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits;
use crate::object::{self, DataPlaneService};

/// Who declared an object, and so who may change it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "by", content = "name")]
pub enum Origin {
    /// Somebody, over the API.
    Api,
    /// A file in the watched directory, by its name.
    File(String),
    /// The package of a plugin, by its id.
    Package(String),
}

/// An object as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// Who declared it.
    pub origin: Origin,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub revision: u64,
    /// `metadata.generation`.
    pub generation: u64,
    /// `metadata.creationTimestamp`.
    pub created: jiff::Timestamp,
    /// The object; its status is not kept.
    pub object: Value,
}

impl Kept {
    pub(crate) fn of(object: &DataPlaneService, origin: &Origin, created: jiff::Timestamp) -> Self {
        let mut shown = object.to_json();
        if let Value::Object(map) = &mut shown {
            map.remove("status");
        }
        Kept {
            origin: origin.clone(),
            uid: object.metadata.uid.clone(),
            revision: object.revision(),
            generation: object.metadata.generation,
            created,
            object: shown,
        }
    }

    pub(crate) fn revive(&self) -> Result<DataPlaneService, Vec<object::FieldError>> {
        let mut object = object::read(&self.object)?;
        let metadata = &mut object.metadata;
        metadata.uid.clone_from(&self.uid);
        metadata.resource_version = self.revision.to_string();
        metadata.generation = self.generation;
        metadata.creation_timestamp = Some(self.created);
        Ok(object)
    }
}

/// Keeps objects. Its functions may block; they are called one at a time, on a thread for that.
pub trait Store: Send + Sync + 'static {
    /// Everything that is kept, in any order. What cannot be read is left out and logged.
    ///
    /// # Errors
    /// When nothing can be read at all.
    fn load(&self) -> io::Result<Vec<Kept>>;

    /// Keeps an object under its name, in place of one that is there.
    ///
    /// # Errors
    /// When it is not kept; what was there stays.
    fn put(&self, name: &str, kept: &Kept) -> io::Result<()>;

    /// Forgets an object; one that is not there is no error.
    ///
    /// # Errors
    /// When it is still there.
    fn delete(&self, name: &str) -> io::Result<()>;
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

impl Store for NoStore {
    fn load(&self) -> io::Result<Vec<Kept>> {
        Ok(Vec::new())
    }

    fn put(&self, _: &str, _: &Kept) -> io::Result<()> {
        Ok(())
    }

    fn delete(&self, _: &str) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps each object as `NAME.json` in a directory of its own.
#[derive(Debug, Clone)]
pub struct FileStore {
    directory: PathBuf,
}

impl FileStore {
    /// A store in this directory, which is made when there is none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        Ok(FileStore { directory })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.json"))
    }
}

impl Store for FileStore {
    fn load(&self) -> io::Result<Vec<Kept>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.directory)?.take(2 * limits::MAX_OBJECTS) {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let read = fs::metadata(&path).and_then(|found| {
                if found.len() > 4 * limits::MAX_OBJECT_BYTES as u64 {
                    return Err(io::Error::other("too large for an object"));
                }
                Ok(serde_json::from_slice(&fs::read(&path)?)?)
            });
            match read {
                Ok(kept) => all.push(kept),
                Err(error) => tracing::warn!(path = %path.display(), %error, "a kept object cannot be read"),
            }
        }
        Ok(all)
    }

    fn put(&self, name: &str, kept: &Kept) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        serde_json::to_writer_pretty(&mut file, kept)?;
        file.flush()?;
        file.as_file().sync_all()?;
        file.persist(self.path(name))?;
        fs::File::open(&self.directory)?.sync_all()
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::File::open(&self.directory)?.sync_all(),
        }
    }
}
