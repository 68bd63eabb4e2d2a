//! Packages that the gateway receives: into a bounded file, then a handle for the order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::OrderError;
use crate::limits::{UPLOAD_IDLE, UPLOADS};
use crate::shared::Shared;

/// An upload that waits for its order.
pub(crate) struct Waiting {
    since: Instant,
    /// Not complete yet.
    open: bool,
}

/// Takes the bytes of an upload. Dropping it before [`Upload::finish`] drops what came.
pub struct Upload {
    shared: Arc<Shared>,
    handle: String,
    file: File,
    path: PathBuf,
    bytes: u64,
    finished: bool,
}

impl Upload {
    pub(crate) async fn begin(shared: Arc<Shared>) -> Result<Upload, OrderError> {
        let handle = Uuid::now_v7().to_string();
        forget_idle(&shared);
        {
            let mut book = shared.book();
            if book.uploads.len() >= UPLOADS {
                return Err(OrderError::TooMany(format!(
                    "{UPLOADS} uploads are under way or wait for their order"
                )));
            }
            let since = Instant::now();
            book.uploads.insert(handle.clone(), Waiting { since, open: true });
        }
        let path = path_of(&shared.config.dirs.incoming(), &handle);
        match File::create_new(&path).await {
            Ok(file) => Ok(Upload {
                shared,
                handle,
                file,
                path,
                bytes: 0,
                finished: false,
            }),
            Err(error) => {
                shared.book().uploads.remove(&handle);
                Err(OrderError::Store(format!("{}: {error}", path.display())))
            }
        }
    }

    /// Takes more bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), OrderError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let max = self.shared.config.fetch.max_bytes;
        if self.bytes > max {
            return Err(OrderError::Invalid(format!(
                "the package is larger than {max} bytes"
            )));
        }
        let written = self.file.write_all(bytes).await;
        written.map_err(|error| OrderError::Store(format!("{}: {error}", self.path.display())))
    }

    /// All bytes have come. Gives the handle to order the install with.
    pub async fn finish(mut self) -> Result<String, OrderError> {
        let flushed = self.file.flush().await;
        flushed.map_err(|error| OrderError::Store(format!("{}: {error}", self.path.display())))?;
        self.finished = true;
        if let Some(waiting) = self.shared.book().uploads.get_mut(&self.handle) {
            waiting.open = false;
            waiting.since = Instant::now();
        }
        Ok(self.handle.clone())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.finished {
            self.shared.book().uploads.remove(&self.handle);
            discard(&self.path);
        }
    }
}

/// Where an upload lies.
pub(crate) fn path_of(incoming: &Path, handle: &str) -> PathBuf {
    incoming.join(format!("upload-{handle}"))
}

/// Whether a file in the directory of incoming packages is an upload, and which.
pub(crate) fn handle_of(file_name: &str) -> Option<&str> {
    let handle = file_name.strip_prefix("upload-")?;
    Some(handle.split('.').next().unwrap_or(handle))
}

/// The file of a complete upload, which from now on belongs to the operation that asked.
pub(crate) fn take(shared: &Shared, handle: &str) -> Option<PathBuf> {
    // A handle is looked up before it becomes part of a path.
    let is_ours = handle.parse::<Uuid>().is_ok();
    let path = path_of(&shared.config.dirs.incoming(), handle);
    let mut book = shared.book();
    let complete = book.uploads.get(handle).is_none_or(|waiting| !waiting.open);
    if !is_ours || !complete || !path.exists() {
        return None;
    }
    book.uploads.remove(handle);
    Some(path)
}

/// Whether there is a complete upload of this handle.
pub(crate) fn is_there(shared: &Shared, handle: &str) -> bool {
    shared
        .book()
        .uploads
        .get(handle)
        .is_some_and(|waiting| !waiting.open)
}

/// Drops uploads that nobody ordered in time.
pub(crate) fn forget_idle(shared: &Shared) {
    let mut idle = Vec::new();
    shared.book().uploads.retain(|handle, waiting| {
        let keep = waiting.open || waiting.since.elapsed() < UPLOAD_IDLE;
        if !keep {
            idle.push(handle.clone());
        }
        keep
    });
    for handle in idle {
        discard(&path_of(&shared.config.dirs.incoming(), &handle));
    }
}

/// Removes a file that may not be there, and its signature.
pub(crate) fn discard(path: &Path) {
    for path in [path, &orrery_packages::signature_file(path)] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %path.display(), "cannot remove a temporary file");
            }
            _ => {}
        }
    }
}
