//! What headers pass, in either direction, and what is set instead.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::Ask;
use super::manners::Manners;

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

/// Takes over the headers that are not of one connection, nor among those that `drop` names.
fn take_over(from: HeaderMap, to: &mut HeaderMap, drop: impl Fn(&HeaderName) -> bool) {
    let named = named_by_connection(&from);
    let goes = |name: &HeaderName| is_hop_by_hop(name.as_str()) || named.contains(name) || drop(name);
    let mut kept = None;
    for (name, value) in from {
        // Further values of a header come without its name.
        if let Some(name) = name {
            kept = Some(name).filter(|name| !goes(name));
        }
        if let Some(name) = &kept {
            to.append(name, value);
        }
    }
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

/// The headers of an answer as the caller gets them.
pub(super) fn to_caller(headers: HeaderMap, manners: &Manners) -> HeaderMap {
    let mut answer = manners.beside(&headers);
    take_over(headers, &mut answer, |name| {
        is_kept_from_callers(name.as_str()) || manners.settle(name)
    });
    answer
}

impl<B> Ask<'_, B> {
    /// The headers of a request as the plugin gets them.
    pub(super) fn to_plugin(&self, passed: HeaderMap) -> HeaderMap {
        let mut sent = self.known.said(&self.hit, self.request.uri().path());
        let (parent, states) = trace(&passed, self.id);
        // What is said already is kept from plugins, so that nothing is said twice.
        take_over(passed, &mut sent, |name| is_kept_from_plugins(name.as_str()));
        let said = [(X_REQUEST_ID, self.request_id()), (TRACEPARENT, parent)];
        for (name, value) in said {
            match value {
                Some(value) => sent.insert(name, value),
                None => sent.remove(name),
            };
        }
        for state in states {
            sent.append(HeaderName::from_static("tracestate"), state);
        }
        sent
    }

    fn request_id(&self) -> Option<HeaderValue> {
        let given = self.known.identity().request_id.as_deref();
        let given = given.and_then(|id| HeaderValue::from_str(id).ok());
        let mut buffer = uuid::Uuid::encode_buffer();
        given.or_else(|| HeaderValue::from_str(self.id.simple().encode_lower(&mut buffer)).ok())
    }
}

/// The trace that the caller is in, with this request as a new span of it; a new one when there is none.
fn trace(headers: &HeaderMap, id: uuid::Uuid) -> (Option<HeaderValue>, Vec<HeaderValue>) {
    let mut buffer = uuid::Uuid::encode_buffer();
    let own = id.simple().encode_lower(&mut buffer);
    // The second half of an id is random.
    let (_, span_id) = own.split_at(16);
    let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    if let Some((trace_id, flags)) = given.and_then(parsed) {
        let parent = parent(trace_id, span_id, flags);
        let state = headers.get_all("tracestate").iter().cloned().collect();
        return (parent, state);
    }
    (parent(own, span_id, "00"), Vec::new())
}

/// A `traceparent` of parts that are well formed.
fn parent(trace_id: &str, span_id: &str, flags: &str) -> Option<HeaderValue> {
    let mut text = [0; TRACEPARENT_BYTES];
    let mut end = 0;
    for part in ["00-", trace_id, "-", span_id, "-", flags] {
        text.get_mut(end..end + part.len())?
            .copy_from_slice(part.as_bytes());
        end += part.len();
    }
    HeaderValue::from_bytes(&text[..end]).ok()
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
        take_over(sent, &mut passed, |name| is_kept_from_plugins(name.as_str()));
        let mut kept = names(&passed);
        kept.sort_unstable();
        assert_eq!(kept, ["accept", "content-length"]);
        assert_eq!(passed.get_all("accept").iter().count(), 2);
    }

    #[test]
    fn a_trace_goes_on_or_begins() {
        let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(parsed(given), Some(("0af7651916cd43dd8448eb211c80319c", "01")));
        let (parent, _) = trace(
            &map(&[(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )]),
            uuid::Uuid::now_v7(),
        );
        let parent = parent.unwrap();
        let parent = parent.to_str().unwrap();
        assert!(parent.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && parent.ends_with("-01"));
        assert!(!parent.contains("b7ad6b7169203331"));
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
        let (new, _) = trace(&HeaderMap::new(), uuid::Uuid::now_v7());
        assert!(parsed(new.unwrap().to_str().unwrap()).is_some());
    }
}
