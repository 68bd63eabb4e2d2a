//! A package from a file on this machine.

use std::path::Path;

use tokio::io::AsyncReadExt;

use super::body::Body;
use super::error::{FetchError, io_error};
use crate::limits::CHUNK_BYTES;

/// Copies a file.
pub(super) async fn copy(
    path: &Path,
    body: &mut Body,
    progress: &(impl Fn(u64, Option<u64>) + Send + Sync),
) -> Result<(), FetchError> {
    let metadata = tokio::fs::metadata(path)
        .await
        .map_err(|error| missing(path, error))?;
    // Opening a pipe would wait for somebody at its other end.
    if !metadata.is_file() {
        return Err(FetchError::Address(format!("{} is no file", path.display())));
    }
    body.check_size(metadata.len())?;
    let mut file = tokio::fs::File::open(path)
        .await
        .map_err(|error| missing(path, error))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file
            .read(&mut chunk)
            .await
            .map_err(|error| io_error(path, error))?;
        if read == 0 {
            return Ok(());
        }
        body.add(&chunk[..read]).await?;
        progress(body.bytes(), Some(metadata.len()));
    }
}

/// A small file as a whole; nothing when there is none.
pub(super) async fn read_small(path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, FetchError> {
    let metadata = match tokio::fs::metadata(path).await {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, error)),
    };
    if !metadata.is_file() {
        return Err(FetchError::Address(format!("{} is no file", path.display())));
    }
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path)
        .await
        .map_err(|error| missing(path, error))?;
    file.take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| io_error(path, error))?;
    if bytes.len() as u64 > max_bytes {
        return Err(FetchError::TooLarge { max_bytes });
    }
    Ok(Some(bytes))
}

fn missing(path: &Path, error: std::io::Error) -> FetchError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::NotFound(path.display().to_string()),
        _ => io_error(path, error),
    }
}
