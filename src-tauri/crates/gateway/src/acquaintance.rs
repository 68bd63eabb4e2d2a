//! Who a connection is of, remembered: most of its requests come to the same name and show the same proof, and what
//! was found out about the one before holds for them.

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Request, header};
use orrery_engine::api::Caller;
use orrery_services::Known;
use tokio_util::sync::CancellationToken;

use crate::auth::{PASSED_ON, Peer, Visitor};
use crate::guard::SEC_FETCH_SITE;
use crate::limits::PROOF_KEPT;
use crate::services;

/// Whoever asks, as the data plane takes them.
pub(crate) struct Visiting {
    pub(crate) caller: Caller,
    pub(crate) known: Arc<Known>,
    /// Cancelled when what they showed opens no longer.
    pub(crate) gone: Option<CancellationToken>,
}

impl Visiting {
    pub(crate) fn new(Visitor { caller, gone }: Visitor, peer: &Peer) -> Arc<Self> {
        let known = services::identity(caller.clone(), peer).into();
        Arc::new(Visiting { caller, known, gone })
    }
}

/// What a connection showed last.
#[derive(Default)]
pub(crate) struct Acquaintance(Mutex<Option<Shown>>);

struct Shown {
    host: HeaderValue,
    proof: HeaderValue,
    /// As many changes of keys there had been.
    changes: u64,
    since: Instant,
    visiting: Arc<Visiting>,
}

impl Acquaintance {
    /// Whoever asked last, when this request shows the very same and the keys are what they were.
    pub(crate) fn again<B>(&self, request: &Request<B>, changes: u64) -> Option<Arc<Visiting>> {
        let (host, proof) = plain(request)?;
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = shown.as_ref()?;
        let holds = shown.changes == changes
            && shown.host == *host
            && alike(shown.proof.as_bytes(), proof.as_bytes())
            && shown.since.elapsed() < PROOF_KEPT;
        holds.then(|| shown.visiting.clone())
    }

    /// Remembers who asked. `changes`: of the keys, before this was found out.
    pub(crate) fn remember<B>(&self, request: &Request<B>, changes: u64, visiting: &Arc<Visiting>) {
        let Some((host, proof)) = plain(request) else {
            return;
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown {
            host: host.clone(),
            proof: proof.clone(),
            changes,
            since: Instant::now(),
            visiting: visiting.clone(),
        });
    }
}

/// Host and proof of a request that shows nothing else by which it could be refused at the door: no page caused it,
/// and no plugin passed it on.
fn plain<B>(request: &Request<B>) -> Option<(&HeaderValue, &HeaderValue)> {
    if request.uri().authority().is_some() {
        return None;
    }
    let headers: &HeaderMap = request.headers();
    let (mut host, mut proof) = (None, None);
    for (name, value) in headers {
        let place = if *name == header::HOST {
            &mut host
        } else if *name == header::AUTHORIZATION {
            &mut proof
        } else if [header::COOKIE, header::ORIGIN, SEC_FETCH_SITE, PASSED_ON].contains(name) {
            return None;
        } else {
            continue;
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    host.zip(proof)
}

/// Whether both are the same, in the same time wherever they differ: what was shown last may be another's, whose
/// requests come by the same connection of something in between.
fn alike(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pairs: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::get("/apis/g/v/x");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn somebody() -> Arc<Visiting> {
        let peer = Peer::Local { uid: 1, pid: None };
        let caller = Caller {
            user: "token x".to_owned(),
            role: orrery_engine::api::Role::View,
            origin: orrery_engine::api::Origin::Http,
            from: String::new(),
        };
        Visiting::new(Visitor { caller, gone: None }, &peer)
    }

    #[test]
    fn the_same_is_taken_at_its_word_and_nothing_else_is() {
        let acquaintance = Acquaintance::default();
        let shown = [("host", "localhost:1"), ("authorization", "Bearer a")];
        assert!(acquaintance.again(&request(&shown), 7).is_none());
        acquaintance.remember(&request(&shown), 7, &somebody());
        assert!(acquaintance.again(&request(&shown), 7).is_some());
        assert!(
            acquaintance.again(&request(&shown), 8).is_none(),
            "a key was changed"
        );
        for other in [
            &[("host", "localhost:1")][..],
            &[("host", "localhost:1"), ("authorization", "Bearer b")],
            &[("host", "localhost:1"), ("authorization", "Bearer aa")],
            &[("host", "evil.example"), ("authorization", "Bearer a")],
            &[("authorization", "Bearer a")],
        ] {
            assert!(acquaintance.again(&request(other), 7).is_none(), "{other:?}");
        }
        for more in [
            ("host", "localhost:1"),
            ("authorization", "Bearer a"),
            ("cookie", "a=b"),
            ("origin", "http://localhost:1"),
            ("sec-fetch-site", "same-origin"),
            ("x-dataplane-group", "g"),
        ] {
            let with = [&shown[..], &[more]].concat();
            assert!(acquaintance.again(&request(&with), 7).is_none(), "{more:?}");
        }
        let mut absolute = request(&shown);
        *absolute.uri_mut() = "http://evil.example/apis/g/v/x".parse().unwrap();
        assert!(acquaintance.again(&absolute, 7).is_none());
    }
}
