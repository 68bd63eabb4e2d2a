//! One plugin that is called: what is known of it, and the task that calls it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orrery_model::{PluginSpec, Report};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::call::{CallError, Good, Line};
use crate::clock;
use crate::limits;
use crate::outbox::Outbox;
use crate::pace::{Failure, Pace};
use crate::rewrite::Declared;
use crate::text::clean;
use crate::{NoteKind, PluginInfo, PluginState};

pub(crate) struct Plugin {
    pub(crate) line: Line,
    pub(crate) path: PathBuf,
    /// Bounds the controls that are under way.
    pub(crate) controls: Semaphore,
    outbox: Arc<Outbox>,
    stop: CancellationToken,
    retry: Notify,
    refresh: Notify,
    known: Mutex<Known>,
}

/// What is known of a plugin.
#[derive(Default)]
struct Known {
    /// Set when the plugin is no longer called: from then on nothing of it is handed over.
    closed: bool,
    /// The last good spec.
    spec: Option<PluginSpec>,
    /// The controls of the last good report.
    declared: Arc<Declared>,
    /// Text of the last error, none after a good call.
    error: Option<String>,
    /// Shortcut reports handed over so far.
    shortcuts: u64,
    /// Why the last shortcut report was dropped, if it was.
    shortcut_fault: Option<String>,
    /// Warnings of the last good report.
    warnings: Vec<String>,
    last_report_ms: Option<i64>,
    latency: Option<Duration>,
    report_bytes: Option<u64>,
    report_nodes: Option<u32>,
    failures: u32,
    next_attempt_ms: Option<i64>,
    /// The last call found nobody listening.
    dead: bool,
}

/// What became of a good report.
#[derive(Debug, PartialEq, Eq)]
enum HandedOver {
    Yes,
    /// A shortcut report came while the call was under way: the report may tell of the time before it.
    Outdated,
    /// The plugin is no longer called.
    Closed,
}

impl Plugin {
    pub(crate) fn new(line: Line, path: &Path, outbox: Arc<Outbox>, stop: CancellationToken) -> Self {
        Plugin {
            line,
            path: path.to_owned(),
            controls: Semaphore::new(limits::CONTROLS_AT_ONCE),
            outbox,
            stop,
            retry: Notify::new(),
            refresh: Notify::new(),
            known: Mutex::default(),
        }
    }

    /// Calls the plugin on its schedule until it is closed.
    pub(crate) async fn run(&self, interval: Duration) {
        let mut pace = Pace::new(interval, Instant::now());
        loop {
            let began = Instant::now();
            let shortcuts = self.known().shortcuts;
            let outcome = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                outcome = self.line.report() => outcome,
            };
            let next = match outcome {
                Ok(good) => match self.hand_over(good, began.elapsed(), shortcuts) {
                    HandedOver::Yes => pace.succeeded(began),
                    HandedOver::Outdated => Instant::now() + limits::MIN_INTERVAL,
                    HandedOver::Closed => return,
                },
                Err(error) => self.take_failure(&error, &mut pace, began),
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.retry.notified() => pace.forget_failures(),
                () = self.refresh.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Calls at once and forgets the back-off.
    pub(crate) fn retry(&self) {
        self.retry.notify_one();
    }

    /// Calls at once: something was changed that the next report will tell.
    pub(crate) fn refresh(&self) {
        self.refresh.notify_one();
    }

    /// Ends the calls. Nothing of the plugin is handed over once this returns.
    pub(crate) fn close(&self) {
        self.known().closed = true;
        self.stop.cancel();
    }

    /// The last good spec.
    pub(crate) fn spec(&self) -> Option<PluginSpec> {
        self.known().spec.clone()
    }

    /// The controls of the last good report.
    pub(crate) fn declared(&self) -> Arc<Declared> {
        Arc::clone(&self.known().declared)
    }

    /// Name shown: the plugin's own where it has given one.
    pub(crate) fn label(&self) -> String {
        let known = self.known();
        let label = known.spec.as_ref().map_or(&self.line.id, |spec| &spec.label);
        label.to_string()
    }

    /// Hands over a shortcut report; the receiver is told when it is in the consumer's channel.
    /// None when the plugin is no longer called.
    pub(crate) fn hand_over_shortcut(&self, report: Report, bytes: u64) -> Option<oneshot::Receiver<()>> {
        let mut known = self.known();
        if known.closed {
            return None;
        }
        known.shortcuts += 1;
        known.shortcut_fault = None;
        // Under the lock, so that order and `closed` hold.
        Some(self.outbox.shortcut(&self.line.id, report, bytes))
    }

    /// Shows that a shortcut report was dropped, until a good one comes.
    pub(crate) fn drop_shortcut(&self, fault: &CallError) {
        let fault = clean(&format!("shortcut report dropped: {fault}"), limits::STATUS_CHARS);
        self.known().shortcut_fault = Some(fault);
        self.outbox.changed();
    }

    /// Whether the last call found nobody listening.
    pub(crate) fn is_dead(&self) -> bool {
        self.known().dead
    }

    /// What is shown of it.
    pub(crate) fn info(&self) -> PluginInfo {
        let known = self.known();
        let spec = known.spec.clone().unwrap_or_default();
        let (state, status) = match &known.error {
            Some(error) => (PluginState::Failing, format!("error: {error}")),
            None if known.spec.is_some() => (PluginState::Ok, "ok".to_owned()),
            None => (PluginState::Connecting, String::new()),
        };
        let label = if spec.label.is_empty() {
            &self.line.id
        } else {
            &spec.label
        };
        PluginInfo {
            id: self.line.id.to_string(),
            path: self.path.display().to_string(),
            state,
            status,
            label: label.to_string(),
            description: spec.description.to_string(),
            interfaces: spec.interfaces.iter().map(ToString::to_string).collect(),
            api_version: spec.api_version.to_string(),
            last_report_ms: known.last_report_ms,
            latency_us: known
                .latency
                .map(|l| u64::try_from(l.as_micros()).unwrap_or(u64::MAX)),
            report_bytes: known.report_bytes,
            report_nodes: known.report_nodes,
            failures: known.failures,
            next_attempt_ms: known.next_attempt_ms,
            warnings: known
                .shortcut_fault
                .iter()
                .chain(&known.warnings)
                .take(limits::MAX_WARNINGS)
                .cloned()
                .collect(),
            conflicts_with: None,
        }
    }

    fn hand_over(&self, good: Good, took: Duration, shortcuts: u64) -> HandedOver {
        let Good {
            report,
            spec,
            declared,
            warnings,
            bytes,
        } = good;
        let mut known = self.known();
        if known.closed {
            return HandedOver::Closed;
        }
        if known.shortcuts != shortcuts {
            return HandedOver::Outdated;
        }
        let before = Before::of(&known);
        known.error = None;
        known.declared = Arc::new(declared);
        known.warnings = warnings
            .iter()
            .take(limits::MAX_WARNINGS)
            .map(|w| clean(w, limits::STATUS_CHARS))
            .collect();
        known.last_report_ms = Some(clock::now_ms());
        known.latency = Some(took);
        known.report_bytes = Some(bytes);
        known.report_nodes = Some(u32::try_from(report.node_count()).unwrap_or(u32::MAX));
        known.failures = 0;
        known.next_attempt_ms = None;
        known.dead = false;
        let label = spec.label.clone();
        known.spec = Some(spec);
        let after = Before::of(&known);
        // Under the lock, so that order and `closed` hold.
        self.outbox.report(&self.line.id, report, bytes);
        drop(known);
        if before.error.is_some() && before.spec.is_some() {
            self.note(NoteKind::Recovered, format!("Plugin {label} reports again."));
        } else if before.spec.is_none() {
            self.note(NoteKind::Started, format!("Plugin {label} started to report."));
        }
        if before != after {
            self.outbox.changed();
        }
        HandedOver::Yes
    }

    /// Takes in a failed call and gives the time of the next one.
    fn take_failure(&self, error: &CallError, pace: &mut Pace, began: Instant) -> Instant {
        let now = Instant::now();
        let unreachable = matches!(error, CallError::Unreachable(_));
        let next = match pace.failed(now, unreachable) {
            Failure::Settling(next) => return next,
            Failure::Failing(next) => next,
        };
        let text = clean(&error.to_string(), limits::STATUS_CHARS);
        let wait_ms = i64::try_from((next - now).as_millis()).unwrap_or(i64::MAX);
        let mut known = self.known();
        let first = known.error.is_none();
        known.error = Some(text.clone());
        known.latency = Some(now - began);
        known.failures = pace.failures();
        known.dead = unreachable;
        known.next_attempt_ms = Some(clock::now_ms().saturating_add(wait_ms));
        let closed = known.closed;
        drop(known);
        if closed {
            return next;
        }
        if first {
            tracing::debug!(plugin = %self.line.id, error = %text, "plugin call failed");
            let label = self.label();
            self.note(NoteKind::Failed, format!("Plugin {label} failed: {text}."));
        }
        self.outbox.changed();
        next
    }

    fn note(&self, kind: NoteKind, text: String) {
        self.outbox.note(&self.line.id, kind, text);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of what is known whose change is worth telling.
#[derive(PartialEq)]
struct Before {
    error: Option<String>,
    spec: Option<PluginSpec>,
    warnings: Vec<String>,
}

impl Before {
    fn of(known: &Known) -> Self {
        Before {
            error: known.error.clone(),
            spec: known.spec.clone(),
            warnings: known.warnings.clone(),
        }
    }
}
