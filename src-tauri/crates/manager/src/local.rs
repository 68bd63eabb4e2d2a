//! Local plugins: files of the user or the system, run where they are and never changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use orrery_packages::Manifest;
use orrery_packages::manifest::MANIFEST_FILE;

use crate::error::OrderError;

/// A local plugin as its files say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Local {
    /// Its manifest's file.
    pub(crate) path: PathBuf,
    /// Directory that a relative path of its program starts from.
    pub(crate) dir: PathBuf,
    /// What it says of itself.
    pub(crate) manifest: Manifest,
}

/// Reads the manifest of a local plugin and sees to it that nobody else can change what is run: manifest, program
/// and the directories that they are in belong to us or root and are writable by their owner alone.
pub(crate) fn read(path: &Path) -> Result<Local, OrderError> {
    let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
    is_safe(&dir)?;
    is_safe(path)?;
    let manifest = Manifest::read_file(path).map_err(|error| OrderError::Manifest {
        code: error.code().to_owned(),
        message: error.to_string(),
    })?;
    if let Some(named) = name_of(path)
        && named != manifest.id.as_str()
    {
        return Err(OrderError::Manifest {
            code: "manifest.invalid".to_owned(),
            message: format!(
                "its id is {} but its file is named for {named}: they have to agree",
                manifest.id
            ),
        });
    }
    let program = crate::spec::program(&manifest, &dir);
    // One that is not there yet may come; the supervisor waits for it.
    if program.exists() {
        is_safe(&program)?;
        if let Some(folder) = program.parent() {
            is_safe(folder)?;
        }
    }
    Ok(Local {
        path: path.to_owned(),
        dir,
        manifest,
    })
}

/// The id that a manifest's place says: `<id>.toml`, or `<id>/plugin.toml`.
fn name_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    match name {
        MANIFEST_FILE => path.parent()?.file_name()?.to_str(),
        _ => name.strip_suffix(".toml"),
    }
}

/// Whether only its owner can change it, and the owner is us or root.
pub(crate) fn is_safe(path: &Path) -> Result<(), OrderError> {
    // What a link points to is what counts; the directory that the link is in is looked at too.
    let metadata = fs::metadata(path)
        .map_err(|error| OrderError::Unsafe(format!("{} cannot be read: {error}", path.display())))?;
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us && metadata.uid() != 0 {
        return Err(OrderError::Unsafe(format!(
            "{} belongs to user {}, who could have anything run; make it your own or root's",
            path.display(),
            metadata.uid()
        )));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(OrderError::Unsafe(format!(
            "{} is writable by others than its owner (mode {mode:o}); use chmod go-w {}",
            path.display(),
            path.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path, id: &str, entry: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = format!("manifest = 1\nid = \"{id}\"\nversion = \"1.0.0\"\n[run]\nentry = \"{entry}\"\n");
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_local_plugin_is_a_file_or_a_directory_with_its_name() {
        let base = tempfile::tempdir().unwrap();
        let check = |file: &str, id: &str, code: Option<&str>| {
            let path = base.path().join(file);
            write(&path, id, "/bin/true");
            let read = read(&path);
            let found = read.as_ref().err().map(OrderError::code);
            assert_eq!(found, code, "{file}: {read:?}");
        };
        check("a.toml", "a", None);
        check("b/plugin.toml", "b", None);
        check("c.toml", "other", Some("manifest.invalid"));
        check("d/plugin.toml", "other", Some("manifest.invalid"));
        check("e.toml", "e e", Some("manifest.syntax"));
    }

    #[test]
    fn what_others_can_write_is_refused_with_the_reason() {
        let base = tempfile::tempdir().unwrap();
        let manifest = base.path().join("p/plugin.toml");
        let program = base.path().join("p/bin/run");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, "#!/bin/sh\n").unwrap();
        write(&manifest, "p", "bin/run");
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for path in [
            manifest.as_path(),
            manifest.parent().unwrap(),
            &program,
            program.parent().unwrap(),
        ] {
            mode(path, 0o755);
        }
        read(&manifest).unwrap();
        for (path, bad) in [
            (manifest.as_path(), 0o666),
            (manifest.parent().unwrap(), 0o777),
            (manifest.parent().unwrap(), 0o775),
            (&program, 0o757),
            (program.parent().unwrap(), 0o777),
        ] {
            mode(path, bad);
            let refused = read(&manifest).unwrap_err();
            assert_eq!(refused.code(), "unsafe");
            assert!(
                refused.to_string().contains(&path.display().to_string()),
                "{refused}"
            );
            mode(path, 0o755);
        }
        read(&manifest).unwrap();
    }

    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can give files away");
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let manifest = base.path().join("p/plugin.toml");
        write(&manifest, "p", "/bin/true");
        std::os::unix::fs::chown(&manifest, Some(12_345), None).unwrap();
        let refused = read(&manifest).unwrap_err();
        assert!(refused.to_string().contains("user 12345"), "{refused}");
    }
}
