//! The door: which hosts and origins a request may name. Without it a page on the internet could reach a
//! loopback port by DNS rebinding, with the browser's own cookie.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::pages::{PageOrigin, Pages};

/// Where browsers say how a request came about.
pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Names under which this listener is reached.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// Host names and addresses, lower case, without port. Empty on a UNIX socket, where no browser comes.
    names: Vec<String>,
    /// Any address does, because every one of this machine may be meant. Rebinding needs a name.
    any_address: bool,
    /// Pages of other origins that may ask.
    pages: Pages,
}

impl Door {
    /// The door of a UNIX socket: no browser reaches it, so nothing is checked.
    pub fn socket() -> Self {
        Door::default()
    }

    /// The door of a TCP address: loopback names, and the address itself.
    pub fn tcp(address: SocketAddr) -> Self {
        let ip = address.ip();
        let mut names = vec![ip.to_string()];
        if ip.is_loopback() || ip.is_unspecified() {
            names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        }
        Door {
            names,
            any_address: ip.is_unspecified(),
            pages: Pages::default(),
        }
    }

    /// The same door, known under further names or addresses, written without port.
    #[must_use]
    pub fn known_as(mut self, names: impl IntoIterator<Item = String>) -> Self {
        let names = names
            .into_iter()
            .map(|n| n.trim_matches(['[', ']']).to_ascii_lowercase());
        self.names.extend(names);
        self
    }

    /// The same door, open to pages of other origins that show a token as bearer.
    #[must_use]
    pub fn open_to(mut self, pages: impl IntoIterator<Item = PageOrigin>) -> Self {
        self.pages = Pages::of(pages);
        self
    }

    /// The pages of other origins that may ask.
    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// What is wrong with a request, if anything. `api`: no browser navigates to it, so it comes from our own page
    /// or from no page.
    pub fn refuse(&self, uri: &Uri, headers: &HeaderMap, api: bool) -> Option<&'static str> {
        if self.names.is_empty() {
            return None;
        }
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => readable(host),
            (None, _) => return Some("the request names no host"),
            (Some(_), Some(_)) => return Some("the request names two hosts"),
        };
        if !self.knows(host)
            || uri
                .authority()
                .is_some_and(|a| !a.as_str().eq_ignore_ascii_case(host))
        {
            return Some(
                "the request names a host that this is not; `allowed_hosts` in config.toml adds names",
            );
        }
        if self.pages.ask(headers) {
            return None;
        }
        for origin in headers.get_all(header::ORIGIN) {
            let origin = readable(origin);
            let rest = origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"));
            // The same host and port: a page served from another port is another origin.
            if !rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host)) {
                return Some("the request comes from a page of another origin");
            }
        }
        // What has no Origin though a page caused it, such as an image or a script.
        let foreign = |site: &HeaderValue| !matches!(site.as_bytes(), b"same-origin" | b"none");
        if api && headers.get_all(SEC_FETCH_SITE).iter().any(foreign) {
            return Some("the request comes from a page of another site");
        }
        None
    }

    fn knows(&self, host: &str) -> bool {
        let (name, rest) = match host.strip_prefix('[') {
            Some(v6) => v6.split_once(']').unwrap_or(("", "")),
            None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
        };
        let port = rest.is_empty() || rest.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
        port && (self.names.iter().any(|n| n.eq_ignore_ascii_case(name))
            || self.any_address && name.parse::<IpAddr>().is_ok())
    }
}

fn readable(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_at(door: &Door, uri: &str, given: &[(&str, &str)], open: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let refused = door.refuse(&uri.parse().unwrap(), &headers, true);
        assert_eq!(refused.is_none(), open, "{uri} {given:?}: {refused:?}");
    }

    #[track_caller]
    fn check(given: &[(&str, &str)], open: bool) {
        check_at(&Door::tcp(([127, 0, 0, 1], 4040).into()), "/api", given, open);
    }

    #[test]
    fn only_own_names_come_in() {
        for own in ["127.0.0.1:4040", "localhost", "[::1]:4040", "LOCALHOST:80"] {
            check(&[("host", own)], true);
        }
        check(&[], false);
        check(&[("host", "localhost"), ("host", "evil.example")], false);
        for foreign in [
            "evil.example:4040",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost:evil.example",
            "evil.example:@localhost",
            "[::1",
            "[::1]evil.example",
            "192.0.2.1",
            "",
            ":4040",
        ] {
            check(&[("host", foreign)], false);
        }
        let local = Door::tcp(([127, 0, 0, 1], 4040).into());
        check_at(&local, "http://localhost/api", &[("host", "localhost")], true);
        check_at(&local, "http://evil.example/api", &[("host", "localhost")], false);
    }

    #[test]
    fn only_own_pages_come_in() {
        let from = |origin: &str, open| check(&[("host", "localhost:4040"), ("origin", origin)], open);
        from("http://localhost:4040", true);
        from("https://localhost:4040", true);
        from("http://evil.example", false);
        from("http://localhost:9999", false);
        from("http://localhost:4040.evil.example", false);
        from("localhost:4040", false);
        from("null", false);
        let site = |site: &str, open| check(&[("host", "localhost:4040"), ("sec-fetch-site", site)], open);
        site("same-origin", true);
        site("none", true);
        site("same-site", false);
        site("cross-site", false);
    }

    #[test]
    fn s60_listed_pages_come_in_and_by_our_own_name_alone() {
        let listed: PageOrigin = "https://grafana.example".parse().unwrap();
        let door = Door::tcp(([127, 0, 0, 1], 4040).into()).open_to([listed]);
        let ours = ("host", "localhost:4040");
        let from = |origin| ("origin", origin);
        let site = ("sec-fetch-site", "cross-site");
        check_at(
            &door,
            "/api",
            &[ours, from("https://grafana.example"), site],
            true,
        );
        check_at(&door, "/api", &[ours, from("http://localhost:4040")], true);
        for other in [
            "http://grafana.example",
            "https://grafana.example:8443",
            "https://evil.example",
            "null",
        ] {
            check_at(&door, "/api", &[ours, from(other), site], false);
        }
        check_at(&door, "/api", &[ours, site], false);
        let two = [
            ours,
            from("https://grafana.example"),
            from("https://evil.example"),
        ];
        check_at(&door, "/api", &two, false);
        check_at(
            &door,
            "/api",
            &[("host", "evil.example"), from("https://grafana.example")],
            false,
        );
    }

    #[test]
    fn a_link_elsewhere_may_lead_to_the_page_though_not_to_the_api() {
        let door = Door::tcp(([127, 0, 0, 1], 4040).into());
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost:4040"));
        headers.insert(SEC_FETCH_SITE, HeaderValue::from_static("cross-site"));
        assert_eq!(door.refuse(&Uri::from_static("/"), &headers, false), None);
        assert!(door.refuse(&Uri::from_static("/api"), &headers, true).is_some());
    }

    #[test]
    fn further_names_are_said_by_the_owner() {
        let door = Door::tcp(([0, 0, 0, 0], 4040).into())
            .known_as(["Box.Example".to_owned(), "[fd00::1]".to_owned()]);
        check_at(&door, "/", &[("host", "box.example:4040")], true);
        check_at(&door, "/", &[("host", "192.0.2.1:4040")], true);
        check_at(&door, "/", &[("host", "[fd00::1]")], true);
        check_at(&door, "/", &[("host", "evil.example")], false);
        let one = Door::tcp(([192, 0, 2, 1], 4040).into());
        check_at(&one, "/", &[("host", "192.0.2.1")], true);
        check_at(&one, "/", &[("host", "192.0.2.2")], false);
        check_at(&one, "/", &[("host", "localhost")], false);
    }

    #[test]
    fn a_socket_asks_for_no_host() {
        check_at(&Door::socket(), "/api", &[], true);
    }
}
