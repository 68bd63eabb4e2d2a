//! What datasource proxies may reach, from settings; secrets come from files that only their owner reads.

use http::{HeaderName, HeaderValue};
use orrery_engine::DatasourceSettings;
use orrery_services::proxy::Upstream;

use super::ServicesError;
use crate::secret;

/// The places that settings allow.
pub(super) fn upstreams(settings: &[DatasourceSettings]) -> Result<Vec<Upstream>, ServicesError> {
    settings.iter().map(upstream).collect()
}

fn upstream(settings: &DatasourceSettings) -> Result<Upstream, ServicesError> {
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
            headers: [(name.to_owned(), file.to_owned())].into(),
        }])
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
