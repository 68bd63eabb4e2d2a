//! Queries as Snap's task manifests write them.

use super::{Query, element};
use crate::limits::{ELEMENT_BYTES, ELEMENTS, TEXT_BYTES};
use crate::syntax::{Letter, SyntaxError};

/// Reads one: its first character separates the elements, and nothing is escaped.
pub(super) fn read(text: &str) -> Result<Query, SyntaxError> {
    if text.len() > TEXT_BYTES {
        return Err(SyntaxError::new(
            0,
            format!("it has more than {TEXT_BYTES} bytes"),
        ));
    }
    let Some(separator) = text.chars().next() else {
        return Err(SyntaxError::new(0, "it is empty"));
    };
    if separator.is_alphanumeric() || separator.is_whitespace() || "*();\\".contains(separator) {
        return Err(SyntaxError::new(
            0,
            "it begins with what separates its elements, such as /",
        ));
    }
    let mut elements = Vec::new();
    let mut letters = Vec::new();
    let count = text.chars().count();
    for (at, char) in text.chars().enumerate().skip(1) {
        if char.is_control() {
            return Err(SyntaxError::new(at, "a control character"));
        }
        if char == separator {
            elements.push(std::mem::take(&mut letters));
        } else {
            letters.push(Letter {
                at,
                char,
                literal: false,
            });
        }
    }
    elements.push(letters);
    if elements.len() > ELEMENTS {
        return Err(SyntaxError::new(
            0,
            format!("it has more than {ELEMENTS} elements"),
        ));
    }
    let mut read = Vec::with_capacity(elements.len());
    for letters in &elements {
        let Some(first) = letters.first() else {
            return Err(SyntaxError::new(count, "an element is empty"));
        };
        if letters.len() > ELEMENT_BYTES {
            return Err(SyntaxError::new(
                first.at,
                format!("an element has more than {ELEMENT_BYTES} characters"),
            ));
        }
        read.push(element(letters)?);
    }
    Query::new(read)
}

#[cfg(test)]
mod tests {
    use crate::query::Query;

    #[test]
    fn the_first_character_separates() {
        for (text, want) in [
            ("/intel/mock/foo", "/intel/mock/foo"),
            ("|intel|mock|/foo", r"/intel/mock/\/foo"),
            ("%intel%mock%*%bar|qux", "/intel/mock/*/bar|qux"),
            ("/intel/(a;b)/x", "/intel/(a;b)/x"),
            ("ƒintelƒmock", ""),
        ] {
            let read = Query::from_snap(text).map(|query| query.to_string());
            assert_eq!(read.unwrap_or_default(), want, "{text}");
        }
        for bad in ["", "intel/mock", "*a", "//a", "/a//b", "/a/\u{1}"] {
            assert!(Query::from_snap(bad).is_err(), "{bad}");
        }
    }
}
