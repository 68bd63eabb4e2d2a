//! What Scope's topology websocket shows from a moment in the past on: the topology as it was then, and what changed
//! in it since, as fast as it did.
//!
//! History holds the report every few seconds. A client is sent the difference of two of them when the moment that it
//! looks at has come to the second; in between it costs a look at an index. Nothing is shared: whoever looks at the
//! past rarely looks at what somebody else does.

use std::sync::Arc;

use orrery_engine::{Engine, Published};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::feed::{News, Picture, Sight, difference, draw, message, reset};

/// One client's way through the past. Its place is given up with the value.
#[derive(Debug)]
pub(super) struct Replay {
    sight: Sight,
    /// The moment that the client asked for, in milliseconds since the epoch.
    from_ms: i64,
    /// When it was sent that.
    began: Option<Instant>,
    /// What was recorded last before the moment that is shown, until it is drawn.
    next: Option<Arc<Published>>,
    /// When that was recorded.
    shown_ms: i64,
    picture: Arc<Picture>,
    _place: OwnedSemaphorePermit,
}

impl Replay {
    /// From a moment on, with what was recorded last before it.
    pub(super) fn from(
        from_ms: i64,
        recorded: Arc<Published>,
        sight: Sight,
        place: OwnedSemaphorePermit,
    ) -> Replay {
        Replay {
            sight,
            from_ms,
            began: None,
            shown_ms: recorded.at_ms,
            next: Some(recorded),
            picture: Arc::default(),
            _place: place,
        }
    }

    /// What the client has not been sent yet of the moment that it has come to.
    pub(super) async fn news(&mut self, engine: &Engine) -> News {
        let began = *self.began.get_or_insert_with(Instant::now);
        let passed_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let recorded = match self.next.take() {
            Some(recorded) => recorded,
            None => match self
                .recorded(engine, self.from_ms.saturating_add(passed_ms))
                .await
            {
                Ok(Some(recorded)) => recorded,
                Ok(None) => return News::Nothing,
                Err(error) => {
                    tracing::warn!(%error, "a websocket of the past is closed");
                    return News::Gone;
                }
            },
        };
        self.shown_ms = recorded.at_ms;
        let (sight, before) = (self.sight.clone(), self.picture.clone());
        let drawn = tokio::task::spawn_blocking(move || {
            let newest = draw(&recorded, &sight, &before)?;
            if newest.number == before.number {
                return Some((newest, None));
            }
            let text = match before.number {
                0 => reset(&newest),
                _ => difference(&before, &newest),
            };
            Some((newest, Some(text)))
        });
        match drawn.await {
            Ok(Some((newest, text))) => {
                self.picture = newest;
                text.map_or(News::Nothing, message)
            }
            Ok(None) => News::Gone,
            Err(error) => {
                tracing::error!(%error, "a moment of the past could not be drawn");
                News::Gone
            }
        }
    }

    /// What was recorded last until a moment, where that is not shown yet.
    async fn recorded(
        &self,
        engine: &Engine,
        until_ms: i64,
    ) -> Result<Option<Arc<Published>>, orrery_engine::api::ApiError> {
        match engine.recorded_between(self.shown_ms, until_ms).await? {
            Some(at_ms) => engine.at(Some(at_ms)).await.map(Some),
            None => Ok(None),
        }
    }
}
