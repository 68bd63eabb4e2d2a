//! What is kept of keys: their digests, never themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use orrery_engine::api::{ApiError, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::token::{Digest, Token};

/// A key as its owner may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyView {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made, ms since the epoch.
    pub made_ms: i64,
    /// When it was last used, to the minute; none when never.
    pub used_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// When it ends by itself.
    pub ends_ms: Option<i64>,
}

/// What is kept of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) role: Role,
    /// Digest in base64.
    pub(super) sha256: String,
    pub(super) made_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) used_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revoked_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends_ms: Option<i64>,
}

impl Key {
    pub(super) fn new(name: &str, role: Role, token: &Token, now: i64) -> Self {
        Key {
            name: name.to_owned(),
            role,
            sha256: written(&Token::digest(token.reveal())),
            made_ms: now,
            used_ms: None,
            revoked_ms: None,
            ends_ms: None,
        }
    }

    pub(super) fn opens(&self, now: i64) -> bool {
        self.revoked_ms.is_none() && self.ends_ms.is_none_or(|ends| now < ends)
    }

    pub(super) fn view(&self) -> KeyView {
        KeyView {
            name: self.name.clone(),
            role: self.role,
            made_ms: self.made_ms,
            used_ms: self.used_ms,
            revoked_ms: self.revoked_ms,
            ends_ms: self.ends_ms,
        }
    }
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// Digest of the owner's token: browsers that it let in go with it.
    pub(super) owner: String,
    pub(super) tokens: Vec<Key>,
    /// Browsers; `name` is that of the token that let each in.
    pub(super) browsers: Vec<Key>,
}

impl Kept {
    /// Every key but the owner's.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Key> {
        self.tokens.iter_mut().chain(&mut self.browsers)
    }

    /// Whether what has this digest opens.
    pub(super) fn opens(&self, digest: &str, now: i64) -> bool {
        let opens = |key: &Key| key.sha256 == digest && key.opens(now);
        self.owner == digest || self.tokens.iter().chain(&self.browsers).any(opens)
    }

    /// The token of a name that was not revoked.
    pub(super) fn token_mut(&mut self, name: &str) -> Result<&mut Key, ApiError> {
        let mut tokens = self.tokens.iter_mut();
        tokens
            .find(|key| key.name == name && key.revoked_ms.is_none())
            .ok_or_else(|| ApiError::not_found(format!("There is no token {name}.")))
    }
}

pub(super) fn written(digest: &Digest) -> String {
    URL_SAFE_NO_PAD.encode(digest)
}

pub(super) fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(millis).unwrap_or_default()
}
