//! Text to tokens.

use crate::query::QueryError;
use crate::query::terms::Comparison;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) what: What,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Open,
    Close,
    And,
    Or,
    Not,
    Compare(Comparison),
    /// Text in quotes, taken literally.
    Quoted(String),
    Word(String),
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (what, end) = match c {
            '(' => (What::Open, at + 1),
            ')' => (What::Close, at + 1),
            '"' => quoted(text, at)?,
            _ => match comparison(&text[at..]) {
                Some((comparison, length)) => (What::Compare(comparison), at + length),
                None => word(text, at),
            },
        };
        at = end;
        out.push(Token { what, start, end });
    }
    Ok(out)
}

fn comparison(rest: &str) -> Option<(Comparison, usize)> {
    const ALL: [(&str, Comparison); 7] = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("!=", Comparison::Differs),
        ("==", Comparison::Equals),
        ("<", Comparison::Below),
        (">", Comparison::Above),
        ("=", Comparison::Equals),
    ];
    ALL.into_iter()
        .find(|(sign, _)| rest.starts_with(sign))
        .map(|(sign, c)| (c, sign.len()))
}

fn quoted(text: &str, start: usize) -> Result<(What, usize), QueryError> {
    let mut value = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((What::Quoted(value), start + 1 + i + 1)),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            _ => value.push(c),
        }
    }
    Err(super::parser::error(
        "The quote is not closed. Add a \" at its end.",
        start,
        text.len(),
    ))
}

/// A word goes to the next space, quote or comparison. Parentheses inside it belong to it while they pair
/// up, so regular expressions may use them.
fn word(text: &str, start: usize) -> (What, usize) {
    let mut depth = 0usize;
    let mut end = text.len();
    for (i, c) in text[start..].char_indices() {
        let at = start + i;
        let stop = match c {
            '(' if i > 0 => {
                depth += 1;
                false
            }
            ')' if depth > 0 => {
                depth -= 1;
                false
            }
            ')' | '"' => true,
            _ => c.is_whitespace() || (i > 0 && comparison(&text[at..]).is_some()),
        };
        if stop {
            end = at;
            break;
        }
    }
    let value = &text[start..end];
    let what = match value.to_ascii_lowercase().as_str() {
        "and" => What::And,
        "or" => What::Or,
        "not" => What::Not,
        _ => What::Word(value.to_owned()),
    };
    (what, end)
}
