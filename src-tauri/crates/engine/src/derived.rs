//! The seam to derivation: its errors become coded errors here.

use std::collections::BTreeMap;

use orrery_topology::derive::{CATALOG, DeriveError};
use orrery_topology::details::NodeDetails;
use orrery_topology::picture::Picture;
use orrery_topology::view::ViewSpec;

use crate::api::{ApiError, Code, SearchHit, SearchResult};
use crate::published::Published;

/// The picture that a view shows.
pub(crate) fn picture(published: &Published, spec: &ViewSpec) -> Result<Picture, ApiError> {
    published
        .derivation
        .picture(&spec.topology, &spec.options, &spec.query)
        .map_err(coded)
}

/// One node in full.
pub(crate) fn details(
    published: &Published,
    topology: &str,
    node: &str,
    options: &BTreeMap<String, String>,
) -> Result<NodeDetails, ApiError> {
    let details = published
        .derivation
        .details(topology, node, options)
        .map_err(coded)?;
    details.ok_or_else(|| ApiError::not_found(format!("The node {node} is not in {topology} any more.")))
}

/// Nodes that match a query.
pub(crate) fn search(published: &Published, query: &str, limit: usize) -> Result<SearchResult, ApiError> {
    let found = published.derivation.search(query, limit).map_err(coded)?;
    Ok(SearchResult {
        counts: found.counts,
        hits: found
            .hits
            .into_iter()
            .map(|h| SearchHit {
                id: h.id,
                topology: h.topology,
                kind: h.kind,
                shape: h.shape,
                label: h.label,
                label_minor: h.label_minor,
                field: h.field,
                value: h.value,
            })
            .collect(),
    })
}

fn coded(error: DeriveError) -> ApiError {
    match error {
        DeriveError::UnknownTopology { ref topology } => {
            let message = format!("There is no topology {topology}.");
            ApiError::not_found(message).or_nearly(topology, CATALOG.iter().map(|entry| entry.id))
        }
        DeriveError::Query(query) => ApiError {
            at: Some((query.start, query.end)),
            ..ApiError::new(Code::BadQuery, query.message.clone())
        },
        _ => ApiError::bad_request(error.to_string()),
    }
}
