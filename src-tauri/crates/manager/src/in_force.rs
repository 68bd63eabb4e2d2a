//! A link that leads to the revision in force, for people and programs that look at the disk: `current`, beside the
//! revisions of a plugin. It follows the record, which alone decides; a local plugin has none.

use std::fs;
use std::io;
use std::path::PathBuf;

use orrery_store::{Origin, PluginRecord};

use crate::book::Book;
use crate::config::Dirs;

/// Name of the link.
pub(crate) const LINK: &str = "current";

/// Where the link of each of these plugins has to lead, by their id; nowhere for one that has no revision.
pub(crate) fn targets<'a>(book: &Book, ids: impl Iterator<Item = &'a str>) -> Vec<(String, Option<PathBuf>)> {
    let target = |record: &PluginRecord| {
        let managed = record.origin == Origin::Managed;
        let revision = book.current(record).filter(|_| managed)?;
        revision.dir.file_name().map(PathBuf::from)
    };
    ids.map(|id| {
        let record = book.plugins.get(id).map(|plugin| &plugin.record);
        (id.to_owned(), record.and_then(target))
    })
    .collect()
}

/// Lets links lead there. Whoever looks finds the one before or the one after, never none in between. Blocks.
pub(crate) fn point(dirs: &Dirs, targets: &[(String, Option<PathBuf>)]) {
    for (id, target) in targets {
        let link = dirs.revisions().join(id).join(LINK);
        if fs::read_link(&link).ok() == *target {
            continue;
        }
        let pointed = match target {
            Some(target) => {
                let beside = link.with_extension("new");
                // One that an end in between left.
                let _ = fs::remove_file(&beside);
                std::os::unix::fs::symlink(target, &beside).and_then(|()| fs::rename(&beside, &link))
            }
            None => fs::remove_file(&link),
        };
        match pointed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, plugin = id, "the link to the revision in force stays behind");
            }
            _ => {}
        }
    }
}
