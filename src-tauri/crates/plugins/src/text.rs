//! Making text from outside fit to be shown: bounded, on one line, without control characters.

/// `text` without control and direction-changing characters, cut to `max_chars` characters.
pub(crate) fn clean(text: &str, max_chars: usize) -> String {
    let shown = |c: char| {
        if c == '\n' || c == '\t' || c == '\r' {
            ' '
        } else {
            c
        }
    };
    let mut chars = text.chars().map(shown).filter(|c| !is_hidden(*c));
    let mut out: String = chars.by_ref().take(max_chars).collect();
    if chars.next().is_some() {
        out.pop();
        out.push('…');
    }
    out
}

/// Characters that show nothing but change how others are shown.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text` in double quotes, with what would break them escaped.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_never_pass_and_length_is_bounded() {
        let check = |text: &str, max, want: &str| assert_eq!(clean(text, max), want, "{text:?}");
        check("plain", 9, "plain");
        check("nul\0 esc\u{1b}[31m", 99, "nul esc[31m");
        check("two\r\nlines\tand a tab", 99, "two  lines and a tab");
        check("right\u{202e}to left", 99, "rightto left");
        check("héllo wörld", 5, "héll…");
        check("exact", 5, "exact");
        check("", 5, "");
    }
}
