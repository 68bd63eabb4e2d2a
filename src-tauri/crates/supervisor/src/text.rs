//! Texts from outside, made fit to be shown.

use crate::limits;

/// Without control characters and bounded.
pub(crate) fn clean(text: &str) -> String {
    let fit = |c: char| if c.is_control() { ' ' } else { c };
    let text = text.trim();
    let mut kept: String = text.chars().take(limits::MESSAGE_CHARS).map(fit).collect();
    if kept.len() < text.len() && text.chars().nth(limits::MESSAGE_CHARS).is_some() {
        kept.push('…');
    }
    kept
}

/// A time as people say it: the largest unit that leaves no silly precision.
pub(crate) fn span(time: std::time::Duration) -> String {
    let ms = time.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 if !ms.is_multiple_of(1_000) => format!("{:.1} s", time.as_secs_f64()),
        1_000..120_000 => format!("{:.0} s", time.as_secs_f64()),
        120_000..7_200_000 => format!("{:.0} min", time.as_secs_f64() / 60.0),
        _ => format!("{:.0} h", time.as_secs_f64() / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_read_well() {
        let check = |ms: u64, text: &str| assert_eq!(span(Duration::from_millis(ms)), text);
        check(0, "0 ms");
        check(999, "999 ms");
        check(1_000, "1 s");
        check(1_234, "1.2 s");
        check(59_900, "60 s");
        check(119_000, "119 s");
        check(300_000, "5 min");
        check(7_200_000, "2 h");
    }

    #[test]
    fn texts_are_bounded_and_have_no_control_characters() {
        assert_eq!(clean(" a\x1b[31m\nb "), "a [31m b");
        let long = clean(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), limits::MESSAGE_CHARS + 1);
    }
}
