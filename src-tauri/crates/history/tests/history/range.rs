//! Ranges against a model that has all samples in one list.

use std::collections::BTreeMap;

use orrery_history::{History, Series};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::common::{HOUR, MINUTE, Place, SECOND, T0, series};

/// A sample with the start of the incarnation that it belongs to.
type Row = (i64, f64, i64);

/// Two and a half hours in uneven steps, with a gap and a restart; the last minutes are not sealed.
async fn filled(place: &Place) -> (History, Vec<Row>) {
    let reborn = T0 + HOUR + 1_234;
    let mut rows: Vec<Row> = Vec::new();
    let mut t = T0 - 3 * MINUTE + 77;
    let mut random = 12_345u64;
    while t < T0 + 150 * MINUTE {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        t += 900 + (random >> 33) as i64 % 200;
        let in_gap = (T0 + 30 * MINUTE..T0 + 41 * MINUTE).contains(&t);
        if !in_gap {
            rows.push((
                t,
                (random >> 40) as f64 / 3.0,
                if t < reborn { T0 - HOUR } else { reborn },
            ));
        }
    }
    let history = place.open().await;
    for hour in 0..3 {
        place.set_now(T0 + (hour + 1) * HOUR);
        for incarnation in [T0 - HOUR, reborn] {
            let within = |row: &&Row| row.2 == incarnation && (row.0 - T0).div_euclid(HOUR).max(0) == hour;
            let samples: Vec<(i64, f64)> = rows.iter().filter(within).map(|row| (row.0, row.1)).collect();
            history.append(vec![series("n", incarnation, "m", &samples)]);
        }
        // The end of the last hour lies in the future yet, and stays live.
        place.set_now(T0 + (hour + 1) * HOUR - if hour == 2 { 30 * MINUTE } else { 0 });
        history.flush().await.unwrap();
        history.tidy().await.unwrap();
    }
    (history, rows)
}

fn check(answer: &Series, rows: &[Row], from: i64, to: i64, max_points: u32) {
    let inside: Vec<&Row> = rows.iter().filter(|row| (from..=to).contains(&row.0)).collect();
    assert!(
        answer.points.len() <= max_points as usize,
        "{} points",
        answer.points.len()
    );
    assert_eq!(
        answer.step_ms == 0,
        inside.len() <= max_points as usize,
        "raw when it fits"
    );
    if inside.is_empty() {
        assert!(answer.points.is_empty());
        return;
    }
    let mut wanted: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for &&(t, value, incarnation) in &inside {
        let step = answer.step_ms.max(1);
        let start = t / step * step;
        let at = if answer.step_ms == 0 {
            t
        } else {
            start.max(from).max(incarnation)
        };
        wanted.entry(at).or_default().push(value);
    }
    assert_eq!(
        answer.points.iter().map(|p| p.t_ms).collect::<Vec<_>>(),
        wanted.keys().copied().collect::<Vec<_>>()
    );
    for (point, values) in answer.points.iter().zip(wanted.values()) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!(
            (point.avg - mean).abs() <= mean.abs() * 1e-9,
            "{} is not {mean}",
            point.avg
        );
        assert_eq!(point.min, values.iter().copied().fold(f64::INFINITY, f64::min));
        assert_eq!(
            point.max,
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        );
    }
}

#[test]
fn ranges_match_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = Place::new();
    let (history, rows) = runtime.block_on(filled(&place));
    let span = (-10 * MINUTE..170 * MINUTE, 0..180 * MINUTE, 2u32..1_200);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    });
    let outcome = runner.run(&span, |(from, length, max_points)| {
        let (from, to) = (T0 + from, T0 + from + length);
        let answer = runtime
            .block_on(history.range("n", "m", from, to, max_points))
            .unwrap();
        check(&answer, &rows, from, to, max_points);
        Ok(())
    });
    outcome.unwrap();

    let all = runtime
        .block_on(history.range("n", "m", i64::MIN, i64::MAX, 10_000))
        .unwrap();
    assert_eq!((all.step_ms, all.points.len()), (0, rows.len()));
    let few = runtime
        .block_on(history.range("n", "m", i64::MIN, i64::MAX, 2))
        .unwrap();
    assert!(few.points.len() <= 2 && few.step_ms > 2 * HOUR);
    let none = runtime
        .block_on(history.range("n", "m", T0 + SECOND, T0, 10))
        .unwrap();
    assert!(none.points.is_empty());
    let unknown = runtime
        .block_on(history.range("n", "x", 0, i64::MAX, 10))
        .unwrap();
    assert_eq!(unknown, Series::default());
    runtime.block_on(history.close()).unwrap();
}

#[tokio::test]
async fn more_incarnations_than_points() {
    let place = Place::new();
    let history = place.open().await;
    place.set_now(T0 + HOUR);
    for i in 0..200 {
        let born = T0 + i * 10 * SECOND;
        history.append(vec![series("n", born, "m", &[(born, 1.0), (born + SECOND, 3.0)])]);
    }
    history.tidy().await.unwrap();
    let answer = history.range("n", "m", T0, T0 + HOUR, 20).await.unwrap();
    assert!(
        (1..=20).contains(&answer.points.len()),
        "{} points",
        answer.points.len()
    );
    assert_eq!(answer.incarnations_ms.len(), 200);
    assert!(
        answer
            .points
            .iter()
            .all(|p| (p.min, p.avg, p.max) == (1.0, 2.0, 3.0))
    );
}

#[tokio::test]
async fn huge_values_stay_finite() {
    let place = Place::new();
    let history = place.open().await;
    place.set_now(T0 + HOUR);
    let samples: Vec<(i64, f64)> = (0..1_000).map(|i| (T0 + i * SECOND, f64::MAX)).collect();
    history.append(vec![series("n", 0, "m", &samples)]);
    history.tidy().await.unwrap();
    for max_points in [2, 20, 200] {
        let answer = history.range("n", "m", 0, i64::MAX, max_points).await.unwrap();
        assert!(
            answer.points.iter().all(|p| p.avg == f64::MAX),
            "{:?}",
            answer.points[0]
        );
    }
}
