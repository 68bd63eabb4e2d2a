//! The path of a request, taken apart without being changed.

use crate::limits;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// Not here, or not in a form that may be passed on.
    Elsewhere,
    Groups,
    Group(&'a str),
    Version(&'a str, &'a str),
    /// Below a version: the rest begins with a slash.
    Within(&'a str, &'a str, &'a str),
}

pub(super) fn place(path: &str) -> Place<'_> {
    let Some(rest) = path.strip_prefix("/apis") else {
        return Place::Elsewhere;
    };
    if rest.is_empty() || rest == "/" {
        return Place::Groups;
    }
    let Some(rest) = rest.strip_prefix('/') else {
        return Place::Elsewhere;
    };
    let (group, rest) = split(rest);
    let (version, rest) = split(rest.strip_prefix('/').unwrap_or(rest));
    match (group, version, rest) {
        ("", ..) => Place::Elsewhere,
        (group, "", "") if !path.ends_with('/') => Place::Group(group),
        (group, version, "") if !version.is_empty() => Place::Version(group, version),
        (group, version, rest) if !version.is_empty() && is_clean(rest) => {
            Place::Within(group, version, rest)
        }
        _ => Place::Elsewhere,
    }
}

/// The first segment, and the rest with its slash.
pub(super) fn split(path: &str) -> (&str, &str) {
    match path.bytes().position(|byte| byte == b'/') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    }
}

/// Whether a path may reach a plugin: no empty segment but a last one, none that leads upwards however it is
/// encoded.
fn is_clean(rest: &str) -> bool {
    // Most paths hold nothing that needs a second look.
    let mut before = 0;
    let plain = rest.bytes().all(|byte| {
        let after_slash = std::mem::replace(&mut before, byte) == b'/';
        !(matches!(byte, b'%' | b'\\') || after_slash && matches!(byte, b'/' | b'.'))
    });
    if plain {
        return rest.len() <= limits::MAX_PATH_BYTES;
    }
    if rest.len() > limits::MAX_PATH_BYTES || rest.contains("//") || rest.contains('\\') {
        return false;
    }
    rest.split('/').all(|segment| {
        let decoded = decoded(segment);
        decoded
            .split(|b| *b == b'/' || *b == b'\\')
            .all(|part| part != b"." && part != b"..")
            && !decoded.contains(&0)
    })
}

/// A segment with `%XX` decoded; what is no escape stays.
fn decoded(segment: &str) -> Vec<u8> {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value = escape
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        use Place::*;
        let cases = [
            ("/", Elsewhere),
            ("/apisx", Elsewhere),
            ("/apis", Groups),
            ("/apis/", Groups),
            ("/apis/g", Group("g")),
            ("/apis/g/", Elsewhere),
            ("/apis/g/v", Version("g", "v")),
            ("/apis/g/v/", Within("g", "v", "/")),
            ("/apis/g/v/a/b", Within("g", "v", "/a/b")),
            ("/apis//v/a", Elsewhere),
            ("/apis/g//a", Elsewhere),
        ];
        for (path, expected) in cases {
            assert_eq!(place(path), expected, "{path}");
        }
    }

    #[test]
    fn ag3_nothing_leads_upwards() {
        for bad in [
            "/..",
            "/a/../b",
            "/a/.",
            "/a//b",
            "/%2e%2e/b",
            "/a/.%2E",
            "/a%2f..%2fb",
            "/a/%2e",
            "/a%5c..",
            "/a\\b",
            "/a%00",
        ] {
            assert_eq!(place(&format!("/apis/g/v{bad}")), Place::Elsewhere, "{bad}");
        }
        for good in ["/a", "/a/", "/a..b", "/.well-known", "/a%2Fb", "/%zz", "/%"] {
            assert_ne!(place(&format!("/apis/g/v{good}")), Place::Elsewhere, "{good}");
        }
    }
}
