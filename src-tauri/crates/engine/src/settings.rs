//! config.toml: settings that hold until a flag or an environment variable says otherwise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orrery_manager::FileLayers;
use orrery_packages::Trust;
use orrery_packages::manifest::Interface;
use serde::Deserialize;

use crate::otlp_settings::ExportSettings;

/// Settings as the file gives them. Every key may be left out; an unknown one is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address of `orrery serve`, such as `127.0.0.1:4040`.
    pub listen: Option<String>,
    /// Directories searched for plugin sockets.
    pub plugins: Option<Vec<PathBuf>>,
    /// Built-in probes to run, by name.
    pub probes: Option<Vec<String>>,
    /// Pause between two reports of a built-in probe or plugin, in milliseconds.
    pub interval_ms: Option<u64>,
    /// Refuse everything that changes something.
    pub read_only: Option<bool>,
    /// Call plugin sockets owned by users other than root and the own one.
    pub allow_foreign_owners: Option<bool>,
    /// Hide all but the first word of command lines from everybody.
    pub hide_command_line_arguments: Option<bool>,
    /// Hide environment variables of containers from everybody.
    pub hide_environment_variables: Option<bool>,
    /// Choices of the filter of containers that keep those with a label, as `Title:label=value`.
    pub container_filters: Option<Vec<String>>,
    /// The same that drop them.
    pub container_filters_exclude: Option<Vec<String>>,
    /// Further names that browsers and scripts may reach this instance by.
    pub allowed_hosts: Option<Vec<String>>,
    /// Whether Scope's own addresses ask for the token too.
    pub scope_api: Option<ScopeApi>,
    /// What `orrery serve` lets in besides.
    pub serve: ServeSettings,
    /// Encryption.
    pub tls: TlsSettings,
    /// History.
    pub history: HistorySettings,
    /// Plugins that we run.
    pub packages: PackageSettings,
    /// What plugins are configured with, besides what is set for each of them.
    pub config: ConfigSettings,
    /// Tasks.
    pub tasks: TaskSettings,
    /// What datasource proxies may reach; they are off when there is none.
    pub datasources: Vec<DatasourceSettings>,
    /// Metrics that are sent to others.
    pub export: ExportSettings,
}

/// A `[[datasources]]` table: a place outside that datasource proxies may reach.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasourceSettings {
    /// Its name or address, as objects write it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it may be this machine itself, or a link-local address.
    #[serde(default)]
    pub local: bool,
    /// File with the certificates, in PEM, of those who may vouch for it, in place of those that this machine trusts.
    /// With it, it is called over https alone.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Headers that are set on every request to it: the name, and a file that only its owner reads with the value.
    #[serde(default)]
    pub headers: BTreeMap<String, PathBuf>,
}

/// Who may use the addresses that Weave Scope had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeApi {
    /// Everybody on this machine, for looking and for reporting.
    Open,
    /// Whoever has a token, as everywhere.
    Token,
}

/// The `[serve]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeSettings {
    /// Origins of pages that may ask with a token, such as `https://grafana.example`.
    pub origins: Option<Vec<String>>,
}

/// The `[tls]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// Certificate in PEM, with those that vouch for it.
    pub certificate: Option<PathBuf>,
    /// Its key in PEM.
    pub key: Option<PathBuf>,
}

/// The `[config]` table: config of plugins that is said for more than one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigSettings {
    /// For everything.
    pub global: serde_json::Map<String, serde_json::Value>,
    /// For everything with an interface, such as all publishers.
    pub interface: BTreeMap<Interface, serde_json::Map<String, serde_json::Value>>,
}

impl ConfigSettings {
    fn apply(&self, running: &mut crate::PluginRunning) {
        let interfaces = self.interface.iter();
        running.layers = FileLayers {
            global: self.global.clone(),
            interfaces: interfaces
                .map(|(interface, values)| (interface.as_str().to_owned(), values.clone()))
                .collect(),
        };
    }
}

/// The `[packages]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PackageSettings {
    /// Directories in which packages and manifests are looked for.
    pub watch: Option<Vec<PathBuf>>,
    /// What signatures are worth: `off`, `warn` or `require`.
    pub trust: Option<Trust>,
    /// Directory of the keys that packages may be signed with.
    pub keys: Option<PathBuf>,
    /// Refuse to replace a revision by an older version.
    pub refuse_downgrades: Option<bool>,
    /// Use control groups where the system has them.
    pub control_groups: Option<bool>,
}

impl PackageSettings {
    fn apply(&self, running: &mut crate::PluginRunning) {
        if let Some(watch) = &self.watch {
            running.watched.clone_from(watch);
        }
        if let Some(trust) = self.trust {
            running.trust = trust;
        }
        if self.keys.is_some() {
            running.keys.clone_from(&self.keys);
        }
        if let Some(refuse) = self.refuse_downgrades {
            running.refuse_downgrades = refuse;
        }
        if let Some(groups) = self.control_groups {
            running.control_groups = groups;
        }
    }
}

/// The `[tasks]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskSettings {
    /// Directory whose files declare tasks.
    pub watch: Option<PathBuf>,
}

/// The `[history]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistorySettings {
    /// Longest time it is kept, in hours.
    pub max_age_hours: Option<u64>,
    /// Largest size on disk, in megabytes (1024² bytes).
    pub max_mb: Option<u64>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not parse, or has a key that does not exist.
    #[error("{path} is not valid: {message}")]
    Invalid {
        /// The file.
        path: String,
        /// What and where.
        message: String,
    },
}

impl Settings {
    /// Reads a file. One that does not exist gives the defaults, unless `required`.
    ///
    /// # Errors
    /// When it cannot be read, does not parse, or has an unknown key; the message names line and column.
    pub fn read(path: &Path, required: bool) -> Result<Self, SettingsError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {
                return Ok(Self::default());
            }
            Err(source) => {
                return Err(SettingsError::Io {
                    path: path.display().to_string(),
                    source,
                });
            }
        };
        toml::from_str(&text).map_err(|error| SettingsError::Invalid {
            path: path.display().to_string(),
            message: error.to_string(),
        })
    }

    /// Puts the settings into a configuration.
    ///
    /// # Errors
    /// The name of a probe that does not exist, or a filter of containers that does not read.
    pub fn apply(&self, config: &mut crate::Config) -> Result<(), String> {
        if let Some(roots) = &self.plugins {
            config.plugin_roots.clone_from(roots);
        }
        if let Some(names) = &self.probes {
            config.probes = crate::ProbeKind::parse_all(names.iter().map(String::as_str))?;
        }
        if let Some(ms) = self.interval_ms {
            config.interval = Duration::from_millis(ms);
        }
        if let Some(read_only) = self.read_only {
            config.read_only = read_only;
        }
        if let Some(allow) = self.allow_foreign_owners {
            config.allow_foreign_owners = allow;
        }
        if let Some(hide) = self.hide_command_line_arguments {
            config.hide.command_line_arguments = hide;
        }
        if let Some(hide) = self.hide_environment_variables {
            config.hide.environment_variables = hide;
        }
        let keep = self.container_filters.as_deref().unwrap_or_default();
        let drop = self.container_filters_exclude.as_deref().unwrap_or_default();
        if !(keep.is_empty() && drop.is_empty()) {
            let filters = orrery_topology::derive::Settings::with_filters(keep, drop);
            config.derive = filters.map_err(|error| error.to_string())?.into();
        }
        if let Some(running) = &mut config.plugins {
            self.packages.apply(running);
            self.config.apply(running);
            if let Some(watch) = &self.tasks.watch {
                running.tasks.clone_from(watch);
            }
        }
        if let Some(hours) = self.history.max_age_hours {
            config.history_max_age = Duration::from_secs(hours.saturating_mul(3_600));
        }
        if let Some(mb) = self.history.max_mb {
            config.history_max_bytes = mb.saturating_mul(1 << 20);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, SettingsError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Settings::read(&path, true)
    }

    #[test]
    fn settings_reach_the_configuration() {
        let settings = read("interval_ms = 250\nprobes = [\"host\"]\n[history]\nmax_mb = 8\n").unwrap();
        let mut config = crate::Config::new("/d".into());
        settings.apply(&mut config).unwrap();
        assert_eq!(config.interval, Duration::from_millis(250));
        assert_eq!(config.probes, [crate::ProbeKind::Host]);
        assert_eq!(config.history_max_bytes, 8 << 20);
    }

    #[test]
    fn what_packages_are_worth_reaches_the_configuration() {
        let settings =
            read("[packages]\ntrust = \"require\"\nwatch = [\"/p\"]\nrefuse_downgrades = true\n").unwrap();
        let mut config = crate::Config::new("/d".into());
        config.plugins = Some(crate::PluginRunning::at(&crate::Paths::below(Path::new("/d"))));
        settings.apply(&mut config).unwrap();
        let running = config.plugins.unwrap();
        assert_eq!(running.trust, Trust::Require);
        assert_eq!(
            (running.watched, running.refuse_downgrades),
            (vec!["/p".into()], true)
        );
        let error = read("[packages]\ntrust = \"maybe\"\n").unwrap_err().to_string();
        assert!(error.contains("maybe") && error.contains("require"), "{error}");
    }

    #[test]
    fn unknown_keys_and_probes_are_errors_that_name_them() {
        let error = read("intervall_ms = 250\n").unwrap_err().to_string();
        assert!(
            error.contains("intervall_ms") && error.contains("line 1"),
            "{error}"
        );
        let settings = read("probes = [\"hosts\"]\n").unwrap();
        let error = settings.apply(&mut crate::Config::new("/d".into())).unwrap_err();
        assert!(error.contains("hosts"), "{error}");
        let settings = read("container_filters = [\"Databases\"]\n").unwrap();
        let error = settings.apply(&mut crate::Config::new("/d".into())).unwrap_err();
        assert!(error.contains("Databases") && error.contains("colon"), "{error}");
    }

    #[test]
    fn filters_of_containers_reach_the_configuration() {
        let text = "container_filters = [\"Databases:role=db\"]\ncontainer_filters_exclude = [\"No tests:env=test\"]\n";
        let mut config = crate::Config::new("/d".into());
        read(text).unwrap().apply(&mut config).unwrap();
        assert_eq!(config.derive.container_filters.len(), 2);
    }

    #[test]
    fn a_missing_file_is_fine_unless_asked_for() {
        assert!(Settings::read(Path::new("/nonexistent/config.toml"), false).is_ok());
        assert!(Settings::read(Path::new("/nonexistent/config.toml"), true).is_err());
    }
}
