//! Scope's topology websocket: `WS /api/topology/{t}/ws?t=1s`, a reset first and then what changed.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use orrery_engine::Engine;
use orrery_engine::topology::derive::TopologyKey;
use tokio::time::{Instant, interval_at, sleep_until};

use super::feed::{News, Seat, Sight};
use super::socket::{self, Socket};
use crate::error::Failure;
use crate::limits::{PING_EVERY, PONG_WITHIN, SCOPE_TICK};
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
    let tick = tick(q.get("t").map(String::as_str));
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
    socket::open(request, move |socket| async move {
        let seat = gateway.feeds.join(sight);
        run(&gateway.engine, seat, tick, socket).await;
    })
}

/// Sends what is new, at most once in a tick, for as long as the client answers. Silence is broken by pings.
async fn run(engine: &Engine, mut seat: Seat, tick: Duration, mut socket: Socket) {
    let mut publications = engine.publications();
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut heard = Instant::now();
    loop {
        publications.borrow_and_update();
        match seat.news(engine).await {
            News::Message(message) => {
                if !socket.send_text(message).await {
                    return;
                }
                ping.reset();
            }
            News::Nothing => {}
            News::NoTopology => return,
        }
        let next = Instant::now() + tick;
        loop {
            tokio::select! {
                changed = after(next, &mut publications) => {
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

/// Waits until a moment, and from then on for a publication that was not looked at. False when there will
/// be none.
async fn after(moment: Instant, publications: &mut tokio::sync::watch::Receiver<u64>) -> bool {
    sleep_until(moment).await;
    publications.changed().await.is_ok()
}

/// A Go duration such as `1s`, `500ms` or `1m`; one second when it is none.
fn tick(text: Option<&str>) -> Duration {
    let parsed = text.and_then(|text| {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let seconds = match unit {
            "ms" => number / 1_000.0,
            "s" => number,
            "m" => number * 60.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(seconds).ok()
    });
    parsed
        .unwrap_or(Duration::from_secs(1))
        .clamp(SCOPE_TICK.0, SCOPE_TICK.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_read_as_go_writes_them() {
        assert_eq!(tick(Some("5s")), Duration::from_secs(5));
        assert_eq!(tick(Some("500ms")), Duration::from_millis(500));
        assert_eq!(
            tick(Some("1ns")),
            Duration::from_secs(1),
            "unknown units read as one second"
        );
        assert_eq!(tick(None), Duration::from_secs(1));
        assert_eq!(tick(Some("0s")), SCOPE_TICK.0, "no client makes us spin");
    }
}
