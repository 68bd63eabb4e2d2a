//! Somebody who asks, made ready for many requests: what a plugin is told of them is put together once, and copied
//! with each request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::{HeaderMap, HeaderValue, header};
use tokio::time::Instant;

use super::Identity;
use super::headers::{
    HOST, SET, Sink as _, X_DATAPLANE_GROUP, X_DATAPLANE_NAMESPACE, X_DATAPLANE_VERSION, X_FORWARDED_FOR,
    X_FORWARDED_PREFIX, X_FORWARDED_PROTO, X_ORRERY_ROLE, X_ORRERY_USER,
};
use crate::alarm::Alarm;
use crate::object::PathMode;
use crate::table::{DEFAULT_NAMESPACE, Hit, Mount};

/// Headers of a caller that most requests have beside what is said of them.
const ROOM: usize = 12;

/// Somebody who asks, perhaps more than once.
pub struct Known {
    identity: Identity,
    /// What was said last.
    said: Mutex<Option<Said>>,
    /// By which their last answer was waited for.
    clock: Mutex<Option<Alarm>>,
}

/// What is said to a plugin about its caller and the way there.
pub(super) struct Said {
    mount: Weak<Mount>,
    mode: PathMode,
    pub(super) headers: HeaderMap,
    /// The same as it is sent.
    pub(super) text: Vec<u8>,
}

impl From<Identity> for Arc<Known> {
    fn from(identity: Identity) -> Self {
        Arc::new(Known {
            identity,
            said: Mutex::default(),
            clock: Mutex::default(),
        })
    }
}

impl Known {
    /// Who it is.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A clock that rings at `at`.
    pub(super) fn clock(&self, at: Instant) -> Alarm {
        match unlocked(&self.clock).take() {
            Some(mut clock) => {
                clock.set(at);
                clock
            }
            None => Alarm::new(at),
        }
    }

    /// Keeps a clock for the next answer.
    pub(super) fn keep_clock(&self, clock: Alarm) {
        *unlocked(&self.clock) = Some(clock);
    }

    /// Shows the headers that only we say, but for those that are of one request alone. `path` is the caller's.
    pub(super) fn said<R>(&self, hit: &Hit<'_>, path: &str, take: impl FnOnce(&Said) -> R) -> R {
        let mode = hit.target.service.path_mode;
        let (mount, namespace) = (hit.mount, hit.namespace);
        // The namespace may be written out where it is the default: the prefix is another one then.
        if named(mount, path) {
            return take(&self.say(mount, mode, Some(namespace)));
        }
        let mut kept = unlocked(&self.said);
        let same = |said: &Said| said.mode == mode && std::ptr::eq(said.mount.as_ptr(), Arc::as_ptr(mount));
        match &mut *kept {
            Some(said) if same(said) => take(said),
            said => take(said.insert(self.say(mount, mode, None))),
        }
    }

    fn say(&self, mount: &Arc<Mount>, mode: PathMode, namespace: Option<&str>) -> Said {
        let mut headers = HeaderMap::with_capacity(SET + ROOM);
        let Identity {
            user,
            role,
            address,
            tls,
            ..
        } = &self.identity;
        let mut set = |name, value: Option<HeaderValue>| {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        };
        let text = |text: &str| HeaderValue::from_str(text).ok();
        set(header::HOST, Some(HOST));
        // A name may hold what a header may not; better escaped than not said.
        let user = text(user).or_else(|| text(&user.escape_default().to_string()));
        set(X_ORRERY_USER, user);
        set(X_ORRERY_ROLE, Some(HeaderValue::from_static(role.word())));
        set(X_FORWARDED_FOR, address.and_then(|ip| text(&ip.to_string())));
        let scheme = if *tls { "https" } else { "http" };
        set(X_FORWARDED_PROTO, Some(HeaderValue::from_static(scheme)));
        if mode == PathMode::Strip {
            let prefix = match namespace {
                None => text(&mount.prefix),
                Some(namespace) => text(&format!("{}/namespaces/{namespace}", mount.prefix)),
            };
            set(X_FORWARDED_PREFIX, prefix);
        }
        // Written anew for each: what all share is counted by every processor, which costs them more than a copy.
        let spec = &mount.object.spec;
        set(X_DATAPLANE_GROUP, text(&spec.group));
        set(X_DATAPLANE_VERSION, text(&spec.version));
        let namespace = namespace.filter(|namespace| *namespace != DEFAULT_NAMESPACE);
        let namespace = match namespace {
            None => Some(HeaderValue::from_static(DEFAULT_NAMESPACE)),
            Some(named) => text(named),
        };
        set(X_DATAPLANE_NAMESPACE, namespace);
        let mut text = Vec::new();
        for (name, value) in &headers {
            text.take(name, value);
        }
        Said {
            mount: Arc::downgrade(mount),
            mode,
            headers,
            text,
        }
    }
}

fn unlocked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a path below a mount names its namespace.
fn named(mount: &Mount, path: &str) -> bool {
    path.get(mount.prefix.len()..)
        .is_some_and(|rest| rest.starts_with("/namespaces/"))
}
