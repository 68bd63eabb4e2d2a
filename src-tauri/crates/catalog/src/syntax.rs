//! Cutting the text of a name into its elements.

use crate::limits::{ELEMENT_BYTES, ELEMENTS, TEXT_BYTES};

/// What is wrong with the text of a namespace or query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {message}", .at + 1)]
pub struct SyntaxError {
    /// Where, in characters from the beginning, which is 0.
    pub at: usize,
    /// What, as a sentence without its full stop.
    pub message: String,
}

impl SyntaxError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        SyntaxError {
            at,
            message: message.into(),
        }
    }

    /// Two lines for a terminal: the text, and below it a mark at the place.
    #[must_use]
    pub fn pointed(&self, text: &str) -> String {
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        format!("{line}\n{}^ {}", " ".repeat(self.at), self.message)
    }
}

/// A character of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Its place in the whole text, in characters.
    pub(crate) at: usize,
    pub(crate) char: char,
    /// It stands for itself, whatever it means otherwise.
    pub(crate) literal: bool,
}

impl Letter {
    /// Whether it is this character with its meaning.
    pub(crate) fn means(self, char: char) -> bool {
        self.char == char && !self.literal
    }
}

/// The elements of a text that begins with `/`. There is at least one, and none is empty.
pub(crate) fn elements(text: &str) -> Result<Vec<Vec<Letter>>, SyntaxError> {
    if text.len() > TEXT_BYTES {
        return Err(SyntaxError::new(
            0,
            format!("it has more than {TEXT_BYTES} bytes"),
        ));
    }
    let mut letters = letters(text)?.into_iter();
    if !letters.next().is_some_and(|first| first.means('/')) {
        return Err(SyntaxError::new(0, "it begins with /"));
    }
    let mut elements = vec![Vec::new()];
    let mut end = 1;
    for letter in letters {
        end = letter.at + 1;
        let last = elements.len() - 1;
        if letter.means('/') {
            if elements[last].is_empty() {
                return Err(SyntaxError::new(letter.at, "an element is empty"));
            }
            if elements.len() == ELEMENTS {
                return Err(SyntaxError::new(
                    letter.at,
                    format!("it has more than {ELEMENTS} elements"),
                ));
            }
            elements.push(Vec::new());
        } else {
            elements[last].push(letter);
        }
    }
    for element in &elements {
        let bytes: usize = element.iter().map(|letter| letter.char.len_utf8()).sum();
        if bytes > ELEMENT_BYTES {
            let at = element.first().map_or(0, |letter| letter.at);
            return Err(SyntaxError::new(
                at,
                format!("an element has more than {ELEMENT_BYTES} bytes"),
            ));
        }
        if element.is_empty() {
            return Err(SyntaxError::new(end, "an element is empty"));
        }
    }
    Ok(elements)
}

/// The characters of a text, `\` taken as what makes the next one stand for itself.
fn letters(text: &str) -> Result<Vec<Letter>, SyntaxError> {
    let mut letters = Vec::with_capacity(text.len());
    let mut chars = text.chars().enumerate();
    while let Some((at, char)) = chars.next() {
        if char.is_control() {
            return Err(SyntaxError::new(at, "a control character"));
        }
        if char != '\\' {
            letters.push(Letter {
                at,
                char,
                literal: false,
            });
            continue;
        }
        let Some((_, char)) = chars.next() else {
            return Err(SyntaxError::new(at, "nothing follows the \\"));
        };
        if char.is_control() {
            return Err(SyntaxError::new(at + 1, "a control character"));
        }
        letters.push(Letter {
            at,
            char,
            literal: true,
        });
    }
    Ok(letters)
}

/// What the letters say.
pub(crate) fn said(letters: &[Letter]) -> String {
    letters.iter().map(|letter| letter.char).collect()
}

/// Writes a value so that it is read as itself, wherever it stands.
pub(crate) fn write_escaped(value: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    use std::fmt::Write as _;
    for char in value.chars() {
        if matches!(char, '/' | '\\' | '*' | ';' | '(' | ')') {
            f.write_char('\\')?;
        }
        f.write_char(char)?;
    }
    Ok(())
}
