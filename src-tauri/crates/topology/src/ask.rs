//! Queries asked of nodes of a derivation.

use crate::card::tables::cells;
use crate::derive::{Derivation, RenderNode};
use crate::query::{MatchedField, Query, QueryError, Subject};
use crate::view::{MetricInfo, ViewNode};

impl Derivation {
    /// Reads a query that is to be asked of this derivation.
    ///
    /// # Errors
    /// When it does not parse, or asks what is not known of this moment.
    pub(crate) fn read_query(&self, text: &str) -> Result<Query, QueryError> {
        let query = Query::parse(text)?;
        match query.asks_for_changes() {
            Some((start, end)) if !self.knows_changes() => Err(QueryError {
                message: "What changed is only known of the present. Go back to live, or leave this out."
                    .to_owned(),
                start,
                end,
            }),
            _ => Ok(query),
        }
    }

    /// Whether a node matches, and by what.
    pub(crate) fn ask(
        &self,
        query: &Query,
        node: &RenderNode,
        shown: &ViewNode,
        infos: &[MetricInfo],
    ) -> Option<MatchedField> {
        query.find(&Subject {
            node: shown,
            infos,
            cells: &|| cells(self.report(), node),
            changed_ago_ms: &|| self.changed_ago_ms(node),
        })
    }
}
