//! Everything that opens the HTTP surface: the owner's token, further tokens by name, browsers, and links that
//! open once. Only digests are kept; a secret is shown when it is made and never again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orrery_engine::api::{ApiError, Code, Role};
use tokio_util::sync::CancellationToken;

use crate::limits::{
    BROWSER_AGE, BROWSERS_MAX, LINK_AGE, LINKS_MAX, TOKEN_NAME_BYTES_MAX, TOKEN_USE_SAVED, TOKENS_MAX,
};
use crate::secret;
use crate::token::{Token, TokenError};

mod kept;

pub use kept::KeyView;
use kept::{Kept, Key, millis, now_ms, same, written};

/// Name under which the token of the data directory is known.
pub const OWNER: &str = "owner";

/// A token's name and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// A link that opens once.
struct Link {
    holder: Holder,
    ends_ms: i64,
}

#[derive(Default)]
struct State {
    kept: Kept,
    links: BTreeMap<String, Link>,
    /// By digest, of keys that were used: cancelled when one opens no longer.
    gone: BTreeMap<String, CancellationToken>,
    saved_ms: i64,
}

impl State {
    /// Whose token this is, and what is cancelled when it opens no longer. Every key is compared, and in the same
    /// time whatever differs.
    fn holder(&mut self, token: &str) -> Option<(Holder, CancellationToken)> {
        let digest = written(&Token::digest(token));
        let now = now_ms();
        let mut found = same(&self.kept.owner, &digest).then(|| Holder {
            name: OWNER.to_owned(),
            role: Role::Admin,
        });
        for key in self.kept.all_mut() {
            if same(&key.sha256, &digest) && key.opens(now) {
                key.used_ms = Some(now);
                found = Some(Holder {
                    name: key.name.clone(),
                    role: key.role,
                });
            }
        }
        let holder = found?;
        Some((holder, self.gone.entry(digest).or_default().clone()))
    }

    /// Ends what goes on for keys that open no longer.
    fn end_what_is_closed(&mut self) {
        let (kept, now) = (&self.kept, now_ms());
        self.gone.retain(|digest, gone| {
            let opens = kept.opens(digest, now);
            if !opens {
                gone.cancel();
            }
            opens
        });
    }
}

/// The keys of an instance.
#[derive(Clone)]
pub struct Keys {
    state: Arc<Mutex<State>>,
    /// Grows whenever a key may open no longer that did.
    changes: Arc<AtomicU64>,
    file: Option<PathBuf>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// The owner's token alone; further keys are forgotten with the process.
impl From<Token> for Keys {
    fn from(owner: Token) -> Self {
        let kept = Kept {
            owner: written(&Token::digest(owner.reveal())),
            ..Kept::default()
        };
        Keys {
            state: Arc::new(Mutex::new(State {
                kept,
                ..State::default()
            })),
            changes: Arc::default(),
            file: None,
        }
    }
}

impl Keys {
    /// The keys of a data directory: those of its `tokens.json`, and `owner`.
    ///
    /// # Errors
    /// When the file cannot be read, or others may.
    pub fn open(data_dir: &Path, owner: Token) -> Result<Self, TokenError> {
        let file = data_dir.join("tokens.json");
        let text = secret::read(&file).map_err(|source| TokenError::io(&file, source))?;
        let mut kept: Kept = match text {
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| TokenError::io(&file, std::io::Error::other(error)))?,
            None => Kept::default(),
        };
        let mut keys = Keys::from(owner);
        let owner = keys.lock().kept.owner.clone();
        if kept.owner != owner {
            kept.browsers.retain(|b| b.name != OWNER);
            kept.owner = owner;
        }
        keys.lock().kept = kept;
        keys.file = Some(file);
        Ok(keys)
    }

    /// A panic while the lock was held leaves whole records behind: each is changed in one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grows with every change of the keys: what was found out before the same number holds still, but for keys that
    /// end by themselves.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whose token this is, and what is cancelled when it opens no longer.
    pub(crate) fn holder(&self, token: &str) -> Option<(Holder, CancellationToken)> {
        let mut state = self.lock();
        let found = state.holder(token);
        let due = found.is_some() && now_ms() - state.saved_ms >= millis(TOKEN_USE_SAVED);
        if due && let Err(error) = self.save(&mut state) {
            tracing::warn!(%error, "when tokens were last used is not kept");
        }
        found
    }

    /// Further tokens, in the order in which they were made.
    pub fn list(&self) -> Vec<KeyView> {
        self.lock().kept.tokens.iter().map(Key::view).collect()
    }

    /// Makes a further token. It is told once; only its digest is kept.
    ///
    /// # Errors
    /// [`Code::BadRequest`] for a name that is none, [`Code::Conflict`] for one that is taken,
    /// [`Code::LimitExceeded`] when there are too many.
    pub fn make(&self, name: &str, role: Role) -> Result<Token, ApiError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if name.is_empty() || name.len() > TOKEN_NAME_BYTES_MAX || !name.bytes().all(plain) {
            return Err(ApiError::bad_request(format!(
                "{name:?} cannot name a token: use at most {TOKEN_NAME_BYTES_MAX} letters, digits, dots, dashes and \
                 underscores."
            )));
        }
        let token = Token::random().map_err(ApiError::internal)?;
        let mut state = self.lock();
        let tokens = &mut state.kept.tokens;
        let taken = name == OWNER || tokens.iter().any(|k| k.name == name && k.revoked_ms.is_none());
        if taken {
            let message =
                format!("There is a token {name} already; revoke it first, or choose another name.");
            return Err(ApiError::new(Code::Conflict, message));
        }
        // A revoked one makes room for another of its name, and then the oldest revoked for any.
        tokens.retain(|k| k.name != name);
        if tokens.len() >= TOKENS_MAX {
            let Some(oldest) = tokens.iter().position(|k| k.revoked_ms.is_some()) else {
                let message = format!("There are {TOKENS_MAX} tokens already; revoke one first.");
                return Err(ApiError::new(Code::Conflict, message));
            };
            tokens.remove(oldest);
        }
        tokens.push(Key::new(name, role, &token, now_ms()));
        self.save(&mut state).map_err(ApiError::internal)?;
        Ok(token)
    }

    /// Revokes a token, and every browser and link that it let in; what goes on for them ends.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none of the name, or it was revoked. [`Code::Conflict`] for the owner's, in
    /// whose place there has to be another.
    pub fn revoke(&self, name: &str) -> Result<(), ApiError> {
        if name == OWNER {
            let message =
                "There is always an owner's token: `orrery token rotate` puts another in its place.";
            return Err(ApiError::new(Code::Conflict, message));
        }
        let mut state = self.lock();
        state.kept.token_mut(name)?.revoked_ms = Some(now_ms());
        state.kept.browsers.retain(|b| b.name != name);
        state.links.retain(|_, link| link.holder.name != name);
        self.save(&mut state).map_err(ApiError::internal)
    }

    /// Puts another secret in the place of a token's, which opens nothing from here on, nor do the browsers and links
    /// that it let in; what goes on for them ends. The answer is the new one and what it may do.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none of the name, or it was revoked. [`Code::Conflict`] for an owner's token
    /// that is not that of the data directory: whoever gave it has to change it.
    pub fn rotate(&self, name: &str) -> Result<(Token, Role), ApiError> {
        let token = Token::random().map_err(ApiError::internal)?;
        let digest = written(&Token::digest(token.reveal()));
        let mut state = self.lock();
        let role = if name == OWNER {
            self.rewrite_owner(&state.kept.owner, &token)?;
            state.kept.owner = digest;
            Role::Admin
        } else {
            let key = state.kept.token_mut(name)?;
            *key = Key::new(name, key.role, &token, now_ms());
            key.role
        };
        state.kept.browsers.retain(|b| b.name != name);
        state.links.retain(|_, link| link.holder.name != name);
        self.save(&mut state).map_err(ApiError::internal)?;
        Ok((token, role))
    }

    /// Writes the owner's token into its file, if the one that is now there is used.
    fn rewrite_owner(&self, used: &str, token: &Token) -> Result<(), ApiError> {
        let data_dir = self.file.as_ref().and_then(|file| file.parent());
        let there = data_dir.and_then(|dir| Some((dir, Token::read(dir).ok()??)));
        let Some((dir, _)) = there.filter(|(_, t)| same(used, &written(&Token::digest(t.reveal())))) else {
            let message = "The owner's token was given at the start, by `--token` or ORRERY_TOKEN, and is changed there.";
            return Err(ApiError::new(Code::Conflict, message));
        };
        token.keep(dir).map_err(ApiError::internal)
    }

    /// A secret for the address of the interface that opens once, and soon.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub(crate) fn link(&self, holder: &Holder) -> std::io::Result<Token> {
        let token = Token::random()?;
        let now = now_ms();
        let links = &mut self.lock().links;
        links.retain(|_, link| now < link.ends_ms);
        while links.len() >= LINKS_MAX {
            let most = most_frequent(links.values().map(|l| l.holder.name.as_str())).map(str::to_owned);
            let theirs = links
                .iter()
                .filter(|(_, l)| Some(&l.holder.name) == most.as_ref());
            let Some(oldest) = theirs.min_by_key(|(_, l)| l.ends_ms).map(|(k, _)| k.clone()) else {
                break;
            };
            links.remove(&oldest);
        }
        let link = Link {
            holder: holder.clone(),
            ends_ms: now + millis(LINK_AGE),
        };
        links.insert(written(&Token::digest(token.reveal())), link);
        Ok(token)
    }

    /// A link for the owner, as it is printed at the start.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn owner_link(&self) -> std::io::Result<Token> {
        self.link(&Holder {
            name: OWNER.to_owned(),
            role: Role::Admin,
        })
    }

    /// Lets a browser in that shows a link (which is used up by it) or a token. The answer is what its cookie holds:
    /// a secret of this browser alone.
    ///
    /// # Errors
    /// [`Code::Internal`] when it cannot be kept.
    pub(crate) fn let_browser_in(&self, secret: &str) -> Result<Option<Token>, ApiError> {
        let token = Token::random().map_err(ApiError::internal)?;
        let now = now_ms();
        // Locked throughout: what is revoked meanwhile lets nobody in.
        let mut state = self.lock();
        let holder = match state.links.remove(&written(&Token::digest(secret))) {
            Some(link) => (now < link.ends_ms).then_some(link.holder),
            None => state.holder(secret).map(|(holder, _)| holder),
        };
        let Some(holder) = holder else { return Ok(None) };
        let browsers = &mut state.kept.browsers;
        browsers.retain(|b| b.opens(now));
        if browsers.len() >= BROWSERS_MAX {
            // They stand in the order in which they came. Whoever has let in most gives room: no token puts out the
            // browsers of the others.
            let most = most_frequent(browsers.iter().map(|b| b.name.as_str())).map(str::to_owned);
            if let Some(oldest) = browsers.iter().position(|b| Some(&b.name) == most.as_ref()) {
                browsers.remove(oldest);
            }
        }
        let mut browser = Key::new(&holder.name, holder.role, &token, now);
        browser.ends_ms = Some(now + millis(BROWSER_AGE));
        browsers.push(browser);
        self.save(&mut state).map_err(ApiError::internal)?;
        Ok(Some(token))
    }

    /// Forgets the browser whose cookie holds `secret`.
    ///
    /// # Errors
    /// [`Code::Internal`] when that cannot be kept.
    pub(crate) fn forget_browser(&self, secret: &str) -> Result<(), ApiError> {
        let digest = written(&Token::digest(secret));
        let mut state = self.lock();
        state.kept.browsers.retain(|b| !same(&b.sha256, &digest));
        self.save(&mut state).map_err(ApiError::internal)
    }

    fn save(&self, state: &mut State) -> std::io::Result<()> {
        state.saved_ms = now_ms();
        state.end_what_is_closed();
        self.changes.fetch_add(1, Ordering::Release);
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_vec_pretty(&state.kept)?;
        secret::write(file, &text)
    }
}

/// The name that is there most often.
fn most_frequent<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests;
