//! What Scope's topology websockets show, made once per publication for all who look at the same.
//!
//! A feed stands for one topology with one choice of options. Its pictures are numbered; every client holds the
//! number of the one it was sent last, and on its own beat asks for what it needs to hold the newest. What
//! turns one picture into another is written once and shared. Nothing waits for a slow client: it skips
//! pictures, and when the one it holds is not kept any more it is sent everything again.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use orrery_engine::model::SmolStr;
use orrery_engine::topology::censor::Hide;
use orrery_engine::topology::scope_api::Listed;
use orrery_engine::{Engine, Published};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{SCOPE_MESSAGES_KEPT, SCOPE_PASTS_MAX, SCOPE_PICTURES_KEPT};

/// What a client looks at: a topology, and options or none at all, which means unfiltered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sight {
    pub(super) topology: String,
    pub(super) options: Option<BTreeMap<String, String>>,
    pub(super) hide: Hide,
    pub(super) query: String,
}

/// All feeds that somebody looks at. Their number is bounded by that of connections.
#[derive(Debug)]
pub(crate) struct Feeds {
    live: Mutex<BTreeMap<Sight, Weak<Feed>>>,
    /// Places for those who look at the past.
    pasts: Arc<Semaphore>,
}

impl Default for Feeds {
    fn default() -> Self {
        Feeds {
            live: Mutex::default(),
            pasts: Arc::new(Semaphore::new(SCOPE_PASTS_MAX)),
        }
    }
}

impl Feeds {
    /// A place for looking at the past; none while all are taken.
    pub(super) fn past(&self) -> Option<OwnedSemaphorePermit> {
        self.pasts.clone().try_acquire_owned().ok()
    }

    /// A client's place at the feed of what it looks at.
    pub(super) fn join(&self, sight: Sight) -> Seat {
        let mut all = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, feed| feed.strong_count() > 0);
        let feed = all.get(&sight).and_then(Weak::upgrade).unwrap_or_else(|| {
            let feed = Arc::new(Feed::of(sight.clone()));
            all.insert(sight, Arc::downgrade(&feed));
            feed
        });
        Seat { feed, holds: None }
    }
}

/// A node as it goes to clients.
#[derive(Debug, Clone)]
struct Entry {
    id: SmolStr,
    json: Arc<str>,
    /// What it was written of: the same needs not be written again.
    listed: Option<Listed>,
}

impl Entry {
    fn is_written_of(&self, listed: &Listed) -> bool {
        let same =
            |of: &Listed| Arc::ptr_eq(&of.summary, &listed.summary) && of.adjacency == listed.adjacency;
        self.listed.as_ref().is_some_and(same)
    }
}

/// Everything in a topology at one moment, by id in ascending order.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// Rises with every change; 0 is nothing at all.
    pub(super) number: u64,
    nodes: Vec<Entry>,
}

#[derive(Debug)]
struct Feed {
    sight: Sight,
    /// Held while a publication is drawn, so that it is drawn once.
    drawn: tokio::sync::Mutex<Drawn>,
    #[cfg(test)]
    drawings: std::sync::atomic::AtomicUsize,
    kept: Mutex<Kept>,
}

/// The newest picture and the publication that it shows.
#[derive(Debug, Default)]
struct Drawn {
    publication: Option<u64>,
    newest: Arc<Picture>,
}

/// What is kept for clients that do not hold the newest picture.
#[derive(Debug, Default)]
struct Kept {
    /// Pictures that clients hold, by number, with how many do.
    pictures: BTreeMap<u64, (Arc<Picture>, usize)>,
    /// Messages written lately: from one picture (none is nothing at all) to another.
    messages: Vec<(Option<u64>, u64, Bytes)>,
}

impl Feed {
    fn of(sight: Sight) -> Self {
        Feed {
            sight,
            drawn: tokio::sync::Mutex::default(),
            #[cfg(test)]
            drawings: std::sync::atomic::AtomicUsize::new(0),
            kept: Mutex::default(),
        }
    }

    /// The picture of the publication in force; nothing where there is no such topology.
    async fn newest(&self, engine: &Engine) -> Option<Arc<Picture>> {
        let mut drawn = self.drawn.lock().await;
        let published = engine.published();
        if drawn.publication != Some(published.seq) {
            let (sight, before) = (self.sight.clone(), drawn.newest.clone());
            let seq = published.seq;
            #[cfg(test)]
            self.drawings.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            drawn.newest = tokio::task::spawn_blocking(move || draw(&published, &sight, &before))
                .await
                .ok()??;
            drawn.publication = Some(seq);
        }
        Some(drawn.newest.clone())
    }

    /// What a client that holds `before` needs to hold `newest`. One whose picture is not kept any more, and
    /// one that has none, starts anew.
    fn step(&self, before: Option<u64>, newest: &Arc<Picture>) -> Option<Bytes> {
        if before == Some(newest.number) {
            return None;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let from = before.and_then(|number| kept.pictures.get(&number).map(|(picture, _)| picture.clone()));
        let key = (from.as_ref().map(|p| p.number), newest.number);
        let written = kept.messages.iter().find(|(a, b, _)| (*a, *b) == key);
        let message = match written {
            Some((_, _, message)) => message.clone(),
            None => {
                let message = Bytes::from(match &from {
                    Some(from) => difference(from, newest),
                    None => reset(newest),
                });
                if from.is_none() {
                    // It is as long as everything shown, and nobody needs an earlier one any more.
                    kept.messages.retain(|(from, _, _)| from.is_some());
                }
                if kept.messages.len() >= SCOPE_MESSAGES_KEPT {
                    kept.messages.remove(0);
                }
                kept.messages.push((key.0, key.1, message.clone()));
                message
            }
        };
        kept.let_go(before);
        kept.hold(newest);
        Some(message)
    }
}

impl Kept {
    fn hold(&mut self, picture: &Arc<Picture>) {
        let held = self
            .pictures
            .entry(picture.number)
            .or_insert_with(|| (picture.clone(), 0));
        held.1 += 1;
        while self.pictures.len() > SCOPE_PICTURES_KEPT {
            self.pictures.pop_first();
        }
    }

    fn let_go(&mut self, number: Option<u64>) {
        let Some(number) = number else { return };
        if let Some((_, holders)) = self.pictures.get_mut(&number) {
            *holders -= 1;
            if *holders == 0 {
                self.pictures.remove(&number);
            }
        }
    }
}

/// One client's place at a feed. It is given up with the value.
#[derive(Debug)]
pub(super) struct Seat {
    feed: Arc<Feed>,
    /// Number of the picture that the client was sent last.
    holds: Option<u64>,
}

/// What there is for a client.
#[derive(Debug)]
pub(super) enum News {
    Message(Bytes),
    Nothing,
    /// There is no such topology, or what was recorded of it cannot be read.
    Gone,
}

/// News of a text.
pub(super) fn message(text: String) -> News {
    News::Message(Bytes::from(text))
}

impl Seat {
    /// What the client has not been sent yet of the publication in force.
    pub(super) async fn news(&mut self, engine: &Engine) -> News {
        let Some(newest) = self.feed.newest(engine).await else {
            return News::Gone;
        };
        let message = self.feed.step(self.holds, &newest);
        self.holds = Some(newest.number);
        message.map_or(News::Nothing, News::Message)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut kept = self.feed.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.let_go(self.holds);
    }
}

/// The picture of a publication: the one before where nothing differs, else one that shares what does not.
pub(super) fn draw(published: &Arc<Published>, sight: &Sight, before: &Arc<Picture>) -> Option<Arc<Picture>> {
    let published = published.hiding(sight.hide);
    let options = sight.options.as_ref();
    // The query was read when the client came.
    let answer = super::nodes_matching(&published, &sight.topology, options, &sight.query).ok()??;
    let mut changed = before.number == 0;
    let mut old = before.nodes.iter().peekable();
    let mut nodes = Vec::with_capacity(before.nodes.len());
    for listed in answer.nodes {
        let id = listed.summary.id.clone();
        while old.next_if(|e| e.id < id).is_some() {
            changed = true;
        }
        let before = old.next_if(|e| e.id == id);
        if let Some(same) = before.filter(|e| e.is_written_of(&listed)) {
            nodes.push(same.clone());
            continue;
        }
        let json = serde_json::to_string(&listed).ok()?;
        let known = before.filter(|e| *e.json == *json).map(|e| e.json.clone());
        changed |= known.is_none();
        nodes.push(Entry {
            id,
            json: known.unwrap_or_else(|| json.into()),
            listed: Some(listed),
        });
    }
    if !changed && old.next().is_none() {
        return Some(before.clone());
    }
    let number = before.number + 1;
    Some(Arc::new(Picture { number, nodes }))
}

/// What stands around the nodes, in bytes.
const RESET_BYTES: usize = 64;

/// The message for a client that has nothing.
pub(super) fn reset(newest: &Picture) -> String {
    // It is kept and shared: as much room as it needs, and a comma for each node.
    let bytes: usize = newest.nodes.iter().map(|e| e.json.len() + 1).sum();
    let mut out = String::with_capacity(bytes + RESET_BYTES);
    list(&mut out, "{\"add\":", newest.nodes.iter().map(|e| &*e.json));
    out.push_str(",\"update\":null,\"remove\":null,\"reset\":true}");
    out
}

/// The message that turns one picture into another.
pub(super) fn difference(before: &Picture, after: &Picture) -> String {
    let (mut add, mut update, mut remove) = (Vec::new(), Vec::new(), Vec::new());
    let (mut old, mut new) = (before.nodes.iter().peekable(), after.nodes.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(a), Some(b)) => a.id.cmp(&b.id),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        match order {
            Ordering::Less => remove.extend(old.next().map(|e| quoted(&e.id))),
            Ordering::Greater => add.extend(new.next().map(|e| &*e.json)),
            Ordering::Equal => {
                if let (Some(a), Some(b)) = (old.next(), new.next())
                    && !Arc::ptr_eq(&a.json, &b.json)
                    && a.json != b.json
                {
                    update.push(&*b.json);
                }
            }
        }
    }
    let mut out = String::new();
    list(&mut out, "{\"add\":", add.into_iter());
    list(&mut out, ",\"update\":", update.into_iter());
    list(&mut out, ",\"remove\":", remove.iter().map(String::as_str));
    out.push('}');
    out
}

/// A JSON list of what is JSON already; null when there is nothing, as Scope writes it.
fn list<'a>(out: &mut String, name: &str, mut items: impl Iterator<Item = &'a str>) {
    out.push_str(name);
    let Some(first) = items.next() else {
        out.push_str("null");
        return;
    };
    out.push('[');
    out.push_str(first);
    for item in items {
        out.push(',');
        out.push_str(item);
    }
    out.push(']');
}

fn quoted(id: &str) -> String {
    serde_json::Value::from(id).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn picture(number: u64, nodes: &[(&str, i32)]) -> Arc<Picture> {
        let entry = |(id, value): &(&str, i32)| Entry {
            id: (*id).into(),
            json: json!({ "id": id, "value": value }).to_string().into(),
            listed: None,
        };
        Arc::new(Picture {
            number,
            nodes: nodes.iter().map(entry).collect(),
        })
    }

    fn feed() -> Feed {
        Feed::of(Sight {
            topology: "hosts".to_owned(),
            options: None,
            hide: Hide::default(),
            query: String::new(),
        })
    }

    fn read(message: Option<Bytes>) -> Value {
        message.map_or(Value::Null, |text| {
            serde_json::from_slice(&text).unwrap_or_default()
        })
    }

    #[test]
    fn the_first_message_resets_and_later_ones_say_what_changed() {
        let feed = feed();
        let check = |before, after: &Arc<Picture>, expected: Value| {
            assert_eq!(
                read(feed.step(before, after)),
                expected,
                "{before:?} → {}",
                after.number
            );
        };
        let (a1, b1, b2, c) = (
            json!({"id": "a", "value": 1}),
            json!({"id": "b", "value": 1}),
            json!({"id": "b", "value": 2}),
            json!({"id": "c\"", "value": 1}),
        );
        let first = picture(1, &[("a", 1), ("b", 1)]);
        let second = picture(2, &[("b", 2), ("c\"", 1)]);
        let third = picture(3, &[("b", 2)]);
        check(
            None,
            &first,
            json!({"add": [a1, b1], "update": null, "remove": null, "reset": true}),
        );
        check(Some(1), &first, Value::Null);
        check(
            Some(1),
            &second,
            json!({"add": [c], "update": [b2], "remove": ["a"]}),
        );
        check(
            Some(2),
            &third,
            json!({"add": null, "update": null, "remove": ["c\""]}),
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_publication_is_drawn_once_for_all() {
        let home = tempfile::tempdir().expect("a directory");
        let mut config = orrery_engine::Config::new(home.path().join("data"));
        config.probes.clear();
        let engine = Engine::start(config).await.expect("an engine");
        let feeds = Arc::new(Feeds::default());
        let hosts = feed().sight;
        let watched = feeds.join(hosts.clone());
        let clients = (0..20).map(|_| {
            let (feeds, engine, sight) = (feeds.clone(), engine.clone(), hosts.clone());
            tokio::spawn(async move {
                let mut seat = feeds.join(sight);
                for _ in 0..5 {
                    assert!(!matches!(seat.news(&engine).await, News::Gone));
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.expect("a client that ends");
        }
        let drawings = watched.feed.drawings.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(drawings, 1, "one publication, twenty clients");
        let feed = Arc::downgrade(&watched.feed);
        drop(watched);
        assert!(feed.upgrade().is_none(), "nobody looks, nothing is kept");
        engine.shutdown().await;
    }

    #[test]
    fn a_client_whose_picture_is_gone_starts_anew() {
        let feed = feed();
        let keep = SCOPE_PICTURES_KEPT as u64;
        feed.step(None, &picture(1, &[("a", 1)]));
        // Others look at every picture, and stay there.
        for number in 2..=keep + 1 {
            feed.step(None, &picture(number, &[("a", number as i32)]));
        }
        let newest = picture(keep + 2, &[("a", 0)]);
        assert_eq!(read(feed.step(Some(1), &newest))["reset"], json!(true));
        assert_eq!(
            read(feed.step(Some(keep), &newest))["update"][0]["value"],
            json!(0)
        );
    }

    #[test]
    fn what_nobody_holds_is_not_kept_and_equal_steps_are_written_once() {
        let feed = feed();
        let (first, second) = (picture(1, &[("a", 1)]), picture(2, &[("a", 2)]));
        let opened: Vec<_> = (0..3).map(|_| feed.step(None, &first)).collect();
        let stepped: Vec<_> = (0..3).map(|_| feed.step(Some(1), &second)).collect();
        for same in [opened, stepped] {
            let places: Vec<_> = same.iter().map(|m| m.as_ref().map(|m| m.as_ptr())).collect();
            assert!(places.iter().all(|p| *p == places[0]), "one text for all");
        }
        let kept = feed.kept.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(kept.pictures.keys().collect::<Vec<_>>(), [&2]);
        assert_eq!(kept.messages.len(), 2);
    }
}
