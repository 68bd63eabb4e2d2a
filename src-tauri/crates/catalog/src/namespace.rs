//! Names of metrics: `/<source>/<topology>/*node/<metric>`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::limits::{ELEMENT_BYTES, ELEMENTS};
use crate::query::tuple;
use crate::syntax::{self, SyntaxError};

/// A part of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// Always this.
    Static(SmolStr),
    /// Any of several, such as a node's id. Written `*` and its name.
    Dynamic(SmolStr),
}

impl Element {
    /// The value of one that is always the same.
    #[must_use]
    pub fn as_static(&self) -> Option<&SmolStr> {
        match self {
            Element::Static(value) => Some(value),
            Element::Dynamic(_) => None,
        }
    }
}

/// The name of a metric. Cheap to clone.
///
/// Its text joins the elements with `/`. In a value, `\` stands before `/`, `\`, `*`, `;`, `(` and `)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<[Element]>);

/// Why elements are no name of a metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// There is nothing in it.
    #[error("a name has at least one element")]
    Empty,
    /// Too many elements.
    #[error("a name has at most {ELEMENTS} elements")]
    TooDeep,
    /// An element is empty, too long, or has control characters.
    #[error("element {}: it has 1 to {ELEMENT_BYTES} bytes and no control characters", .0 + 1)]
    BadElement(usize),
    /// A dynamic element has no name.
    #[error("element {}: a dynamic element has a name, such as *node", .0 + 1)]
    Unnamed(usize),
    /// An element reads like a tuple of a query.
    #[error("element {}: it looks like a tuple", .0 + 1)]
    Tuple(usize),
    /// The last element is dynamic.
    #[error("a name ends with a fixed element, not with *")]
    DynamicEnd,
    /// The text is no name.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
}

impl Namespace {
    /// A name of these elements.
    ///
    /// # Errors
    /// When a metric cannot be called so.
    pub fn new(elements: Vec<Element>) -> Result<Self, NamespaceError> {
        if elements.is_empty() {
            return Err(NamespaceError::Empty);
        }
        if elements.len() > ELEMENTS {
            return Err(NamespaceError::TooDeep);
        }
        for (at, element) in elements.iter().enumerate() {
            let (Element::Static(text) | Element::Dynamic(text)) = element;
            match element {
                Element::Dynamic(name) if name.is_empty() => return Err(NamespaceError::Unnamed(at)),
                Element::Static(value) if tuple::is_like_one(value) => return Err(NamespaceError::Tuple(at)),
                _ => {}
            }
            if text.is_empty() || text.len() > ELEMENT_BYTES || text.chars().any(char::is_control) {
                return Err(NamespaceError::BadElement(at));
            }
        }
        if matches!(elements.last(), Some(Element::Dynamic(_))) {
            return Err(NamespaceError::DynamicEnd);
        }
        Ok(Namespace(elements.into()))
    }

    /// The name of a metric of the nodes of a topology, as a source reports it.
    ///
    /// # Errors
    /// When a metric cannot be called so.
    pub fn of_nodes(source: &str, topology: &str, metric: &str) -> Result<Self, NamespaceError> {
        Self::new(vec![
            Element::Static(source.into()),
            Element::Static(topology.into()),
            Element::Dynamic(SmolStr::new_static("node")),
            Element::Static(metric.into()),
        ])
    }

    /// The same name with dynamic elements filled in, in order; `None` leaves one as it is.
    #[must_use]
    pub fn filled(&self, values: &[Option<SmolStr>]) -> Namespace {
        let mut values = values.iter();
        let filled = self.0.iter().map(|element| match element {
            Element::Static(_) => element.clone(),
            Element::Dynamic(_) => match values.next() {
                Some(Some(value)) => Element::Static(value.clone()),
                _ => element.clone(),
            },
        });
        Namespace(filled.collect())
    }

    /// Its elements; at least one.
    #[must_use]
    pub fn elements(&self) -> &[Element] {
        &self.0
    }

    /// The source that it begins with; empty when it begins with a dynamic element.
    #[must_use]
    pub fn source(&self) -> &str {
        match self.0.first() {
            Some(Element::Static(source)) => source,
            _ => "",
        }
    }

    /// Dynamic elements, by their place from 0, and their names.
    pub fn dynamic(&self) -> impl Iterator<Item = (usize, &SmolStr)> {
        self.0
            .iter()
            .enumerate()
            .filter_map(|(at, element)| match element {
                Element::Dynamic(name) => Some((at, name)),
                Element::Static(_) => None,
            })
    }

    /// Whether it begins with all of these values.
    #[must_use]
    pub fn starts_with(&self, prefix: &[SmolStr]) -> bool {
        self.0.len() >= prefix.len()
            && self
                .0
                .iter()
                .zip(prefix)
                .all(|(element, value)| element.as_static() == Some(value))
    }
}

impl FromStr for Namespace {
    type Err = NamespaceError;

    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        let elements = syntax::elements(text)?
            .into_iter()
            .map(|letters| match letters.split_first() {
                Some((star, name)) if star.means('*') => Element::Dynamic(syntax::said(name).into()),
                _ => Element::Static(syntax::said(&letters).into()),
            });
        Self::new(elements.collect())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for element in &*self.0 {
            match element {
                Element::Static(value) => {
                    f.write_str("/")?;
                    syntax::write_escaped(value, f)?;
                }
                Element::Dynamic(name) => {
                    f.write_str("/*")?;
                    syntax::write_escaped(name, f)?;
                }
            }
        }
        Ok(())
    }
}

impl Serialize for Namespace {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Namespace {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_written_as_it_is_read() {
        for text in [
            "/iowait/host/*node/iowait",
            r"/orrery/process/box\;12/cpu",
            r"/a/docker.io\/alpine\;<container_image>/size",
            r"/a/\(x\)/\*b/\\c",
            "/a/space inside/ü",
        ] {
            assert_eq!(text.parse::<Namespace>().unwrap().to_string(), text);
        }
        let plain: Namespace = "/a/box;12/x".parse().unwrap();
        assert_eq!(
            plain.to_string(),
            r"/a/box\;12/x",
            "a ; need not be escaped outside of tuples"
        );
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, at) in [
            ("", 0),
            ("a/b", 0),
            ("/", 1),
            ("/a//b", 3),
            ("/a/", 3),
            ("/a/b\\", 4),
            ("/a/\u{7}b", 3),
            ("/a/\\\nb", 4),
        ] {
            match text.parse::<Namespace>() {
                Err(NamespaceError::Syntax(error)) => assert_eq!(error.at, at, "{text}: {error}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        let error = "/äö//b".parse::<crate::Query>().unwrap_err();
        assert_eq!(error.pointed("/äö//b"), "/äö//b\n    ^ an element is empty");
    }

    #[test]
    fn what_no_metric_can_be_called_is_refused() {
        let fixed = |text: &str| Element::Static(text.into());
        let any = |text: &str| Element::Dynamic(text.into());
        for (elements, error) in [
            (vec![], NamespaceError::Empty),
            (vec![fixed("a"), any(""), fixed("b")], NamespaceError::Unnamed(1)),
            (vec![fixed("a"), fixed("(x;y)")], NamespaceError::Tuple(1)),
            (vec![fixed("a"), any("node")], NamespaceError::DynamicEnd),
            (vec![fixed("a"), fixed("")], NamespaceError::BadElement(1)),
            (vec![fixed("a\n")], NamespaceError::BadElement(0)),
            (
                vec![fixed(&"a".repeat(ELEMENT_BYTES + 1))],
                NamespaceError::BadElement(0),
            ),
            (vec![fixed("a"); ELEMENTS + 1], NamespaceError::TooDeep),
        ] {
            assert_eq!(Namespace::new(elements).unwrap_err(), error);
        }
        assert!("/a/*node".parse::<Namespace>().is_err());
        assert!(
            "/a/*/b".parse::<Namespace>().is_err(),
            "a dynamic element has a name"
        );
    }

    #[test]
    fn dynamic_elements_are_filled_in_order() {
        let name: Namespace = "/a/*x/b/*y/c".parse().unwrap();
        assert_eq!(
            name.filled(&[Some("1;2".into()), None]).to_string(),
            r"/a/1\;2/b/*y/c"
        );
        assert_eq!(name.filled(&[]), name);
    }

    proptest! {
        #[test]
        fn every_name_comes_back_from_its_text(values in proptest::collection::vec("\\PC{1,12}", 1..6)) {
            let mut elements: Vec<Element> = values.iter().map(|value| Element::Static(value.into())).collect();
            elements.insert(1, Element::Dynamic("node".into()));
            elements.push(Element::Static("end".into()));
            if let Ok(name) = Namespace::new(elements) {
                prop_assert_eq!(name.to_string().parse::<Namespace>(), Ok(name));
            }
        }

        #[test]
        fn no_text_is_too_much(text in "\\PC{0,40}") {
            let _ = text.parse::<Namespace>();
            if let Ok(query) = text.parse::<crate::Query>() {
                prop_assert_eq!(query.to_string().parse::<crate::Query>(), Ok(query));
            }
        }
    }
}
