//! Looking through the roots for sockets: recursive, through symlinks, bounded, without loops.

use std::collections::{BTreeSet, VecDeque};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::RootInfo;
use crate::limits;
use crate::watch::Watch;

/// Permission bit of directories that anyone may write to.
const WORLD_WRITABLE: u32 = 0o002;

/// Identity of a socket's file: it changes when the socket is replaced or its rights are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    device: u64,
    inode: u64,
    changed_s: i64,
    changed_ns: i64,
}

#[cfg(test)]
impl Mark {
    /// A mark for tests.
    pub(crate) fn of_inode(inode: u64) -> Self {
        Mark {
            device: 0,
            inode,
            changed_s: 0,
            changed_ns: 0,
        }
    }
}

/// A socket's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) mark: Mark,
    /// Owner's uid.
    pub(crate) owner: u32,
    /// Root gave its directory to that owner.
    pub(crate) lent: bool,
}

/// What one look through the roots gave.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Sockets, in the order of the roots, those nearest to a root first, then by path.
    pub(crate) sockets: Vec<Found>,
    pub(crate) roots: Vec<RootInfo>,
}

/// Looks through the roots, with a watch set on every directory before it is read. Where not everything could
/// be seen, `known` sockets that were not come across are looked at by themselves.
pub(crate) fn scan(roots: &[PathBuf], watch: &mut Watch, known: &[Found]) -> Scan {
    let mut walk = Walk {
        watch,
        seen: BTreeSet::new(),
        directories: BTreeSet::new(),
        complete: true,
        scan: Scan::default(),
    };
    for root in roots {
        let info = walk.root(root);
        walk.scan.roots.push(info);
    }
    let Walk {
        mut scan,
        directories,
        complete,
        ..
    } = walk;
    if !complete {
        let listed: BTreeSet<&Path> = scan.sockets.iter().map(|f| f.path.as_path()).collect();
        let unseen = known.iter().filter(|k| !listed.contains(k.path.as_path()));
        let still_there: Vec<Found> = unseen.filter_map(still_there).collect();
        scan.sockets.extend(still_there);
    }
    watch.keep_only(&directories);
    scan
}

/// A known socket as it is. One that cannot be looked at counts as unchanged.
fn still_there(known: &Found) -> Option<Found> {
    match std::fs::metadata(&known.path) {
        Ok(meta) => meta
            .file_type()
            .is_socket()
            .then(|| found(known.path.clone(), &meta)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(_) => Some(known.clone()),
    }
}

struct Walk<'a> {
    watch: &'a mut Watch,
    /// Device and inode of directories entered, so that none is entered twice.
    seen: BTreeSet<(u64, u64)>,
    /// Paths watched in this walk.
    directories: BTreeSet<PathBuf>,
    /// False once something below the roots could not be seen.
    complete: bool,
    scan: Scan,
}

/// What may still be looked at below one root.
struct Allowance {
    directories: usize,
    warnings: Vec<String>,
}

impl Walk<'_> {
    fn root(&mut self, root: &Path) -> RootInfo {
        let mut info = RootInfo {
            path: root.to_owned(),
            exists: false,
            warning: None,
        };
        let mut allowance = Allowance {
            directories: limits::MAX_DIRECTORIES,
            warnings: Vec::new(),
        };
        self.watch_way_to(root);
        match std::fs::metadata(root) {
            Ok(meta) if meta.is_dir() => {
                info.exists = true;
                if meta.mode() & WORLD_WRITABLE != 0 {
                    allowance
                        .warnings
                        .push("anyone may write to this directory and offer plugins in it".to_owned());
                }
                self.below(root, &meta, &mut allowance);
            }
            Ok(_) => allowance.warnings.push("this is not a directory".to_owned()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => {
                self.complete = false;
                allowance.warnings.push(format!("it cannot be looked at: {e}"));
            }
        }
        if let Some(trouble) = self.watch.take_trouble() {
            allowance.warnings.push(format!(
                "it cannot be watched for changes ({trouble}); it is looked through now and then"
            ));
        }
        if !allowance.warnings.is_empty() {
            info.warning = Some(allowance.warnings.join("; "));
        }
        info
    }

    /// Watches the directory that a root lies in, or the nearest above it that exists, so that the root's
    /// coming and going is noticed.
    fn watch_way_to(&mut self, root: &Path) {
        let above = root.ancestors().skip(1).find(|a| a.is_dir());
        if let Some(above) = above {
            self.watch.add(above);
            self.directories.insert(above.to_owned());
        }
    }

    /// Breadth first: what lies near the root is seen whatever lies deeper.
    fn below(&mut self, root: &Path, meta: &Metadata, allowance: &mut Allowance) {
        if !self.seen.insert((meta.dev(), meta.ino())) {
            return;
        }
        let mut queue = VecDeque::from([(root.to_owned(), 0)]);
        while let Some((directory, depth)) = queue.pop_front() {
            if allowance.directories == 0 {
                self.cut_short(
                    allowance,
                    format!("only {} directories in it are looked at", limits::MAX_DIRECTORIES),
                );
                return;
            }
            allowance.directories -= 1;
            self.watch.add(&directory);
            self.directories.insert(directory.clone());
            for (path, meta) in self.entries(&directory, allowance) {
                if meta.file_type().is_socket() {
                    self.scan.sockets.push(found(path, &meta));
                } else if depth >= limits::MAX_DEPTH {
                    let warning = format!("only {} levels of it are looked at", limits::MAX_DEPTH);
                    self.cut_short(allowance, warning);
                } else if self.seen.insert((meta.dev(), meta.ino())) {
                    queue.push_back((path, depth + 1));
                }
            }
        }
    }

    /// Sockets and directories in a directory, by name.
    fn entries(&mut self, directory: &Path, allowance: &mut Allowance) -> Vec<(PathBuf, Metadata)> {
        let read = match std::fs::read_dir(directory) {
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(e) => {
                self.cut_short(allowance, format!("{} cannot be read: {e}", directory.display()));
                return Vec::new();
            }
        };
        let mut entries = Vec::new();
        for (n, entry) in read.enumerate() {
            if n >= limits::MAX_ENTRIES {
                let warning = format!(
                    "only {} entries of {} are looked at",
                    limits::MAX_ENTRIES,
                    directory.display()
                );
                self.cut_short(allowance, warning);
                break;
            }
            let Ok(entry) = entry else {
                self.complete = false;
                break;
            };
            if entry.file_type().is_ok_and(|t| t.is_file()) {
                continue;
            }
            // Followed: a symlink counts as what it leads to, and one that leads nowhere as nothing.
            let path = entry.path();
            let Ok(meta) = std::fs::metadata(&path) else {
                continue;
            };
            match strange_link(&path) {
                // Whoever may write to a directory could show us into any other.
                Some(uid) if meta.is_dir() => {
                    let warning = format!("{} is not followed: user {uid} laid it", path.display());
                    self.cut_short(allowance, warning);
                }
                _ if meta.is_dir() || meta.file_type().is_socket() => entries.push((path, meta)),
                _ => {}
            }
        }
        entries.sort_by(|(a, _): &(PathBuf, _), (b, _)| a.cmp(b));
        entries
    }

    fn cut_short(&mut self, allowance: &mut Allowance, warning: String) {
        self.complete = false;
        if !allowance.warnings.contains(&warning) && allowance.warnings.len() < limits::MAX_WARNINGS {
            allowance.warnings.push(warning);
        }
    }
}

/// Owner of a symlink that is neither ours nor root's; none for what is no such link.
fn strange_link(path: &Path) -> Option<u32> {
    let own = std::fs::symlink_metadata(path).ok()?;
    let known = [0, rustix::process::geteuid().as_raw()];
    (own.is_symlink() && !known.contains(&own.uid())).then(|| own.uid())
}

/// A socket behind somebody else's link is theirs, whosever it is: it was they who offered it.
fn found(path: PathBuf, meta: &Metadata) -> Found {
    let strange = strange_link(&path);
    let owner = strange.unwrap_or(meta.uid());
    Found {
        lent: strange.is_none() && orrery_sockets::lent_to(&path) == Some(owner),
        path,
        mark: Mark {
            device: meta.dev(),
            inode: meta.ino(),
            changed_s: meta.ctime(),
            changed_ns: meta.ctime_nsec(),
        },
        owner,
    }
}
