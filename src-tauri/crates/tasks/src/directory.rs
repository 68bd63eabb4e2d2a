//! Tasks that the files of a directory declare: made, changed and removed with their files.
//!
//! The directory is looked at again and again, which needs no watch that can be lost and works on every file system.
//! A file is read once it has stood still between two looks. A text that is wrong changes nothing: the task stays as
//! its last good one says, and what is wrong is told.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::TaskError;
use crate::life::{Input, Phase};
use crate::limits::{FILES_LOOK, FILES_MAX, MANIFEST_BYTES_MAX};
use crate::manifest::TaskSpec;
use crate::tasks::Tasks;

/// A file that declares a task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct TaskFile {
    /// Its name in the directory.
    pub file: String,
    /// Id of the task; empty while there is none.
    pub task: String,
    /// Why its text is not in force; empty when it is.
    pub problem: String,
}

/// Tells one content of a file from another without reading it.
type Print = (u64, u64, i64, i64);

/// A file as it was seen.
struct Seen {
    print: Option<Print>,
    is_read: bool,
}

/// Name of a task that has none, by its file.
pub(crate) fn name_of(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// Takes in every file, and follows what becomes of them until tasks are stopped.
pub(crate) async fn follow(tasks: Tasks, directory: PathBuf) {
    let stop = tasks.inner.stop.clone();
    let mut seen = BTreeMap::new();
    let mut is_first = true;
    loop {
        if let Some(listed) = list(&directory).await {
            if is_first {
                for file in declared(&tasks) {
                    seen.entry(file).or_insert(Seen {
                        print: None,
                        is_read: false,
                    });
                }
            }
            for file in settled(&mut seen, &listed, is_first) {
                take_in(&tasks, &directory, &file).await;
            }
            for (file, task) in orphans(&tasks, &listed, &seen) {
                remove(&tasks, &file, task).await;
            }
            is_first = false;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FILES_LOOK) => {}
        }
    }
}

/// Files of the tasks that are declared.
fn declared(tasks: &Tasks) -> Vec<String> {
    let state = tasks.inner.state();
    let files = state.tasks.values().filter_map(|entry| entry.declared.as_ref());
    files.map(|declared| declared.file.clone()).collect()
}

/// What lies there; none when that cannot be told, and then nothing is concluded from it.
async fn list(directory: &Path) -> Option<BTreeMap<String, Print>> {
    let path = directory.to_owned();
    let listed = tokio::task::spawn_blocking(move || look(&path)).await;
    match listed.map_err(io::Error::other).and_then(|listed| listed) {
        Ok(listed) => Some(listed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(BTreeMap::new()),
        Err(error) => {
            tracing::warn!(directory = %directory.display(), %error, "tasks cannot be listed");
            None
        }
    }
}

fn look(directory: &Path) -> io::Result<BTreeMap<String, Print>> {
    let mut listed = BTreeMap::new();
    // What lies there writes files and sends requests as the user that runs this.
    if fs::metadata(directory)?.mode() & 0o002 != 0 {
        return Err(io::Error::other("anybody may write to it"));
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        let extension = Path::new(&file).extension().and_then(|e| e.to_str());
        if file.starts_with('.') || !matches!(extension, Some("yaml" | "yml" | "json")) {
            continue;
        }
        // It may go while it is looked at.
        let Ok(found) = fs::metadata(entry.path()) else {
            continue;
        };
        if !found.is_file() {
            continue;
        }
        if listed.len() == FILES_MAX {
            tracing::warn!(directory = %directory.display(), "too many files; further ones are not read");
            break;
        }
        listed.insert(
            file,
            (found.ino(), found.size(), found.mtime(), found.mtime_nsec()),
        );
    }
    Ok(listed)
}

/// The files that are to be read: those that have stood still since they were another. Files that have gone are
/// kept for one look more, since an editor may put them back.
fn settled(
    seen: &mut BTreeMap<String, Seen>,
    listed: &BTreeMap<String, Print>,
    at_once: bool,
) -> Vec<String> {
    let mut ready = Vec::new();
    for (file, print) in listed {
        let known = seen.entry(file.clone()).or_insert(Seen {
            print: None,
            is_read: false,
        });
        if known.print == Some(*print) {
            if !std::mem::replace(&mut known.is_read, true) {
                ready.push(file.clone());
            }
        } else {
            known.print = Some(*print);
            known.is_read = at_once;
            if at_once {
                ready.push(file.clone());
            }
        }
    }
    seen.retain(|file, known| {
        // One that was gone at the last look already is forgotten.
        listed.contains_key(file) || known.print.take().is_some()
    });
    ready
}

/// Tasks whose files have gone for good.
fn orphans(
    tasks: &Tasks,
    listed: &BTreeMap<String, Print>,
    seen: &BTreeMap<String, Seen>,
) -> Vec<(String, Option<String>)> {
    let is_gone = |file: &str| !listed.contains_key(file) && !seen.contains_key(file);
    let state = tasks.inner.state();
    let mut gone: BTreeMap<String, Option<String>> = BTreeMap::new();
    for entry in state.tasks.values() {
        if let Some(declared) = entry.declared.as_ref().filter(|declared| is_gone(&declared.file)) {
            gone.insert(declared.file.clone(), Some(entry.id.clone()));
        }
    }
    for file in state.files.keys().filter(|file| is_gone(file)) {
        gone.entry(file.clone()).or_default();
    }
    gone.into_iter().collect()
}

async fn take_in(tasks: &Tasks, directory: &Path, file: &str) {
    let path = directory.join(file);
    let read = tokio::task::spawn_blocking(move || content(&path)).await;
    let text = match read.map_err(io::Error::other).and_then(|read| read) {
        Ok(text) => Ok(text),
        // The next look tells.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => Err(error.to_string()),
    };
    let held = {
        let state = tasks.inner.state();
        let mut entries = state.tasks.values();
        let by_it = |declared: &crate::view::Declared| declared.file == file;
        entries
            .find(|entry| entry.declared.as_ref().is_some_and(by_it))
            .map(|entry| entry.id.clone())
    };
    let taken = match text {
        Ok(text) => declare(tasks, file, held.as_deref(), &text)
            .await
            .map_err(|error| error.to_string()),
        Err(why) => Err(format!("It cannot be read: {why}.")),
    };
    let (task, problem) = match taken {
        Ok(task) => (task, String::new()),
        Err(why) => (held.unwrap_or_default(), why),
    };
    if !problem.is_empty() {
        tasks.inner.host.refused(file, &problem);
    }
    let mut state = tasks.inner.state();
    if let Some(declared) = state
        .tasks
        .get_mut(&task)
        .and_then(|entry| entry.declared.as_mut())
    {
        declared.problem.clone_from(&problem);
    }
    let told = TaskFile {
        file: file.to_owned(),
        task,
        problem,
    };
    state.files.insert(file.to_owned(), told);
}

fn content(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let most = MANIFEST_BYTES_MAX as u64 + 1;
    fs::File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes the task of a file or changes it, and gives its id. What it needs may come later.
async fn declare(tasks: &Tasks, file: &str, held: Option<&str>, text: &str) -> Result<String, TaskError> {
    let Some(id) = held else {
        return Ok(tasks.make(text, file, None, true, Some(file)).await?.id);
    };
    let new = TaskSpec::read(text).map_err(TaskError::Invalid)?;
    let old = tasks.spec(id)?.1;
    let named = TaskSpec {
        name: match new.name.as_str() {
            "" => name_of(file).to_owned(),
            _ => new.name.clone(),
        },
        ..new
    };
    if named.to_value() == old.to_value() {
        return Ok(id.to_owned());
    }
    let wish = named.start.filter(|_| named.start != old.start);
    let info = tasks.change(id, text, None, true).await?;
    // What a file says of being started counts when it says something else than before.
    match (wish, info.state) {
        (Some(true), Phase::Stopped | Phase::Ended) => {
            tasks.begin(id)?;
        }
        (Some(false), Phase::Waiting | Phase::Scheduled | Phase::Failing) => {
            tasks.end(id)?;
        }
        _ => {}
    }
    Ok(id.to_owned())
}

/// Removes the task of a file that has gone. A run that is under way may finish; then the next look removes it.
async fn remove(tasks: &Tasks, file: &str, task: Option<String>) {
    let Some(id) = task else {
        tasks.inner.state().files.remove(file);
        return;
    };
    let is_at_rest = {
        let mut state = tasks.inner.state();
        let phase = |state: &crate::entry::State| state.tasks.get(&id).map(|entry| entry.life.phase());
        if let Some(Phase::Waiting | Phase::Scheduled | Phase::Firing | Phase::Failing) = phase(&state)
            && let Err(error) = state.step(&tasks.inner, &id, Input::Stop)
        {
            tracing::error!(%error, file, "the task of a file that has gone is not stopped");
        }
        matches!(
            phase(&state),
            Some(Phase::Stopped | Phase::Ended | Phase::Disabled)
        )
    };
    if !is_at_rest {
        return;
    }
    match tasks.take_out(id).await {
        Ok(()) => {
            tasks.inner.state().files.remove(file);
        }
        Err(error) => tracing::warn!(%error, file, "the task of a file that has gone is not removed yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_once_it_stands_still() {
        let mut seen = BTreeMap::new();
        let listed = |size| BTreeMap::from([("a.yaml".to_owned(), (1, size, 0, 0))]);
        let mut look = |listed: &BTreeMap<String, Print>, first| settled(&mut seen, listed, first).len();
        assert_eq!(look(&listed(1), true), 1, "at the start at once");
        assert_eq!(look(&listed(1), false), 0, "nothing new");
        assert_eq!(look(&listed(2), false), 0, "it is being written");
        assert_eq!(look(&listed(3), false), 0, "still");
        assert_eq!(look(&listed(3), false), 1);
        assert_eq!(look(&listed(3), false), 0);
        assert_eq!(look(&BTreeMap::new(), false), 0, "an editor puts it back");
        assert_eq!(look(&listed(4), false), 0);
        assert_eq!(look(&listed(4), false), 1);
    }

    #[test]
    fn a_file_that_has_gone_is_forgotten_at_the_second_look() {
        let mut seen = BTreeMap::new();
        settled(
            &mut seen,
            &BTreeMap::from([("a.yaml".to_owned(), (1, 1, 0, 0))]),
            true,
        );
        settled(&mut seen, &BTreeMap::new(), false);
        assert!(seen.contains_key("a.yaml"));
        settled(&mut seen, &BTreeMap::new(), false);
        assert!(!seen.contains_key("a.yaml"));
    }
}
