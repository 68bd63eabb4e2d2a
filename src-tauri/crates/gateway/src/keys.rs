//! Everything that opens the HTTP surface: the owner's token, further tokens by name, browsers, and links that
//! open once. Only digests are kept; a secret is shown when it is made and never again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use orrery_engine::api::{ApiError, Code, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::limits::{
    BROWSER_AGE, BROWSERS_MAX, LINK_AGE, LINKS_MAX, TOKEN_NAME_BYTES_MAX, TOKEN_USE_SAVED, TOKENS_MAX,
};
use crate::secret;
use crate::token::{Digest, Token, TokenError};

/// Name under which the token of the data directory is known.
pub const OWNER: &str = "owner";

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
struct Key {
    name: String,
    role: Role,
    /// Digest in base64.
    sha256: String,
    made_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_ms: Option<i64>,
}

impl Key {
    fn new(name: &str, role: Role, token: &Token, now: i64) -> Self {
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

    fn opens(&self, now: i64) -> bool {
        self.revoked_ms.is_none() && self.ends_ms.is_none_or(|ends| now < ends)
    }

    fn view(&self) -> KeyView {
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

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Digest of the owner's token: browsers that it let in go with it.
    owner: String,
    tokens: Vec<Key>,
    /// Browsers; `name` is that of the token that let each in.
    browsers: Vec<Key>,
}

#[derive(Default)]
struct State {
    kept: Kept,
    links: BTreeMap<String, Link>,
    saved_ms: i64,
}

/// The keys of an instance.
#[derive(Clone)]
pub struct Keys {
    state: Arc<Mutex<State>>,
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

    /// Whose token this is. Every key is compared, and in the same time whatever differs.
    pub(crate) fn holder(&self, token: &str) -> Option<Holder> {
        let digest = written(&Token::digest(token));
        let now = now_ms();
        let mut state = self.lock();
        let mut found = same(&state.kept.owner, &digest).then(|| Holder {
            name: OWNER.to_owned(),
            role: Role::Admin,
        });
        let kept = &mut state.kept;
        for key in kept.tokens.iter_mut().chain(&mut kept.browsers) {
            if same(&key.sha256, &digest) && key.opens(now) {
                key.used_ms = Some(now);
                found = Some(Holder {
                    name: key.name.clone(),
                    role: key.role,
                });
            }
        }
        let due = found.is_some() && now - state.saved_ms >= millis(TOKEN_USE_SAVED);
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

    /// Revokes a token, and every browser and link that it let in. The token of the data directory is revoked by
    /// removing its file and starting again.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none of the name, or it was revoked.
    pub fn revoke(&self, name: &str) -> Result<(), ApiError> {
        if name == OWNER {
            let message =
                "The owner's token goes with its file: stop the instance, remove the file and start again.";
            return Err(ApiError::new(Code::Conflict, message));
        }
        let mut state = self.lock();
        let key = state
            .kept
            .tokens
            .iter_mut()
            .find(|k| k.name == name && k.revoked_ms.is_none())
            .ok_or_else(|| ApiError::not_found(format!("There is no token {name}.")))?;
        key.revoked_ms = Some(now_ms());
        state.kept.browsers.retain(|b| b.name != name);
        state.links.retain(|_, link| link.holder.name != name);
        self.save(&mut state).map_err(ApiError::internal)
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
            let Some(oldest) = links
                .iter()
                .min_by_key(|(_, l)| l.ends_ms)
                .map(|(k, _)| k.clone())
            else {
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
        let used = self.lock().links.remove(&written(&Token::digest(secret)));
        let holder = match used {
            Some(link) => (now_ms() < link.ends_ms).then_some(link.holder),
            None => self.holder(secret),
        };
        let Some(holder) = holder else { return Ok(None) };
        let token = Token::random().map_err(ApiError::internal)?;
        let now = now_ms();
        let mut state = self.lock();
        let browsers = &mut state.kept.browsers;
        browsers.retain(|b| b.opens(now));
        if browsers.len() >= BROWSERS_MAX {
            // They stand in the order in which they came.
            browsers.remove(0);
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
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_vec_pretty(&state.kept)?;
        secret::write(file, &text)
    }
}

fn written(digest: &Digest) -> String {
    URL_SAFE_NO_PAD.encode(digest)
}

fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(millis).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const MASTER: &str = "0123456789abcdef";

    fn master() -> Token {
        Token::parse(MASTER, "the test").unwrap()
    }

    fn role(keys: &Keys, token: &str) -> Option<Role> {
        keys.holder(token).map(|h| h.role)
    }

    #[test]
    fn named_tokens_open_until_they_are_revoked_and_only_digests_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), master()).unwrap();
        let token = keys.make("laptop", Role::View).unwrap();
        let browser = keys.let_browser_in(token.reveal()).unwrap().unwrap();
        let file = dir.path().join("tokens.json");
        let text = std::fs::read_to_string(&file).unwrap();
        for secret in [token.reveal(), browser.reveal(), MASTER] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );

        let again = Keys::open(dir.path(), master()).unwrap();
        assert_eq!(role(&again, token.reveal()), Some(Role::View));
        assert_eq!(
            role(&again, browser.reveal()),
            Some(Role::View),
            "as the token that let it in"
        );
        assert_eq!(role(&again, MASTER), Some(Role::Admin));
        assert!(again.list()[0].used_ms.is_some(), "its use is noted");
        again.revoke("laptop").unwrap();
        assert_eq!(role(&again, token.reveal()), None);
        assert_eq!(
            role(&again, browser.reveal()),
            None,
            "browsers go with their token"
        );
        assert!(
            Keys::open(dir.path(), master()).unwrap().list()[0]
                .revoked_ms
                .is_some()
        );
    }

    #[test]
    fn names_are_checked() {
        let keys = Keys::from(master());
        let check = |name: &str, code: Option<Code>| {
            assert_eq!(
                keys.make(name, Role::View).err().map(|e| e.code),
                code,
                "{name:?}"
            );
        };
        check("ci.runner-1_a", None);
        check("ci.runner-1_a", Some(Code::Conflict));
        check(OWNER, Some(Code::Conflict));
        for bad in ["", "a b", "a/b", "é", &"n".repeat(TOKEN_NAME_BYTES_MAX + 1)] {
            check(bad, Some(Code::BadRequest));
        }
        assert_eq!(keys.revoke("nobody").unwrap_err().code, Code::NotFound);
        assert_eq!(keys.revoke(OWNER).unwrap_err().code, Code::Conflict);
        keys.revoke("ci.runner-1_a").unwrap();
        check("ci.runner-1_a", None);
    }

    #[test]
    fn there_are_bounds_on_tokens_browsers_and_links() {
        let keys = Keys::from(master());
        for i in 0..TOKENS_MAX {
            keys.make(&format!("t{i}"), Role::View).unwrap();
        }
        assert_eq!(keys.make("more", Role::View).unwrap_err().code, Code::Conflict);
        keys.revoke("t3").unwrap();
        keys.make("more", Role::View).unwrap();
        for _ in 0..=BROWSERS_MAX {
            keys.let_browser_in(MASTER).unwrap().unwrap();
        }
        assert_eq!(keys.lock().kept.browsers.len(), BROWSERS_MAX);
        for _ in 0..=LINKS_MAX {
            keys.owner_link().unwrap();
        }
        assert_eq!(keys.lock().links.len(), LINKS_MAX);
    }

    #[test]
    fn a_link_opens_once() {
        let keys = Keys::from(master());
        let link = keys.owner_link().unwrap();
        assert_eq!(role(&keys, link.reveal()), None, "a link is no token");
        let browser = keys.let_browser_in(link.reveal()).unwrap().unwrap();
        assert_eq!(role(&keys, browser.reveal()), Some(Role::Admin));
        assert!(keys.let_browser_in(link.reveal()).unwrap().is_none(), "not twice");
        keys.forget_browser(browser.reveal()).unwrap();
        assert_eq!(role(&keys, browser.reveal()), None);
        let late = keys.owner_link().unwrap();
        keys.lock().links.values_mut().for_each(|l| l.ends_ms = 0);
        assert!(
            keys.let_browser_in(late.reveal()).unwrap().is_none(),
            "not after its time"
        );
    }

    #[test]
    fn browsers_of_another_owner_do_not_come_in() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), master()).unwrap();
        let browser = keys.let_browser_in(MASTER).unwrap().unwrap();
        let other = Keys::open(dir.path(), Token::random().unwrap()).unwrap();
        assert_eq!(role(&other, browser.reveal()), None);
    }
}
