//! What headers pass, in either direction, and what is set instead.

use http::header::{self, GetAll, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::Ask;
use super::known::Said;
use super::manners::Manners;
use crate::wire::Keep;

pub(super) const HOST: HeaderValue = HeaderValue::from_static("plugin");
pub(super) const X_ORRERY_USER: HeaderName = HeaderName::from_static("x-orrery-user");
pub(super) const X_ORRERY_ROLE: HeaderName = HeaderName::from_static("x-orrery-role");
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
pub(super) const X_DATAPLANE_GROUP: HeaderName = HeaderName::from_static("x-dataplane-group");
pub(super) const X_DATAPLANE_VERSION: HeaderName = HeaderName::from_static("x-dataplane-version");
pub(super) const X_DATAPLANE_NAMESPACE: HeaderName = HeaderName::from_static("x-dataplane-namespace");
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Length of a `traceparent`.
const TRACEPARENT_BYTES: usize = 55;

/// Headers that are set on every request.
pub(super) const SET: usize = 11;

/// Beginnings of names that only we say.
const OURS: &[&str] = &["x-orrery-", "x-dataplane-", "x-forwarded-", "x-remote-"];

/// Headers about one connection.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What a caller sends that a plugin does not get: proofs of who asks, what only we say, and where the caller's
/// page is.
fn is_kept_from_plugins(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "cookie"
            | "cookie2"
            | "set-cookie"
            | "host"
            | "expect"
            | "forwarded"
            | "x-real-ip"
            | "x-request-id"
            | "traceparent"
            | "tracestate"
            | "origin"
            | "referer"
    ) || OURS.iter().any(|beginning| name.starts_with(beginning))
}

/// What a plugin sends that a caller does not get: what would change more than this one answer in a browser.
fn is_kept_from_callers(name: &str) -> bool {
    matches!(
        name,
        "set-cookie"
            | "set-cookie2"
            | "clear-site-data"
            | "strict-transport-security"
            | "public-key-pins"
            | "service-worker-allowed"
            | "alt-svc"
            | "content-security-policy"
            | "x-content-type-options"
    ) || name.starts_with("access-control-")
        || OURS.iter().any(|beginning| name.starts_with(beginning))
}

/// The headers that `Connection` makes headers of one connection, beside those that always are.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let named = headers.get_all(header::CONNECTION).iter();
    let named = named.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    named
        .map(<[u8]>::trim_ascii)
        // What nearly all say names no header that stays.
        .filter(|name| !name.eq_ignore_ascii_case(b"keep-alive") && !name.eq_ignore_ascii_case(b"close"))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        // The length belongs to the message, whatever `Connection` says.
        .filter(|name| name != header::CONTENT_LENGTH)
        .collect()
}

/// Makes of a plugin's headers those that the caller gets.
pub(super) fn to_caller(headers: &mut HeaderMap, manners: &Manners) {
    let named = named_by_connection(headers);
    let goes = |name: &&HeaderName| {
        let text = name.as_str();
        is_hop_by_hop(text) || is_kept_from_callers(text) || named.contains(name)
    };
    let gone: Vec<HeaderName> = headers.keys().filter(goes).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
    manners.on(headers);
}

/// The same for an answer that is read as it stands: what a plugin does not change is there before it says anything.
impl Keep for Manners {
    fn begin(&self) -> HeaderMap {
        self.always().clone()
    }

    fn keep(&self, headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
        let text = name.as_str();
        if !is_hop_by_hop(text) && !is_kept_from_callers(text) && !self.always().contains_key(&name) {
            headers.append(name, value);
        }
    }

    fn end(&self, headers: &mut HeaderMap) {
        self.beside(headers);
    }
}

/// Where the headers of a request go to.
pub(super) trait Sink {
    /// Takes one more.
    fn take(&mut self, name: &HeaderName, value: &HeaderValue);

    /// Takes one more of what is made for this request.
    fn say(&mut self, name: &HeaderName, value: &[u8]);
}

impl Sink for HeaderMap {
    fn take(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.append(name, value.clone());
    }

    fn say(&mut self, name: &HeaderName, value: &[u8]) {
        // What is not allowed in a header is in none of what is said.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            self.append(name, value);
        }
    }
}

/// The head of a request without a body, as it is sent.
impl Sink for Vec<u8> {
    fn take(&mut self, name: &HeaderName, value: &HeaderValue) {
        // There is no body whose length could be said.
        if *name != header::CONTENT_LENGTH {
            self.say(name, value.as_bytes());
        }
    }

    fn say(&mut self, name: &HeaderName, value: &[u8]) {
        for piece in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
            self.extend_from_slice(piece);
        }
    }
}

/// Passes on what is neither of one connection nor kept from plugins; whether the caller is in a trace.
fn pass_on(headers: &HeaderMap, to: &mut impl Sink) -> bool {
    let named = named_by_connection(headers);
    let mut traced = false;
    for (name, value) in headers {
        let text = name.as_str();
        traced |= *name == TRACEPARENT;
        if !is_hop_by_hop(text) && !is_kept_from_plugins(text) && !named.contains(name) {
            to.take(name, value);
        }
    }
    traced
}

impl<B> Ask<'_, B> {
    /// The headers of the request as the plugin gets them.
    pub(super) fn to_plugin(&self) -> HeaderMap {
        let mut sent = self.said(|said| said.headers.clone());
        self.pass_on(&mut sent);
        sent
    }

    /// The same as they are sent, where there is no body.
    pub(super) fn write_to_plugin(&self, head: &mut Vec<u8>) {
        self.said(|said| head.extend_from_slice(&said.text));
        self.pass_on(head);
    }

    /// What is said of every request of this caller.
    fn said<R>(&self, take: impl FnOnce(&Said) -> R) -> R {
        self.known.said(&self.hit, self.request.uri().path(), take)
    }

    /// What the caller says, and what is said of this request alone. Whatever is said by us is kept from plugins
    /// otherwise, so that nothing is said twice.
    fn pass_on(&self, to: &mut impl Sink) {
        let passed = self.request.headers();
        let traced = pass_on(passed, to);
        let mut buffer = uuid::Uuid::encode_buffer();
        let own = self.id.simple().encode_lower(&mut buffer);
        let given = self.known.identity().request_id.as_deref();
        let given = given.filter(|id| HeaderValue::from_str(id).is_ok());
        to.say(&X_REQUEST_ID, given.unwrap_or(own).as_bytes());
        let (trace, state) = if traced {
            trace(passed, own)
        } else {
            (Trace::of(own), None)
        };
        to.say(&TRACEPARENT, &trace.0);
        for state in state.into_iter().flatten() {
            to.take(&TRACESTATE, state);
        }
    }
}

/// A `traceparent`.
struct Trace([u8; TRACEPARENT_BYTES]);

impl Trace {
    /// A new trace, for a request of this id, whose second half is random.
    fn of(id: &str) -> Self {
        Trace::within(id, id, "00")
    }

    /// A request of this id within a trace.
    fn within(trace_id: &str, id: &str, flags: &str) -> Self {
        let mut text = [b'-'; TRACEPARENT_BYTES];
        let span_id = id.get(16..).unwrap_or_default();
        let mut end = 0;
        for part in ["00", trace_id, span_id, flags] {
            if let Some(place) = text.get_mut(end..end + part.len()) {
                place.copy_from_slice(part.as_bytes());
            }
            end += part.len() + 1;
        }
        Trace(text)
    }
}

/// The trace that the caller is in, with the request of this id as a new span of it, and what is said of its state; a
/// new trace when there is none.
fn trace<'a>(headers: &'a HeaderMap, id: &str) -> (Trace, Option<GetAll<'a, HeaderValue>>) {
    let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    match given.and_then(parsed) {
        Some((trace_id, flags)) => {
            let state = headers.get_all(TRACESTATE);
            (Trace::within(trace_id, id, flags), Some(state))
        }
        None => (Trace::of(id), None),
    }
}

/// Trace id and flags of a `traceparent` that is well formed.
fn parsed(traceparent: &str) -> Option<(&str, &str)> {
    let mut parts = traceparent.splitn(4, '-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let some = |text: &str| text.bytes().any(|b| b != b'0');
    let good =
        version == "00" && hex(trace, 32) && some(trace) && hex(span, 16) && some(span) && hex(flags, 2);
    good.then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn px5_what_belongs_to_one_connection_stays_there() {
        let sent = map(&[
            ("connection", "close, X-Private"),
            ("connection", "x-other, Content-Length"),
            ("x-private", "1"),
            ("x-other", "1"),
            ("content-length", "3"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "x"),
            ("keep-alive", "1"),
            ("accept", "a"),
            ("accept", "b"),
        ]);
        let mut passed = HeaderMap::new();
        pass_on(&sent, &mut passed);
        let mut kept = names(&passed);
        kept.sort_unstable();
        assert_eq!(kept, ["accept", "content-length"]);
        assert_eq!(passed.get_all("accept").iter().count(), 2);
    }

    #[test]
    fn both_ways_of_reading_an_answer_keep_the_same() {
        let manners = Manners::new(
            &map(&[("x-frame-options", "DENY")]),
            &map(&[("cache-control", "no-store")]),
        );
        let answers: &[&[(&'static str, &'static str)]] = &[
            &[],
            &[("content-type", "a"), ("x-a", "1"), ("x-a", "2")],
            &[("cache-control", "no-store"), ("cache-control", "private")],
            &[
                ("x-frame-options", "ALLOWALL"),
                ("set-cookie", "a=b"),
                ("vary", "x"),
            ],
            &[
                ("te", "x"),
                ("keep-alive", "1"),
                ("x-orrery-user", "me"),
                ("access-control-allow-origin", "*"),
            ],
        ];
        for said in answers {
            let (mut whole, mut kept) = (HeaderMap::new(), manners.begin());
            for (name, value) in *said {
                whole.append(*name, HeaderValue::from_static(value));
                let name = HeaderName::from_static(name);
                manners.keep(&mut kept, name, HeaderValue::from_static(value));
            }
            manners.end(&mut kept);
            to_caller(&mut whole, &manners);
            assert_eq!(whole, kept, "{said:?}");
        }
    }

    #[test]
    fn a_trace_goes_on_or_begins() {
        let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let own = "0199aa00000070008123456789abcdef";
        let said = |headers: &HeaderMap| String::from_utf8(trace(headers, own).0.0.to_vec()).unwrap();
        assert_eq!(parsed(given), Some(("0af7651916cd43dd8448eb211c80319c", "01")));
        assert_eq!(
            said(&map(&[("traceparent", given)])),
            "00-0af7651916cd43dd8448eb211c80319c-8123456789abcdef-01"
        );
        for bad in [
            "",
            "00-0-0-0",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-ä-b-c",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
        let new = said(&HeaderMap::new());
        assert_eq!(new, "00-0199aa00000070008123456789abcdef-8123456789abcdef-00");
        assert!(parsed(&new).is_some());
    }
}
