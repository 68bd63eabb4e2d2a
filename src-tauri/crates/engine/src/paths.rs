//! Where an instance keeps its files.

use std::path::{Path, PathBuf};

/// The four directories of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// config.toml.
    pub config: PathBuf,
    /// history.db, state.db, the token.
    pub data: PathBuf,
    /// Logs.
    pub log: PathBuf,
    /// instance.sock and the user's own plugin sockets.
    pub runtime: PathBuf,
}

impl Paths {
    /// Everything below one directory; one that is relative is meant from here, also by programs that run elsewhere.
    pub fn below(dir: &Path) -> Self {
        // It fails only without a working directory, and then nothing relative leads anywhere.
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
        Paths {
            config: dir.join("config"),
            data: dir.clone(),
            log: dir.join("log"),
            runtime: dir.join("run"),
        }
    }

    /// The system's directories, used by root without XDG variables.
    pub fn system() -> Self {
        Paths {
            config: "/etc/orrery".into(),
            data: "/var/lib/orrery".into(),
            log: "/var/log/orrery".into(),
            runtime: "/run/orrery".into(),
        }
    }

    /// From the environment: XDG variables where set; the system's directories for root without them; the
    /// usual places below the home directory otherwise.
    pub fn from_env(root: bool, var: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let home = var("HOME").unwrap_or_else(|| PathBuf::from("/"));
        let system = Self::system();
        let place = |name: &str, fallback: PathBuf, system: PathBuf| match var(name) {
            Some(dir) if dir.is_absolute() => dir.join("orrery"),
            _ if root => system,
            _ => fallback,
        };
        let state = place("XDG_STATE_HOME", home.join(".local/state/orrery"), PathBuf::new());
        Paths {
            config: place("XDG_CONFIG_HOME", home.join(".config/orrery"), system.config),
            data: place("XDG_DATA_HOME", home.join(".local/share/orrery"), system.data),
            log: if root && var("XDG_STATE_HOME").is_none() {
                system.log
            } else {
                state.join("log")
            },
            runtime: place(
                "XDG_RUNTIME_DIR",
                home.join(".local/share/orrery/run"),
                system.runtime,
            ),
        }
    }

    /// For this process: below `data` when given, from the environment otherwise.
    pub fn resolve(data: Option<&Path>) -> Self {
        match data {
            Some(dir) => Self::below(dir),
            None => Self::from_env(rustix::process::geteuid().is_root(), |name| {
                std::env::var_os(name)
                    .filter(|v| !v.is_empty())
                    .map(PathBuf::from)
            }),
        }
    }

    /// The socket on which the instance answers.
    pub fn instance_socket(&self) -> PathBuf {
        self.runtime.join("instance.sock")
    }

    /// The socket by which plugins that the instance runs may call it.
    pub fn host_socket(&self) -> PathBuf {
        self.runtime.join("host.sock")
    }

    /// Directories searched for plugin sockets when none are given.
    pub fn plugin_roots(&self) -> Vec<PathBuf> {
        vec![
            PathBuf::from("/var/run/scope/plugins"),
            self.runtime.join("plugins"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: bool, vars: &[(&str, &str)]) -> Paths {
        Paths::from_env(root, |name| {
            vars.iter()
                .find(|(k, _)| *k == name)
                .map(|(_, v)| PathBuf::from(v))
        })
    }

    #[test]
    fn a_user_without_xdg_variables_gets_the_usual_places() {
        let p = paths(false, &[("HOME", "/home/ada")]);
        assert_eq!(p.data, Path::new("/home/ada/.local/share/orrery"));
        assert_eq!(p.config, Path::new("/home/ada/.config/orrery"));
        assert_eq!(p.log, Path::new("/home/ada/.local/state/orrery/log"));
    }

    #[test]
    fn root_without_xdg_variables_gets_the_system_places() {
        assert_eq!(paths(true, &[("HOME", "/root")]), Paths::system());
    }

    #[test]
    fn xdg_variables_win_and_relative_ones_are_ignored() {
        let p = paths(
            true,
            &[
                ("HOME", "/root"),
                ("XDG_RUNTIME_DIR", "/run/user/7"),
                ("XDG_DATA_HOME", "rel"),
            ],
        );
        assert_eq!(p.instance_socket(), Path::new("/run/user/7/orrery/instance.sock"));
        assert_eq!(p.data, Path::new("/var/lib/orrery"));
    }

    #[test]
    fn a_data_directory_holds_everything() {
        assert_eq!(
            Paths::below(Path::new("/d")).instance_socket(),
            Path::new("/d/run/instance.sock")
        );
        let here = std::env::current_dir().unwrap();
        assert_eq!(Paths::below(Path::new("d")).data, here.join("d"));
    }
}
