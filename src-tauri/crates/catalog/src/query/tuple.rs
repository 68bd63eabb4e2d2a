//! `(a;b)`: several values for one element.

use smol_str::SmolStr;

use super::QueryElement;
use crate::syntax::{self, Letter, SyntaxError};

/// Reads a tuple: in brackets, two values or more with `;` between them. Blanks around values do not count. One
/// that holds `*` is just that.
pub(super) fn read(letters: &[Letter]) -> Result<Option<QueryElement>, SyntaxError> {
    let [first, inner @ ..] = letters else {
        return Ok(None);
    };
    if !first.means('(') || !inner.iter().any(|letter| letter.means(';')) {
        return Ok(None);
    }
    let [inner @ .., last] = inner else {
        return Ok(None);
    };
    if !last.means(')') {
        return Err(SyntaxError::new(
            last.at + 1,
            "a tuple ends with ); write \\( for a bracket that is none",
        ));
    }
    let mut values = Vec::new();
    let mut any = false;
    for part in inner.split(|letter| letter.means(';')) {
        let part = trimmed(part);
        match part {
            [] => return Err(SyntaxError::new(first.at, "a value of the tuple is empty")),
            [star] if star.means('*') => any = true,
            part => values.push(SmolStr::from(syntax::said(part))),
        }
    }
    values.sort();
    values.dedup();
    Ok(Some(match (any, values.len()) {
        (true, _) => QueryElement::Any,
        (false, 1) => QueryElement::Exactly(values.swap_remove(0)),
        (false, _) => QueryElement::OneOf(values),
    }))
}

fn trimmed(mut letters: &[Letter]) -> &[Letter] {
    while let [first, rest @ ..] = letters
        && first.char.is_whitespace()
        && !first.literal
    {
        letters = rest;
    }
    while let [rest @ .., last] = letters
        && last.char.is_whitespace()
        && !last.literal
    {
        letters = rest;
    }
    letters
}

/// Whether a value reads like a tuple.
pub(crate) fn is_like_one(value: &str) -> bool {
    value.starts_with('(') && value.ends_with(')') && value.contains(';')
}

#[cfg(test)]
mod tests {
    use smol_str::SmolStr;

    use crate::query::{Query, QueryElement};

    fn last(text: &str) -> QueryElement {
        let query: Query = format!("/a/{text}").parse().unwrap();
        query.elements()[1].clone()
    }

    fn one_of(values: &[&str]) -> QueryElement {
        QueryElement::OneOf(values.iter().map(|value| SmolStr::from(*value)).collect())
    }

    #[test]
    fn tuples_are_told_from_values_with_brackets() {
        assert_eq!(last("(x;y)"), one_of(&["x", "y"]));
        assert_eq!(last("(x;y;z)"), one_of(&["x", "y", "z"]));
        assert_eq!(last("( x ; y )"), one_of(&["x", "y"]));
        assert_eq!(
            last("(some host;other host)"),
            one_of(&["other host", "some host"])
        );
        assert_eq!(last("(x(1);y[2])"), one_of(&["x(1)", "y[2]"]));
        assert_eq!(last("(y;x;y)"), one_of(&["x", "y"]));
        assert_eq!(last(r"(x\;1;y)"), one_of(&["x;1", "y"]));
        assert_eq!(last("(x;*)"), QueryElement::Any);
        assert_eq!(last("(x;x)"), QueryElement::Exactly("x".into()));
        for value in ["(x)", "x;y", "(x", "x)", "x(1;2)"] {
            assert_eq!(last(value), QueryElement::Exactly(value.into()));
        }
        assert_eq!(last(r"\(x;y\)"), QueryElement::Exactly("(x;y)".into()));
    }

    #[test]
    fn what_is_wrong_with_a_tuple_is_told_with_its_place() {
        for (text, at) in [("/a/(x;y", 7), ("/a/(x;)", 3), ("/a/(;)", 3), ("/a/(x;y)z", 9)] {
            assert_eq!(text.parse::<Query>().unwrap_err().at, at, "{text}");
        }
    }
}
