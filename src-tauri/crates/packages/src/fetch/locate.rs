//! Where a package and what belongs to it lie.

use std::path::PathBuf;

use url::Url;

use super::error::FetchError;
use super::http::Http;
use super::index::Index;
use super::{Source, address, copy};
use crate::digest::parse_sum;
use crate::limits::{INDEX_MAX_BYTES, SIDECAR_MAX_BYTES};
use crate::manifest::Machine;

/// Name of an index in its directory.
const INDEX_FILE: &str = "index.json";

/// Where something lies.
#[derive(Debug, Clone)]
pub(super) enum Place {
    File(PathBuf),
    Url(Url),
}

impl Place {
    /// The place of something beside it, such as its signature.
    fn beside(&self, more: &str) -> Self {
        match self {
            Self::File(path) => Self::File(crate::beside(path, more)),
            Self::Url(url) => Self::Url(address::beside(url, more)),
        }
    }

    /// An address or a path, as somebody wrote it.
    fn parse(text: &str) -> Result<Self, FetchError> {
        if text.contains("://") {
            address::parse(text).map(Self::Url)
        } else {
            Ok(Self::File(PathBuf::from(text)))
        }
    }
}

/// A package and what is known of it.
pub(super) struct Located {
    pub(super) place: Place,
    /// Sum that it has to have.
    pub(super) sha256: Option<String>,
    /// Its signature, where it is known already.
    pub(super) signature: Option<String>,
}

/// Finds out where a package lies.
pub(super) async fn locate(http: &Http, source: &Source) -> Result<Located, FetchError> {
    let (place, sha256) = match source {
        Source::File { path, sha256 } => (Place::File(path.clone()), sha256),
        Source::Url { url, sha256 } => (Place::Url(address::parse(url)?), sha256),
        Source::Index {
            index,
            plugin,
            version,
        } => return locate_in_index(http, index, plugin, version.as_deref()).await,
    };
    let sha256 = match sha256 {
        Some(sum) => Some(
            parse_sum(sum)
                .ok_or_else(|| FetchError::Address("a SHA-256 has 64 hexadecimal characters".to_owned()))?,
        ),
        None => None,
    };
    Ok(Located {
        place,
        sha256,
        signature: None,
    })
}

async fn locate_in_index(
    http: &Http,
    location: &str,
    plugin: &str,
    version: Option<&str>,
) -> Result<Located, FetchError> {
    let (index, at) = index_at(http, location).await?;
    let (_, build) = index.pick(plugin, version, &Machine::this())?;
    let place = match &at {
        // Like a redirect, an index does not lead away from encryption.
        Place::Url(base) => Place::Url(address::redirect(base, &build.url)?),
        Place::File(path) => match Place::parse(&build.url)? {
            Place::Url(url) => Place::Url(url),
            Place::File(file) => Place::File(path.with_file_name("").join(file)),
        },
    };
    Ok(Located {
        place,
        sha256: parse_sum(&build.sha256),
        signature: build.signature.clone(),
    })
}

/// Reads an index, and says where it lay. A directory's index is in its `index.json`.
pub(super) async fn index_at(http: &Http, location: &str) -> Result<(Index, Place), FetchError> {
    let place = match Place::parse(location)? {
        Place::Url(url) if url.path().ends_with('/') => Place::Url(address::beside(&url, INDEX_FILE)),
        Place::File(path) if path.is_dir() => Place::File(path.join(INDEX_FILE)),
        place => place,
    };
    let Some(bytes) = small(http, &place, INDEX_MAX_BYTES).await? else {
        return Err(FetchError::NotFound(format!("the index {}", shown(&place))));
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| FetchError::Address(format!("the index {} is no text", shown(&place))))?;
    Ok((Index::parse(&text)?, place))
}

/// The sum beside a package, if there is one.
pub(super) async fn sum_beside(http: &Http, place: &Place) -> Result<Option<String>, FetchError> {
    let beside = place.beside(".sha256");
    let Some(bytes) = small(http, &beside, SIDECAR_MAX_BYTES).await? else {
        return Ok(None);
    };
    match std::str::from_utf8(&bytes).ok().and_then(parse_sum) {
        Some(sum) => Ok(Some(sum)),
        None => Err(FetchError::Address(format!("{} is no SHA-256", shown(&beside)))),
    }
}

/// The signature beside a package, if there is one.
pub(super) async fn signature_beside(http: &Http, place: &Place) -> Result<Option<String>, FetchError> {
    let beside = place.beside(".minisig");
    let Some(bytes) = small(http, &beside, SIDECAR_MAX_BYTES).await? else {
        return Ok(None);
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(FetchError::Address(format!("{} is no signature", shown(&beside)))),
    }
}

async fn small(http: &Http, place: &Place, max_bytes: u64) -> Result<Option<Vec<u8>>, FetchError> {
    match place {
        Place::File(path) => copy::read_small(path, max_bytes).await,
        Place::Url(url) => http.small(url, max_bytes).await,
    }
}

fn shown(place: &Place) -> String {
    match place {
        Place::File(path) => path.display().to_string(),
        Place::Url(url) => address::shown(url),
    }
}
