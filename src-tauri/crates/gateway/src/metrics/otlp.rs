//! Metrics that are sent to a collector instead of being scraped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use orrery_engine::api::ApiError;
use orrery_engine::{OtlpSettings, OtlpWhat, Readings, ReadingsOf};
use orrery_export::limits::{HEADER_BYTES_MAX, HEADERS_MAX, INTERVAL, INTERVAL_DEFAULT};
use orrery_export::{AddressError, ClientError, Config, Exporter, Origin, metrics_address};
use orrery_exposition::{Family, Merged};

use super::{every_plugin, own, running, scraped, topology, working};
use crate::limits::{NODE_SERIES_MAX, SCRAPE_BUDGET};
use crate::router::Gateway;

/// Why metrics cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The collector's address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A header.
    #[error("export.otlp.headers: {0}")]
    Header(String),
    /// The interval.
    #[error("export.otlp.interval_s: {0} is not between {least} and {most}", least = INTERVAL.0.as_secs(), most = INTERVAL.1.as_secs())]
    Interval(u64),
    /// Encryption.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Gateway {
    /// Begins to send metrics to a collector, where the settings name one.
    ///
    /// # Errors
    /// When the settings cannot be used. A collector that is not there is none.
    pub fn with_otlp(mut self, settings: &OtlpSettings) -> Result<Self, OtlpError> {
        let Some(endpoint) = &settings.endpoint else {
            return Ok(self);
        };
        let interval = match settings.interval_s {
            None => INTERVAL_DEFAULT,
            Some(seconds) if (INTERVAL.0..=INTERVAL.1).contains(&Duration::from_secs(seconds)) => {
                Duration::from_secs(seconds)
            }
            Some(seconds) => return Err(OtlpError::Interval(seconds)),
        };
        let started_ms = u64::try_from(self.engine.started_ms()).unwrap_or_default();
        let config = Config {
            url: metrics_address(endpoint)?,
            headers: headers(settings)?,
            interval,
            origin: Origin {
                instance: self.engine.id().to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                host: self.engine.hostname().to_owned(),
                started_ns: started_ms.saturating_mul(1_000_000),
            },
        };
        let gathering = Arc::new(Gathering {
            gateway: self.clone(),
            wanted: settings.clone(),
            told: Mutex::default(),
        });
        let gather = Arc::new(move || {
            let gathering = gathering.clone();
            async move { gathering.families().await }.boxed()
        });
        self.otlp = Some(Arc::new(Exporter::start(config, gather)?));
        Ok(self)
    }
}

fn headers(settings: &OtlpSettings) -> Result<HeaderMap, OtlpError> {
    let revealed = settings.revealed_headers().map_err(OtlpError::Header)?;
    if revealed.len() > HEADERS_MAX {
        return Err(OtlpError::Header(format!("there are more than {HEADERS_MAX}")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in revealed {
        let bad = |why: &str| OtlpError::Header(format!("{name}: {why}"));
        let key: HeaderName = name.parse().map_err(|_| bad("is no name of a header"))?;
        if [CONTENT_TYPE, CONTENT_LENGTH, HOST].contains(&key) {
            return Err(bad("is set by what sends"));
        }
        if value.len() > HEADER_BYTES_MAX {
            return Err(bad(&format!("is longer than {HEADER_BYTES_MAX} bytes")));
        }
        // Never the value itself: it may be a secret.
        let mut value = HeaderValue::from_str(&value).map_err(|_| bad("its value cannot be sent"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// What is to be sent.
struct Gathering {
    gateway: Gateway,
    wanted: OtlpSettings,
    /// What could not be gathered the last time, so that it is told once.
    told: Mutex<String>,
}

impl Gathering {
    /// All of it, as it is at the moment.
    async fn families(&self) -> Vec<Family> {
        let (mut families, mut missing) = (Vec::new(), String::new());
        for what in self.wanted.what() {
            match what {
                OtlpWhat::Own => families.extend(own::families(&self.gateway)),
                OtlpWhat::Plugins => families.extend(running::families(&self.gateway.engine)),
                OtlpWhat::Exposed => match self.exposed().await {
                    Ok(merged) => families.extend(merged.into_families()),
                    Err(error) => missing = error.message,
                },
                OtlpWhat::Topology => match self.readings().await {
                    Ok(readings) => families.extend(topology::families(&readings)),
                    Err(error) => missing = error.message,
                },
            }
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != missing {
            if !missing.is_empty() {
                tracing::warn!(
                    missing,
                    "not everything that should be is sent to the OTLP collector"
                );
            }
            *told = missing;
        }
        families
    }

    async fn exposed(&self) -> Result<Merged, ApiError> {
        let scrapes = every_plugin(&self.gateway, SCRAPE_BUDGET).await;
        working(move || scraped::add(Merged::default(), &scrapes)).await
    }

    async fn readings(&self) -> Result<Readings, ApiError> {
        let of = ReadingsOf {
            topologies: self.wanted.topologies.clone(),
            query: self.wanted.query.clone(),
            limit: NODE_SERIES_MAX,
            ..ReadingsOf::default()
        };
        self.gateway.engine.readings(of).await
    }
}
