//! The loop that takes arrivals in, combines them and publishes snapshots.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use orrery_history::NewEvent;
use orrery_model::window::{Completeness, SourceId, Window};
use orrery_model::{Report, SmolStr};
use orrery_plugins::{NoteKind, PluginEvent};
use orrery_topology::censor;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::arrivals::Arrival;
use crate::clock::Steady;
use crate::engine::Shared;
use crate::limits::{COALESCE, EXPIRE_EVERY, FIRST_WAIT, FRAME_EVERY, ROUTINE, WINDOW};
use crate::{clock, record};

/// How soon an arrival must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// It changes no snapshot.
    None,
    /// The next report of a known source.
    Routine,
    /// Something that somebody waits for.
    News,
}

/// Runs until `stop`. The only owner of the window, so that taking reports in needs no lock.
pub(crate) async fn run(shared: Arc<Shared>, mut arrivals: mpsc::Receiver<Arrival>, stop: CancellationToken) {
    let mut state = Collector {
        window: Window::new(i64::try_from(WINDOW.as_nanos()).unwrap_or(i64::MAX)),
        known: BTreeSet::new(),
        unseen: Vec::new(),
        has_shortcut: false,
        steady: Steady::from(clock::now()),
        shared: shared.clone(),
    };
    let mut next_frame = Instant::now() + Duration::from_secs(2);
    let mut published_at = Instant::now();
    let first_at = Instant::now() + FIRST_WAIT;
    let mut complete = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            arrival = arrivals.recv() => {
                let Some(arrival) = arrival else { break };
                let first = Instant::now();
                let mut urgency = state.take(arrival);
                loop {
                    let until = match urgency {
                        Urgency::News => first + COALESCE,
                        Urgency::Routine => (published_at + ROUTINE).max(first + COALESCE),
                        Urgency::None => first,
                    };
                    match timeout_at(until, arrivals.recv()).await {
                        Ok(Some(arrival)) => urgency = urgency.max(state.take(arrival)),
                        Ok(None) | Err(_) => break,
                    }
                }
            }
            () = tokio::time::sleep(EXPIRE_EVERY) => {}
        }
        let (now, steady) = (clock::now(), state.steady.now());
        state.window.expire(steady);
        state.forget_silent();
        complete = complete || Instant::now() >= first_at || state.knows_all_probes();
        if !complete {
            continue;
        }
        let snapshot = state.window.snapshot(steady);
        let before = shared.published.load();
        if before.seq != snapshot.seq {
            shared.changes.note(&before.report, &snapshot, now.as_millis());
            shared.publish(before.next(&snapshot, now.as_millis()));
            published_at = Instant::now();
        }
        if std::mem::take(&mut state.has_shortcut) {
            shared.shortcuts.send_replace(snapshot.seq);
        }
        state.unseen.clear();
        if Instant::now() >= next_frame {
            next_frame = Instant::now() + FRAME_EVERY;
            let (shared, report) = (shared.clone(), snapshot.report.clone());
            // Encoding takes tens of milliseconds on a large machine; it must not delay arrivals.
            tokio::task::spawn_blocking(move || {
                shared.history.put_frame(now.as_millis(), report.to_msgpack());
            });
        }
    }
}

struct Collector {
    window: Window,
    known: BTreeSet<SourceId>,
    /// Of those who handed reports in that are not published yet, at most one for each that waits in the queue.
    unseen: Vec<oneshot::Sender<()>>,
    /// Whether a shortcut report is among what is not published yet.
    has_shortcut: bool,
    /// The window's time.
    steady: Steady,
    shared: Arc<Shared>,
}

impl Collector {
    /// The first picture is laid out for good, so it waits until nodes and edges are both there.
    fn knows_all_probes(&self) -> bool {
        self.shared
            .config
            .probes
            .iter()
            .all(|p| self.known.contains(&SourceId::probe(p.name())))
    }

    /// Forgets sources of which nothing is left: their next report is news again, and probes elsewhere call
    /// themselves something else each time they start.
    fn forget_silent(&mut self) {
        let window = &self.window;
        self.known.retain(|source| window.holds(source));
    }

    fn take(&mut self, arrival: Arrival) -> Urgency {
        match arrival {
            Arrival::Report {
                source,
                report,
                completeness,
                bytes,
            } => self.report(source, report, completeness, bytes),
            Arrival::Uploaded {
                source,
                report,
                bytes,
                seen,
            } => {
                self.unseen.push(seen);
                self.report(source, report, Completeness::Partial, bytes)
            }
            Arrival::Plugin(PluginEvent::Report {
                plugin,
                report,
                whole,
                bytes,
            }) => {
                let completeness = if whole {
                    Completeness::Whole
                } else {
                    // What it says after a control, which need not call it a shortcut.
                    self.has_shortcut |= bytes > 0;
                    Completeness::Partial
                };
                self.report(SourceId::plugin(&plugin), report, completeness, bytes)
            }
            Arrival::Plugin(PluginEvent::Gone { plugin }) => {
                let source = SourceId::plugin(&plugin);
                self.window.forget(&source, self.steady.now());
                self.known.remove(&source);
                Urgency::News
            }
            Arrival::Plugin(PluginEvent::Changed) => {
                self.shared.plugins_changed.send_modify(|n| *n += 1);
                Urgency::None
            }
            Arrival::Plugin(PluginEvent::Note { plugin, kind, text }) => {
                self.note(plugin, kind, text);
                Urgency::None
            }
        }
    }

    fn report(
        &mut self,
        source: SourceId,
        report: Report,
        completeness: Completeness,
        bytes: u64,
    ) -> Urgency {
        let shared = &self.shared;
        let hide = shared.config.hide;
        // What is hidden from everybody goes no further than this.
        let report = if hide.nothing() {
            report
        } else {
            censor::derivable(&report, hide)
        };
        shared.rates.count(clock::now_ms(), bytes);
        if shared.library.heard.report(&source, &report) {
            shared.library.wake();
        }
        record::samples(&shared.history, &report, self.window.report());
        self.has_shortcut |= report.shortcut;
        let shortcut = report.shortcut || (completeness == Completeness::Partial && bytes > 0);
        self.window.take(&source, report, completeness, self.steady.now());
        if self.known.insert(source) || shortcut {
            Urgency::News
        } else {
            Urgency::Routine
        }
    }

    fn note(&self, plugin: SmolStr, kind: NoteKind, text: String) {
        let kind = match kind {
            NoteKind::Started | NoteKind::Recovered => "started",
            NoteKind::Gone => "stale",
            NoteKind::Failed => "failed",
        };
        self.shared.record(NewEvent {
            at_ms: clock::now_ms(),
            kind: SmolStr::new_static(kind),
            subject: SmolStr::from(format!("plugin:{plugin}")),
            label: plugin,
            text,
            user: SmolStr::default(),
        });
    }
}
