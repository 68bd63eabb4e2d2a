//! Downloads from a real server that fails in every way it can.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use orrery_packages::{FetchError, FetchOptions, Fetched, Source, fetch};
use tokio_util::sync::CancellationToken;

use crate::archives::{Ground, sum};
use crate::server::{Answer, Server};

/// Tries that follow at once.
pub(crate) fn quick() -> FetchOptions {
    FetchOptions {
        attempts: 4,
        try_timeout: Duration::from_secs(10),
        total_timeout: Duration::from_secs(15),
        stall_timeout: Duration::from_millis(400),
        wait_first: Duration::from_millis(1),
        wait_max: Duration::from_millis(20),
        max_bytes: 1 << 20,
    }
}

/// Bytes that do not repeat.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes as u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect()
}

fn url(server: &Server, sha256: Option<String>) -> Source {
    Source::Url {
        url: server.url("/p.tar.gz"),
        sha256,
    }
}

async fn get(ground: &Ground, source: &Source, options: &FetchOptions) -> Result<Fetched, FetchError> {
    let cancel = CancellationToken::new();
    let before = ground.listing();
    let result = fetch(source, options, |_, _| (), &cancel, &ground.path("got")).await;
    match &result {
        Ok(fetched) => {
            let bytes = fs::read(&fetched.path).unwrap();
            assert_eq!(
                (sum(&bytes), bytes.len() as u64),
                (fetched.sha256.clone(), fetched.bytes)
            );
        }
        Err(error) => assert_eq!(ground.listing(), before, "{error}: something is left behind"),
    }
    result
}

/// A1: with the right sum the very bytes are there, whoever gave the sum.
#[tokio::test]
async fn a_good_download_has_the_very_bytes() {
    let body = noise(300_000);
    let right = sum(&body);
    for (given, beside) in [
        (Some(right.clone()), None),
        (Some(right.to_uppercase()), None),
        (None, Some(format!("{right}  p.tar.gz\n"))),
        (None, None),
        // What the order says counts more than what lies beside the package.
        (Some(right.clone()), Some("0".repeat(64))),
    ] {
        let (content, sidecar) = (body.clone(), beside.clone());
        let server = Server::start(move |asked| match (asked.path.as_str(), &sidecar) {
            ("/p.tar.gz", _) => Answer::ok(&content),
            ("/p.tar.gz.sha256", Some(text)) => Answer::ok(text.as_bytes()),
            _ => Answer::status(404),
        })
        .await;
        let ground = Ground::new();
        let fetched = get(&ground, &url(&server, given), &quick()).await.unwrap();
        assert_eq!((fetched.sha256.as_str(), fetched.signed), (right.as_str(), false));
        assert_eq!(server.count("/p.tar.gz"), 1);
        assert_eq!(fs::read_dir(ground.dir.path()).unwrap().count(), 3);
    }
}

/// A2, N1: what passes is tried again, up to the number of tries; what will not pass is not.
#[tokio::test]
async fn only_what_may_pass_is_tried_again() {
    for (status, tries) in [
        (500, 4),
        (502, 4),
        (503, 4),
        (429, 4),
        (408, 4),
        (404, 1),
        (403, 1),
        (401, 1),
        (410, 1),
        (204, 1),
        (304, 1),
    ] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/p.tar.gz" => Answer::status(status),
            _ => Answer::status(404),
        })
        .await;
        let error = get(&Ground::new(), &url(&server, None), &quick())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "fetch.status", "{status}: {error}");
        assert_eq!(error.retryable(), tries > 1, "{status}");
        assert_eq!(server.count("/p.tar.gz"), tries, "{status}");
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_waited_for() {
    let body = noise(1000);
    let content = body.clone();
    let server = Server::start(move |asked| match (asked.path.as_str(), asked.before) {
        ("/p.tar.gz", 0) => Answer::status(503).header("Retry-After", "0"),
        ("/p.tar.gz", 1) => Answer::status(500),
        ("/p.tar.gz", 2) => Answer::ok(&content).cut_after(10),
        ("/p.tar.gz", _) => Answer::ok(&content),
        // Beside a package the same is tried, and the same is not there.
        (_, 0) => Answer::status(503),
        _ => Answer::status(403),
    })
    .await;
    get(&Ground::new(), &url(&server, Some(sum(&body))), &quick())
        .await
        .unwrap();
    assert_eq!(server.count("/p.tar.gz"), 4);
    assert_eq!(server.count("/p.tar.gz.minisig"), 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_as_often_as_asked() {
    let server = Server::with(Vec::new()).await;
    let source = url(&server, None);
    drop(server);
    // Nobody listens any more once the server has ended.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = get(&Ground::new(), &source, &quick()).await.unwrap_err();
    assert_eq!(
        (error.code(), error.retryable()),
        ("fetch.network", true),
        "{error}"
    );
}

/// A3, N3: another sum, or too many bytes: refused, once and for all.
#[tokio::test]
async fn wrong_sums_and_sizes_are_refused_at_once() {
    let body = noise(5000);
    let right = Some(sum(&body));
    let small = FetchOptions {
        max_bytes: 4999,
        ..quick()
    };
    let exact = FetchOptions {
        max_bytes: 5000,
        ..quick()
    };
    for (what, given, options, code) in [
        ("right", right.clone(), &exact, None),
        ("another sum", Some("0".repeat(64)), &exact, Some("checksum")),
        ("no sum", Some("nonsense".into()), &exact, Some("fetch.address")),
        ("too large, sum right", right, &small, Some("fetch.too_large")),
        ("too large", None, &small, Some("fetch.too_large")),
    ] {
        let server = Server::with(body.clone()).await;
        let result = get(&Ground::new(), &url(&server, given), options).await;
        assert_eq!(result.as_ref().err().map(FetchError::code), code, "{what}");
        assert!(server.count("/p.tar.gz") <= 1, "{what}");
    }
    // A server that does not say how large it is.
    let endless = Server::start(|asked| match asked.path.as_str() {
        "/p.tar.gz" => Answer {
            declared: Some(usize::MAX >> 1),
            ..Answer::ok(&noise(100))
        },
        _ => Answer::status(404),
    })
    .await;
    let error = get(&Ground::new(), &url(&endless, None), &quick())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "fetch.too_large");
}

/// N2: broken off in the midst, it goes on where it stopped, if it is still the same file.
#[tokio::test]
async fn a_download_goes_on_where_it_stopped() {
    let body = noise(100_000);
    let content = body.clone();
    let server = Server::start(move |asked| match (asked.path.as_str(), asked.before) {
        ("/p.tar.gz", 0) => Answer::ranged(asked, &content, "\"v1\"").cut_after(40_000),
        ("/p.tar.gz", 1) => Answer::ranged(asked, &content, "\"v1\"").cut_after(30_000),
        ("/p.tar.gz", _) => Answer::ranged(asked, &content, "\"v1\""),
        _ => Answer::status(404),
    })
    .await;
    let seen = Mutex::new(Vec::new());
    let ground = Ground::new();
    let fetched = fetch(
        &url(&server, Some(sum(&body))),
        &quick(),
        |done, total| seen.lock().unwrap().push((done, total)),
        &CancellationToken::new(),
        &ground.path("got"),
    )
    .await
    .unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), body);
    let ranges: Vec<_> = server
        .asked("/p.tar.gz")
        .iter()
        .map(|asked| asked.range)
        .collect();
    assert_eq!(ranges, [None, Some(40_000), Some(70_000)]);
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted(), "progress never goes back here: {seen:?}");
    assert!(seen.iter().all(|(_, total)| *total == Some(100_000)));
    assert_eq!(seen.last(), Some(&(100_000, Some(100_000))));
}

/// N2: where the server cannot go on, or has another file by now, it begins anew.
#[tokio::test]
async fn a_download_begins_anew_where_it_cannot_go_on() {
    let (old, new) = (noise(50_000), noise(60_000).split_off(5_000));
    type Reply = fn(&crate::server::Asked, &[u8], &[u8]) -> Answer;
    let cases: [(&str, Reply, usize); 6] = [
        (
            "no tag",
            |asked, _, new| match asked.before {
                0 => Answer::ok(new).cut_after(20_000),
                _ => Answer::ok(new),
            },
            2,
        ),
        (
            "a weak tag",
            |asked, _, new| match asked.before {
                0 => Answer::ok(new).header("ETag", "W/\"1\"").cut_after(20_000),
                _ => Answer::ok(new),
            },
            2,
        ),
        (
            "another file by now",
            |asked, old, new| match asked.before {
                0 => Answer::ranged(asked, old, "\"v1\"").cut_after(20_000),
                _ => Answer::ranged(asked, new, "\"v2\""),
            },
            2,
        ),
        (
            "a range that cannot be given",
            |asked, _, new| match asked.before {
                0 => Answer::ranged(asked, new, "\"v1\"").cut_after(20_000),
                1 => Answer::status(416),
                _ => Answer::ok(new),
            },
            3,
        ),
        (
            "another range than was asked for",
            |asked, _, new| match asked.before {
                0 => Answer::ranged(asked, new, "\"v1\"").cut_after(20_000),
                1 => {
                    let mut odd = Answer::ok(&new[7..]).header("Content-Range", "bytes 7-54999/55000");
                    odd.status = 206;
                    odd
                }
                _ => Answer::ok(new),
            },
            3,
        ),
        (
            "a liar that goes on with another file",
            |asked, old, new| match asked.before {
                0 => Answer::ranged(asked, old, "\"v1\"").cut_after(20_000),
                1 => Answer::ranged(asked, new, "\"v1\""),
                _ => Answer::ok(new),
            },
            3,
        ),
    ];
    for (what, reply, tries) in cases {
        let (first, second) = (old.clone(), new.clone());
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/p.tar.gz" => reply(asked, &first, &second),
            _ => Answer::status(404),
        })
        .await;
        let ground = Ground::new();
        let fetched = get(&ground, &url(&server, Some(sum(&new))), &quick()).await;
        assert_eq!(fetched.map(|f| f.sha256), Ok(sum(&new)), "{what}");
        assert_eq!(server.count("/p.tar.gz"), tries, "{what}");
    }
}

/// A length that is not the body's, and silence: neither is taken for the end.
#[tokio::test]
async fn a_body_is_whole_or_nothing() {
    let body = noise(1000);
    let silent = |bytes| Answer {
        then_silent: true,
        ..Answer::ok(&noise(1000)).cut_after(bytes)
    };
    let longer = Answer {
        declared: Some(2000),
        ..Answer::ok(&body)
    };
    for (what, answer, code) in [
        ("cut off", Answer::ok(&body).cut_after(500), "fetch.network"),
        ("shorter than declared", longer, "fetch.network"),
        ("silent at once", silent(0), "fetch.timeout"),
        ("silent in the midst", silent(500), "fetch.timeout"),
    ] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/p.tar.gz" => answer.clone(),
            _ => Answer::status(404),
        })
        .await;
        let options = FetchOptions {
            attempts: 2,
            stall_timeout: Duration::from_millis(150),
            ..quick()
        };
        let error = get(&Ground::new(), &url(&server, None), &options)
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.retryable()), (code, true), "{what}: {error}");
        assert_eq!(server.count("/p.tar.gz"), 2, "{what}");
    }
}

/// Slow is not silent; a try, and all tries together, have an end nevertheless.
#[tokio::test]
async fn slow_servers_end_by_the_clock() {
    let body = noise(6400);
    for (options, code) in [
        (quick(), None),
        (
            FetchOptions {
                try_timeout: Duration::from_millis(60),
                attempts: 2,
                ..quick()
            },
            Some("fetch.timeout"),
        ),
        (
            FetchOptions {
                total_timeout: Duration::from_millis(60),
                ..quick()
            },
            Some("fetch.timeout"),
        ),
    ] {
        let slow = Answer {
            pause: Some(Duration::from_millis(3)),
            ..Answer::ok(&body)
        };
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/p.tar.gz" => slow.clone(),
            _ => Answer::status(404),
        })
        .await;
        let result = get(&Ground::new(), &url(&server, None), &options).await;
        assert_eq!(result.as_ref().err().map(FetchError::code), code, "{options:?}");
    }
    // With a tag, tries that are each too short come to the end together.
    let content = body.clone();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/p.tar.gz" => Answer {
            pause: Some(Duration::from_millis(3)),
            ..Answer::ranged(asked, &content, "\"v1\"")
        },
        _ => Answer::status(404),
    })
    .await;
    let options = FetchOptions {
        try_timeout: Duration::from_millis(200),
        attempts: 50,
        ..quick()
    };
    get(&Ground::new(), &url(&server, Some(sum(&body))), &options)
        .await
        .unwrap();
    assert!(server.count("/p.tar.gz") > 1);
}

/// A7 for downloads: cancelled at any time, it ends at once and leaves nothing.
#[tokio::test]
async fn cancelled_at_any_time_it_leaves_nothing() {
    let silent = Answer {
        then_silent: true,
        ..Answer::ok(&noise(1000)).cut_after(500)
    };
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/p.tar.gz" => silent.clone(),
        "/busy" => Answer::status(503),
        _ => Answer::status(404),
    })
    .await;
    let patient = FetchOptions {
        stall_timeout: Duration::from_secs(60),
        wait_first: Duration::from_secs(60),
        wait_max: Duration::from_secs(60),
        total_timeout: Duration::from_secs(60),
        ..quick()
    };
    for (path, after_ms) in [("/p.tar.gz", 0), ("/p.tar.gz", 100), ("/busy", 100)] {
        let ground = Ground::new();
        let before = ground.listing();
        let cancel = CancellationToken::new();
        let source = Source::Url {
            url: server.url(path),
            sha256: None,
        };
        let begun = Instant::now();
        let into = ground.path("got");
        let (result, ()) = tokio::join!(fetch(&source, &patient, |_, _| (), &cancel, &into), async {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            cancel.cancel();
        });
        assert_eq!(result, Err(FetchError::Cancelled), "{path}");
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(ground.listing(), before, "{path}");
    }
}

#[tokio::test]
async fn redirects_are_followed_within_bounds() {
    let body = noise(100);
    let content = body.clone();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/here" | "/p.tar.gz" => Answer::ok(&content),
        "/one" => Answer::redirect("/here?signed=1"),
        "/here?signed=1" => Answer::ok(&content),
        "/loop" => Answer::redirect("/loop"),
        "/nowhere" => Answer::status(302),
        "/plain" => Answer::redirect("http://example.org/p.tar.gz"),
        "/file" => Answer::redirect("file:///etc/passwd"),
        path => match path
            .strip_prefix("/chain")
            .and_then(|left| left.parse::<u32>().ok())
        {
            Some(0) => Answer::redirect("/here"),
            Some(left) => Answer::redirect(&format!("/chain{}", left - 1)),
            None => Answer::status(404),
        },
    })
    .await;
    for (path, code) in [
        ("/one", None),
        ("/chain4", None),
        ("/chain5", Some("fetch.address")),
        ("/loop", Some("fetch.address")),
        ("/nowhere", Some("fetch.address")),
        ("/plain", Some("fetch.address")),
        ("/file", Some("fetch.address")),
    ] {
        let source = Source::Url {
            url: server.url(path),
            sha256: Some(sum(&body)),
        };
        let result = get(&Ground::new(), &source, &quick()).await;
        assert_eq!(result.as_ref().err().map(FetchError::code), code, "{path}");
    }
    assert_eq!(
        server.count("/loop"),
        6,
        "five redirects, and not again after that"
    );
}

/// What is wrong with an address is said without the secrets in it.
#[tokio::test]
async fn secrets_in_addresses_stay_out_of_errors() {
    let server = Server::start(|_| Answer::status(500)).await;
    let url = server
        .url("/p.tar.gz?signature=hunter2")
        .replace("http://", "http://user:hunter2@");
    for url in [
        url.clone(),
        url.replace("http://", "ftp://"),
        url.replace("127.0.0.1", "127.0.0.2"),
    ] {
        let source = Source::Url { url, sha256: None };
        let error = get(&Ground::new(), &source, &quick()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
