//! The way to the consumer. Producers never wait: while the channel has room events go straight into it;
//! behind a slow consumer they queue here, where a plugin's newer report takes the place of its older one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use orrery_model::{Report, SmolStr};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::limits;
use crate::{NoteKind, PluginEvent};

/// A report is large when it weighs more than this, in bytes.
const LARGE_BYTES: u64 = limits::OFFLOAD_BYTES as u64;

pub(crate) struct Outbox {
    sender: mpsc::Sender<PluginEvent>,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Plugins of which the consumer holds a report.
    handed: BTreeSet<SmolStr>,
    /// When each note was last given.
    noted: BTreeMap<(SmolStr, NoteKind), Instant>,
}

struct Waiting {
    event: PluginEvent,
    /// Told when the event is in the channel.
    handed: Option<oneshot::Sender<()>>,
}

impl Outbox {
    pub(crate) fn new(sender: mpsc::Sender<PluginEvent>) -> Self {
        Outbox {
            sender,
            queue: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Hands over a plugin's report. It takes the place of what the plugin said before and the consumer
    /// did not fetch yet.
    pub(crate) fn report(&self, plugin: &SmolStr, report: Report, bytes: u64) {
        let mut queue = self.lock();
        let outdated = queue.take_reports(plugin);
        self.put(&mut queue, report_event(plugin, report, true, bytes), None);
        drop(queue);
        discard(outdated);
    }

    /// Hands over a shortcut report. The receiver is told when it is in the channel, or dropped when
    /// something newer took its place.
    pub(crate) fn shortcut(&self, plugin: &SmolStr, report: Report, bytes: u64) -> oneshot::Receiver<()> {
        let mut queue = self.lock();
        queue.forget_oldest(
            limits::PENDING_SHORTCUTS,
            |event| matches!(event, PluginEvent::Report { plugin: p, whole: false, .. } if p == plugin),
        );
        let (tell, told) = oneshot::channel();
        self.put(&mut queue, report_event(plugin, report, false, bytes), Some(tell));
        told
    }

    /// Tells that a plugin is gone, if the consumer holds or is about to hold a report of it.
    pub(crate) fn gone(&self, plugin: &SmolStr) {
        let mut queue = self.lock();
        let outdated = queue.take_reports(plugin);
        if queue.handed.contains(plugin) {
            let plugin = plugin.clone();
            self.put(&mut queue, PluginEvent::Gone { plugin }, None);
        }
        drop(queue);
        discard(outdated);
    }

    /// Tells that the list or a status changed.
    pub(crate) fn changed(&self) {
        let mut queue = self.lock();
        if !queue.waiting.iter().any(|w| w.event == PluginEvent::Changed) {
            self.put(&mut queue, PluginEvent::Changed, None);
        }
    }

    /// Gives a note, unless the same was given a moment ago.
    pub(crate) fn note(&self, plugin: &SmolStr, kind: NoteKind, text: String) {
        let mut queue = self.lock();
        let now = Instant::now();
        let key = (plugin.clone(), kind);
        if queue
            .noted
            .get(&key)
            .is_some_and(|at| now.duration_since(*at) < limits::NOTE_GAP)
        {
            return;
        }
        if queue.noted.len() >= limits::REMEMBERED_NOTES {
            queue.noted.clear();
        }
        queue.noted.insert(key, now);
        queue.forget_oldest(limits::PENDING_NOTES, |event| {
            matches!(event, PluginEvent::Note { .. })
        });
        let note = PluginEvent::Note {
            plugin: plugin.clone(),
            kind,
            text,
        };
        self.put(&mut queue, note, None);
    }

    /// Moves what waits into the channel as the consumer makes room. Ends when the consumer is gone.
    pub(crate) async fn pump(&self) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.sender.closed() => return,
            }
            loop {
                let Ok(room) = self.sender.reserve().await else {
                    return;
                };
                let mut queue = self.lock();
                let Some(next) = queue.waiting.pop_front() else {
                    break;
                };
                queue.mark_handed(&next.event);
                room.send(next.event);
                if let Some(handed) = next.handed {
                    // Whoever asked may have stopped waiting.
                    let _ = handed.send(());
                }
            }
        }
    }

    fn put(&self, queue: &mut Queue, event: PluginEvent, handed: Option<oneshot::Sender<()>>) {
        if queue.waiting.is_empty()
            && let Ok(room) = self.sender.try_reserve()
        {
            queue.mark_handed(&event);
            room.send(event);
            if let Some(handed) = handed {
                let _ = handed.send(());
            }
            return;
        }
        queue.waiting.push_back(Waiting { event, handed });
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take_reports(&mut self, plugin: &SmolStr) -> Vec<Waiting> {
        let is_its = |w: &Waiting| matches!(&w.event, PluginEvent::Report { plugin: p, .. } if p == plugin);
        let (its, others): (VecDeque<_>, _) = std::mem::take(&mut self.waiting).into_iter().partition(is_its);
        self.waiting = others;
        Vec::from(its)
    }

    /// Makes room for one more when `max` events of a sort wait already.
    fn forget_oldest(&mut self, max: usize, sort: impl Fn(&PluginEvent) -> bool) {
        if self.waiting.iter().filter(|w| sort(&w.event)).count() >= max
            && let Some(oldest) = self.waiting.iter().position(|w| sort(&w.event))
        {
            self.waiting.remove(oldest);
        }
    }

    fn mark_handed(&mut self, event: &PluginEvent) {
        match event {
            PluginEvent::Report { plugin, .. } => {
                self.handed.insert(plugin.clone());
            }
            PluginEvent::Gone { plugin } => {
                self.handed.remove(plugin);
            }
            PluginEvent::Changed | PluginEvent::Note { .. } => {}
        }
    }
}

/// Drops what nobody wants any more; on a blocking thread where that takes a while, as it does for a report of
/// many nodes.
fn discard(waiting: Vec<Waiting>) {
    let is_large = |w: &Waiting| matches!(w.event, PluginEvent::Report { bytes, .. } if bytes > LARGE_BYTES);
    if waiting.iter().any(is_large)
        && let Ok(runtime) = tokio::runtime::Handle::try_current()
    {
        runtime.spawn_blocking(move || drop(waiting));
    }
}

fn report_event(plugin: &SmolStr, report: Report, whole: bool, bytes: u64) -> PluginEvent {
    PluginEvent::Report {
        plugin: plugin.clone(),
        report,
        whole,
        bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn report(id: &str) -> Report {
        Report {
            id: id.into(),
            ..Report::default()
        }
    }

    /// One word per event.
    fn word(event: &PluginEvent) -> String {
        match event {
            PluginEvent::Report {
                plugin,
                report,
                whole,
                ..
            } => {
                format!("{plugin}{}{}", if *whole { "=" } else { "+" }, report.id)
            }
            PluginEvent::Gone { plugin } => format!("-{plugin}"),
            PluginEvent::Changed => "changed".to_owned(),
            PluginEvent::Note { plugin, kind, .. } => format!("{plugin}:{kind}"),
        }
    }

    /// Fills the channel, does `act`, and gives what the consumer then finds behind the filling.
    async fn behind_a_slow_consumer(act: impl FnOnce(&Outbox)) -> Vec<String> {
        let (sender, mut receiver) = mpsc::channel(limits::CHANNEL_EVENTS);
        let outbox = Arc::new(Outbox::new(sender));
        for _ in 0..limits::CHANNEL_EVENTS {
            outbox.changed();
        }
        act(&outbox);
        let pump = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move { outbox.pump().await }
        });
        for _ in 0..limits::CHANNEL_EVENTS {
            assert_eq!(receiver.recv().await, Some(PluginEvent::Changed));
        }
        outbox.report(&"end".into(), report(""), 1);
        let mut seen = Vec::new();
        while let Some(event) = receiver.recv().await {
            let word = word(&event);
            if word == "end=" {
                break;
            }
            seen.push(word);
        }
        drop(receiver);
        pump.await.unwrap();
        seen
    }

    #[tokio::test]
    async fn behind_a_slow_consumer_the_newest_report_wins() {
        let (a, b) = (SmolStr::new("a"), SmolStr::new("b"));
        let seen = behind_a_slow_consumer(|outbox| {
            for n in 0..1000 {
                outbox.report(&a, report(&n.to_string()), 1);
            }
            outbox.report(&b, report("0"), 1);
            drop(outbox.shortcut(&a, report("s"), 1));
        })
        .await;
        assert_eq!(seen, ["a=999", "b=0", "a+s"]);
    }

    #[tokio::test]
    async fn a_whole_report_takes_the_place_of_waiting_shortcuts() {
        let a = SmolStr::new("a");
        let seen = behind_a_slow_consumer(|outbox| {
            drop(outbox.shortcut(&a, report("s"), 1));
            outbox.report(&a, report("0"), 1);
        })
        .await;
        assert_eq!(seen, ["a=0"]);
    }

    #[tokio::test]
    async fn a_plugin_that_left_before_it_was_seen_leaves_no_trace() {
        let a = SmolStr::new("a");
        let seen = behind_a_slow_consumer(|outbox| {
            outbox.report(&a, report("0"), 1);
            outbox.gone(&a);
        })
        .await;
        assert_eq!(seen, Vec::<String>::new());
    }

    #[tokio::test]
    async fn everything_that_waits_is_bounded() {
        let a = SmolStr::new("a");
        let seen = behind_a_slow_consumer(|outbox| {
            for n in 0..1000 {
                outbox.changed();
                outbox.note(&SmolStr::from(n.to_string()), NoteKind::Failed, String::new());
                drop(outbox.shortcut(&a, report("s"), 1));
            }
        })
        .await;
        let count = |word: &str| seen.iter().filter(|w| w.ends_with(word)).count();
        assert_eq!(count("changed"), 1);
        assert_eq!(count(":failed"), limits::PENDING_NOTES);
        assert_eq!(count("a+s"), limits::PENDING_SHORTCUTS);
    }

    #[tokio::test]
    async fn with_room_events_are_in_the_channel_at_once_and_the_same_note_is_not_repeated() {
        let (sender, mut receiver) = mpsc::channel(8);
        let outbox = Outbox::new(sender);
        let a = SmolStr::new("a");
        outbox.gone(&a);
        outbox.report(&a, report("0"), 1);
        outbox.shortcut(&a, report("s"), 1).await.unwrap();
        outbox.gone(&a);
        outbox.gone(&a);
        outbox.note(&a, NoteKind::Gone, String::new());
        outbox.note(&a, NoteKind::Gone, String::new());
        let mut seen = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            seen.push(word(&event));
        }
        assert_eq!(seen, ["a=0", "a+s", "-a", "a:gone"]);
    }
}
