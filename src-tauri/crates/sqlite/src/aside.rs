//! Damaged databases are moved aside, never deleted at once.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::error::OpenError;
use crate::limits::ASIDE_TRIES;

const MARK: &str = ".damaged-";
/// The files that SQLite keeps for one database.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// `path` with something after its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames a database and its log to `<name>.damaged-<now>`, and removes the oldest such copies beyond `keep`. Gives
/// the new path.
pub(crate) fn set_aside(database: &Path, now_ms: i64, keep: usize) -> Result<PathBuf, OpenError> {
    let mut target = beside(database, &format!("{MARK}{now_ms}"));
    for n in 1..ASIDE_TRIES {
        if !target.exists() {
            break;
        }
        target = beside(database, &format!("{MARK}{now_ms}-{n}"));
    }
    // The database goes last: were the process killed in between, the next start would move the rest.
    for part in PARTS.iter().rev() {
        let from = beside(database, part);
        match fs::rename(&from, beside(&target, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::file("set aside", &from)(error));
            }
            _ => {}
        }
    }
    if let Err(error) = remove_oldest(database, keep) {
        tracing::warn!(%error, "cannot remove old damaged databases");
    }
    Ok(target)
}

/// Names carry the time of damage.
fn remove_oldest(database: &Path, keep: usize) -> io::Result<()> {
    let (Some(folder), Some(name)) = (database.parent(), database.file_name()) else {
        return Ok(());
    };
    let start = format!("{}{MARK}", name.to_string_lossy());
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(&start) else {
            continue;
        };
        if !rest.ends_with("-wal") && !rest.ends_with("-shm") {
            copies.push((moment(rest), entry.path()));
        }
    }
    copies.sort();
    let surplus = copies.len().saturating_sub(keep);
    for (_, copy) in &copies[..surplus] {
        for part in PARTS {
            match fs::remove_file(beside(copy, part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// When it was damaged, and which of that moment it is.
fn moment(rest: &str) -> (i64, u32) {
    let (at, which) = rest.split_once('-').unwrap_or((rest, "0"));
    (at.parse().unwrap_or_default(), which.parse().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_copies_are_kept_whatever_their_names_look_like() {
        let dir = tempfile::tempdir().expect("a directory");
        let database = dir.path().join("x.db");
        // As an earlier version named them.
        fs::write(dir.path().join("x.db.damaged-00000000000000000009"), "oldest").expect("writes");
        for (now_ms, text) in [(10, "a"), (10, "b"), (200, "c")] {
            fs::write(&database, text).expect("writes");
            fs::write(beside(&database, "-wal"), text).expect("writes");
            set_aside(&database, now_ms, 2).expect("is moved");
            assert!(!database.exists() && !beside(&database, "-wal").exists());
        }
        let mut names: Vec<String> = fs::read_dir(dir.path())
            .expect("reads")
            .map(|entry| entry.expect("reads").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let kept = [
            "x.db.damaged-10-1",
            "x.db.damaged-10-1-wal",
            "x.db.damaged-200",
            "x.db.damaged-200-wal",
        ];
        assert_eq!(names, kept);
    }
}
