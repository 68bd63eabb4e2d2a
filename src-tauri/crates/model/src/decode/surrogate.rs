//! Lone surrogates: `\udc80` with no partner, which JSON grammar allows and Unicode does not.

use std::borrow::Cow;

/// The JSON text with every lone surrogate escape replaced by that of U+FFFD; borrowed if there is none.
pub(super) fn without_lone(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut mended = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let Some(unit) = escaped_unit(bytes, at) else {
            at += 2;
            continue;
        };
        let paired = matches!(unit, 0xd800..=0xdbff)
            && escaped_unit(bytes, at + 6).is_some_and(|next| matches!(next, 0xdc00..=0xdfff));
        if paired {
            at += 12;
            continue;
        }
        if matches!(unit, 0xd800..=0xdfff) {
            mended.push_str(&text[copied..at]);
            mended.push_str("\\ufffd");
            copied = at + 6;
        }
        at += 6;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(&text[copied..]);
    Cow::Owned(mended)
}

/// The code unit of `\uXXXX` at this place.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?;
    if !escape.starts_with(b"\\u") {
        return None;
    }
    escape[2..].iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + char::from(*digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(without_lone(text), expect);
        assert_eq!(matches!(without_lone(text), Cow::Borrowed(_)), text == expect);
    }

    #[test]
    fn replaces_lone_ones_alone() {
        check(r#""plain é""#, r#""plain é""#);
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""a\udc80b""#, r#""a\ufffdb""#);
        check(r#""\ud83d""#, r#""\ufffd""#);
        check(r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#);
        check(r#""\\udc80""#, r#""\\udc80""#);
        check(r#""\\\udc80 \n \udc""#, r#""\\\ufffd \n \udc""#);
        check("\\", "\\");
    }
}
