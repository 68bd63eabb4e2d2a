//! Samples go in and come out: live, sealed, after a restart.

use orrery_history::{History, SampleRow};

use crate::common::{HOUR, MINUTE, Place, SECOND, T0, series, wave};

async fn values(history: &History, node: &str, metric: &str) -> Vec<(i64, f64)> {
    let range = history.range(node, metric, 0, i64::MAX, 10_000).await.unwrap();
    assert_eq!(range.step_ms, 0, "raw samples expected");
    range.points.iter().map(|p| (p.t_ms, p.avg)).collect()
}

#[tokio::test]
async fn samples_read_the_same_live_sealed_and_after_a_restart() {
    let place = Place::new();
    let wanted = wave(T0 + 17, T0 + 12 * MINUTE, SECOND);
    let history = place.open().await;
    place.set_now(T0 + 12 * MINUTE);
    history.append(vec![series("p", T0 - HOUR, "cpu", &wanted)]);
    history.flush().await.unwrap();
    assert_eq!(values(&history, "p", "cpu").await, wanted);
    assert_eq!(history.stats().samples, 720);

    place.set_now(T0 + 13 * MINUTE);
    history.tidy().await.unwrap();
    assert_eq!(values(&history, "p", "cpu").await, wanted, "after sealing");
    history.close().await.unwrap();
    assert_eq!(
        place.look("SELECT cast(count(*) AS text) FROM block").await,
        "2",
        "two chunks have passed"
    );

    let history = place.open().await;
    assert_eq!(values(&history, "p", "cpu").await, wanted, "after a restart");
    let more = wave(T0 + 12 * MINUTE + 17, T0 + 13 * MINUTE, SECOND);
    history.append(vec![series("p", T0 - HOUR, "cpu", &more)]);
    history.flush().await.unwrap();
    assert_eq!(
        values(&history, "p", "cpu").await,
        [wanted, more].concat(),
        "the same series goes on"
    );
    let stats = history.stats();
    assert_eq!(
        (stats.series, stats.samples, stats.dropped, stats.ignored),
        (1, 780, 0, 0)
    );
    assert_eq!(stats.oldest_ms, Some(T0));
    history.close().await.unwrap();
}

#[tokio::test]
async fn what_is_handed_in_is_committed_without_being_asked() {
    let place = Place::new();
    let history = place.open().await;
    history.append(vec![series("p", 0, "cpu", &[(T0, 1.0)])]);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while history.stats().samples == 0 {
        assert!(tokio::time::Instant::now() < deadline, "not committed");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Another program sees it too: it is in the file, not in memory alone.
    assert_eq!(place.look("SELECT cast(count(*) AS text) FROM tail").await, "1");
}

#[tokio::test]
async fn repeated_late_and_senseless_samples() {
    let place = Place::new();
    let history = place.open().await;
    let now = T0 + 20 * MINUTE;
    place.set_now(now);
    let last = [(now - 2, 1.0), (now, 3.0)];
    history.append(vec![series("p", 0, "cpu", &last)]);
    history.append(vec![series(
        "p",
        0,
        "cpu",
        &[(now, 99.0), (now - 1, 2.0), (now - 2, 99.0)],
    )]);
    history.flush().await.unwrap();
    assert_eq!(
        values(&history, "p", "cpu").await,
        [(now - 2, 1.0), (now - 1, 2.0), (now, 3.0)]
    );
    assert_eq!(history.stats().ignored, 2, "the first at a time stays");

    let senseless = [
        (now, f64::NAN),
        (now - 3, f64::INFINITY),
        (now + HOUR, 1.0),
        (-5, 1.0),
        (0, 1.0),
    ];
    history.append(vec![series("p", 0, "cpu", &senseless)]);
    history.append(vec![
        series(&"long".repeat(1_000), 0, "cpu", &last),
        series("p", 0, &"m".repeat(5_000), &last),
    ]);
    history.flush().await.unwrap();
    assert_eq!((history.stats().ignored, history.stats().series), (2 + 5 + 4, 1));

    // A chunk that is sealed takes late samples, once each, and sealing it again changes nothing else.
    place.set_now(now + 10 * MINUTE);
    history.tidy().await.unwrap();
    for _ in 0..2 {
        history.append(vec![series("p", 0, "cpu", &[(now - 4, 0.5), (now, 99.0)])]);
        history.tidy().await.unwrap();
        let all = [(now - 4, 0.5), (now - 2, 1.0), (now - 1, 2.0), (now, 3.0)];
        assert_eq!(values(&history, "p", "cpu").await, all);
        assert_eq!(history.stats().samples, 4);
    }
    history.close().await.unwrap();
    assert_eq!(place.look("SELECT cast(count(*) AS text) FROM tail").await, "0");
    assert_eq!(
        place.look("SELECT cast(sum(samples) AS text) FROM chunk").await,
        "4"
    );
}

#[tokio::test]
async fn incarnations_are_kept_apart() {
    let place = Place::new();
    let history = place.open().await;
    place.set_now(T0 + 4 * HOUR);
    let reborn = T0 + 2 * HOUR + 90 * SECOND;
    let first = wave(T0, T0 + 2 * HOUR, SECOND);
    let second: Vec<_> = wave(reborn, T0 + 4 * HOUR, SECOND)
        .into_iter()
        .map(|(t, v)| (t, v + 1_000.0))
        .collect();
    history.append(vec![
        series("h;42", T0 - 1, "cpu", &first),
        series("h;42", reborn, "cpu", &second),
    ]);
    history.tidy().await.unwrap();

    let range = history.range("h;42", "cpu", T0, T0 + 4 * HOUR, 50).await.unwrap();
    assert_eq!(
        range.incarnations_ms,
        [reborn],
        "the first began before the range"
    );
    assert_eq!((range.label.as_str(), range.format.as_str()), ("CPU", "percent"));
    assert!(
        range.points.iter().all(|p| p.max < 100.0 || p.min >= 1_000.0),
        "no point mixes the two"
    );
    let starts: Vec<i64> = range
        .points
        .iter()
        .filter(|p| p.min >= 1_000.0)
        .map(|p| p.t_ms)
        .collect();
    assert_eq!(starts[0], reborn);

    let infos = history.series_of("h;42").await.unwrap();
    let spans: Vec<_> = infos
        .iter()
        .map(|i| (i.incarnation_ms, i.from_ms, i.to_ms))
        .collect();
    let last = T0 + 4 * HOUR - SECOND;
    assert_eq!(
        spans,
        [(T0 - 1, T0, T0 + 2 * HOUR - SECOND), (reborn, reborn, last)]
    );
    assert_eq!(
        (infos[0].kind.as_str(), infos[0].metric.as_str()),
        ("process", "cpu")
    );
    assert!(history.series_of("h;43").await.unwrap().is_empty());
}

#[tokio::test]
async fn raw_samples_come_in_pages() {
    let place = Place::new();
    let history = place.open().await;
    place.set_now(T0 + 20 * MINUTE);
    let times = wave(T0, T0 + 20 * MINUTE, SECOND);
    let batch = ["a", "b", "c"].map(|metric| series("n", 7, metric, &times));
    history.append(batch.to_vec());
    history.tidy().await.unwrap();

    let (from, to) = (T0 + 10, T0 + 15 * MINUTE);
    let mut rows: Vec<SampleRow> = Vec::new();
    let mut next = Some(from);
    let mut pages = 0;
    while let Some(from) = next {
        let page = history.samples("n", &["c", "a"], from, to, 250).await.unwrap();
        assert!(page.rows.len() <= 251, "{} rows", page.rows.len());
        rows.extend(page.rows);
        next = page.next_from_ms;
        pages += 1;
    }
    assert_eq!(pages, 8);
    let wanted: Vec<SampleRow> = times
        .iter()
        .filter(|(t, _)| (from..=to).contains(t))
        .flat_map(|&(t_ms, value)| {
            ["a", "c"].map(|metric| SampleRow {
                t_ms,
                metric: metric.into(),
                incarnation_ms: 7,
                value,
            })
        })
        .collect();
    assert_eq!(rows, wanted);
    assert!(
        history
            .samples("n", &[], to, from, 10)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    assert_eq!(
        history.samples("n", &[], from, to, 1).await.unwrap().rows.len(),
        3,
        "one time stays together"
    );
}

#[tokio::test]
async fn a_full_queue_drops_and_counts() {
    let place = Place::new();
    let history = place.open().await;
    let many: Vec<(i64, f64)> = (0..600_000).map(|i| (T0 + i % 1_000, 1.0)).collect();
    // Two at once are more than may wait; nothing is taken between the two calls of one task's step.
    history.append(vec![series("p", 0, "cpu", &many)]);
    history.append(vec![series("p", 0, "cpu", &many)]);
    assert_eq!(history.stats().dropped, 600_000);
    history.flush().await.unwrap();
    history.append(vec![series("p", 0, "cpu", &[(T0 + 5_000, 1.0)])]);
    history.flush().await.unwrap();
    assert_eq!(history.stats().samples, 1_001, "there is room again");
}

#[tokio::test]
async fn a_closed_history_says_so() {
    let place = Place::new();
    let history = place.open().await;
    let other = history.clone();
    history.close().await.unwrap();
    assert!(matches!(
        other.flush().await,
        Err(orrery_history::HistoryError::Closed)
    ));
    other.append(vec![series("p", 0, "cpu", &[(T0, 1.0)])]);
    assert_eq!(other.stats().dropped, 1);
    assert!(other.range("p", "cpu", 0, T0, 10).await.is_err());
}
