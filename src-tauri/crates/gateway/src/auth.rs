//! Who asks: by token on TCP, by the kernel's word on a UNIX socket.

use axum::extract::connect_info::Connected;
use base64::Engine as _;
use http::{HeaderMap, header};
use orrery_engine::api::{Caller, Origin, Role};

use crate::token::Token;

/// Name of the cookie that holds the token in a browser.
pub(crate) const COOKIE: &str = "orrery_token";

/// The far end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    /// TCP: nothing is known before the token.
    Tcp(std::net::SocketAddr),
    /// A local process, by the kernel's word.
    Local {
        /// Its user.
        uid: u32,
    },
}

impl Connected<Peer> for Peer {
    fn connect_info(peer: Peer) -> Self {
        peer
    }
}

/// The caller, if the request proves one. On a socket the file's mode has decided already who may connect:
/// its own user and root administrate, others of its group look and press controls.
pub(crate) fn caller(peer: &Peer, headers: &HeaderMap, token: &Token) -> Option<Caller> {
    match peer {
        Peer::Local { uid } => {
            let own = rustix::process::geteuid().as_raw();
            let role = if *uid == own || *uid == 0 {
                Role::Admin
            } else {
                Role::Control
            };
            Some(Caller {
                user: format!("uid {uid}"),
                role,
                origin: Origin::Socket,
            })
        }
        Peer::Tcp(address) => {
            let given = presented(headers)?;
            token.is(&given).then(|| Caller {
                user: format!("token from {}", address.ip()),
                role: Role::Admin,
                origin: Origin::Http,
            })
        }
    }
}

/// The token as the request presents it: bearer, Scope's probe form, basic password, or cookie.
fn presented(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        return match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(rest.trim().to_owned()),
            "scope-probe" => rest.trim().strip_prefix("token=").map(str::to_owned),
            "basic" => basic_password(rest.trim()),
            _ => None,
        };
    }
    headers.get_all(header::COOKIE).iter().find_map(|value| {
        value.to_str().ok()?.split(';').find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE).then(|| value.to_owned())
        })
    })
}

fn basic_password(encoded: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[track_caller]
    fn check(name: http::HeaderName, value: &str, comes_in: bool) {
        let token = Token::parse(TOKEN, "the test").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let peer = Peer::Tcp(([127, 0, 0, 1], 9).into());
        assert_eq!(caller(&peer, &headers, &token).is_some(), comes_in, "{value}");
    }

    #[test]
    fn every_form_of_the_token_opens_and_nothing_else_does() {
        check(header::AUTHORIZATION, "Bearer 0123456789abcdef", true);
        check(header::AUTHORIZATION, "Scope-Probe token=0123456789abcdef", true);
        check(header::AUTHORIZATION, "Basic OjAxMjM0NTY3ODlhYmNkZWY=", true);
        check(header::COOKIE, "a=b; orrery_token=0123456789abcdef", true);
        check(header::AUTHORIZATION, "Bearer 0123456789abcdee", false);
        check(header::AUTHORIZATION, "Basic !!", false);
        check(header::AUTHORIZATION, "", false);
        check(header::COOKIE, "orrery_token=", false);
        check(header::ACCEPT, TOKEN, false);
    }

    #[test]
    fn the_sockets_owner_administrates_and_others_do_not() {
        let token = Token::parse(TOKEN, "the test").unwrap();
        let own = rustix::process::geteuid().as_raw();
        let role = |uid| caller(&Peer::Local { uid }, &HeaderMap::new(), &token).map(|c| c.role);
        assert_eq!(role(own), Some(Role::Admin));
        assert_eq!(
            role(own.wrapping_add(1)),
            Some(Role::Control),
            "a member of the group presses controls"
        );
    }
}
