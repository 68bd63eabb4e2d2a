//! Packages whose program is this executable.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use orrery_packages::{Compression, pack};

/// A package in the making.
pub(crate) struct Package {
    id: String,
    version: String,
    args: Vec<String>,
    top: String,
    run: String,
    tables: String,
    payload: usize,
    socket: Option<PathBuf>,
}

impl Package {
    pub(crate) fn new(id: &str, version: &str) -> Self {
        Package {
            id: id.to_owned(),
            version: version.to_owned(),
            args: Vec::new(),
            top: String::new(),
            run: String::new(),
            tables: String::new(),
            payload: 0,
            socket: None,
        }
    }

    /// An argument of its program.
    pub(crate) fn arg(mut self, key: &str, value: impl ToString) -> Self {
        self.args.extend([format!("--{key}"), value.to_string()]);
        self
    }

    /// Tables of its manifest.
    pub(crate) fn with(mut self, text: &str) -> Self {
        self.tables.push_str(text);
        self.tables.push('\n');
        self
    }

    /// Keys of its manifest that are in no table.
    pub(crate) fn top(mut self, text: &str) -> Self {
        self.top.push_str(text);
        self.top.push('\n');
        self
    }

    /// More of `[run]`.
    pub(crate) fn run(mut self, text: &str) -> Self {
        self.run.push_str(text);
        self.run.push('\n');
        self
    }

    /// So many bytes that cannot be compressed.
    pub(crate) fn payload(mut self, bytes: usize) -> Self {
        self.payload = bytes;
        self
    }

    /// It listens on a path of its own.
    pub(crate) fn fixed_socket(mut self, path: &Path) -> Self {
        self.socket = Some(path.to_owned());
        self.arg("unlink", "yes")
    }

    /// Writes manifest and program into a directory.
    pub(crate) fn write(&self, dir: &Path) {
        std::fs::create_dir_all(dir.join("bin")).unwrap();
        std::fs::write(dir.join("plugin.toml"), self.manifest()).unwrap();
        if self.payload > 0 {
            std::fs::write(dir.join("payload"), noise(self.payload)).unwrap();
        }
        let program = dir.join("bin/run");
        let this = std::env::current_exe().unwrap();
        let script = format!(
            "#!/bin/sh\nexec '{}' {} \"$@\"\n",
            this.display(),
            crate::AS_PLUGIN
        );
        std::fs::write(&program, script).unwrap();
        for path in [dir, &dir.join("bin"), &program] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let manifest = dir.join("plugin.toml");
        std::fs::set_permissions(manifest, std::fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Packs it into a directory; gives the archive.
    pub(crate) fn pack(&self, into: &Path) -> PathBuf {
        let dir = tempfile::tempdir().unwrap();
        self.write(dir.path());
        std::fs::create_dir_all(into).unwrap();
        pack(dir.path(), into, Compression::Gzip).unwrap().path
    }

    /// Its manifest as that of a local plugin whose program lies elsewhere.
    pub(crate) fn manifest_for(&self, program: &Path) -> String {
        let entry = format!("entry = {program:?}");
        self.manifest().replace("entry = \"bin/run\"", &entry)
    }

    fn manifest(&self) -> String {
        let mut args = vec!["--id".to_owned(), self.id.clone()];
        args.extend(["--version".to_owned(), self.version.clone()]);
        let socket = self.socket.as_ref();
        let socket = socket.map_or_else(|| "{socket}".to_owned(), |path| path.display().to_string());
        args.extend(["--socket".to_owned(), socket]);
        args.extend(["--config-file".to_owned(), "{config_file}".to_owned()]);
        args.extend(self.args.iter().cloned());
        let args: Vec<String> = args.iter().map(|arg| format!("{arg:?}")).collect();
        let own = self.socket.as_ref().map(|path| format!("socket = {path:?}\n"));
        let mut text = format!(
            "manifest = 1\nid = \"{}\"\nversion = \"{}\"\n",
            self.id, self.version
        );
        text.push_str(&self.top);
        text.push_str("[run]\nentry = \"bin/run\"\n");
        text.push_str(&format!("args = [{}]\n", args.join(", ")));
        text.push_str(&own.unwrap_or_default());
        text.push_str(&self.run);
        if !self.tables.contains("[start]") {
            text.push_str("[start]\nattempts = 2\ntimeout = \"5s\"\n");
            text.push_str("backoff = { first = \"100ms\", factor = 1.0, max = \"200ms\", jitter = 0.0 }\n");
        }
        if !self.tables.contains("[stop]") {
            text.push_str("[stop]\ntimeout = \"1s\"\n");
        }
        if !self.tables.contains("[restart]") {
            text.push_str("[restart]\nstable_after = \"300ms\"\n");
        }
        text.push_str(&self.tables);
        text
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let numbers = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    numbers.flat_map(u64::to_ne_bytes).take(bytes).collect()
}
