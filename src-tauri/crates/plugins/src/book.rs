//! Who holds which id: decides, from what a scan found, which sockets are called. It does no I/O.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orrery_model::SmolStr;

use crate::id::{self, InvalidId};
use crate::limits;
use crate::scan::{Found, Mark};
use crate::text::quoted;
use crate::transport::Trust;

/// Every socket known, and what it is.
#[derive(Default)]
pub(crate) struct Book {
    entries: BTreeMap<PathBuf, Entry>,
    /// Order number for the next socket.
    next: u64,
}

/// A socket in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) standing: Standing,
    mark: Mark,
    owner: u32,
    /// Root gave its directory to that owner.
    lent: bool,
    /// Rises with the time of discovery: who came first keeps the id.
    order: u64,
    /// Nobody listened on it when it was called last. It gives the id to one that may answer.
    dead: bool,
}

/// What a socket is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It holds the id and is called.
    Holds(SmolStr),
    /// Another socket, with this path, came first.
    Conflict { id: SmolStr, with: PathBuf },
    /// It is not called, for this reason; its name for the list.
    Rejected { name: String, reason: String },
}

/// What has to happen after a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The socket is no longer called; its id may be in other hands by now.
    Stop { id: SmolStr, path: PathBuf },
    /// The socket is called from now on.
    Start { id: SmolStr, path: PathBuf },
    /// The socket under this path is another one: what was agreed with the old one counts no more.
    Restart { id: SmolStr, path: PathBuf },
    /// Something else in the list changed.
    List,
}

impl Book {
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Path, &Standing)> {
        self.entries
            .iter()
            .map(|(path, entry)| (path.as_path(), &entry.standing))
    }

    /// Every socket known, as the last scan found it.
    pub(crate) fn known(&self) -> Vec<Found> {
        let found = |(path, entry): (&PathBuf, &Entry)| Found {
            path: path.clone(),
            mark: entry.mark,
            owner: entry.owner,
            lent: entry.lent,
        };
        self.entries.iter().map(found).collect()
    }

    /// Notes whether somebody listens on a socket that holds its id. If nobody does, the next
    /// [`Self::reconcile`] gives the id to another socket that claims it.
    pub(crate) fn note_dead(&mut self, path: &Path, dead: bool) {
        if let Some(entry) = self.entries.get_mut(path) {
            entry.dead = dead;
        }
    }

    /// Takes in what a scan found. Stops come before starts. The second value is the number of sockets
    /// left out because there are too many.
    pub(crate) fn reconcile(&mut self, found: Vec<Found>, trust: Trust) -> (Vec<Change>, usize) {
        let old = std::mem::take(&mut self.entries);
        let mut judged: Vec<(Found, Standing)> = found
            .into_iter()
            .map(|found| {
                let standing = judge(&found, trust);
                (found, standing)
            })
            .collect();
        // Newcomers never push out who is there, and what is not called nobody that is.
        judged.sort_by_key(|(found, standing)| {
            let rejected = matches!(standing, Standing::Rejected { .. });
            (rejected, !old.contains_key(&found.path))
        });
        let left_out = judged.len().saturating_sub(limits::MAX_SOCKETS);
        for (found, standing) in judged.into_iter().take(limits::MAX_SOCKETS) {
            let order = old.get(&found.path).map_or_else(
                || {
                    self.next += 1;
                    self.next
                },
                |entry| entry.order,
            );
            let dead = old
                .get(&found.path)
                .is_some_and(|e| e.dead && e.mark == found.mark);
            let entry = Entry {
                standing,
                mark: found.mark,
                owner: found.owner,
                lent: found.lent,
                order,
                dead,
            };
            self.entries.insert(found.path, entry);
        }
        self.settle_conflicts(&old);
        (self.changes_since(&old), left_out)
    }

    /// Leaves each id to one socket: to one that is not dead, to the one that held it, to the one that came
    /// first.
    fn settle_conflicts(&mut self, old: &BTreeMap<PathBuf, Entry>) {
        let held = |path: &Path| {
            old.get(path)
                .is_some_and(|e| matches!(e.standing, Standing::Holds(_)))
        };
        let mut claims: Vec<(bool, bool, u64, PathBuf, SmolStr)> = Vec::new();
        for (path, entry) in &self.entries {
            if let Standing::Holds(id) = &entry.standing {
                claims.push((entry.dead, !held(path), entry.order, path.clone(), id.clone()));
            }
        }
        claims.sort();
        let mut holders: BTreeMap<SmolStr, PathBuf> = BTreeMap::new();
        for (.., path, id) in claims {
            match holders.get(&id) {
                None => {
                    holders.insert(id, path);
                }
                Some(holder) => {
                    let with = holder.clone();
                    if let Some(entry) = self.entries.get_mut(&path) {
                        entry.standing = Standing::Conflict { id, with };
                    }
                }
            }
        }
    }

    fn changes_since(&self, old: &BTreeMap<PathBuf, Entry>) -> Vec<Change> {
        let mut stops = Vec::new();
        let mut starts = Vec::new();
        let mut listed = false;
        for (path, was) in old {
            let is = self.entries.get(path);
            listed |= is.map(|e| &e.standing) != Some(&was.standing);
            let Standing::Holds(id) = &was.standing else {
                continue;
            };
            let (id, path) = (id.clone(), path.clone());
            match is {
                Some(is) if is.standing != was.standing => stops.push(Change::Stop { id, path }),
                Some(is) if is.mark != was.mark => starts.push(Change::Restart { id, path }),
                Some(_) => {}
                None => stops.push(Change::Stop { id, path }),
            }
        }
        for (path, is) in &self.entries {
            let was = old.get(path).map(|e| &e.standing);
            listed |= was.is_none();
            if let Standing::Holds(id) = &is.standing
                && was != Some(&is.standing)
            {
                let (id, path) = (id.clone(), path.clone());
                starts.push(Change::Start { id, path });
            }
        }
        stops.extend(starts);
        if listed {
            stops.push(Change::List);
        }
        stops
    }
}

/// What a socket would be if it were alone.
fn judge(found: &Found, trust: Trust) -> Standing {
    let name = found.path.file_name().unwrap_or_default();
    match id::from_file_name(name) {
        Err(InvalidId { name, stem }) => Standing::Rejected {
            name,
            reason: format!(
                "invalid plugin id {}: letters and digits, joined by single dashes, are possible",
                quoted(&stem)
            ),
        },
        Ok(id) if !found.lent && !trust.accepts(found.owner) => Standing::Rejected {
            name: id,
            reason: format!(
                "the socket belongs to uid {}, which is neither this user nor root",
                found.owner
            ),
        },
        Ok(id) => Standing::Holds(id.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 1000;

    /// `path`, or `path@mark`, or `path#owner`, or `path#owner!` where its directory is that owner's by root's will.
    fn found(text: &str) -> Found {
        let (rest, owner) = text.split_once('#').unwrap_or((text, "1000"));
        let (path, mark) = rest.split_once('@').unwrap_or((rest, "1"));
        Found {
            path: PathBuf::from(path),
            mark: Mark::of_inode(mark.parse().unwrap()),
            owner: owner.trim_end_matches('!').parse().unwrap(),
            lent: owner.ends_with('!'),
        }
    }

    fn words(changes: &[Change]) -> Vec<String> {
        let word = |change: &Change| match change {
            Change::Stop { id, path } => format!("stop {id} {}", path.display()),
            Change::Start { id, path } => format!("start {id} {}", path.display()),
            Change::Restart { id, path } => format!("restart {id} {}", path.display()),
            Change::List => "list".to_owned(),
        };
        changes.iter().map(word).collect()
    }

    fn standings(book: &Book) -> Vec<String> {
        let word = |(path, standing): (&Path, &Standing)| match standing {
            Standing::Holds(id) => format!("{} holds {id}", path.display()),
            Standing::Conflict { id, with } => format!("{} {id} is {}", path.display(), with.display()),
            Standing::Rejected { name, .. } => format!("{} rejected {name}", path.display()),
        };
        book.entries().map(word).collect()
    }

    /// Runs scans one after the other and compares the changes that the last one brings and what then stands.
    fn check(scans: &[&[&str]], changes: &[&str], stands: &[&str]) {
        let mut book = Book::default();
        let mut last = Vec::new();
        for scan in scans {
            let found = scan.iter().map(|s| found(s)).collect();
            last = book.reconcile(found, Trust::RootAnd(OWN)).0;
        }
        assert_eq!(words(&last), changes, "{scans:?}");
        assert_eq!(standings(&book), stands, "{scans:?}");
    }

    #[test]
    fn sockets_come_and_go() {
        check(
            &[&["/r/a.sock"]],
            &["start a /r/a.sock", "list"],
            &["/r/a.sock holds a"],
        );
        check(&[&["/r/a.sock"], &["/r/a.sock"]], &[], &["/r/a.sock holds a"]);
        check(&[&["/r/a.sock"], &[]], &["stop a /r/a.sock", "list"], &[]);
        check(
            &[&["/r/a.sock"], &["/r/a.sock@2"]],
            &["restart a /r/a.sock"],
            &["/r/a.sock holds a"],
        );
    }

    #[test]
    fn invalid_names_and_foreign_owners_are_listed_and_not_called() {
        check(&[&["/r/a_b.sock"]], &["list"], &["/r/a_b.sock rejected a_b.sock"]);
        check(&[&["/r/a.sock#5"]], &["list"], &["/r/a.sock rejected a"]);
        check(
            &[&["/r/a.sock#0"]],
            &["start a /r/a.sock", "list"],
            &["/r/a.sock holds a"],
        );
        check(
            &[&["/r/a.sock#5!"]],
            &["start a /r/a.sock", "list"],
            &["/r/a.sock holds a"],
        );
        check(
            &[&["/r/a.sock"], &["/r/a.sock@2#5"]],
            &["stop a /r/a.sock", "list"],
            &["/r/a.sock rejected a"],
        );
        check(
            &[&["/r/a.sock#5"], &["/r/a.sock@2"]],
            &["start a /r/a.sock", "list"],
            &["/r/a.sock holds a"],
        );
    }

    #[test]
    fn the_first_keeps_the_id_and_the_next_takes_over() {
        // Found in one scan, the order of the scan decides, which is the order of the roots.
        check(
            &[&["/z/a.sock", "/b/a.sock"]],
            &["start a /z/a.sock", "list"],
            &["/b/a.sock a is /z/a.sock", "/z/a.sock holds a"],
        );
        // Found one after the other, time decides, and a replaced socket stays first.
        check(
            &[&["/z/a.sock"], &["/b/a.sock", "/z/a.sock@2"]],
            &["restart a /z/a.sock", "list"],
            &["/b/a.sock a is /z/a.sock", "/z/a.sock holds a"],
        );
        check(
            &[
                &["/z/a.sock"],
                &["/b/a.sock", "/c/a.sock", "/z/a.sock"],
                &["/b/a.sock", "/c/a.sock"],
            ],
            &["stop a /z/a.sock", "start a /b/a.sock", "list"],
            &["/b/a.sock holds a", "/c/a.sock a is /b/a.sock"],
        );
        // A socket that is not called holds nothing.
        check(
            &[&["/z/a.sock#5", "/b/a.sock"]],
            &["start a /b/a.sock", "list"],
            &["/b/a.sock holds a", "/z/a.sock rejected a"],
        );
        // The one that came back later waits behind the one that took over.
        check(
            &[
                &["/b/a.sock", "/z/a.sock"],
                &["/z/a.sock"],
                &["/b/a.sock", "/z/a.sock"],
            ],
            &["list"],
            &["/b/a.sock a is /z/a.sock", "/z/a.sock holds a"],
        );
    }

    #[test]
    fn a_dead_socket_gives_its_id_to_one_that_may_answer() {
        let mut book = Book::default();
        let both = || vec![found("/r/a.sock"), found("/s/a.sock")];
        book.reconcile(both(), Trust::RootAnd(OWN));
        book.note_dead(Path::new("/r/a.sock"), true);
        let (changes, _) = book.reconcile(both(), Trust::RootAnd(OWN));
        assert_eq!(words(&changes), ["stop a /r/a.sock", "start a /s/a.sock", "list"]);
        assert_eq!(
            standings(&book),
            ["/r/a.sock a is /s/a.sock", "/s/a.sock holds a"]
        );
        // When both are dead the id stays where it is.
        book.note_dead(Path::new("/s/a.sock"), true);
        let (changes, _) = book.reconcile(both(), Trust::RootAnd(OWN));
        assert!(changes.is_empty(), "{:?}", words(&changes));
        // A new socket under the old path has its chance.
        let (changes, _) = book.reconcile(
            vec![found("/r/a.sock@2"), found("/s/a.sock")],
            Trust::RootAnd(OWN),
        );
        assert_eq!(words(&changes), ["stop a /s/a.sock", "start a /r/a.sock", "list"]);
    }

    #[test]
    fn newcomers_never_push_out_who_is_there() {
        let flood = |suffix: &str| -> Vec<Found> {
            let name = |n| found(&format!("/r/a{n}.sock{suffix}"));
            (0..limits::MAX_SOCKETS + 9).map(name).collect()
        };
        let mut book = Book::default();
        book.reconcile(vec![found("/r/z.sock")], Trust::RootAnd(OWN));
        let crowd = [flood(""), vec![found("/r/z.sock")]].concat();
        let (_, left_out) = book.reconcile(crowd, Trust::RootAnd(OWN));
        assert_eq!((left_out, book.entries().count()), (10, limits::MAX_SOCKETS));
        assert!(standings(&book).contains(&"/r/z.sock holds z".to_owned()));

        // Sockets that are not called leave their place to one that is.
        let mut book = Book::default();
        book.reconcile(flood("#5"), Trust::RootAnd(OWN));
        let crowd = [flood("#5"), vec![found("/r/z.sock")]].concat();
        let (changes, left_out) = book.reconcile(crowd, Trust::RootAnd(OWN));
        assert_eq!((left_out, book.entries().count()), (10, limits::MAX_SOCKETS));
        assert_eq!(words(&changes), ["start z /r/z.sock", "list"]);
    }
}
