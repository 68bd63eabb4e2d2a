//! Times as people type them: RFC 3339, `now`, or relative such as `-10m`.

use jiff::{SignedDuration, Timestamp};

/// Milliseconds since the epoch.
///
/// # Errors
/// A sentence that says what a time looks like.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let now = Timestamp::now();
    if text == "now" {
        return Ok(now.as_millisecond());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let back = text.strip_prefix('-').unwrap_or_default();
    match back.parse::<SignedDuration>() {
        Ok(span) if !span.is_negative() => {
            let at = now
                .checked_sub(span)
                .map_err(|_| format!("{text} is too far back"))?;
            Ok(at.as_millisecond())
        }
        _ => Err(format!(
            "{text:?} is no time: give RFC 3339 (2026-11-21T14:06:02Z), now, or -10m"
        )),
    }
}

/// A duration such as `1s`, `250ms` or `5m`.
///
/// # Errors
/// A sentence that says what a duration looks like.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|d| std::time::Duration::try_from(d).ok())
        .ok_or_else(|| format!("{text:?} is no duration: give for example 1s, 250ms or 5m"))
}

/// RFC 3339 with milliseconds.
pub(crate) fn show(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_relative_or_now() {
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(1_000));
        let now = parse("now").unwrap();
        let back = parse("-10m").unwrap();
        assert!((599_000..=601_000).contains(&(now - back)), "ten minutes back");
        for bad in ["", "-", "10m", "yesterday", "--5m"] {
            assert!(parse(bad).is_err(), "{bad:?} is no time");
        }
    }

    #[test]
    fn durations_carry_a_unit() {
        assert_eq!(duration("250ms"), Ok(std::time::Duration::from_millis(250)));
        assert!(duration("5").is_err() && duration("-5s").is_err());
    }
}
