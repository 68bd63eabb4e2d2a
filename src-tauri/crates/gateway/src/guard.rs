//! The door: which hosts and origins a request may name. Without it a page on the internet could reach a
//! loopback port by DNS rebinding, with the browser's own cookie.

use http::{HeaderMap, header};

/// Names under which this listener is reached.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// Host names and addresses, lower case, without port. Empty on a UNIX socket, where no browser comes.
    names: Vec<String>,
}

impl Door {
    /// The door of a UNIX socket: no browser reaches it, so nothing is checked.
    pub fn socket() -> Self {
        Door::default()
    }

    /// The door of a TCP address: loopback names, and the address itself.
    pub fn tcp(address: std::net::SocketAddr) -> Self {
        let mut names = vec![address.ip().to_string()];
        if address.ip().is_loopback() || address.ip().is_unspecified() {
            names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        }
        Door { names }
    }

    /// What is wrong with a request's headers, if anything.
    pub fn refuse(&self, headers: &HeaderMap) -> Option<&'static str> {
        if self.names.is_empty() {
            return None;
        }
        let text = |name| {
            headers
                .get(name)
                .map(|v: &http::HeaderValue| v.to_str().unwrap_or("?"))
        };
        let Some(host) = text(header::HOST) else {
            return Some("the request names no host");
        };
        if !self.knows(host) {
            return Some("the request names a host that this is not");
        }
        match text(header::ORIGIN) {
            None => None,
            Some(origin) => {
                let rest = origin
                    .strip_prefix("http://")
                    .or_else(|| origin.strip_prefix("https://"));
                // The same host and port: a page served from another port is another origin.
                (rest != Some(host)).then_some("the request comes from a page of another origin")
            }
        }
    }

    fn knows(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        self.names.iter().any(|n| n.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, origin: Option<&str>, open: bool) {
        let door = Door::tcp(([127, 0, 0, 1], 4040).into());
        let mut headers = HeaderMap::new();
        if !host.is_empty() {
            headers.insert(header::HOST, host.parse().unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let refused = door.refuse(&headers);
        assert_eq!(
            refused.is_none(),
            open,
            "host {host:?}, origin {origin:?}: {refused:?}"
        );
    }

    #[test]
    fn only_own_names_and_own_pages_come_in() {
        check("127.0.0.1:4040", None, true);
        check("localhost:4040", Some("http://localhost:4040"), true);
        check("[::1]:4040", None, true);
        check("LOCALHOST", None, true);
        check("", None, false);
        check("evil.example:4040", None, false);
        check("127.0.0.1.evil.example", None, false);
        check("localhost:4040", Some("http://evil.example"), false);
        check("localhost:4040", Some("http://localhost:9999"), false);
        check("localhost:4040", Some("null"), false);
    }

    #[test]
    fn a_socket_asks_for_no_host() {
        assert_eq!(
            Door::socket().refuse(&HeaderMap::new()),
            None,
            "only local programs reach it"
        );
    }
}
