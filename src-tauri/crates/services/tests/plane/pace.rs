//! What passing on costs: a floor that holds on any machine. The goals themselves are the bench's.

use std::path::Path;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use crate::world::{TestBody, World, full};

/// Callers at a time.
const CALLERS: usize = 4;
/// Requests of each in a round.
const REQUESTS: usize = 100;
/// Least part of the rate on the plugin's own socket.
const FLOOR: f64 = 0.1;
/// Most that passing on may add to the slowest hundredth.
const ADDED: Duration = Duration::from_millis(50);
/// What other work on the machine spoils is measured again for so long.
const PATIENCE: Duration = Duration::from_secs(60);

type Caller = SendRequest<TestBody>;

async fn through(world: &World) -> Caller {
    let stream = TcpStream::connect(world.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    sender
}

async fn direct(socket: &Path) -> Caller {
    let stream = UnixStream::connect(socket).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    sender
}

/// How long a round took, and the latency that a hundredth of its requests exceeded.
async fn round(callers: Vec<Caller>, path: &'static str) -> (Duration, Duration) {
    let began = Instant::now();
    let callers: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            tokio::spawn(async move {
                let mut took = Vec::with_capacity(REQUESTS);
                for _ in 0..REQUESTS {
                    let asked = Instant::now();
                    caller.ready().await.unwrap();
                    let request = Request::get(path).header("host", "localhost").body(full(""));
                    let answer = caller.send_request(request.unwrap()).await.unwrap();
                    assert_eq!(answer.status(), 200);
                    answer.into_body().collect().await.unwrap();
                    took.push(asked.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for caller in callers {
        took.extend(caller.await.unwrap());
    }
    took.sort_unstable();
    (began.elapsed(), took[took.len() * 99 / 100])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn px10_passing_on_keeps_a_part_of_the_rate_and_adds_little() {
    let (world, plugin) = World::serving("[{type: route, path: '/{*rest}'}]").await;
    let until = Instant::now() + PATIENCE;
    loop {
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for _ in 0..CALLERS {
            near.push(direct(&plugin.socket).await);
            far.push(through(&world).await);
        }
        let (near, near_p99) = round(near, "/echo").await;
        let (far, far_p99) = round(far, "/apis/g.example/v1/echo").await;
        let part = near.as_secs_f64() / far.as_secs_f64();
        let added = far_p99.saturating_sub(near_p99);
        if part >= FLOOR && added <= ADDED {
            return;
        }
        assert!(
            Instant::now() < until,
            "{part:.2} of the rate, {added:?} added to p99"
        );
    }
}
