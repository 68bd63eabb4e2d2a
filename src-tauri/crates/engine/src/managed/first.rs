//! What a new installation begins with: a package that came with the application.

use std::path::{Path, PathBuf};

/// Id of the plugin that a new installation begins with.
const FIRST: &str = "iowait";
/// Where packages lie that came with the application, seen from the directory of its executable.
const SHARE: &str = "../share/orrery/plugins";

/// Packages to begin with: from `dir` if one is given, otherwise from beside the executable.
pub fn first_packages(dir: Option<&Path>) -> Vec<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join(SHARE));
    let dir = dir.map(Path::to_owned).or_else(beside);
    dir.and_then(|dir| newest_in(&dir)).into_iter().collect()
}

fn newest_in(dir: &Path) -> Option<PathBuf> {
    let is_first = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let rest = name.strip_prefix(FIRST).unwrap_or_default();
        rest.starts_with('-') && (rest.ends_with(".tar.gz") || rest.ends_with(".tar.zst"))
    };
    // A directory that is not there has nothing to begin with.
    let entries = std::fs::read_dir(dir).ok()?;
    let path = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_first)
        .max()?;
    std::path::absolute(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_package_of_the_first_plugin_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "iowait-1.0.0.tar.gz",
            "iowait-1.1.0.tar.gz",
            "iowait-1.1.0.tar.gz.minisig",
            "other-9.tar.gz",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(
            first_packages(Some(dir.path())),
            [dir.path().join("iowait-1.1.0.tar.gz")]
        );
        assert!(first_packages(Some(Path::new("/nonexistent"))).is_empty());
    }
}
