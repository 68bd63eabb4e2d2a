//! Who asks: by token on TCP, by the kernel's word on a UNIX socket.

use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use base64::Engine as _;
use http::{HeaderMap, HeaderName, header};
use orrery_engine::api::{Caller, Origin, Role};
use orrery_engine::user_name_of;
use tokio_util::sync::CancellationToken;

use crate::keys::Keys;

/// Name of the cookie that holds the token in a browser.
pub(crate) const COOKIE: &str = "orrery_token";

/// On everything that the data plane passes on to a plugin, and kept from all who ask.
pub(crate) const PASSED_ON: HeaderName = HeaderName::from_static("x-dataplane-group");

/// The program that shows windows.
const WINDOW_PROGRAM: &str = "orrery-desktop";

/// The far end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    /// TCP: nothing is known before the token.
    Tcp {
        /// Its address.
        address: SocketAddr,
        /// Whether the connection is encrypted.
        secure: bool,
    },
    /// A local process, by the kernel's word.
    Local {
        /// Its user.
        uid: u32,
        /// Its number, where the kernel tells.
        pid: Option<i32>,
    },
}

impl Peer {
    /// From where, unless from this machine's own socket.
    pub(crate) fn address(&self) -> Option<std::net::IpAddr> {
        match self {
            Peer::Tcp { address, .. } => Some(address.ip()),
            Peer::Local { .. } => None,
        }
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self, Peer::Tcp { secure: true, .. })
    }
}

impl Connected<Peer> for Peer {
    fn connect_info(peer: Peer) -> Self {
        peer
    }
}

/// Whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) caller: Caller,
    /// Cancelled when what they showed opens no longer; none where the kernel says who it is.
    pub(crate) gone: Option<CancellationToken>,
}

/// Who asks, if the request proves it. `window` when this process shows a window.
///
/// A token says it wherever one is sent. Without one the kernel says it on a socket, whose mode has decided already
/// who may connect: its own user and root administrate, others of its group look and press controls.
pub(crate) fn visitor(peer: &Peer, headers: &HeaderMap, keys: &Keys, window: bool) -> Option<Visitor> {
    match (presented(headers), peer) {
        (Presented::Token(token), _) => {
            let (holder, gone) = keys.holder(&token)?;
            let (origin, from) = match peer {
                Peer::Tcp { address, .. } => (Origin::Http, address.ip().to_string()),
                Peer::Local { pid, .. } => (Origin::Socket, local(*pid)),
            };
            let caller = Caller {
                user: format!("token {}", holder.name),
                role: holder.role,
                origin,
                from,
            };
            let gone = Some(gone);
            Some(Visitor { caller, gone })
        }
        // What we pass on to a plugin is never our own doing, wherever the plugin's socket leads.
        (Presented::Nothing, Peer::Local { .. }) if headers.contains_key(PASSED_ON) => None,
        (Presented::Nothing, Peer::Local { uid, pid }) => {
            let caller = known_to_the_kernel(*uid, *pid, window);
            Some(Visitor { caller, gone: None })
        }
        (Presented::Nothing, Peer::Tcp { .. }) | (Presented::Unreadable, _) => None,
    }
}

/// A process of this machine. The window asks over its own instance's socket for what is kept behind addresses: from
/// this very process, or from its own when it shows another instance.
fn known_to_the_kernel(uid: u32, pid: Option<i32>, window: bool) -> Caller {
    let own = rustix::process::geteuid().as_raw();
    let myself = window && pid.is_some_and(|pid| i64::from(pid) == i64::from(std::process::id()));
    Caller {
        user: user_name_of(uid),
        role: if uid == own || uid == 0 {
            Role::Admin
        } else {
            Role::Control
        },
        origin: if myself || pid.is_some_and(is_window) {
            Origin::Window
        } else {
            Origin::Socket
        },
        from: if myself { String::new() } else { local(pid) },
    }
}

/// Whether a process runs the program that shows windows, as far as the kernel tells us.
fn is_window(pid: i32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = program
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    // What was replaced while it runs is called so.
    name.trim_end_matches(" (deleted)") == WINDOW_PROGRAM
}

/// Whoever comes to an address that is open to everybody on this machine.
pub(crate) fn anybody(peer: &Peer, role: Role) -> Option<Caller> {
    let Peer::Tcp { address, .. } = peer else {
        return None;
    };
    address.ip().is_loopback().then(|| Caller {
        user: "anybody".to_owned(),
        role,
        origin: Origin::Http,
        from: address.ip().to_string(),
    })
}

fn local(pid: Option<i32>) -> String {
    pid.map_or_else(|| "socket".to_owned(), |pid| format!("process {pid}"))
}

/// What a request shows to come in.
pub(crate) enum Presented {
    Token(String),
    /// Something that is no token.
    Unreadable,
    Nothing,
}

/// The token as the request presents it: bearer, Scope's probe form, basic password, or cookie.
pub(crate) fn presented(headers: &HeaderMap) -> Presented {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return value
            .to_str()
            .ok()
            .and_then(authorized)
            .map_or(Presented::Unreadable, Presented::Token);
    }
    cookie(headers).map_or(Presented::Nothing, Presented::Token)
}

fn authorized(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.trim().to_owned()),
        "scope-probe" => rest.trim().strip_prefix("token=").map(str::to_owned),
        "basic" => basic_password(rest.trim()),
        _ => None,
    }
}

/// What the browser's cookie holds.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<String> {
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
    use crate::token::Token;

    const TOKEN: &str = "0123456789abcdef";

    fn keys() -> Keys {
        Token::parse(TOKEN, "the test").unwrap().into()
    }

    fn with(name: http::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[track_caller]
    fn check(name: http::HeaderName, value: &str, comes_in: bool) {
        let peer = Peer::Tcp {
            address: ([127, 0, 0, 1], 9).into(),
            secure: false,
        };
        let visitor = visitor(&peer, &with(name, value), &keys(), false);
        assert_eq!(visitor.is_some(), comes_in, "{value}");
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
        let own = rustix::process::geteuid().as_raw();
        let role = |uid, headers: &HeaderMap| {
            let peer = Peer::Local { uid, pid: None };
            visitor(&peer, headers, &keys(), false).map(|v| v.caller.role)
        };
        assert_eq!(role(own, &HeaderMap::new()), Some(Role::Admin));
        assert_eq!(
            role(own.wrapping_add(1), &HeaderMap::new()),
            Some(Role::Control),
            "a member of the group presses controls"
        );
    }

    #[test]
    fn a_token_on_the_socket_says_who_asks_and_a_wrong_one_is_not_overlooked() {
        let own = rustix::process::geteuid().as_raw();
        let keys = keys();
        let plugin = keys.make("plugin", Role::View).unwrap();
        let role = |token: &str| {
            let headers = with(header::AUTHORIZATION, &format!("Bearer {token}"));
            let peer = Peer::Local { uid: own, pid: None };
            visitor(&peer, &headers, &keys, false).map(|v| (v.caller.user, v.caller.role))
        };
        let seen = Some(("token plugin".to_owned(), Role::View));
        assert_eq!(role(plugin.reveal()), seen, "not more than the token allows");
        assert_eq!(role("another"), None);
    }

    #[test]
    fn the_window_is_known_by_its_process_and_nobody_else_is_it() {
        let uid = rustix::process::geteuid().as_raw();
        let came = |pid: u32, window: bool| {
            let peer = Peer::Local {
                uid,
                pid: i32::try_from(pid).ok(),
            };
            let visitor = visitor(&peer, &HeaderMap::new(), &keys(), window).unwrap();
            (visitor.caller.origin, visitor.caller.from)
        };
        let own = std::process::id();
        assert_eq!(came(own, true), (Origin::Window, String::new()));
        assert_eq!(came(own, false), (Origin::Socket, format!("process {own}")));
        let parent = std::os::unix::process::parent_id();
        assert_eq!(came(parent, true), (Origin::Socket, format!("process {parent}")));
    }

    #[test]
    fn a_window_of_another_process_is_known_by_its_program() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(WINDOW_PROGRAM);
        std::fs::copy("/bin/sleep", &program).unwrap();
        let mut window = std::process::Command::new(&program).arg("600").spawn().unwrap();
        let pid = i32::try_from(window.id()).unwrap();
        assert!(is_window(pid), "as long as it runs");
        std::fs::remove_file(&program).unwrap();
        assert!(is_window(pid), "also when its file was replaced");
        window.kill().unwrap();
        window.wait().unwrap();
    }

    #[test]
    fn what_is_passed_on_to_a_plugin_does_not_come_back_as_our_own() {
        let uid = rustix::process::geteuid().as_raw();
        let peer = Peer::Local { uid, pid: None };
        let passed_on = with(PASSED_ON, "example");
        assert!(visitor(&peer, &passed_on, &keys(), true).is_none());
    }

    #[test]
    fn only_this_machine_is_anybody() {
        let peer = |ip: [u8; 4]| Peer::Tcp {
            address: (ip, 9).into(),
            secure: false,
        };
        let role = |peer: &Peer| anybody(peer, Role::View).map(|c| c.role);
        assert_eq!(role(&peer([127, 0, 0, 1])), Some(Role::View));
        assert_eq!(role(&peer([192, 0, 2, 1])), None);
    }
}
