//! Names within a package: where they may lead and how long they may be.

use super::error::UnpackError;
use crate::limits::{DEPTH_MAX, NAME_MAX_BYTES, PATH_MAX_BYTES};

/// An entry's name as a path within the package, its parts joined by `/`; nothing for the package itself.
pub(super) fn inside(name: &[u8]) -> Result<Option<String>, UnpackError> {
    let wrong = |reason: &str| Err(UnpackError::unsafe_path(name, reason));
    if name.len() > PATH_MAX_BYTES {
        return wrong("whose name is too long");
    }
    let Ok(text) = std::str::from_utf8(name) else {
        return wrong("whose name is not UTF-8");
    };
    if text.starts_with('/') {
        return wrong("whose name is absolute");
    }
    if text.chars().any(char::is_control) || text.contains('\\') {
        return wrong("whose name has control characters or backslashes");
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return wrong("which leads out of the package"),
            _ if part.len() > NAME_MAX_BYTES => return wrong("whose name is too long"),
            _ => parts.push(part),
        }
    }
    if parts.len() > DEPTH_MAX {
        return wrong("which lies too deep");
    }
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

/// Whether a symbolic link's target stays within the package, as far as its words tell. Links that lead
/// through other links are looked at once more when all of them are there.
pub(super) fn link_stays_inside(link: &str, target: &[u8]) -> Result<String, UnpackError> {
    let wrong = |reason: &str| Err(UnpackError::unsafe_path(link, reason));
    let Ok(text) = std::str::from_utf8(target) else {
        return wrong("a link whose target is not UTF-8");
    };
    if text.is_empty() || text.len() > PATH_MAX_BYTES || text.chars().any(char::is_control) {
        return wrong("a link without a usable target");
    }
    if text.starts_with('/') {
        return wrong("a link to an absolute path");
    }
    let mut depth = link.split('/').count() - 1;
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return wrong("a link that leads out of the package"),
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        let long = "a".repeat(256);
        let deep = "a/".repeat(33);
        for (name, path) in [
            ("bin/x", Ok(Some("bin/x"))),
            ("./bin//x/", Ok(Some("bin/x"))),
            ("./", Ok(None)),
            ("..x/...", Ok(Some("..x/..."))),
            ("../x", Err(())),
            ("a/../x", Err(())),
            ("a/..", Err(())),
            ("/etc/passwd", Err(())),
            ("a\0b", Err(())),
            ("a\nb", Err(())),
            ("a\\..\\b", Err(())),
            (&long, Err(())),
            (&deep, Err(())),
        ] {
            let found = inside(name.as_bytes());
            assert_eq!(
                found.as_ref().map(Option::as_deref).map_err(|_| ()),
                path,
                "{name}"
            );
        }
        assert!(inside(b"a\xff").is_err());
    }

    #[test]
    fn links_stay_inside() {
        for (link, target, good) in [
            ("a", "b", true),
            ("x/a", "../b", true),
            ("x/a", "y/../../b", true),
            ("a", "../b", false),
            ("x/a", "../../b", false),
            ("a", "/b", false),
            ("a", "", false),
            ("a", "x/../../x", false),
        ] {
            assert_eq!(
                link_stays_inside(link, target.as_bytes()).is_ok(),
                good,
                "{link} -> {target}"
            );
        }
    }
}
