//! Single calls on a socket that nobody has registered.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use orrery_plugins::once::{self, OnceError};
use orrery_testkit::GoodPlugin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_is_asked_once_and_says_what_it_is() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lamp.sock");
    let missing = once::first_report(&path, "lamp", "probe").await.unwrap_err();
    assert!(matches!(missing, OnceError::Unreachable(_)), "{missing:?}");
    assert!(once::listener(&path).await.is_err());

    let _plugin = GoodPlugin::start(&path).unwrap();
    let first = once::first_report(&path, "lamp", "probe").await.unwrap();
    assert!(first.interfaces.contains(&"reporter".to_owned()), "{first:?}");
    let listener = once::listener(&path).await.unwrap();
    assert_eq!(listener.pid, Some(i32::try_from(std::process::id()).unwrap()));
    let other = once::first_report(&path, "torch", "probe").await.unwrap_err();
    assert_eq!(
        other,
        OnceError::Protocol("plugin must not change its id (is \"lamp\", should be \"torch\")".to_owned())
    );

    let ask = |target, most| {
        let budget = Duration::from_secs(5);
        once::ask(&path, Method::GET, target, Bytes::new(), budget, most)
    };
    assert_eq!(ask("/health", 100).await.unwrap().0, StatusCode::NOT_FOUND);
    assert_eq!(ask("/report", 100_000).await.unwrap().0, StatusCode::OK);
    let large = ask("/report", 10).await.unwrap_err();
    assert_eq!(large.to_string(), "answer is larger than 10 bytes");
}
