//! Datasource proxies: requests to declared addresses outside. Off unless targets are allowed.
//!
//! An object declares where requests go, but only the host's own settings allow it. The address that a name
//! stands for is looked at after the look-up, on the very connection that is used, so that no name can stand for
//! another address a moment later. Redirects are passed on, not followed. Who is called over https must prove the
//! declared name before anything is sent.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::TryFutureExt as _;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;

use super::Ask;
use super::body::{self, Body};
use super::failure::Failure;
use super::pass::head;
use crate::limits;
use crate::wire::{BoxError, DialError, SendError, SentBody, cause};

/// A target that datasource proxies may reach.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its name or address, as objects write it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it may be this machine itself or a link-local address. Without this such addresses are refused,
    /// whatever the name.
    pub local: bool,
    /// Headers that are set on every request to it, such as a secret that callers do not see.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How it is called.
    pub security: Security,
}

/// How a target is called.
#[derive(Debug, Clone)]
pub enum Security {
    /// In the open alone: who is to be trusted is not known.
    Plain,
    /// As the object says.
    Either(Arc<ClientConfig>),
    /// Encrypted alone.
    Encrypted(Arc<ClientConfig>),
}

impl Security {
    fn config(&self) -> Option<&Arc<ClientConfig>> {
        match self {
            Security::Plain => None,
            Security::Either(config) | Security::Encrypted(config) => Some(config),
        }
    }
}

/// The allowed targets and connections to them.
pub(super) struct Upstreams {
    allowed: Vec<Allowed>,
}

struct Allowed {
    upstream: Upstream,
    client: Caller,
}

enum Caller {
    Plain(Client<Guarded, SentBody>),
    Encrypting(Client<HttpsConnector<Guarded>, SentBody>),
}

impl Upstreams {
    pub(super) fn new(upstreams: Vec<Upstream>) -> Self {
        let allowed = upstreams.into_iter().map(|upstream| {
            let mut builder = Client::builder(TokioExecutor::new());
            builder
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(limits::IDLE_CONNECTIONS)
                .http1_max_buf_size(limits::MAX_HEAD_BYTES)
                .http1_max_headers(limits::MAX_HEADERS);
            let guarded = Guarded {
                local: upstream.local,
            };
            let client = match upstream.security.config() {
                None => Caller::Plain(builder.build(guarded)),
                Some(config) => {
                    let connector = HttpsConnectorBuilder::new().with_tls_config(ClientConfig::clone(config));
                    let connector = connector.https_or_http().enable_http1().wrap_connector(guarded);
                    Caller::Encrypting(builder.build(connector))
                }
            };
            Allowed { upstream, client }
        });
        Upstreams {
            allowed: allowed.collect(),
        }
    }

    fn find(&self, target: &Uri) -> Result<&Allowed, Failure> {
        let refuse = |reason, message: &str| Err(Failure::new(StatusCode::FORBIDDEN, reason, message));
        if self.allowed.is_empty() {
            return refuse("ProxyDisabled", "datasource proxies are switched off");
        }
        let (host, port) = (target.host().unwrap_or_default(), port(target));
        let fits = |allowed: &&Allowed| {
            allowed.upstream.port == port && allowed.upstream.host.eq_ignore_ascii_case(host)
        };
        match self.allowed.iter().find(fits) {
            Some(allowed) => match (&allowed.upstream.security, is_encrypted(target)) {
                (Security::Plain, true) => refuse(
                    "NotTrusted",
                    "this host knows no authorities that could vouch for a target over https",
                ),
                (Security::Encrypted(_), false) => {
                    refuse("NotEncrypted", "this target is called over https alone")
                }
                _ => Ok(allowed),
            },
            None => refuse(
                "TargetNotAllowed",
                "the declared target is not among those that are allowed",
            ),
        }
    }
}

impl<B> Ask<'_, B>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) async fn upstream(&mut self, rest: &str) -> Result<Response<Body>, Failure> {
        let base = self.service().url.clone().unwrap_or_default();
        let query = self
            .request
            .uri()
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let target: Uri = format!("{base}{rest}{query}")
            .parse()
            .map_err(|_| Failure::bad_request("the path cannot be passed on"))?;
        let allowed = self.shared.upstreams.find(&target)?;
        if self.request.headers().contains_key(header::UPGRADE) {
            return Err(Failure::bad_request("datasource proxies pass on no upgrades"));
        }
        let line = &self.hit.mount.line;
        let place = line
            .running
            .take()
            .await
            .ok_or_else(|| Failure::saturated(line))?;
        let mut sent_headers = self.to_plugin();
        // Who asks is this machine's own affair.
        for ours in [
            "x-orrery-user",
            "x-orrery-role",
            "x-forwarded-for",
            "x-forwarded-prefix",
            "x-forwarded-proto",
        ] {
            sent_headers.remove(ours);
        }
        let authority = target
            .authority()
            .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        if let Some(authority) = authority {
            sent_headers.insert(header::HOST, authority);
        }
        for (name, value) in &allowed.upstream.headers {
            sent_headers.insert(name, value.clone());
        }
        let method = self.request.method().clone();
        let (most, hit) = (self.most(), &self.hit);
        let (sent_body, progress) = body::upload(self.request.body_mut().take(), most, &hit.target.meter);
        let mut request = Request::new(sent_body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, target, sent_headers);
        let sent = match &allowed.client {
            Caller::Plain(client) => client.request(request),
            Caller::Encrypting(client) => client.request(request),
        };
        let sent = sent.map_err(|error| unsent(&error));
        let answer = head(pin!(sent), progress.as_deref(), self.patience(), most).await?;
        self.passed_on(answer, limits::ROUTE_IDLE, place)
    }
}

fn unsent(error: &hyper_util::client::legacy::Error) -> SendError {
    match cause::<DialError>(error) {
        Some(dial) => SendError::Dial(dial.clone()),
        None if let Some(why) = untrusted(error) => SendError::Dial(DialError::Untrusted(why)),
        None if error.is_connect() => SendError::Dial(DialError::Failed(error.to_string())),
        None => {
            let deep = cause::<hyper::Error>(error).map(ToString::to_string);
            SendError::Broken(deep.unwrap_or_else(|| error.to_string()))
        }
    }
}

/// Why a target did not prove who it is.
fn untrusted(error: &hyper_util::client::legacy::Error) -> Option<String> {
    let mut io = cause::<std::io::Error>(error)?;
    loop {
        // An error of the system does not name what it holds as its source.
        let held = io.get_ref()?;
        match held.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(why)) => {
                return Some(format!("the target's certificate is not accepted: {why}"));
            }
            Some(other) => return Some(format!("the target cannot be called over https: {other}")),
            None => io = held.downcast_ref()?,
        }
    }
}

fn is_encrypted(target: &Uri) -> bool {
    target.scheme() == Some(&http::uri::Scheme::HTTPS)
}

fn port(target: &Uri) -> u16 {
    target
        .port_u16()
        .unwrap_or(if is_encrypted(target) { 443 } else { 80 })
}

/// Dials only what is not this machine.
#[derive(Debug, Clone)]
struct Guarded {
    local: bool,
}

impl tower::Service<Uri> for Guarded {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let local = self.local;
        Box::pin(async move {
            let dialled = tokio::time::timeout(limits::CONNECT_UPSTREAM, dial(&target, local)).await;
            dialled.map_err(|_| DialError::Timeout)?.map(TokioIo::new)
        })
    }
}

async fn dial(target: &Uri, local: bool) -> Result<TcpStream, DialError> {
    let failed = |error: std::io::Error| DialError::Failed(error.to_string());
    let host = target
        .host()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port(target)))
        .await
        .map_err(failed)?
        .collect();
    let mut last = DialError::Failed(format!("{host} has no address"));
    for address in addresses {
        if !local && is_local(address.ip()) {
            last = DialError::Peer(format!("{host} is {}, which is local", address.ip()));
            continue;
        }
        match TcpStream::connect(address).await {
            // Who is called at one of this machine's own addresses is called from that very address.
            Ok(stream) if !local && is_own(&stream) => {
                last = DialError::Peer(format!("{host} is this machine"));
            }
            Ok(stream) => return Ok(stream),
            Err(error) => last = failed(error),
        }
    }
    Err(last)
}

fn is_own(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(here), Ok(there)) => here.ip() == there.ip(),
        _ => true,
    }
}

/// Addresses that never are another machine's service: this machine, this link, nobody, everybody.
fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.octets()[0] == 0
        }
        IpAddr::V6(v6) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se3_local_addresses_are_told_in_every_spelling() {
        for local in [
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for outside in ["192.168.1.1", "10.0.0.1", "1.1.1.1", "2606:4700::1111", "fd00::1"] {
            assert!(!is_local(outside.parse().unwrap()), "{outside}");
        }
    }
}
