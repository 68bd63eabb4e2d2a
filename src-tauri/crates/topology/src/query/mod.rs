//! The query language: one text for search, filters and saved views. `docs/query.md` describes it.
//!
//! Scope's search is a subset: plain text, `field:text` and comparisons of metrics mean the same here.

mod eval;
mod lexer;
mod parser;
mod terms;

use crate::view::{MetricInfo, ViewNode};
use parser::Expr;

/// A parsed query.
#[derive(Debug, Clone)]
pub struct Query {
    /// None matches everything.
    root: Option<Expr>,
}

/// Why and where a query does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// What is wrong, and what to do.
    pub message: String,
    /// Where the fault begins, in bytes.
    pub start: u32,
    /// Where it ends, in bytes.
    pub end: u32,
}

/// What of a node matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MatchedField {
    /// Label of the field, such as `Command`; empty for the node's own label and where no single field
    /// can be named.
    pub field: String,
    /// Its value.
    pub value: String,
}

impl Query {
    /// Parses a query. Empty text matches everything.
    ///
    /// # Errors
    /// When it is too long, a parenthesis or quote is not closed, or an operator lacks a side.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Ok(Query {
            root: parser::parse(text)?,
        })
    }

    /// True when everything matches.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Whether a node matches, and by what. `infos` names the metrics that its view carries.
    pub fn matches(&self, node: &ViewNode, infos: &[MetricInfo]) -> Option<MatchedField> {
        match &self.root {
            None => Some(MatchedField::default()),
            Some(expr) => eval::eval(expr, node, infos),
        }
    }
}

#[cfg(test)]
mod tests;
