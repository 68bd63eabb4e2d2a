//! Encryption: a certificate and its key from files, read anew when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::limits::TLS_LOOK;

/// Why there is no encryption.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Everybody may read the key.
    #[error("everybody on this machine may read the key {path}: chmod 600 it")]
    KeyIsOpen {
        /// The file.
        path: String,
    },
    /// A file holds something else.
    #[error("{path} holds no {what} in PEM")]
    Malformed {
        /// The file.
        path: String,
        /// What it should hold.
        what: &'static str,
    },
    /// The two do not go together, or cannot be used.
    #[error("the certificate {path} cannot be used with its key: {message}")]
    Unusable {
        /// The certificate.
        path: String,
        /// Why.
        message: String,
    },
}

/// A certificate with its key.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    stamps: [Stamp; 2],
    looked: Instant,
}

/// What of a file changes with its content.
type Stamp = Option<(SystemTime, u64)>;

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate, with those that vouch for it, and its key; both in PEM.
    ///
    /// # Errors
    /// When they cannot be read, or do not go together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let stamps = [stamp(certificate), stamp(key)];
        let config = config(certificate, key)?;
        Ok(Tls {
            certificate: certificate.to_path_buf(),
            key: key.to_path_buf(),
            current: Mutex::new(Current {
                config,
                stamps,
                looked: Instant::now(),
            }),
        })
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.current()).accept(stream).await
    }

    /// The certificate of now. One that cannot be used leaves the one before.
    fn current(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() < TLS_LOOK {
            return current.config.clone();
        }
        current.looked = Instant::now();
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        if stamps != current.stamps {
            match config(&self.certificate, &self.key) {
                Ok(config) => {
                    tracing::info!(path = %self.certificate.display(), "the certificate was read anew");
                    current.config = config;
                    current.stamps = stamps;
                }
                // Both files change, one after the other: the next look finds them together.
                Err(error) => tracing::warn!(%error, "the certificate from before is used further"),
            }
        }
        current.config.clone()
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let shown = |path: &Path| path.display().to_string();
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| TlsError::Io {
            path: shown(path),
            source,
        })
    };
    let malformed = |path: &Path, what| TlsError::Malformed {
        path: shown(path),
        what,
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificate)?).collect();
    let chain = chain
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| malformed(certificate, "certificate"))?;
    let secret = read(key)?;
    if open_to_all(key) {
        return Err(TlsError::KeyIsOpen { path: shown(key) });
    }
    let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|_| malformed(key, "private key"))?;
    let unusable = |error: rustls::Error| TlsError::Unusable {
        path: shown(certificate),
        message: error.to_string(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0)
}
