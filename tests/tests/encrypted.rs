//! Encryption, with real certificates: what it carries, what it refuses, and certificates that change.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use orrery_engine::{Config, Engine};
use orrery_gateway::{Door, Gateway, Tls, TlsError, Token};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate for this machine in two files.
struct Issued {
    certificate: PathBuf,
    key: PathBuf,
    der: CertificateDer<'static>,
}

fn issue(dir: &Path) -> Issued {
    let CertifiedKey { cert, signing_key }: CertifiedKey<KeyPair> =
        generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    Issued {
        certificate,
        key,
        der: cert.der().clone(),
    }
}

/// What is answered to a request by whoever proves `trusted`; none when they do not.
async fn ask(address: SocketAddr, trusted: &CertificateDer<'static>, head: &str) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .ok()?;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    Some(String::from_utf8_lossy(&answer).into_owned())
}

async fn serve(home: &TempDir, tls: Tls) -> (Engine, SocketAddr, CancellationToken) {
    let mut config = Config::new(home.path().join("data"));
    config.probes.clear();
    let engine = Engine::start(config).await.unwrap();
    let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None);
    let stop = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = gateway.router(Door::tcp(address));
    tokio::spawn(orrery_gateway::serve_tls(
        listener,
        Arc::new(tls),
        routes,
        stop.clone(),
    ));
    (engine, address, stop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_travel_encrypted_and_a_new_certificate_is_used_without_a_new_start() {
    let home = tempfile::tempdir().unwrap();
    let first = issue(home.path());
    let (engine, address, stop) = serve(&home, Tls::load(&first.certificate, &first.key).unwrap()).await;
    let port = address.port();
    let head = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: https://localhost:{port}\r\n\
             Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        )
    };
    let answer = ask(address, &first.der, &head("/api")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let page = ask(address, &first.der, &head(&format!("/?token={TOKEN}")))
        .await
        .unwrap();
    assert!(
        page.contains("; Secure"),
        "its cookie travels encrypted only: {page}"
    );

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(head("/api").as_bytes()).await.unwrap();
    let mut said = Vec::new();
    let _ = timeout(PATIENCE, plain.read_to_end(&mut said)).await.unwrap();
    assert!(
        !said.starts_with(b"HTTP"),
        "nothing is said in the clear: {said:?}"
    );

    let second = issue(home.path());
    let until = Instant::now() + PATIENCE;
    while ask(address, &second.der, &head("/api")).await.is_none() {
        assert!(Instant::now() < until, "the new certificate is used");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(
        ask(address, &first.der, &head("/api")).await.is_none(),
        "the old one is not"
    );

    std::fs::write(&second.certificate, "half a cert").unwrap();
    sleep(Duration::from_millis(1_200)).await;
    let further = ask(address, &second.der, &head("/api")).await;
    assert!(further.is_some(), "one that does not parse leaves the one before");
    stop.cancel();
    engine.shutdown().await;
}

#[test]
fn what_is_no_certificate_with_its_own_key_is_refused() {
    let check = |spoil: &dyn Fn(&Issued), want: &str| {
        let dir = tempfile::tempdir().unwrap();
        let issued = issue(dir.path());
        spoil(&issued);
        let error: TlsError = Tls::load(&issued.certificate, &issued.key).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    };
    check(&|i| std::fs::remove_file(&i.certificate).unwrap(), "cannot read");
    check(
        &|i| std::fs::write(&i.certificate, "").unwrap(),
        "holds no certificate",
    );
    check(&|i| std::fs::write(&i.key, "").unwrap(), "holds no private key");
    let shared =
        |i: &Issued| std::fs::set_permissions(&i.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(&shared, "chmod 600");
    let other = |i: &Issued| {
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::copy(issue(elsewhere.path()).key, &i.key).unwrap();
    };
    check(&other, "cannot be used");
}
