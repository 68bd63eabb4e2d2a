//! Rules for single words: names, groups, versions, paths, spans of time, sizes.

use std::time::Duration;

use crate::limits;

/// Whether this is a DNS label in lower case: letters, digits and inner dashes.
fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= limits::MAX_LABEL_CHARS
        && bytes.first().is_some_and(|b| plain(*b))
        && bytes.last().is_some_and(|b| plain(*b))
        && bytes.iter().all(|b| plain(*b) || *b == b'-')
}

/// Whether this is a name or group: labels joined by dots.
#[must_use]
pub fn is_group(text: &str) -> bool {
    text.len() <= limits::MAX_NAME_CHARS && text.split('.').all(is_label)
}

/// Whether this is a version: a DNS label that begins with a letter.
#[must_use]
pub fn is_version(text: &str) -> bool {
    is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Whether this is a plugin's id: letters and digits, in groups joined by single dashes.
#[must_use]
pub fn is_plugin_id(text: &str) -> bool {
    let group = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_alphanumeric());
    text.len() <= limits::MAX_LABEL_CHARS && text.split('-').all(group)
}

/// Checks a path with placeholders and gives it without a slash at either end.
pub(super) fn path(text: &str) -> Result<String, String> {
    if text.len() > limits::MAX_PATH_BYTES {
        return Err(format!("longer than {} bytes", limits::MAX_PATH_BYTES));
    }
    let trimmed = text.strip_prefix('/').unwrap_or(text);
    if trimmed.is_empty() {
        return Err("names no path; `/` is the place of the discovery document".to_owned());
    }
    let segments: Vec<&str> = trimmed.split('/').collect();
    if segments.len() > limits::MAX_PATH_SEGMENTS {
        return Err(format!("more than {} segments", limits::MAX_PATH_SEGMENTS));
    }
    let mut names = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        match placeholder(segment) {
            Some(name) => {
                if name.starts_with('*') && at + 1 != segments.len() {
                    return Err(format!(
                        "`{{{name}}}` stands for the rest and must be the last segment"
                    ));
                }
                let name = name.trim_start_matches('*');
                let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                if name.is_empty() || !name.bytes().all(word) {
                    return Err(format!("`{}` names no placeholder", segment.escape_debug()));
                }
                if names.contains(&name) {
                    return Err(format!("placeholder `{name}` is used twice"));
                }
                names.push(name);
            }
            None => literal(segment)?,
        }
    }
    Ok(format!("/{trimmed}"))
}

/// What stands between the braces, if the segment is a placeholder.
pub(crate) fn placeholder(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn literal(segment: &str) -> Result<(), String> {
    if segment.is_empty() {
        return Err("has an empty segment".to_owned());
    }
    if segment == "." || segment == ".." {
        return Err("may not hold `.` or `..`".to_owned());
    }
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
    if segment.bytes().all(fit) {
        Ok(())
    } else {
        Err(format!(
            "`{}` holds what a path segment may not hold",
            segment.escape_debug()
        ))
    }
}

/// A span such as `10s`, `500ms`, `1m30s`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let parsed = text
        .parse::<jiff::SignedDuration>()
        .map_err(|_| format!("`{}` is no span of time, such as 10s", text.escape_debug()))?;
    let span = Duration::try_from(parsed).map_err(|_| "may not be negative".to_owned())?;
    if span.is_zero() || span > limits::MAX_TIMEOUT {
        return Err(format!(
            "must be over zero and at most {} s",
            limits::MAX_TIMEOUT.as_secs()
        ));
    }
    Ok(span)
}

/// Bytes, as a number or such as `10MiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "Ki" | "KiB" => 1 << 10,
        "Mi" | "MiB" => 1 << 20,
        "Gi" | "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_checked() {
        for good in ["a", "http-stats.example", "0.a", "prometheus.grafana.app"] {
            assert!(is_group(good), "{good}");
        }
        for bad in ["", ".", "a.", "A", "a_b", "-a", "a-", "a..b", "ä"] {
            assert!(!is_group(bad), "{bad}");
        }
        assert!(is_version("v0alpha1") && !is_version("1") && !is_version("v1.2"));
        assert!(is_plugin_id("http-stats") && !is_plugin_id("a--b") && !is_plugin_id("../x"));
    }

    #[test]
    fn paths_are_checked() {
        for good in ["/a", "a/b", "/a/{id}/b", "/a/{*rest}", "/a-._~b"] {
            assert!(path(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "//", "/a//b", "/a/", "/a/../b", "/.", "/{}", "/{a", "/a}", "/{a}/{a}", "/{*r}/x",
            "/x{a}", "/a?b", "/a b", "/%2e", "/ä",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_and_sizes_are_checked() {
        assert_eq!(span("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["", "10", "-1s", "0s", "2h", "soon"] {
            assert!(span(bad).is_err(), "{bad}");
        }
        assert_eq!(size("10MiB"), Some(10 << 20));
        assert_eq!(size("7"), Some(7));
        for bad in ["", "MiB", "-1", "1.5Mi", "99999999999999999999"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }
}
