//! A download on its way: a nameless-to-be file beside its target, summed while it grows.

use std::io::SeekFrom;
use std::path::Path;

use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::error::{FetchError, io_error};
use crate::digest::Sum;

/// Begins the names of files on their way in.
const PARTIAL: &str = ".fetching-";

/// A download on its way. Its file goes away with this value, unless it was given its name.
pub(super) struct Body {
    file: File,
    path: TempPath,
    sum: Sum,
    bytes: u64,
    max_bytes: u64,
}

impl Body {
    /// An empty file beside the target.
    pub(super) fn create(into: &Path, max_bytes: u64) -> Result<Self, FetchError> {
        let dir = into.parent().unwrap_or(Path::new("."));
        let (file, path) = tempfile::Builder::new()
            .prefix(PARTIAL)
            .tempfile_in(dir)
            .map_err(|error| io_error(dir, error))?
            .into_parts();
        Ok(Self {
            file: File::from_std(file),
            path,
            sum: Sum::default(),
            bytes: 0,
            max_bytes,
        })
    }

    /// Bytes that are there.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Sum of the bytes that are there, in hexadecimal.
    pub(super) fn sum(&self) -> String {
        self.sum.clone().finish()
    }

    /// Fails when so many bytes would be too many.
    pub(super) fn check_size(&self, bytes: u64) -> Result<(), FetchError> {
        if bytes > self.max_bytes {
            return Err(FetchError::TooLarge {
                max_bytes: self.max_bytes,
            });
        }
        Ok(())
    }

    /// Takes more bytes in.
    pub(super) async fn add(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        let after = self.bytes + bytes.len() as u64;
        self.check_size(after)?;
        self.file
            .write_all(bytes)
            .await
            .map_err(|error| io_error(&self.path, error))?;
        self.sum.update(bytes);
        self.bytes = after;
        Ok(())
    }

    /// Begins anew.
    pub(super) async fn restart(&mut self) -> Result<(), FetchError> {
        self.sum = Sum::default();
        self.bytes = 0;
        self.go_on().await
    }

    /// Goes on after the bytes that count: a try that was given up in the midst of a write left more.
    pub(super) async fn go_on(&mut self) -> Result<(), FetchError> {
        let Self {
            file, path, bytes, ..
        } = self;
        let result = async {
            file.flush().await?;
            file.set_len(*bytes).await?;
            file.seek(SeekFrom::Start(*bytes)).await
        };
        result.await.map(drop).map_err(|error| io_error(path, error))
    }

    /// Gives the file its name.
    pub(super) async fn finish(mut self, into: &Path) -> Result<(), FetchError> {
        self.file
            .flush()
            .await
            .map_err(|error| io_error(&self.path, error))?;
        self.file
            .sync_all()
            .await
            .map_err(|error| io_error(&self.path, error))?;
        self.path
            .persist(into)
            .map_err(|error| io_error(into, error.error))
    }
}
