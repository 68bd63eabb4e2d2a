//! Making packages: begin, pack, list, sign.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use orrery_packages::{
    Compression, Index, Manifest, PackageError, PluginId, UnpackError, keygen, manifest, pack, sign,
};
use serde_json::{Value, json};

use super::make_args::{Make, Password};
use super::{probe, verify};
use crate::args::Common;
use crate::exit::Exit;
use crate::output::{file_size, print_json};

/// A plugin that works, to begin with.
const STARTER: &str = include_str!("starter.py");
/// Longest password file that is read, in bytes.
const PASSWORD_BYTES_MAX: u64 = 64 * 1024;

/// Runs a command that needs no instance.
pub(crate) async fn run(common: &Common, command: Make) -> Result<(), Exit> {
    let json = common.json;
    match command {
        Make::Init {
            id,
            dir,
            manifest_only,
        } => {
            let dir = dir.unwrap_or_else(|| PathBuf::from(id.as_str()));
            done(json, init(&id, &dir, manifest_only)?)
        }
        Make::Pack { dir, out, zstd } => ended(json, packed(&dir, &out, zstd)),
        Make::Index { dir } => ended(json, indexed(&dir)),
        Make::Keygen { name, dir, password } => {
            let password = password.read()?;
            ended(json, keys(&dir, &name, password.as_deref()))
        }
        Make::Sign {
            package,
            key,
            password,
        } => {
            let password = password.read()?;
            ended(json, signed(&package, &key, password.as_deref()))
        }
        Make::Verify(options) => verify::run(common, options).await,
        Make::Probe { target, id } => probe::run(&target, id, json).await,
    }
}

/// What was made: a sentence for people, and data for programs.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) data: Value,
}

pub(super) fn done(json: bool, made: Made) -> Result<(), Exit> {
    if json {
        return print_json(&made.data);
    }
    say!("{}", made.text);
    Ok(())
}

/// Prints what was made, or says why it was not; a program is told the stable code too.
pub(super) fn ended(json: bool, outcome: Result<Made, PackageError>) -> Result<(), Exit> {
    let error = match outcome {
        Ok(made) => return done(json, made),
        Err(error) => error,
    };
    let mut message = error.to_string();
    if json {
        let fault = json!({
            "ok": false,
            "code": error.code(),
            "message": message,
            "retryable": error.retryable(),
        });
        print_json(&fault)?;
        message.clear();
    }
    Err(match error.code() {
        "fetch.not_found" | "manifest.unreadable" => Exit::nothing(message),
        "checksum" | "host_mismatch" => Exit::refused(message),
        code if code.starts_with("signature.") => Exit::refused(message),
        _ => Exit::failed(message),
    })
}

/// Files are made and never replaced.
fn init(id: &PluginId, dir: &Path, manifest_only: bool) -> Result<Made, Exit> {
    let program = dir.join("bin").join(id.as_str());
    let mut files = vec![(dir.join(manifest::MANIFEST_FILE), Manifest::example(id), 0o644)];
    if !manifest_only {
        files.push((program.clone(), STARTER.replace("PLUGIN_ID", id), 0o755));
    }
    for (path, ..) in &files {
        if path.symlink_metadata().is_ok() {
            return Err(Exit::refused(format!("{} is there already", path.display())));
        }
    }
    for (path, text, mode) in &files {
        let failed = |error| Exit::failed(format!("cannot write {}: {error}", path.display()));
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(*mode)
            .open(path);
        let mut file = file.map_err(failed)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        // Whatever the user's mask took away from a program that has to be executable.
        file.set_permissions(fs::Permissions::from_mode(*mode))
            .map_err(failed)?;
    }
    let shown: Vec<_> = files
        .iter()
        .map(|(path, ..)| path.display().to_string())
        .collect();
    let mut text = format!("wrote {}\n", shown.join(" and "));
    if manifest_only {
        text.push_str(&format!(
            "next: put the program at {}, then `orrery plugin pack {}`",
            program.display(),
            dir.display()
        ));
    } else {
        text.push_str(&format!("next: orrery plugin pack {}", dir.display()));
    }
    Ok(Made {
        text,
        data: json!({ "id": id, "dir": dir, "files": shown }),
    })
}

/// A path in the working directory without the `./` that nobody types.
fn plain(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

fn packed(dir: &Path, out: &Path, zstd: bool) -> Result<Made, PackageError> {
    let compression = if zstd {
        Compression::Zstd
    } else {
        Compression::Gzip
    };
    let manifest = Manifest::read(dir)?;
    let packed = pack(dir, out, compression)?;
    Ok(Made {
        text: format!(
            "{}  {}  sha256 {}",
            plain(&packed.path).display(),
            file_size(packed.bytes),
            packed.sha256
        ),
        data: json!({
            "path": plain(&packed.path),
            "bytes": packed.bytes,
            "sha256": packed.sha256,
            "id": manifest.id,
            "version": manifest.version,
        }),
    })
}

fn indexed(dir: &Path) -> Result<Made, PackageError> {
    let index = Index::of_directory(dir)?;
    let path = dir.join("index.json");
    let failed = |source: std::io::Error| {
        PackageError::from(UnpackError::Io {
            what: format!("writing {}", path.display()),
            source,
        })
    };
    let mut text = serde_json::to_string_pretty(&index).map_err(|error| failed(error.into()))?;
    text.push('\n');
    fs::write(&path, text).map_err(failed)?;
    let packages: usize = index
        .plugins
        .values()
        .flat_map(|entry| entry.versions.values())
        .map(Vec::len)
        .sum();
    Ok(Made {
        text: format!(
            "{}  packages: {packages}, plugins: {}",
            plain(&path).display(),
            index.plugins.len()
        ),
        data: json!({ "path": plain(&path), "plugins": index.plugins.len(), "packages": packages }),
    })
}

fn keys(dir: &Path, name: &str, password: Option<&str>) -> Result<Made, PackageError> {
    let pair = keygen(dir, name, password)?;
    Ok(Made {
        text: format!(
            "{}  keep it to yourself\n{}  for the directory `keys` of every machine that takes your packages",
            plain(&pair.secret).display(),
            plain(&pair.public).display()
        ),
        data: json!({ "secret": plain(&pair.secret), "public": plain(&pair.public) }),
    })
}

fn signed(package: &Path, key: &Path, password: Option<&str>) -> Result<Made, PackageError> {
    let is_program = orrery_packages::is_program(package).unwrap_or(false);
    let name = package
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let signature = match orrery_packages::program_id(name) {
        Ok(id) if is_program => orrery_packages::sign_program(package, &id, key, password)?,
        _ => sign(package, key, password)?,
    };
    Ok(Made {
        text: signature.display().to_string(),
        data: json!({ "package": package, "signature": signature }),
    })
}

impl Password {
    /// The first line of the file.
    fn read(&self) -> Result<Option<String>, Exit> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let failed = |error| Exit::failed(format!("cannot read {}: {error}", path.display()));
        let mut text = String::new();
        if path == Path::new("-") {
            std::io::stdin().read_line(&mut text).map_err(failed)?;
        } else {
            let file = fs::File::open(path).map_err(failed)?;
            file.take(PASSWORD_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(failed)?;
        }
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            return Err(Exit::usage(format!("{} holds no password", path.display())));
        }
        Ok(Some(line.to_owned()))
    }
}
