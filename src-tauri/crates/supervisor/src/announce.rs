//! What a program says of itself with the first line of its standard output: above all, where it listens.
//!
//! The line is the path of its socket, or a JSON object: `{"socket": "/…", "id": "counter", "version": "1.2.0"}`, of
//! which the socket alone has to be there. The object that plugins of Snap print is understood too, as far as it names
//! a UNIX socket.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::Deserialize;
use serde_json::Value;

/// What a program says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Its socket.
    pub socket: PathBuf,
    /// Its id, where it says one.
    pub id: Option<String>,
    /// Its version, where it says one.
    pub version: Option<Version>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(alias = "ListenAddress")]
    socket: Option<String>,
    #[serde(alias = "name")]
    id: Option<String>,
    version: Option<Value>,
    #[serde(rename = "Meta")]
    meta: Option<Meta>,
    #[serde(rename = "State", default)]
    state: i64,
    #[serde(rename = "ErrorMessage", alias = "error", default)]
    error: String,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "Version")]
    version: Option<Value>,
}

impl Announcement {
    /// Reads a first line.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence; its own words when it says that it failed.
    pub fn read(line: &str) -> Result<Announcement, String> {
        let line = line.trim();
        if !line.starts_with('{') {
            return Ok(Announcement {
                socket: socket(line)?,
                id: None,
                version: None,
            });
        }
        let said: Said = serde_json::from_str(line)
            .map_err(|error| format!("the first line of its standard output is no JSON object: {error}"))?;
        if said.state != 0 || !said.error.is_empty() {
            return Err(match said.error.as_str() {
                "" => format!("it says that it failed, with state {}", said.state),
                error => format!("it says that it failed: {}", crate::text::clean(error)),
            });
        }
        let Some(address) = said.socket else {
            return Err("its first line names no socket".to_owned());
        };
        let (name, number) = said.meta.map_or((None, None), |meta| (meta.name, meta.version));
        Ok(Announcement {
            socket: socket(&address)?,
            id: said.id.or(name),
            version: said.version.or(number).as_ref().map(version).transpose()?,
        })
    }
}

/// The path in an address.
fn socket(address: &str) -> Result<PathBuf, String> {
    let path = match address.strip_prefix("unix:") {
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None => address,
    };
    if path.starts_with('/') && !path.contains('\0') {
        return Ok(PathBuf::from(path));
    }
    let shown: String = address.chars().take(SHOWN_CHARS).collect();
    Err(format!(
        "the first line of its standard output is `{}`, which is neither the absolute path of a UNIX socket nor JSON",
        shown.escape_debug()
    ))
}

/// Characters of a line that are repeated in an error.
const SHOWN_CHARS: usize = 100;

/// A version as it is said; Snap's are whole numbers.
fn version(said: &Value) -> Result<Version, String> {
    match said {
        Value::Number(number) => number.as_u64().map(|number| Version::new(number, 0, 0)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| "the version in its first line is none; it is written such as \"1.4.0\"".to_owned())
}

/// Whether there is a socket at an announced path, within the directory that the program was given. Blocks.
///
/// # Errors
/// When what is there is not to be used, in a sentence.
pub fn is_there(socket: &Path, run_dir: &Path) -> Result<bool, String> {
    let outside = || {
        format!(
            "it says that it listens on {}, outside of its own directory, {}",
            socket.display(),
            run_dir.display()
        )
    };
    let found = match fs::symlink_metadata(socket) {
        Ok(found) => found,
        Err(_) if socket.starts_with(run_dir) => return Ok(false),
        Err(_) => return Err(outside()),
    };
    // Words alone do not tell where a path leads that goes through links or upwards.
    let real = |path: Option<&Path>| path.and_then(|path| fs::canonicalize(path).ok());
    match (real(socket.parent()), real(Some(run_dir))) {
        (Some(parent), Some(own)) if parent.starts_with(&own) => {}
        _ => return Err(outside()),
    }
    if !found.file_type().is_socket() {
        return Err(format!(
            "it says that it listens on {}, which is no socket",
            socket.display()
        ));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_path_and_json_are_understood_and_nothing_else() {
        let said = |line: &str| Announcement::read(line).unwrap();
        assert_eq!(said("/run/a.sock\r").socket, Path::new("/run/a.sock"));
        assert_eq!(said("unix:///run/a.sock").socket, Path::new("/run/a.sock"));
        assert_eq!(said("unix:/run/a.sock").socket, Path::new("/run/a.sock"));
        let all = said(r#"{"socket": "/run/a.sock", "id": "a", "version": "1.2.3", "more": [1]}"#);
        assert_eq!(
            (all.id.as_deref(), all.version),
            (Some("a"), Some(Version::new(1, 2, 3)))
        );
        let snap = said(
            r#"{"Meta":{"Type":0,"Name":"mock","Version":3},"ListenAddress":"/run/a.sock","Token":"t","Type":0,"State":0,"ErrorMessage":""}"#,
        );
        assert_eq!(
            (snap.id.as_deref(), snap.version),
            (Some("mock"), Some(Version::new(3, 0, 0)))
        );
        for (line, why) in [
            ("", "neither the absolute path"),
            ("hello", "`hello`, which is neither"),
            ("127.0.0.1:4000", "neither the absolute path"),
            ("run/a.sock", "neither the absolute path"),
            ("{\"socket\": ", "no JSON object"),
            ("{}", "names no socket"),
            (r#"{"socket": "127.0.0.1:1"}"#, "neither the absolute path"),
            (
                r#"{"socket": "/a.sock", "version": "new"}"#,
                "version in its first line",
            ),
            (
                r#"{"State": 1, "ErrorMessage": "no such device"}"#,
                "it failed: no such device",
            ),
            (r#"{"ListenAddress": "/a.sock", "State": 2}"#, "with state 2"),
        ] {
            let told = Announcement::read(line).unwrap_err();
            assert!(told.contains(why), "{line}: {told}");
        }
    }

    #[test]
    fn a_socket_counts_only_within_the_directory_that_was_given() {
        let base = tempfile::tempdir().unwrap();
        let own = base.path().join("own");
        let other = base.path().join("other.sock");
        fs::create_dir_all(own.join("deep")).unwrap();
        let _outside = UnixListener::bind(&other).unwrap();
        let inside = own.join("deep/a.sock");
        assert_eq!(is_there(&inside, &own), Ok(false), "it may come");
        let _inside = UnixListener::bind(&inside).unwrap();
        assert_eq!(is_there(&inside, &own), Ok(true));
        std::os::unix::fs::symlink(&other, own.join("link.sock")).unwrap();
        std::os::unix::fs::symlink(base.path(), own.join("up")).unwrap();
        fs::write(own.join("file"), "").unwrap();
        for (path, why) in [
            (other.clone(), "outside of its own directory"),
            (own.join("../other.sock"), "outside of its own directory"),
            (own.join("up/other.sock"), "outside of its own directory"),
            (own.join("link.sock"), "no socket"),
            (own.join("file"), "no socket"),
            ("/nonexistent/a.sock".into(), "outside of its own directory"),
        ] {
            let told = is_there(&path, &own).unwrap_err();
            assert!(told.contains(why), "{}: {told}", path.display());
        }
    }
}
