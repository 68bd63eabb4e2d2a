//! HTTP POST.

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::client::Endpoint;
use super::format::Format;
use super::{Sink, Undelivered};
use crate::manifest::Table;
use crate::sample::Sample;
use crate::seams::{Host, Later};

/// Posts samples to an address.
pub(super) struct Http {
    endpoint: Endpoint,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    JsonLines,
    Csv,
}

impl Http {
    pub(super) fn read(config: &Table<'_>, host: &Arc<dyn Host>) -> Option<Http> {
        let words = [
            ("json", Form::Json),
            ("jsonl", Form::JsonLines),
            ("csv", Form::Csv),
        ];
        let form = config.word("format", &words).unwrap_or(Form::Json);
        Some(Http {
            endpoint: Endpoint::read(config, host)?,
            form,
        })
    }
}

impl Sink for Http {
    fn deliver<'a>(&'a self, samples: &'a [Sample], until: Instant) -> Later<'a, Result<(), Undelivered>> {
        let (kind, body) = match self.form {
            Form::Json => (
                "application/json",
                serde_json::to_vec(samples).unwrap_or_default(),
            ),
            Form::JsonLines => ("application/x-ndjson", Format::JsonLines.lines(samples)),
            Form::Csv => {
                let body = [Format::Csv.head(), Format::Csv.lines(samples)].concat();
                ("text/csv; charset=utf-8", body)
            }
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Box::pin(self.endpoint.post(headers, body, until))
    }
}
