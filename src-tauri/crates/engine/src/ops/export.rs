//! Files for people to keep.

use std::fmt::Write as _;

use super::history::range;
use super::named;
use crate::api::{ApiError, Code, ExportedText};
use crate::clock;
use crate::engine::Engine;
use crate::limits::{EXPORT_PAGE, EXPORT_ROWS_MAX};
use orrery_model::Timestamp;

impl Engine {
    /// The merged report as JSON in Scope's shape.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a moment that is not recorded.
    pub async fn export_report(&self, at_ms: Option<i64>) -> Result<ExportedText, ApiError> {
        let published = self.shared.moment(at_ms).await?;
        let at_ms = published.at_ms;
        let text = tokio::task::spawn_blocking(move || String::from_utf8(published.report.to_json()))
            .await
            .map_err(ApiError::internal)?
            .map_err(ApiError::internal)?;
        let file_name = format!("orrery-report-{}.json", file_time(at_ms));
        Ok(ExportedText {
            file_name,
            media_type: "application/json".to_owned(),
            text,
        })
    }

    /// A node's history as CSV: one row a sample, `time,node,metric,value`, times in RFC 3339.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] when the range holds too many samples.
    pub async fn export_history(
        &self,
        node: &str,
        metrics: &[String],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<ExportedText, ApiError> {
        named("node id", node)?;
        range(from_ms, to_ms)?;
        let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
        let mut text = String::from("time,node,metric,value\n");
        let quoted = csv_field(node);
        let (mut rows, mut next) = (0, Some(from_ms));
        while let Some(from_ms) = next {
            let page = self
                .shared
                .history
                .samples(node, &metrics, from_ms, to_ms, EXPORT_PAGE)
                .await;
            let page = page.map_err(ApiError::internal)?;
            rows += page.rows.len();
            if rows > EXPORT_ROWS_MAX {
                let message =
                    format!("The range holds more than {EXPORT_ROWS_MAX} samples. Choose a shorter one.");
                return Err(ApiError::new(Code::LimitExceeded, message));
            }
            for sample in page.rows {
                let time = Timestamp::from_millis(sample.t_ms);
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    "{time},{quoted},{},{}",
                    csv_field(&sample.metric),
                    sample.value
                );
            }
            next = page.next_from_ms;
        }
        let name: String = self
            .label_of(node)
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .collect();
        let file_name = format!("orrery-{name}-{}.csv", file_time(clock::now_ms()));
        Ok(ExportedText {
            file_name,
            media_type: "text/csv".to_owned(),
            text,
        })
    }
}

/// A field as RFC 4180 wants it.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A time that every file system takes, such as `2026-11-21T04-05-06Z`.
fn file_time(ms: i64) -> String {
    let text = Timestamp::from_millis(ms.div_euclid(1_000) * 1_000).to_string();
    text.replace(':', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_fields_are_quoted_only_where_they_must() {
        assert_eq!(csv_field("a;<host>"), "a;<host>");
        assert_eq!(csv_field("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }

    #[test]
    fn file_names_carry_a_time_without_colons() {
        assert_eq!(file_time(1_763_700_000_123), "2025-11-21T04-40-00Z");
    }
}
