//! Asking for metrics by name.

mod snap;
pub(crate) mod tuple;
mod versions;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::limits::COMBINATIONS;
use crate::namespace::{Element, Namespace};
use crate::syntax::{self, Letter, SyntaxError};

pub use versions::Versions;

/// What a query says of one element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum QueryElement {
    /// It is this.
    Exactly(SmolStr),
    /// It is any of these, and each of them is wanted. Sorted, at least two.
    OneOf(Vec<SmolStr>),
    /// It is anything. As the last element: everything below, at any depth.
    Any,
}

/// A question for metrics.
///
/// | text | what it asks for |
/// |---|---|
/// | `/iowait/host/*node/iowait` or `/iowait/host/*/iowait` | the metric, of every node |
/// | `/iowait/host/box;<host>/iowait` | the metric of that node |
/// | `/iowait/*` | everything below |
/// | `/iowait/host/*/(iowait;idle)` | both; each has to be there |
///
/// `\` makes the next character stand for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    elements: Vec<QueryElement>,
}

impl Query {
    /// Its elements; at least one.
    #[must_use]
    pub fn elements(&self) -> &[QueryElement] {
        &self.elements
    }

    /// Everything there is.
    #[must_use]
    pub fn everything() -> Query {
        Query {
            elements: vec![QueryElement::Any],
        }
    }

    /// Whether it asks for everything below a place.
    #[must_use]
    pub fn is_subtree(&self) -> bool {
        self.elements.last() == Some(&QueryElement::Any)
    }

    /// Whether it may ask for something of this source.
    #[must_use]
    pub fn concerns(&self, source: &str) -> bool {
        match self.elements.first() {
            Some(QueryElement::Exactly(value)) => value == source,
            Some(QueryElement::OneOf(values)) => values.iter().any(|value| value == source),
            Some(QueryElement::Any) | None => true,
        }
    }

    /// Reads a query as Snap wrote them: the first character separates, and there is no escaping.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_snap(text: &str) -> Result<Query, SyntaxError> {
        snap::read(text)
    }

    /// The queries without tuples that it stands for.
    pub(crate) fn combinations(&self) -> Vec<Query> {
        let mut all: Vec<Vec<QueryElement>> = vec![Vec::with_capacity(self.elements.len())];
        for element in &self.elements {
            match element {
                QueryElement::OneOf(values) => {
                    let multiplied = all.iter().flat_map(|begun| {
                        values.iter().map(|value| {
                            let mut longer = begun.clone();
                            longer.push(QueryElement::Exactly(value.clone()));
                            longer
                        })
                    });
                    all = multiplied.collect();
                }
                other => all.iter_mut().for_each(|begun| begun.push(other.clone())),
            }
        }
        all.into_iter().map(|elements| Query { elements }).collect()
    }

    fn new(elements: Vec<QueryElement>) -> Result<Query, SyntaxError> {
        let combinations = elements.iter().try_fold(1_usize, |product, element| {
            let values = match element {
                QueryElement::OneOf(values) => values.len(),
                QueryElement::Exactly(_) | QueryElement::Any => 1,
            };
            product
                .checked_mul(values)
                .filter(|product| *product <= COMBINATIONS)
        });
        match combinations {
            Some(_) => Ok(Query { elements }),
            None => Err(SyntaxError::new(
                0,
                format!("its tuples stand for more than {COMBINATIONS} combinations"),
            )),
        }
    }
}

/// Reads one element.
fn element(letters: &[Letter]) -> Result<QueryElement, SyntaxError> {
    if let Some(values) = tuple::read(letters)? {
        return Ok(values);
    }
    Ok(match letters.first() {
        Some(star) if star.means('*') => QueryElement::Any,
        _ => QueryElement::Exactly(syntax::said(letters).into()),
    })
}

impl FromStr for Query {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let elements = syntax::elements(text)?;
        let elements: Result<_, _> = elements.iter().map(|letters| element(letters)).collect();
        Query::new(elements?)
    }
}

impl From<&Namespace> for Query {
    fn from(name: &Namespace) -> Query {
        let elements = name.elements().iter().map(|element| match element {
            Element::Static(value) => QueryElement::Exactly(value.clone()),
            Element::Dynamic(_) => QueryElement::Any,
        });
        Query {
            elements: elements.collect(),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for element in &self.elements {
            f.write_str("/")?;
            match element {
                QueryElement::Any => f.write_str("*")?,
                QueryElement::Exactly(value) => syntax::write_escaped(value, f)?,
                QueryElement::OneOf(values) => {
                    for (at, value) in values.iter().enumerate() {
                        f.write_str(if at == 0 { "(" } else { ";" })?;
                        syntax::write_escaped(value, f)?;
                    }
                    f.write_str(")")?;
                }
            }
        }
        Ok(())
    }
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        text.parse().unwrap()
    }

    #[test]
    fn a_query_is_written_as_it_is_read() {
        for text in [
            "/a/b/c",
            "/a/*/c",
            "/a/*",
            "/*",
            "/a/(b;c)/d",
            r"/a/x\;y/(p\;q;r)",
        ] {
            assert_eq!(query(text).to_string(), text);
        }
        assert_eq!(
            query("/a/*node/c"),
            query("/a/*/c"),
            "a namespace asks for itself"
        );
        let name: Namespace = "/a/*node/c".parse().unwrap();
        assert_eq!(Query::from(&name), query(&name.to_string()));
    }

    #[test]
    fn tuples_multiply() {
        let all: Vec<String> = query("/a/(b;c)/*/(d;e)")
            .combinations()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(all, ["/a/b/*/d", "/a/b/*/e", "/a/c/*/d", "/a/c/*/e"]);
        let ten = "/(0;1;2;3;4;5;6;7;8;9)";
        assert!(ten.repeat(3).parse::<Query>().is_ok());
        assert!(ten.repeat(4).parse::<Query>().is_err(), "ten thousand");
    }

    #[test]
    fn a_query_knows_which_sources_it_concerns() {
        for (text, source, concerned) in [
            ("/a/*", "a", true),
            ("/a/*", "b", false),
            ("/(a;b)/x", "b", true),
            ("/(a;b)/x", "c", false),
            ("/*", "c", true),
            ("/*/x", "c", true),
        ] {
            assert_eq!(query(text).concerns(source), concerned, "{text} {source}");
        }
    }
}
