//! Report frames.

use std::time::Duration;

use orrery_history::{Config, History, limits};

use crate::common::{HOUR, MINUTE, Place, SECOND, T0};

/// A report's worth of text of which a little changes each time.
fn frame(n: i64) -> Vec<u8> {
    let node = |i: i64| {
        format!(
            "{{\"id\":\"host;{i}\",\"hash\":\"{:x}\",\"n\":{}}},",
            (i * 7_919) ^ 0x5bd1_e995,
            if i % 100 == n % 100 { n } else { 0 }
        )
    };
    (0..2_000).map(node).collect::<String>().into_bytes()
}

#[tokio::test]
async fn frames_come_back_as_of_a_time() {
    let place = Place::new();
    let history = place.open().await;
    for n in 0..100 {
        place.set_now(T0 + n * 10 * SECOND);
        history.put_frame(T0 + n * 10 * SECOND, frame(n));
    }
    history.put_frame(T0, b"a second one at the same time is not taken".to_vec());
    history.flush().await.unwrap();
    assert_eq!(history.frame_at(T0 - 1).await.unwrap(), None);
    for (asked, found) in [
        (0, 0),
        (9_999, 0),
        (10_000, 1),
        (412_345, 41),
        (i64::from(u32::MAX), 99),
    ] {
        let (at, bytes) = history.frame_at(T0 + asked).await.unwrap().unwrap();
        assert_eq!(
            (at, bytes == frame(found)),
            (T0 + found * 10_000, true),
            "asked for {asked}"
        );
    }
    assert_eq!(
        history.frame_times(T0 + 1, T0 + 30_000).await.unwrap(),
        [T0 + 10_000, T0 + 20_000, T0 + 30_000]
    );
    assert_eq!(history.stats().oldest_frame_ms, Some(T0));
    history.close().await.unwrap();
    let stored: u64 = place
        .look("SELECT cast(sum(stored_bytes) AS text) FROM frame")
        .await
        .parse()
        .unwrap();
    let raw: usize = (0..100).map(|n| frame(n).len()).sum();
    assert!(
        stored * 40 < raw as u64,
        "{stored} of {raw} bytes: neighbours are compressed against each other"
    );

    let history = place.open().await;
    history.put_frame(T0 + HOUR, frame(5));
    history.put_frame(T0 + HOUR + 1, Vec::new());
    history.put_frame(T0 + 30 * MINUTE, frame(6));
    history.flush().await.unwrap();
    assert_eq!(
        history.frame_at(T0 + HOUR).await.unwrap(),
        Some((T0 + HOUR, frame(5)))
    );
    assert_eq!(
        history.frame_at(T0 + 2 * HOUR).await.unwrap(),
        Some((T0 + HOUR + 1, Vec::new()))
    );
    assert_eq!(
        history.frame_at(T0 + 31 * MINUTE).await.unwrap(),
        Some((T0 + 30 * MINUTE, frame(6)))
    );
    assert_eq!(
        history.frame_at(T0 + 50_000).await.unwrap(),
        Some((T0 + 50_000, frame(5)))
    );
    history.close().await.unwrap();
}

#[tokio::test]
async fn frames_go_by_age_and_by_size() {
    let place = Place::new();
    let config = Config {
        frames_max_age: Duration::from_secs(1_800),
        ..place.config()
    };
    let history = History::open(config).await.unwrap();
    for n in 0..120 {
        place.set_now(T0 + n * 30 * SECOND);
        history.put_frame(T0 + n * 30 * SECOND, frame(n));
    }
    history.tidy().await.unwrap();
    let oldest = history.stats().oldest_frame_ms.unwrap();
    let cut = T0 + 119 * 30 * SECOND - 30 * MINUTE;
    assert!(
        (cut - limits::FRAME_GROUP_MS..=cut).contains(&oldest),
        "{} minutes",
        (oldest - T0) / MINUTE
    );
    assert_eq!(history.frame_at(oldest - 1).await.unwrap(), None);
    history.close().await.unwrap();

    let config = Config {
        frames_max_bytes: 60_000,
        ..place.config()
    };
    let history = History::open(config).await.unwrap();
    history.tidy().await.unwrap();
    assert!(history.stats().oldest_frame_ms.unwrap() > oldest);
    let last = history.frame_at(i64::MAX).await.unwrap().unwrap();
    assert_eq!(last, (T0 + 119 * 30 * SECOND, frame(119)), "the newest stays");
    history.close().await.unwrap();
    let stored: u64 = place
        .look("SELECT cast(sum(stored_bytes) AS text) FROM frame")
        .await
        .parse()
        .unwrap();
    assert!(stored <= 60_000, "{stored} bytes");
}

#[tokio::test]
async fn a_frame_that_is_too_big_is_dropped() {
    let place = Place::new();
    let history = place.open().await;
    history.put_frame(T0, vec![0; limits::MAX_FRAME_BYTES + 1]);
    history.put_frame(T0 + 1, vec![0; limits::MAX_FRAME_BYTES]);
    history.flush().await.unwrap();
    assert_eq!(history.stats().dropped, 1);
    let (at, bytes) = history.frame_at(T0 + 9).await.unwrap().unwrap();
    assert_eq!((at, bytes.len()), (T0 + 1, limits::MAX_FRAME_BYTES));
}
