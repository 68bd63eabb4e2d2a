//! Looking into the catalog, and the newest values of what is in it.

use orrery_catalog::view::{CatalogMetric, CatalogPage, MetricReading, SubscriptionView};
use orrery_catalog::{LookUpError, Query, SyntaxError, Versions, readings};
use orrery_manager::view::PolicyRule;

use crate::api::{ApiError, CatalogEntry, Code, FieldError};
use crate::engine::Engine;
use crate::limits::{CATALOG_METRICS, CATALOG_READINGS};

impl Engine {
    pub(crate) fn catalog_page(
        &self,
        query: &str,
        versions: &str,
        offset: u32,
        limit: Option<u32>,
    ) -> Result<CatalogPage, ApiError> {
        let (query, versions) = asked(query, versions)?;
        let limit = limit.unwrap_or(CATALOG_METRICS.0).min(CATALOG_METRICS.1);
        let found = self.catalog().select(&query, &versions);
        let page = found.metrics.iter().skip(offset as usize).take(limit as usize);
        Ok(CatalogPage {
            metrics: page.map(CatalogMetric::of_selected).collect(),
            total: found.metrics.len(),
            missing: found.missing.iter().map(ToString::to_string).collect(),
        })
    }

    pub(crate) fn catalog_entry(&self, name: &str, versions: &str) -> Result<CatalogEntry, ApiError> {
        let (query, versions) = asked(name, versions)?;
        let catalog = self.catalog();
        let selected = catalog.look_up(&query, &versions).map_err(|error| {
            let code = match error {
                LookUpError::NotFound(_) | LookUpError::NoVersion(..) => Code::NotFound,
                LookUpError::Ambiguous(..) => Code::BadRequest,
            };
            ApiError::new(code, sentence(&error.to_string()))
        })?;
        let others = catalog.versions_of(&selected.entry.namespace);
        let source = &selected.entry.source;
        let values = readings(
            std::slice::from_ref(&selected),
            &self.published().report,
            CATALOG_READINGS.0 as usize,
        );
        Ok(CatalogEntry {
            metric: CatalogMetric::of_selected(&selected),
            versions: others
                .iter()
                .map(|entry| entry.source.version.to_string())
                .collect(),
            policy: source.policy.iter().map(PolicyRule::from).collect(),
            subscriptions: self
                .subscribers(&source.id)
                .iter()
                .map(ToString::to_string)
                .collect(),
            readings: values.iter().map(MetricReading::of).collect(),
        })
    }

    /// The newest values of the metrics that answer a query: at most `limit`, 1 000 when not said.
    ///
    /// # Errors
    /// When the query or the versions do not parse.
    pub fn catalog_readings(
        &self,
        query: &str,
        versions: &str,
        limit: Option<u32>,
    ) -> Result<Vec<MetricReading>, ApiError> {
        let (query, versions) = asked(query, versions)?;
        let limit = limit.unwrap_or(CATALOG_READINGS.0).min(CATALOG_READINGS.1);
        let found = self.catalog().select(&query, &versions);
        let values = readings(&found.metrics, &self.published().report, limit as usize);
        Ok(values.iter().map(MetricReading::of).collect())
    }

    /// The view of a subscription, to be shown.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none of this id.
    pub fn shown_subscription(&self, id: &str) -> Result<SubscriptionView, ApiError> {
        let view = self
            .subscription(id)
            .map_err(|error| ApiError::not_found(sentence(&error.to_string())))?;
        Ok(SubscriptionView::of(&view, CATALOG_METRICS.0 as usize))
    }
}

/// Query and versions as they are asked for; everything when there is no query.
fn asked(query: &str, versions: &str) -> Result<(Query, Versions), ApiError> {
    let parsed = match query.trim() {
        "" | "/" => Ok(Query::everything()),
        text => text.parse(),
    };
    let query = parsed.map_err(|error: SyntaxError| {
        let at = query
            .char_indices()
            .nth(error.at)
            .map_or(query.len(), |(at, _)| at);
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        ApiError {
            at: Some((at, at.saturating_add(1))),
            ..ApiError::new(Code::BadQuery, format!("The query does not parse: {error}."))
        }
    })?;
    let versions = versions.parse().map_err(|message: String| ApiError {
        fields: vec![FieldError {
            field: "version".to_owned(),
            message: message.clone(),
        }],
        ..ApiError::bad_request(format!("The version is {message}."))
    })?;
    Ok((query, versions))
}

/// An error's text as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(chars).chain(std::iter::once('.')).collect()
}
