//! Finds what can be shaped: containers with a network namespace of their own, and named namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::limits;
use crate::netem::{Discipline, Interfaces, Programs};
use crate::settings::Settings;

/// A network namespace, told apart by device and inode.
pub(crate) type NamespaceId = (u64, u64);

/// Something whose traffic can be controlled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Set for a namespace without a container.
    pub(crate) name: Option<String>,
    path: PathBuf,
    namespace: NamespaceId,
    /// What its interfaces are set to, or why that cannot be read.
    pub(crate) interfaces: Result<Interfaces, String>,
}

impl Target {
    /// What most of the interfaces' packets undergo: the greatest of each.
    pub(crate) fn settings(&self) -> Settings {
        let netem = self
            .interfaces
            .iter()
            .flatten()
            .filter_map(|(_, discipline)| match discipline {
                Discipline::Netem(settings) => Some(*settings),
                _ => None,
            });
        netem.fold(Settings::default(), |a, b| Settings {
            latency_ms: a.latency_ms.max(b.latency_ms),
            loss: a.loss.max(b.loss),
        })
    }
}

/// Where to look.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) engine: Engine,
    pub(crate) netns: PathBuf,
    pub(crate) programs: Programs,
    pub(crate) hostname: String,
}

/// What was found last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Survey {
    /// Targets by node id.
    pub(crate) targets: BTreeMap<String, Target>,
    /// First processes of containers.
    pids: BTreeMap<String, u32>,
    /// Why the containers are not among them.
    pub(crate) engine_error: Option<String>,
}

impl Survey {
    /// Containers whose process is still in the namespace that it was found in: process ids are used again.
    fn alive(&self) -> BTreeMap<String, u32> {
        let same = |id: &str| {
            let target = self.targets.get(&format!("{id};<container>"));
            target.is_some_and(|target| namespace_id(&target.path) == Some(target.namespace))
        };
        self.pids
            .iter()
            .filter(|(id, _)| same(id))
            .map(|(id, pid)| (id.clone(), *pid))
            .collect()
    }
}

impl Surroundings {
    /// Looks around.
    pub(crate) async fn survey(&self, before: &Survey) -> Result<Survey> {
        let own =
            namespace_id(Path::new("/proc/self/ns/net")).context("cannot read the own network namespace")?;
        let mut survey = Survey::default();
        match self.engine.running(&before.alive()).await {
            Ok(pids) => survey.pids = pids,
            Err(error) => survey.engine_error = Some(format!("{error:#}")),
        }
        // The host is never shaped, whatever claims its namespace.
        let mut seen = BTreeSet::from([own]);
        seen.extend(namespace_id(Path::new("/proc/1/ns/net")));
        let host = seen.clone();
        for (id, pid) in &survey.pids {
            let path = PathBuf::from(format!("/proc/{pid}/ns/net"));
            let Some(namespace) = namespace_id(&path).filter(|namespace| !host.contains(namespace)) else {
                continue;
            };
            seen.insert(namespace);
            survey
                .targets
                .insert(format!("{id};<container>"), Target::new(None, path, namespace));
        }
        for (name, path) in named(&self.netns) {
            let Some(namespace) = namespace_id(&path).filter(|namespace| seen.insert(*namespace)) else {
                continue;
            };
            if survey.targets.len() < limits::TARGETS {
                survey
                    .targets
                    .insert(self.node_id(&name), Target::new(Some(name), path, namespace));
            }
        }
        self.read_all(&mut survey.targets).await;
        Ok(survey)
    }

    /// Changes the settings of a target, then reads them anew.
    pub(crate) async fn change(
        &self,
        target: &mut Target,
        change: impl Fn(Settings) -> Settings,
    ) -> Result<()> {
        let entrance = target.enter()?;
        let outcome = self.programs.set(&entrance.path(), change).await;
        // What was set before a failure is shown too.
        target.interfaces = self
            .programs
            .show(&entrance.path())
            .await
            .map_err(|error| format!("{error:#}"));
        outcome
    }

    /// Id of the node that stands for a namespace without a container.
    fn node_id(&self, name: &str) -> String {
        format!("netns-{}-{name};<container>", self.hostname)
    }

    async fn read_all(&self, targets: &mut BTreeMap<String, Target>) {
        let room = Arc::new(Semaphore::new(limits::SURVEY_AT_ONCE));
        let mut work = JoinSet::new();
        for (id, target) in targets.iter() {
            let (id, target, programs, room) = (
                id.clone(),
                target.clone(),
                self.programs.clone(),
                Arc::clone(&room),
            );
            work.spawn(async move {
                let _turn = room.acquire().await;
                let interfaces = match target.enter() {
                    Ok(entrance) => programs.show(&entrance.path()).await,
                    Err(error) => Err(error),
                };
                (id, interfaces.map_err(|error| format!("{error:#}")))
            });
        }
        while let Some(done) = work.join_next().await {
            if let Ok((id, interfaces)) = done
                && let Some(target) = targets.get_mut(&id)
            {
                target.interfaces = interfaces;
            }
        }
    }
}

impl Target {
    fn new(name: Option<String>, path: PathBuf, namespace: NamespaceId) -> Self {
        Target {
            name,
            path,
            namespace,
            interfaces: Ok(Interfaces::new()),
        }
    }

    /// Holds the namespace open and makes sure that it is still the one that was found.
    fn enter(&self) -> Result<Entrance> {
        let file = File::open(&self.path).with_context(|| format!("cannot open {}", self.path.display()))?;
        let metadata = file
            .metadata()
            .with_context(|| format!("cannot look at {}", self.path.display()))?;
        if (metadata.dev(), metadata.ino()) != self.namespace {
            bail!("the network namespace has gone");
        }
        Ok(Entrance { file })
    }
}

struct Entrance {
    file: File,
}

impl Entrance {
    /// A path by which a child process reaches the open namespace.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.file.as_raw_fd()
        ))
    }
}

fn namespace_id(path: &Path) -> Option<NamespaceId> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Names and paths below the folder of named namespaces, in order. No folder is an empty one.
fn named(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        // A semicolon would end the node's id early.
        let name = entry
            .file_name()
            .into_string()
            .ok()
            .filter(|name| !name.contains(';'))?;
        Some((name, entry.path()))
    };
    let mut named: Vec<(String, PathBuf)> = entries.take(limits::TARGETS).filter_map(entry).collect();
    named.sort();
    named
}
