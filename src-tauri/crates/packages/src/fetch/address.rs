//! Addresses that may be asked: `https`, or `http` to this machine itself.

use url::{Host, Url};

use super::error::FetchError;
use crate::limits::URL_MAX_BYTES;

/// An address that may be asked.
pub(super) fn parse(text: &str) -> Result<Url, FetchError> {
    if text.len() > URL_MAX_BYTES {
        return Err(FetchError::Address(format!(
            "an address has at most {URL_MAX_BYTES} bytes"
        )));
    }
    let url =
        Url::parse(text).map_err(|error| FetchError::Address(format!("that is no address: {error}")))?;
    check(&url)?;
    Ok(url)
}

/// Refuses addresses that everybody on the way could change.
pub(super) fn check(url: &Url) -> Result<(), FetchError> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_this_machine(url) => Ok(()),
        "http" => Err(FetchError::Address(format!(
            "{} is not encrypted; use https",
            shown(url)
        ))),
        other => Err(FetchError::Address(format!(
            "{other} is not understood; use https"
        ))),
    }
}

/// Where a redirect leads to, if it may be followed: never from an encrypted connection to a plain one.
pub(super) fn redirect(from: &Url, location: &str) -> Result<Url, FetchError> {
    if location.len() > URL_MAX_BYTES {
        return Err(FetchError::Address(format!(
            "{} leads to an endless address",
            shown(from)
        )));
    }
    let to = from
        .join(location)
        .map_err(|error| FetchError::Address(format!("{} leads to no address: {error}", shown(from))))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(FetchError::Address(format!(
            "{} leads away from https",
            shown(from)
        )));
    }
    check(&to)?;
    Ok(to)
}

/// Whether an address is of this machine itself.
pub(super) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// An address as it may be shown: what stands before the host or after the path may be a secret.
pub(super) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// The address of something beside a package, such as its signature.
pub(super) fn beside(url: &Url, more: &str) -> Url {
    let mut beside = url.clone();
    beside.set_path(&format!("{}{more}", url.path()));
    beside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_addresses_are_asked() {
        for (text, good) in [
            ("https://example.org/a.tar.gz", true),
            ("http://127.0.0.1:8080/a", true),
            ("http://127.9.9.9/a", true),
            ("http://[::1]/a", true),
            ("http://localhost/a", true),
            ("http://example.org/a", false),
            ("http://127.0.0.1.example.org/a", false),
            ("http://localhost.example.org/a", false),
            ("ftp://127.0.0.1/a", false),
            ("file:///etc/passwd", false),
            ("a.tar.gz", false),
            ("", false),
        ] {
            assert_eq!(parse(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn redirects_never_leave_encryption() {
        for (from, location, to) in [
            ("https://a.org/x/y", "z", Some("https://a.org/x/z")),
            ("https://a.org/x", "https://b.org/", Some("https://b.org/")),
            ("https://a.org/x", "http://127.0.0.1/", None),
            ("https://a.org/x", "file:///etc/passwd", None),
            ("http://127.0.0.1/x", "https://b.org/", Some("https://b.org/")),
            ("http://127.0.0.1/x", "http://b.org/", None),
        ] {
            let found = redirect(&Url::parse(from).unwrap(), location);
            assert_eq!(found.ok().as_ref().map(Url::as_str), to, "{from} -> {location}");
        }
    }

    #[test]
    fn secrets_in_addresses_are_not_shown() {
        let url = Url::parse("https://user:hunter2@a.org:8443/p.tar.gz?X-Signature=hunter2#hunter2").unwrap();
        assert_eq!(shown(&url), "https://a.org:8443/p.tar.gz");
        assert_eq!(
            beside(&url, ".minisig").path(),
            "/p.tar.gz.minisig",
            "what follows the path stays"
        );
    }
}
