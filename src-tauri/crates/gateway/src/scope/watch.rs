//! Scope's topology websocket: `WS /api/topology/{t}/ws?t=1s`, a reset first and then what changed, on the client's
//! beat and whenever a shortcut report brought what somebody waits for. With `timestamp=` the same of the past: what
//! was at that moment first, and from there on what changed, as time goes by.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use orrery_engine::Engine;
use orrery_engine::api::ApiError;
use orrery_engine::topology::derive::TopologyKey;
use tokio::time::{Instant, interval_at, sleep_until};

use super::feed::{News, Seat, Sight};
use super::replay::Replay;
use super::socket::{self, Socket};
use crate::error::Failure;
use crate::limits::{PING_EVERY, PONG_WITHIN, SCOPE_PASTS_MAX, SCOPE_TICK};
use crate::params::{FirstGiven, Params};
use crate::router::Gateway;

/// Opens a topology's websocket.
pub(crate) async fn watch(
    State(gateway): State<Gateway>,
    Path(topology): Path<String>,
    Params(q): Params<FirstGiven>,
    request: Request,
) -> Response {
    // The mixed view is no topology of Scope's.
    if TopologyKey::parse(&topology).is_none_or(|key| key == TopologyKey::Everything) {
        return Failure(super::missing(&topology)).into_response();
    }
    let tick = match tick(q.get("t").map_or("", String::as_str)) {
        Ok(tick) => tick,
        Err(error) => return Failure(error).into_response(),
    };
    let query = super::query(&q).to_owned();
    let published = gateway.engine.published();
    // A query that does not parse is told before the connection becomes a websocket.
    if let Err(error) = super::nodes_matching(&published, "", None, &query) {
        return Failure(error).into_response();
    }
    let sight = Sight {
        topology,
        options: super::options(&q),
        hide: super::hide(&q),
        query,
    };
    let past = match past(&gateway, &q, &sight).await {
        Ok(past) => past,
        Err(error) => return Failure(error).into_response(),
    };
    socket::open(request, move |socket| async move {
        let watched = match past {
            Some(replay) => Watched::Past(replay),
            None => Watched::Present(gateway.feeds.join(sight)),
        };
        run(&gateway.engine, watched, tick, socket).await;
    })
}

/// What a client looks at.
enum Watched {
    Present(Seat),
    Past(Box<Replay>),
}

impl Watched {
    async fn news(&mut self, engine: &Engine) -> News {
        match self {
            Watched::Present(seat) => seat.news(engine).await,
            Watched::Past(replay) => replay.news(engine).await,
        }
    }
}

/// The way through the past that is asked for; none where that is the present, which is no past yet.
async fn past(
    gateway: &Gateway,
    q: &BTreeMap<String, String>,
    sight: &Sight,
) -> Result<Option<Box<Replay>>, ApiError> {
    let engine = &gateway.engine;
    let Some(from_ms) = super::moment(q)?.filter(|at| *at < engine.now().as_millis()) else {
        return Ok(None);
    };
    let place = gateway.feeds.past().ok_or_else(|| {
        ApiError::busy(format!(
            "{SCOPE_PASTS_MAX} websockets show the past already. Close one, or ask again later."
        ))
    })?;
    let recorded = engine.at(Some(from_ms)).await?;
    let replay = Replay::from(from_ms, recorded, sight.clone(), place);
    Ok(Some(Box::new(replay)))
}

/// Sends what is new, at most once in a tick, for as long as the client answers. Silence is broken by pings.
async fn run(engine: &Engine, mut watched: Watched, tick: Duration, mut socket: Socket) {
    // What is past changes with time alone.
    let present = matches!(watched, Watched::Present(_));
    let (mut publications, mut shortcuts) = (engine.publications(), engine.shortcuts());
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut heard = Instant::now();
    loop {
        publications.borrow_and_update();
        shortcuts.borrow_and_update();
        match watched.news(engine).await {
            News::Message(message) => {
                if !socket.send_text(message).await {
                    return;
                }
                ping.reset();
            }
            News::Nothing => {}
            News::Gone => return,
        }
        let now = Instant::now();
        loop {
            tokio::select! {
                changed = after(now + tick, &mut publications), if present => {
                    if !changed {
                        return;
                    }
                    break;
                }
                () = sleep_until(now + tick), if !present => {
                    if publications.has_changed().is_err() {
                        return;
                    }
                    break;
                }
                changed = after(now + SCOPE_TICK.0, &mut shortcuts), if present => {
                    if !changed {
                        return;
                    }
                    break;
                }
                said = socket.heard() => {
                    if !said {
                        return;
                    }
                    heard = Instant::now();
                }
                _ = ping.tick() => {
                    if heard.elapsed() > PONG_WITHIN || !socket.ping().await {
                        return;
                    }
                }
            }
        }
    }
}

/// Waits until a moment, and from then on for a change that was not looked at. False when there will be none.
async fn after(moment: Instant, changes: &mut tokio::sync::watch::Receiver<u64>) -> bool {
    sleep_until(moment).await;
    changes.changed().await.is_ok()
}

/// A client's beat, written as Go writes durations, such as `1s`, `500ms` or `1m30s`; one second when it says none.
fn tick(text: &str) -> Result<Duration, ApiError> {
    let seconds = match text {
        "" => Some(1.0),
        "0" => Some(0.0),
        _ => seconds(text.strip_prefix(['+', '-']).unwrap_or(text)),
    };
    let Some(seconds) = seconds else {
        return Err(ApiError::bad_request(format!(
            "The beat t={text} is no duration. Write it as 1s, 500ms or 1m30s."
        )));
    };
    let (shortest, longest) = SCOPE_TICK;
    if text.starts_with('-') {
        return Ok(shortest);
    }
    let tick = Duration::try_from_secs_f64(seconds).unwrap_or(longest);
    Ok(tick.clamp(shortest, longest))
}

/// One or more numbers, each with its unit.
fn seconds(mut text: &str) -> Option<f64> {
    let mut sum = 0.0;
    loop {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(digits);
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * unit;
        if rest.is_empty() {
            return Some(sum);
        }
        text = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_read_as_go_writes_them() {
        let millis = |text| tick(text).ok().map(|tick| tick.as_millis());
        for (text, ms) in [
            ("", 1_000),
            ("5s", 5_000),
            ("500ms", 500),
            ("1.5s", 1_500),
            ("1s500ms", 1_500),
            ("+2s", 2_000),
        ] {
            assert_eq!(millis(text), Some(ms), "{text}");
        }
        // No client makes us spin, or wait for ever.
        for text in ["0", "0s", "1ns", "1us", "-5s"] {
            assert_eq!(tick(text), Ok(SCOPE_TICK.0), "{text}");
        }
        for text in ["100000h", "99999999999999999999h"] {
            assert_eq!(tick(text), Ok(SCOPE_TICK.1), "{text}");
        }
        for text in ["1", "s", "one", "1 s", "1d", "1.2.3s", "5s1", "+", "-"] {
            assert!(tick(text).is_err(), "{text}");
        }
    }
}
