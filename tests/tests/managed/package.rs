//! Packages whose program does as their ways say.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use orrery_packages::{Compression, pack};

pub(crate) const PROGRAM: &str = include_str!("plugin.py");

/// A package in the making.
#[derive(Clone)]
pub(crate) struct Package {
    id: String,
    version: String,
    ways: Vec<String>,
    top: String,
    tables: String,
    run: String,
}

impl Package {
    pub(crate) fn new(id: &str, version: &str) -> Package {
        Package {
            id: id.to_owned(),
            version: version.to_owned(),
            ways: Vec::new(),
            top: String::new(),
            tables: String::new(),
            run: String::new(),
        }
    }

    /// Plugins by the name of lamp, which say a word.
    pub(crate) fn lamp(version: &str, word: &str) -> Package {
        Package::new("lamp", version).way(format!("word={word}"))
    }

    /// Something else than a plugin ought to do; see the program.
    pub(crate) fn way(mut self, way: impl Into<String>) -> Package {
        self.ways.push(way.into());
        self
    }

    /// Keys of the manifest that are in no table.
    pub(crate) fn top(mut self, text: &str) -> Package {
        self.top.push_str(text);
        self.top.push('\n');
        self
    }

    /// Keys of its table `run`.
    pub(crate) fn run(mut self, text: &str) -> Package {
        self.run.push_str(text);
        self.run.push('\n');
        self
    }

    /// Tables of the manifest.
    pub(crate) fn with(mut self, text: &str) -> Package {
        self.tables.push_str(text);
        self.tables.push('\n');
        self
    }

    /// Writes manifest and program into a directory.
    pub(crate) fn write(&self, dir: &Path) {
        std::fs::create_dir_all(dir).unwrap();
        let program = dir.join("run");
        std::fs::write(&program, PROGRAM).unwrap();
        let manifest = dir.join("plugin.toml");
        std::fs::write(&manifest, self.manifest()).unwrap();
        for (path, mode) in [(dir, 0o755), (&program, 0o755), (&manifest, 0o644)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    /// Packs it; gives the archive.
    pub(crate) fn pack(&self, into: &Path) -> PathBuf {
        let dir = tempfile::tempdir().unwrap();
        self.write(dir.path());
        std::fs::create_dir_all(into).unwrap();
        pack(dir.path(), into, Compression::Gzip).unwrap().path
    }

    fn manifest(&self) -> String {
        let args = ["{socket}", &self.id].map(str::to_owned);
        let args: Vec<_> = args.iter().chain(&self.ways).map(|a| format!("{a:?}")).collect();
        let mut text = format!(
            "manifest = 1\nid = {:?}\nversion = {:?}\n{}[run]\nentry = \"run\"\nargs = [{}]\n{}",
            self.id,
            self.version,
            self.top,
            args.join(", "),
            self.run,
        );
        for (table, keys) in [
            (
                "start",
                "attempts = 1\nbackoff = { first = \"100ms\", jitter = 0.0 }\n",
            ),
            ("stop", "timeout = \"500ms\"\n"),
            ("restart", "stable_after = \"500ms\"\n"),
        ] {
            if !self.tables.contains(&format!("[{table}]")) {
                text.push_str(&format!("[{table}]\n{keys}"));
            }
        }
        text.push_str(&self.tables);
        text
    }
}
