//! The goals of the data plane. Rounds of both kinds take turns, because other work on the machine comes and goes.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Frame;
use orrery_services::BoxError;

use crate::{EVENTS, PATH, Place, ask, connect, load, object};

/// Rounds of each kind.
const ROUNDS: usize = 15;
/// Requests of a round.
const REQUESTS: u64 = 10_000;
/// Requests of one caller whose times are compared.
const TIMED: usize = 2_000;
/// Changes of the table under load.
const SWAPS: usize = 1_000;
/// Streams that are opened for their first event.
const STREAMS: usize = 500;

/// What every time of an event is counted from.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Measures each goal and says what came out.
pub(crate) async fn measure(place: &Place) -> Result<(), BoxError> {
    rate(place).await?;
    latency(place).await?;
    swaps(place).await?;
    events(place).await
}

fn goal(what: &str, figure: &str, goal: &str, reached: bool) {
    let verdict = if reached { "reached" } else { "MISSED" };
    eprintln!("goal: {what}: {figure}; {goal}: {verdict}");
}

async fn rate(place: &Place) -> Result<(), BoxError> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let (cpu, direct) = (cpu_time()?, load(&place.plugin, "/report", REQUESTS).await?);
        let direct_cpu = cpu_time()?.saturating_sub(cpu);
        let (cpu, proxied) = (cpu_time()?, load(&place.front, PATH, REQUESTS).await?);
        let proxied_cpu = cpu_time()?.saturating_sub(cpu);
        rounds.push((direct, proxied, direct_cpu, proxied_cpu));
    }
    let of = |f: fn(&(Duration, Duration, Duration, Duration)) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(f).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let per_second = |took: f64| REQUESTS as f64 / took;
    let ratio = of(|(direct, proxied, ..)| direct.as_secs_f64() / proxied.as_secs_f64());
    let by_cpu = of(|(_, _, direct, proxied)| direct.as_secs_f64() / proxied.as_secs_f64());
    let figure = format!(
        "{ratio:.2} by the clock, {by_cpu:.2} by CPU time ({:.0}/s of {:.0}/s, medians of {ROUNDS} rounds)",
        per_second(of(|round| round.1.as_secs_f64())),
        per_second(of(|round| round.0.as_secs_f64())),
    );
    goal(
        "requests beside those on the plugin's socket",
        &figure,
        "at least 0.4",
        ratio >= 0.4,
    );
    Ok(())
}

async fn latency(place: &Place) -> Result<(), BoxError> {
    let mut added = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let direct = p99(&place.plugin, "/report").await?;
        let proxied = p99(&place.front, PATH).await?;
        added.push(proxied.saturating_sub(direct));
    }
    added.sort_unstable();
    let median = added[ROUNDS / 2];
    let figure = format!("{median:.0?}, at worst {:.0?}", added[ROUNDS - 1]);
    goal(
        "added to p99",
        &figure,
        "under 1 ms",
        median < Duration::from_millis(1),
    );
    Ok(())
}

/// The highest latency but for the slowest hundredth, of one caller.
async fn p99(socket: &Path, path: &str) -> Result<Duration, BoxError> {
    let mut sender = connect(socket).await?;
    let mut took = Vec::with_capacity(TIMED);
    for _ in 0..TIMED {
        let began = Instant::now();
        ask(&mut sender, path).await?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    Ok(took[took.len() * 99 / 100])
}

/// Any answer but 200 ends the load with an error.
async fn swaps(place: &Place) -> Result<(), BoxError> {
    let (front, registry) = (place.front.clone(), place.plane.registry().clone());
    let swapping = tokio::spawn(async move {
        for n in 0..SWAPS {
            registry.apply(object(n)?).await?;
        }
        Ok::<_, BoxError>(())
    });
    let mut answered = 0;
    let began = Instant::now();
    let mut failed = None;
    while !swapping.is_finished() {
        match load(&front, PATH, REQUESTS / 10).await {
            Ok(_) => answered += REQUESTS / 10,
            Err(error) => failed = Some(error),
        }
    }
    swapping.await??;
    let figure = match &failed {
        None => format!("none of {answered} in {:.1?}", began.elapsed()),
        Some(error) => format!("some of {answered}: {error}"),
    };
    let what = format!("requests that fail while the table changes {SWAPS} times");
    goal(&what, &figure, "none", failed.is_none());
    Ok(())
}

/// A stream whose first event says when it was written.
pub(crate) fn first_event() -> UnsyncBoxBody<Bytes, BoxError> {
    let event = futures_util::stream::once(async {
        // The head is on its way, and nobody expects anything.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let written = ORIGIN.elapsed().as_nanos();
        Ok(Frame::data(Bytes::from(format!("data: {written}\n\n"))))
    });
    StreamBody::new(event).boxed_unsync()
}

async fn events(place: &Place) -> Result<(), BoxError> {
    let _ = *ORIGIN;
    let mut took = Vec::with_capacity(STREAMS);
    let mut sender = connect(&place.front).await?;
    for _ in 0..STREAMS {
        sender.ready().await?;
        let request = Request::get(EVENTS)
            .header("host", "localhost")
            .body(Empty::new())?;
        let mut body = sender.send_request(request).await?.into_body();
        let event = body.frame().await.ok_or("no event")??;
        let read = ORIGIN.elapsed();
        let text = event.into_data().map_err(|_| "no data")?;
        let text = std::str::from_utf8(&text)?;
        let written: u64 = text.trim_start_matches("data: ").trim_end().parse()?;
        took.push(read.saturating_sub(Duration::from_nanos(written)));
        body.collect().await?;
    }
    took.sort_unstable();
    let (median, p95) = (took[STREAMS / 2], took[STREAMS * 95 / 100]);
    let figure = format!("median {median:.0?}, p95 {p95:.0?}, of {STREAMS} streams");
    goal(
        "from the plugin's write of the first event to its caller",
        &figure,
        "within 1 ms",
        p95 < Duration::from_millis(1),
    );
    Ok(())
}

/// CPU time of this process so far.
fn cpu_time() -> Result<Duration, BoxError> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(Duration::new(now.tv_sec.try_into()?, now.tv_nsec.try_into()?))
}
