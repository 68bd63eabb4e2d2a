//! What is too old or too big goes.

use std::time::Duration;

use orrery_history::{Config, History, NewEvent};

use crate::common::{HOUR, MINUTE, Place, SECOND, T0, series, wave};

#[tokio::test]
async fn samples_series_and_events_go_by_age() {
    let place = Place::new();
    let config = Config {
        max_age: Duration::from_secs(3_600),
        ..place.config()
    };
    let history = History::open(config).await.unwrap();
    for minute in (0..180).step_by(10) {
        let (from, to) = (T0 + minute * MINUTE, T0 + (minute + 10) * MINUTE);
        place.set_now(to);
        let node = format!("short-lived-{minute}");
        history.append(vec![
            series("n", 0, "m", &wave(from, to, SECOND)),
            series(&node, 0, "m", &[(from, 1.0)]),
        ]);
        history.record(NewEvent {
            at_ms: from,
            text: format!("minute {minute}"),
            ..NewEvent::default()
        });
        history.tidy().await.unwrap();
    }
    let left = history.range("n", "m", 0, i64::MAX, 10_000).await.unwrap();
    assert_eq!(left.points[0].t_ms, T0 + 2 * HOUR, "an hour is left");
    assert_eq!(left.points.len(), 3_600);
    assert_eq!(history.stats().oldest_ms, Some(T0 + 2 * HOUR));
    assert_eq!(history.stats().samples, 3_600 + 6);
    let events = history.events(0, i64::MAX, 100).await.unwrap();
    assert_eq!(events.iter().map(|e| e.at_ms).min(), Some(T0 + 2 * HOUR));

    // All of it, once nothing is written any more and the writer has forgotten the series.
    place.set_now(T0 + 10 * HOUR);
    history.tidy().await.unwrap();
    history.close().await.unwrap();
    let history = place.open().await;
    history.tidy().await.unwrap();
    let stats = history.stats();
    assert_eq!((stats.samples, stats.oldest_ms), (0, None));
    history.close().await.unwrap();
    for table in [
        "SELECT cast(count(*) AS text) FROM block",
        "SELECT cast(count(*) AS text) FROM times",
    ] {
        assert_eq!(place.look(table).await, "0");
    }
}

#[tokio::test]
async fn series_and_nodes_without_samples_go() {
    let place = Place::new();
    let config = || Config {
        max_age: Duration::from_secs(3_600),
        ..place.config()
    };
    let history = History::open(config()).await.unwrap();
    let batch: Vec<_> = (0..3_000)
        .map(|i| series(&format!("p{i}"), i, &format!("m{}", i % 300), &[(T0, 1.0)]))
        .collect();
    history.append(batch);
    history.close().await.unwrap();

    place.set_now(T0 + 3 * HOUR);
    let history = History::open(config()).await.unwrap();
    history.append(vec![series("still here", 0, "m", &[(T0 + 3 * HOUR, 1.0)])]);
    history.tidy().await.unwrap();
    assert_eq!((history.stats().series, history.stats().samples), (1, 1));
    history.close().await.unwrap();
    assert_eq!(
        place.look("SELECT group_concat(key) FROM node").await,
        "still here"
    );
    assert_eq!(place.look("SELECT group_concat(key) FROM metric").await, "m");
}

#[tokio::test]
async fn a_metric_that_went_may_come_again() {
    let place = Place::new();
    let config = Config {
        max_age: Duration::from_secs(3_600),
        ..place.config()
    };
    let history = History::open(config).await.unwrap();
    let write = |hour: i64, metric: &'static str| {
        let at = T0 + hour * HOUR;
        place.set_now(at);
        history.append(vec![series("n", 0, metric, &[(at, 1.0)])]);
    };
    write(0, "first");
    history.tidy().await.unwrap();
    // Sealing forgets what was not written for so many commits, and only then may a series go.
    for _ in 0..=orrery_history::limits::IDLE_COMMITS {
        write(3, "second");
        history.flush().await.unwrap();
    }
    history.tidy().await.unwrap();
    assert_eq!(place.look("SELECT group_concat(key) FROM metric").await, "second");
    write(4, "first");
    history.tidy().await.unwrap();
    let found = history.range("n", "first", 0, i64::MAX, 10).await.unwrap();
    assert_eq!(found.points.len(), 1);
    history.close().await.unwrap();
}

#[tokio::test]
async fn the_oldest_are_thinned_when_the_file_is_too_big() {
    let place = Place::new();
    let max_bytes = 2 << 20;
    let config = Config {
        max_bytes,
        ..place.config()
    };
    let history = History::open(config).await.unwrap();
    let mut biggest = 0;
    for round in 0..24 {
        let (from, to) = (T0 + round * 10 * MINUTE, T0 + (round + 1) * 10 * MINUTE);
        place.set_now(to + 2 * MINUTE);
        let noise = |n: i64| {
            (from..to)
                .step_by(1_000)
                .map(move |t| (t, ((t * (n + 7)) % 9_973) as f64 / 3.0))
                .collect::<Vec<_>>()
        };
        history.append((0..100).map(|n| series(&format!("n{n}"), 0, "m", &noise(n))));
        history.tidy().await.unwrap();
        biggest = biggest.max(std::fs::metadata(place.path()).unwrap().len());
    }
    let stats = history.stats();
    let whole = stats.oldest_whole_ms.unwrap();
    assert!(whole > T0 + HOUR, "samples went");
    assert!(whole < T0 + 23 * 10 * MINUTE, "samples stayed");
    assert_eq!(stats.oldest_ms, Some(T0), "summaries stayed");

    let values = |from: i64, to: i64| (from..to).step_by(1_000).map(|t| ((t * 7) % 9_973) as f64 / 3.0);
    let thinned = history.range("n0", "m", T0, T0 + HOUR - 1, 10_000).await.unwrap();
    assert_eq!((thinned.step_ms, thinned.points.len()), (5 * MINUTE, 12));
    for (i, point) in (0..).zip(&thinned.points) {
        let from = T0 + i * 5 * MINUTE;
        let mean = values(from, from + 5 * MINUTE).sum::<f64>() / 300.0;
        assert!(
            point.t_ms == from && (point.avg - mean).abs() < 1e-6,
            "{point:?} is not {mean}"
        );
        assert_eq!(point.max, values(from, from + 5 * MINUTE).fold(0.0, f64::max));
    }
    let cut = history
        .range("n0", "m", T0 + MINUTE, T0 + 12 * MINUTE, 10_000)
        .await
        .unwrap();
    assert_eq!(
        cut.points.iter().map(|p| p.t_ms).collect::<Vec<_>>(),
        [T0 + 5 * MINUTE, T0 + 10 * MINUTE]
    );
    let fresh = history
        .range("n0", "m", whole, whole + 10 * MINUTE, 10_000)
        .await
        .unwrap();
    assert_eq!((fresh.step_ms, fresh.points.len()), (0, 601));
    let page = history.samples("n0", &[], T0, T0 + HOUR, 10_000).await.unwrap();
    assert!(page.rows.is_empty(), "no samples to export");

    // Samples that come for a thinned chunk do not spoil what is known of it.
    let samples = history.stats().samples;
    history.append(vec![series("n0", 0, "m", &[(T0 + 500, 1e9)])]);
    history.tidy().await.unwrap();
    assert_eq!(history.stats().samples, samples);
    let again = history.range("n0", "m", T0, T0 + HOUR - 1, 10_000).await.unwrap();
    assert_eq!(again, thinned);
    history.close().await.unwrap();
    let end = std::fs::metadata(place.path()).unwrap().len();
    assert!(end <= max_bytes, "{end} bytes at the end");
    assert!(biggest <= max_bytes * 5 / 2, "{biggest} bytes in between");
    assert_eq!(place.look("PRAGMA integrity_check").await, "ok");
}

#[tokio::test]
async fn summaries_go_when_they_alone_are_too_big() {
    let place = Place::new();
    let max_bytes = 1 << 20;
    let history = History::open(Config {
        max_bytes,
        ..place.config()
    })
    .await
    .unwrap();
    for round in 0..30 {
        let from = T0 + round * 5 * MINUTE;
        place.set_now(from + 7 * MINUTE);
        let value = |n: i64| (n * 7 + round) as f64 / 3.0;
        history.append((0..1_500).map(|n| series(&format!("n{n}"), 0, "m", &[(from + n, value(n))])));
        history.tidy().await.unwrap();
    }
    let stats = history.stats();
    assert!(stats.oldest_ms.unwrap() > T0, "the oldest went");
    history.close().await.unwrap();
    let end = std::fs::metadata(place.path()).unwrap().len();
    assert!(end <= max_bytes, "{end} bytes");
}

#[tokio::test]
async fn events_are_the_newest_in_order_and_bounded() {
    let place = Place::new();
    let history = place.open().await;
    for i in 0..50 {
        let event = NewEvent {
            at_ms: T0 + i * SECOND,
            kind: "control".into(),
            subject: "p;1".into(),
            label: "nginx".into(),
            text: format!("event {i}"),
            user: "root".into(),
        };
        history.record(event);
    }
    history.record(NewEvent {
        at_ms: T0 + HOUR,
        text: "ä".repeat(10_000),
        ..NewEvent::default()
    });
    history.flush().await.unwrap();
    let events = history
        .events(T0 + 10 * SECOND, T0 + 40 * SECOND, 3)
        .await
        .unwrap();
    let texts: Vec<&str> = events.iter().map(|e| e.text.as_str()).collect();
    assert_eq!(texts, ["event 38", "event 39", "event 40"]);
    assert_eq!(
        (events[0].kind.as_str(), events[0].user.as_str()),
        ("control", "root")
    );
    assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id));
    let long = history.events(T0 + HOUR, T0 + HOUR, 1).await.unwrap();
    assert!(long[0].text.len() <= 4_096 && long[0].text.ends_with('ä'));
}
