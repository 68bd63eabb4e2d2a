//! Lines made fit to be shown.

/// The bytes as text without control characters and terminal sequences; tabs stay.
pub(super) fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return text.into_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => match chars.next() {
                // Colours and cursor movements: up to a letter or one of @ [ \ ] ^ _ ` { | } ~.
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                // Titles and links: up to BEL or ESC \.
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\x07' || (c == '\x1b' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\t' => clean.push(c),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go_and_text_stays() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(clean(bytes), expected, "{bytes:?}");
        check(b"plain", "plain");
        check("grüße\tan alle".as_bytes(), "grüße\tan alle");
        check(b"\x1b[1;31mred\x1b[0m and \x1b[2Kplain", "red and plain");
        check(b"\x1b]0;title\x07text", "text");
        check(b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link");
        check(b"a\0b\rc\x7fd\x08", "abcd");
        check(b"bad \xff utf", "bad \u{fffd} utf");
        check(b"cut \x1b[31", "cut ");
        check(b"cut \x1b", "cut ");
        check("\u{9b}31mx".as_bytes(), "31mx");
        check(b"", "");
    }
}
