//! Getting a package: from a file, an address or a directory index, into one file that is there as a whole
//! or not at all.

mod address;
mod body;
mod copy;
mod error;
mod http;
mod index;
mod locate;
mod options;
mod retry;

use std::fs;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::archive::write_beside;
use crate::trust::signature_file;
use body::Body;
use error::io_error;
use http::Http;
use locate::{Located, Place, locate};

pub use error::FetchError;
pub use index::{Build, Index, IndexEntry};
pub use options::{FetchOptions, Source};

/// A package that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its file; its signature, if it has one, lies beside it, see [`crate::signature_file`].
    pub path: PathBuf,
    /// SHA-256 of the file, in hexadecimal: the one expected, where one was.
    pub sha256: String,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Whether a signature came with it.
    pub signed: bool,
}

/// Gets a package into the file `into`, and its signature beside it.
///
/// `progress` is told the bytes that are there and, where known, the bytes there will be.
///
/// # Errors
/// When it cannot be had within the tries and times of the options, when it is too large or not the one
/// expected, or when it was cancelled. Neither `into` nor anything half-written is left behind then.
pub async fn fetch(
    source: &Source,
    options: &FetchOptions,
    progress: impl Fn(u64, Option<u64>) + Send + Sync,
    cancel: &CancellationToken,
    into: &Path,
) -> Result<Fetched, FetchError> {
    bounded(options, cancel, fetch_inner(source, options, &progress, into)).await
}

/// Reads a directory index from an address or a path.
///
/// # Errors
/// When it cannot be had, or is none.
pub async fn read_index(
    location: &str,
    options: &FetchOptions,
    cancel: &CancellationToken,
) -> Result<Index, FetchError> {
    let read = async {
        let http = Http::new(options)?;
        locate::index_at(&http, location).await.map(|(index, _)| index)
    };
    bounded(options, cancel, read).await
}

/// Ends work when it is cancelled or takes too long; whatever it holds is dropped and so cleaned up.
async fn bounded<T>(
    options: &FetchOptions,
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(FetchError::Cancelled),
        result = tokio::time::timeout(options.total_timeout, work) => {
            result.unwrap_or(Err(FetchError::Timeout("all tries together took too long".to_owned())))
        }
    }
}

async fn fetch_inner(
    source: &Source,
    options: &FetchOptions,
    progress: &(impl Fn(u64, Option<u64>) + Send + Sync),
    into: &Path,
) -> Result<Fetched, FetchError> {
    let http = Http::new(options)?;
    let Located {
        place,
        sha256,
        signature,
    } = locate(&http, source).await?;
    let expected = match sha256 {
        Some(sum) => Some(sum),
        None => locate::sum_beside(&http, &place).await?,
    };
    let signature = match signature {
        Some(text) => Some(text),
        None => locate::signature_beside(&http, &place).await?,
    };

    let mut body = Body::create(into, options.max_bytes)?;
    match &place {
        Place::File(path) => copy::copy(path, &mut body, progress).await?,
        Place::Url(url) => {
            http.download(url, &mut body, expected.as_deref(), progress)
                .await?;
        }
    }
    let sha256 = body.sum();
    if let Some(expected) = expected
        && expected != sha256
    {
        return Err(FetchError::Checksum {
            expected,
            found: sha256,
        });
    }
    let bytes = body.bytes();
    let signature_path = signature_file(into);
    match &signature {
        Some(text) => {
            write_beside(&signature_path, text.as_bytes()).map_err(|e| io_error(&signature_path, e))?;
        }
        // One that lies there from before belongs to something else.
        None => match fs::remove_file(&signature_path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error(&signature_path, error));
            }
            _ => {}
        },
    }
    if let Err(error) = body.finish(into).await {
        let _ = fs::remove_file(&signature_path);
        return Err(error);
    }
    Ok(Fetched {
        path: into.to_owned(),
        sha256,
        bytes,
        signed: signature.is_some(),
    })
}
