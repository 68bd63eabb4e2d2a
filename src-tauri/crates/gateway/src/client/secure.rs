//! Encryption to an instance that listens beyond its machine. Its certificate must be one that this machine trusts.

use std::io::{Error, Result};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Encrypts a connection to `host`.
///
/// # Errors
/// When the host proves no certificate of its name that this machine trusts.
pub(super) async fn dress(stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(Error::other)?;
    TlsConnector::from(Arc::new(config()?))
        .connect(name, stream)
        .await
}

fn config() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::other)?
        .with_platform_verifier()
        .map_err(Error::other)?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
