//! Where a collector takes metrics.

use url::Url;

/// Path under which collectors take metrics.
const PATH: &str = "/v1/metrics";

/// Why an address cannot be used. It never repeats the address: that may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("the address of the OTLP collector does not read: {0}")]
    Unreadable(#[from] url::ParseError),
    /// Neither http nor https.
    #[error("the address of the OTLP collector begins with {0}: it has to begin with http: or https:")]
    Scheme(String),
    /// It holds a user or a password.
    #[error("the address of the OTLP collector holds a password: give it as a header")]
    Password,
}

/// The address that metrics are sent to: `endpoint` itself where it ends in `/v1/metrics`, or that below it.
///
/// # Errors
/// See [`AddressError`].
pub fn metrics_address(endpoint: &str) -> Result<Url, AddressError> {
    let url = Url::parse(endpoint)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Password);
    }
    Ok(metrics_path(url))
}

/// An address with the path under which metrics are taken.
#[must_use]
pub fn metrics_path(mut url: Url) -> Url {
    if !url.path().ends_with(PATH) {
        let below = format!("{}{PATH}", url.path().trim_end_matches('/'));
        url.set_path(&below);
    }
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_collectors_or_that_of_its_metrics() {
        let check =
            |endpoint: &str, want: &str| assert_eq!(metrics_address(endpoint).unwrap().as_str(), want);
        check("http://localhost:4318", "http://localhost:4318/v1/metrics");
        check("http://localhost:4318/", "http://localhost:4318/v1/metrics");
        check(
            "https://c.example/otlp/v1/metrics",
            "https://c.example/otlp/v1/metrics",
        );
        check(
            "http://localhost:9090/api/v1/otlp?tenant=a#x",
            "http://localhost:9090/api/v1/otlp/v1/metrics?tenant=a",
        );
    }

    #[test]
    fn what_cannot_be_an_address_says_why_and_tells_no_secret() {
        let check = |endpoint: &str, want: &str| {
            let error = metrics_address(endpoint).unwrap_err().to_string();
            assert!(error.contains(want) && !error.contains("hunter2"), "{error}");
        };
        check("localhost:4318", "has to begin with http:");
        check("hunter2", "does not read");
        check("http://me:hunter2@c.example", "give it as a header");
    }
}
