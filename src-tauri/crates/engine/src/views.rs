//! Views in use: each derived once per publication and shared by all who look at it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use orrery_topology::derive::Basis;
use orrery_topology::view::{Advance, VIEW_PROTOCOL, ViewMessage, ViewRequest, ViewSpec, ViewState};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::{ApiError, Caller, Code};
use crate::engine::{Engine, Shared};
use crate::limits::{HEARTBEAT, QUERY_BYTES_MAX, VIEW_BACKLOG, VIEW_IDLE, VIEWS_MAX};
use crate::published::Published;

/// A message as it goes to every client of a view: encoded once.
pub type Encoded = Arc<str>;

/// All views kept, by what they show.
#[derive(Debug, Default)]
pub(crate) struct Views(Mutex<BTreeMap<ViewSpec, Arc<View>>>);

#[derive(Debug)]
struct View {
    spec: ViewSpec,
    sender: broadcast::Sender<Encoded>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: ViewState,
    /// Publication that the state shows; none before the first.
    seen: Option<u64>,
    /// What the state was drawn of; none where that does not say everything.
    basis: Option<Basis>,
    /// Why the view cannot be shown at present.
    failed: Option<ApiError>,
    used: Instant,
}

impl View {
    fn new(spec: ViewSpec) -> Self {
        let state = ViewState::new(spec.group.clone());
        let inner = Inner {
            state,
            seen: None,
            basis: None,
            failed: None,
            used: Instant::now(),
        };
        View {
            spec,
            sender: broadcast::Sender::new(VIEW_BACKLOG),
            inner: Mutex::new(inner),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the view up to a publication and tells its clients what changed.
    fn advance(&self, published: &Published) {
        let mut inner = self.lock();
        if inner.seen == Some(published.seq) {
            return;
        }
        inner.seen = Some(published.seq);
        let before = inner.failed.clone();
        let message = match inner.step(&self.spec, published) {
            Ok(Advance::Unchanged) => return,
            Ok(Advance::First(frame)) => ViewMessage::Frame(frame),
            Ok(Advance::Delta(delta)) => ViewMessage::Delta(delta),
            Err(error) if before.as_ref() == Some(&error) => return,
            Err(error) => failed(&error),
        };
        // Nobody listening is fine: the view is kept for its layout.
        let _unheard = self.sender.send(encode(&message));
    }

    /// A receiver, and the picture that what it receives builds on.
    fn join(&self, published: &Published) -> (broadcast::Receiver<Encoded>, Encoded) {
        self.advance(published);
        let mut inner = self.lock();
        inner.used = Instant::now();
        let message = match &inner.failed {
            Some(error) => failed(error),
            None => ViewMessage::Frame(inner.state.frame()),
        };
        (self.sender.subscribe(), encode(&message))
    }
}

impl Inner {
    fn step(&mut self, spec: &ViewSpec, published: &Published) -> Result<Advance, ApiError> {
        // A query may ask for more than what a picture is drawn of.
        let basis = match spec.query.is_empty() {
            true => published.derivation.basis(&spec.topology).ok(),
            false => None,
        };
        if basis.is_some() && basis == self.basis && self.failed.is_none() {
            self.state.stay(published.at_ms);
            return Ok(Advance::Unchanged);
        }
        self.basis = basis;
        let picture = crate::derived::picture(published, spec);
        match picture {
            Ok(picture) => {
                let recovered = self.failed.take().is_some();
                let advance = self.state.advance(picture, published.at_ms);
                Ok(if recovered {
                    Advance::First(self.state.frame())
                } else {
                    advance
                })
            }
            Err(error) => {
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }
}

impl Views {
    /// The view that shows this, made when there is none.
    fn get(&self, spec: &ViewSpec) -> Arc<View> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = all.get(spec) {
            return view.clone();
        }
        if all.len() >= VIEWS_MAX {
            let idle = all
                .values()
                .filter(|v| v.sender.receiver_count() == 0)
                .min_by_key(|v| v.lock().used);
            if let Some(spec) = idle.map(|v| v.spec.clone()) {
                all.remove(&spec);
            }
        }
        let view = Arc::new(View::new(spec.clone()));
        all.insert(spec.clone(), view.clone());
        view
    }

    /// Views that somebody looks at. Those that nobody has looked at for long are forgotten.
    fn in_use(&self) -> Vec<Arc<View>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, view| {
            let in_use = view.sender.receiver_count() > 0;
            let mut inner = view.lock();
            if in_use {
                inner.used = Instant::now();
            }
            in_use || inner.used.elapsed() < VIEW_IDLE
        });
        all.values()
            .filter(|v| v.sender.receiver_count() > 0)
            .cloned()
            .collect()
    }
}

/// Brings the views in use up to every publication.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut publications = shared.publications.subscribe();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = publications.changed() => if changed.is_err() { return },
        }
        let views = shared.views.in_use();
        if views.is_empty() {
            continue;
        }
        let published = shared.published.load_full();
        let work = tokio::task::spawn_blocking(move || {
            for view in views {
                view.advance(&published);
            }
        });
        if let Err(error) = work.await {
            tracing::error!(%error, "a view could not be derived");
        }
    }
}

impl Engine {
    /// Serves one client's view channel until either side closes. Deltas that the client is too slow for
    /// are replaced by a whole frame.
    pub async fn serve_view(
        &self,
        caller: Caller,
        mut requests: mpsc::Receiver<ViewRequest>,
        messages: mpsc::Sender<Encoded>,
    ) {
        tracing::debug!(user = caller.user, origin = ?caller.origin, "view opened");
        let mut current: Option<(ViewSpec, Option<broadcast::Receiver<Encoded>>)> = None;
        loop {
            let message = tokio::select! {
                request = requests.recv() => match request {
                    None => return,
                    Some(ViewRequest::Open { version, spec }) => match checked(version, &spec) {
                        Ok(()) => {
                            let (receiver, message) = self.join_view(&spec).await;
                            current = Some((spec, receiver));
                            message
                        }
                        Err(error) => {
                            current = None;
                            encode(&failed(&error))
                        }
                    },
                    Some(ViewRequest::Resync) => match &mut current {
                        Some((spec, receiver)) => {
                            let (fresh, message) = self.join_view(spec).await;
                            *receiver = fresh;
                            message
                        }
                        None => encode(&failed(&ApiError::bad_request("No view is open on this channel."))),
                    },
                },
                received = next(&mut current) => match received {
                    Ok(message) => message,
                    Err(spec) => {
                        let (receiver, message) = self.join_view(&spec).await;
                        current = Some((spec, receiver));
                        message
                    }
                },
                () = tokio::time::sleep(HEARTBEAT) => {
                    let published = self.published();
                    encode(&ViewMessage::Heartbeat { seq: published.seq, at_ms: published.at_ms })
                }
            };
            if messages.send(message).await.is_err() {
                return;
            }
        }
    }

    async fn join_view(&self, spec: &ViewSpec) -> (Option<broadcast::Receiver<Encoded>>, Encoded) {
        let published = match self.shared.moment(spec.at_ms).await {
            Ok(published) => published,
            Err(error) => return (None, encode(&failed(&error))),
        };
        let (shared, spec) = (self.shared.clone(), spec.clone());
        let joined = tokio::task::spawn_blocking(move || {
            let live = shared.views.get(&ViewSpec {
                at_ms: None,
                ..spec.clone()
            });
            if spec.at_ms.is_none() {
                let (receiver, frame) = live.join(&published);
                return (Some(receiver), frame);
            }
            // The past is drawn on the layout of the present, so that nothing jumps while scrubbing.
            live.advance(&shared.published.load());
            let state = live.lock().state.clone();
            let mut inner = Inner {
                state,
                seen: None,
                basis: None,
                failed: None,
                used: Instant::now(),
            };
            let message = match inner.step(&spec, &published) {
                Ok(_) => ViewMessage::Frame(inner.state.frame()),
                Err(error) => failed(&error),
            };
            (None, encode(&message))
        });
        match joined.await {
            Ok(joined) => joined,
            Err(error) => (None, encode(&failed(&ApiError::internal(error)))),
        }
    }

    /// Forgets the layout of a view and lays it out anew for everybody who looks at it.
    pub(crate) fn rearrange(&self, spec: &ViewSpec) {
        let view = self.shared.views.get(&ViewSpec {
            at_ms: None,
            ..spec.clone()
        });
        view.advance(&self.published());
        let mut inner = view.lock();
        let message = match inner.state.rearrange() {
            Advance::Unchanged => return,
            Advance::Delta(moved) => ViewMessage::Delta(moved),
            Advance::First(frame) => ViewMessage::Frame(frame),
        };
        let _unheard = view.sender.send(encode(&message));
    }
}

/// The next message of the view that is open; waits for ever when none is or it shows the past. A client
/// that lagged behind gets the spec back, to join anew.
async fn next(
    current: &mut Option<(ViewSpec, Option<broadcast::Receiver<Encoded>>)>,
) -> Result<Encoded, ViewSpec> {
    match current {
        Some((spec, Some(receiver))) => receiver.recv().await.map_err(|_| spec.clone()),
        _ => std::future::pending().await,
    }
}

fn checked(version: u32, spec: &ViewSpec) -> Result<(), ApiError> {
    if version != VIEW_PROTOCOL {
        return Err(ApiError::bad_request(format!(
            "This client speaks version {version} of the view protocol and Orrery speaks {VIEW_PROTOCOL}. Reload the page."
        )));
    }
    if spec.query.len() > QUERY_BYTES_MAX {
        return Err(ApiError::new(
            Code::LimitExceeded,
            format!("The query is longer than {QUERY_BYTES_MAX} bytes."),
        ));
    }
    Ok(())
}

fn failed(error: &ApiError) -> ViewMessage {
    let code = serde_json::to_value(error.code)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned));
    ViewMessage::Failed {
        code: code.unwrap_or_default(),
        message: error.message.clone(),
    }
}

fn encode(message: &ViewMessage) -> Encoded {
    serde_json::to_string(message)
        .unwrap_or_else(|_| "{}".to_owned())
        .into()
}
