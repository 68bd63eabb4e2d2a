//! What datasource proxies may reach, from settings; secrets come from files that only their owner reads.

use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use orrery_engine::DatasourceSettings;
use orrery_services::proxy::{Security, Upstream};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::ServicesError;
use crate::secret;

/// The places that settings allow.
pub(super) fn upstreams(settings: &[DatasourceSettings]) -> Result<Vec<Upstream>, ServicesError> {
    // Read once for all, and only where somebody may be called.
    let trusted = if settings.is_empty() {
        Security::Plain
    } else {
        as_this_machine()
    };
    settings.iter().map(|one| upstream(one, &trusted)).collect()
}

/// Trusts whom this machine trusts. Where that is nobody, what needs no trust works all the same.
fn as_this_machine() -> Security {
    let config = config().and_then(rustls::ConfigBuilder::with_platform_verifier);
    match config {
        Ok(config) => Security::Either(Arc::new(config.with_no_client_auth())),
        Err(error) => {
            tracing::warn!(%error, "data sources over https need a `ca`: this machine names nobody who is trusted");
            Security::Plain
        }
    }
}

/// Trusts those alone whose certificates are in a file.
fn as_file_says(file: &Path) -> Result<Security, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate in PEM".to_owned());
    }
    let config = config().map_err(|error| error.to_string())?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(Security::Encrypted(Arc::new(config)))
}

fn config() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn upstream(settings: &DatasourceSettings, trusted: &Security) -> Result<Upstream, ServicesError> {
    let security = match &settings.ca {
        None => trusted.clone(),
        Some(file) => as_file_says(file).map_err(|why| ServicesError::Authorities {
            target: format!("{}:{}", settings.host, settings.port),
            path: file.display().to_string(),
            why,
        })?,
    };
    let faulty = |header: &str, why: String| ServicesError::Datasource {
        target: format!("{}:{}", settings.host, settings.port),
        header: header.to_owned(),
        why,
    };
    let mut headers = Vec::new();
    for (name, file) in &settings.headers {
        let header: HeaderName = name
            .parse()
            .map_err(|_| faulty(name, "it is no name of a header".to_owned()))?;
        let text =
            secret::read(file).map_err(|error| faulty(name, format!("{}: {error}", file.display())))?;
        let text = text.ok_or_else(|| faulty(name, format!("{} is not there", file.display())))?;
        let mut value = HeaderValue::from_str(text.trim())
            .map_err(|_| faulty(name, format!("{} holds no value of a header", file.display())))?;
        value.set_sensitive(true);
        headers.push((header, value));
    }
    Ok(Upstream {
        host: settings.host.clone(),
        port: settings.port,
        local: settings.local,
        headers,
        security,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    fn with(name: &str, file: &Path) -> Result<Vec<Upstream>, ServicesError> {
        upstreams(&[DatasourceSettings {
            host: "prometheus.example".to_owned(),
            port: 9090,
            local: false,
            ca: None,
            headers: [(name.to_owned(), file.to_owned())].into(),
        }])
    }

    #[test]
    fn who_vouches_comes_from_a_file_that_must_make_sense() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("ca.pem");
        let read = || {
            upstreams(&[DatasourceSettings {
                host: "prometheus.example".to_owned(),
                port: 9090,
                local: false,
                ca: Some(file.clone()),
                headers: std::collections::BTreeMap::new(),
            }])
        };
        let missing = read().unwrap_err().to_string();
        assert!(
            missing.contains("ca.pem") && missing.contains("prometheus.example:9090"),
            "{missing}"
        );
        std::fs::write(&file, "no certificate").unwrap();
        assert!(read().unwrap_err().to_string().contains("no certificate in PEM"));
        let certificate = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        std::fs::write(&file, certificate.cert.pem()).unwrap();
        assert!(matches!(read().unwrap()[0].security, Security::Encrypted(_)));
    }

    #[test]
    fn a_secret_comes_from_a_file_that_nobody_else_reads_and_is_never_repeated() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("key");
        std::fs::write(&file, "Bearer hush\n").unwrap();
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o600);
        let read = with("authorization", &file).unwrap();
        assert_eq!(read[0].headers[0].1, "Bearer hush");
        assert!(!format!("{read:?}").contains("hush"));
        assert!(with("no header", &file).is_err());
        mode(0o644);
        let refused = with("authorization", &file).unwrap_err().to_string();
        assert!(!refused.contains("hush") && refused.contains("key"), "{refused}");
        std::fs::remove_file(&file).unwrap();
        assert!(with("authorization", &file).is_err());
    }
}
