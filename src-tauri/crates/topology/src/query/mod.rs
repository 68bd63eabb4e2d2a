//! The query language: one text for search, filters and saved views. `docs/query.md` describes it.
//!
//! Scope's search is a subset: plain text, `field:text` and comparisons of metrics mean the same here.

mod eval;
mod lexer;
mod parser;
mod terms;

use orrery_model::SmolStr;

use crate::view::{MetricInfo, ViewNode};
use parser::Parsed;

/// A parsed query.
#[derive(Debug, Clone)]
pub struct Query(Parsed);

/// What a query is asked of.
pub(crate) struct Subject<'a> {
    /// A node as clients see it.
    pub(crate) node: &'a ViewNode,
    /// Names of the metrics that its view carries.
    pub(crate) infos: &'a [MetricInfo],
    /// Makes what stands in its tables: asked only where nothing else matches.
    pub(crate) cells: &'a dyn Fn() -> Vec<Cell>,
    /// Time since it appeared or changed, in milliseconds; none where that is longer ago than remembered.
    pub(crate) changed_ago_ms: &'a dyn Fn() -> Option<i64>,
}

/// A value in a table of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Name of the row in a list of properties; none in a table with columns, whose cells have no name.
    pub(crate) label: Option<SmolStr>,
    pub(crate) value: SmolStr,
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
        parser::parse(text).map(Query)
    }

    /// True when everything matches.
    pub fn is_empty(&self) -> bool {
        self.0.root.is_none()
    }

    /// Where it asks for what changed, in bytes: that can only be told of the present.
    pub fn asks_for_changes(&self) -> Option<(u32, u32)> {
        self.0.changed
    }

    /// Whether a node matches, and by what. `infos` names the metrics that its view carries. It has no tables
    /// and never changed.
    pub fn matches(&self, node: &ViewNode, infos: &[MetricInfo]) -> Option<MatchedField> {
        self.find(&Subject {
            node,
            infos,
            cells: &Vec::new,
            changed_ago_ms: &|| None,
        })
    }

    /// The same of everything that is known of a node.
    pub(crate) fn find(&self, subject: &Subject<'_>) -> Option<MatchedField> {
        match &self.0.root {
            None => Some(MatchedField::default()),
            Some(expr) => eval::eval(expr, subject),
        }
    }
}

#[cfg(test)]
mod tests;
