//! Datasource proxies over https, to real servers whose certificates we made.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orrery_services::Config;
use orrery_services::proxy::{Security, Upstream};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::world::{Answer, World, object};

/// Somebody who vouches for servers.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Authority {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Trusts this one alone.
    fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }

    /// What a server of this name shows.
    fn vouch(&self, name: &str, until_year: i32) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Arc::new(
            config
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap(),
        )
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server over https that says what it got.
struct Target {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Target {
    async fn start(config: Arc<ServerConfig>) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (TlsAcceptor::from(Arc::clone(&config)), Arc::clone(&counted));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(|request| {
                        counted.fetch_add(1, Ordering::SeqCst);
                        async move { Ok::<_, Infallible>(told(&request)) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    drop(connection.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Target { port, requests }
    }

    /// Asks it through a datasource proxy.
    async fn asked(&self, scheme: &str, host: &str, security: Security, path: &str) -> Answer {
        let upstream = Upstream {
            host: host.to_owned(),
            port: self.port,
            local: true,
            headers: vec![(
                HeaderName::from_static("authorization"),
                HeaderValue::from_static("Bearer ours"),
            )],
            security,
        };
        let world = World::with(Config {
            upstreams: vec![upstream],
            ..Config::default()
        })
        .await;
        let service = format!(
            "[{{type: datasource-proxy, uid: main, url: '{scheme}://{host}:{}/prometheus'}}]",
            self.port
        );
        world.apply(&object("o", "p", "g.example", "v1", &service)).await;
        world.get(&format!("/apis/g.example/v1/proxy/main{path}")).await
    }
}

fn told(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
    let said = json!({
        "path": request.uri().to_string(), "host": header("host"), "authorization": header("authorization"),
        "user": header("x-orrery-user"), "cookie": header("cookie"),
    });
    let mut response = Response::new(Full::from(said.to_string()));
    if request.uri().path().ends_with("/moved") {
        *response.status_mut() = http::StatusCode::FOUND;
        let elsewhere = HeaderValue::from_static("http://127.0.0.1:1/elsewhere");
        response.headers_mut().insert(http::header::LOCATION, elsewhere);
    }
    response
}

#[tokio::test]
async fn a_target_over_https_gets_our_key_and_nothing_of_the_caller() {
    let authority = Authority::new("ours");
    let target = Target::start(authority.vouch("localhost", 4000)).await;
    let either = || Security::Either(authority.trusted());
    let said = target
        .asked("https", "localhost", either(), "/api/v1/query?q=up")
        .await
        .json();
    assert_eq!(said["path"], "/prometheus/api/v1/query?q=up");
    assert_eq!(said["host"], format!("localhost:{}", target.port));
    assert_eq!(said["authorization"], "Bearer ours");
    assert!(said["user"].is_null() && said["cookie"].is_null(), "{said}");
    // A target that sends elsewhere is told of, and not followed.
    let moved = target.asked("https", "localhost", either(), "/moved").await;
    assert_eq!(moved.status, 302);
    assert_eq!(target.requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn who_does_not_prove_its_name_is_sent_nothing() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("a stranger"));
    let cases = [
        (
            "another name",
            authority.vouch("elsewhere.example", 4000),
            "not valid for name",
        ),
        ("expired", authority.vouch("localhost", 2001), "expired"),
        (
            "an unknown authority",
            stranger.vouch("localhost", 4000),
            "UnknownIssuer",
        ),
    ];
    for (what, shown, why) in cases {
        let target = Target::start(shown).await;
        let security = Security::Either(authority.trusted());
        let answer = target.asked("https", "localhost", security, "/").await;
        assert_eq!(answer.reason(), (502, "Untrusted".to_owned()), "{what}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(why), "{what}: {message}");
        assert_eq!(target.requests.load(Ordering::SeqCst), 0, "{what}");
    }
}

#[tokio::test]
async fn what_is_meant_to_be_encrypted_is_never_sent_in_the_open() {
    let authority = Authority::new("ours");
    let target = Target::start(authority.vouch("localhost", 4000)).await;
    let asked = |scheme, security| target.asked(scheme, "localhost", security, "/");
    let answer = asked("http", Security::Encrypted(authority.trusted())).await;
    assert_eq!(answer.reason(), (403, "NotEncrypted".to_owned()));
    let answer = asked("https", Security::Plain).await;
    assert_eq!(answer.reason(), (403, "NotTrusted".to_owned()));
    let answer = asked("https", Security::Encrypted(authority.trusted())).await;
    assert_eq!(answer.status, 200);
    // Who speaks in the open where encryption is asked for is no target.
    let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = open.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = open.accept().await {
            let told = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, told).await;
        }
    });
    let open = Target {
        port,
        requests: Arc::default(),
    };
    let answer = open
        .asked("https", "localhost", Security::Either(authority.trusted()), "/")
        .await;
    assert_eq!(answer.reason(), (502, "Untrusted".to_owned()));
}
