//! Server-sent events and websockets.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use http_body_util::BodyExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::world::{World, data, full, object, until};

const STREAMS: &str = "[{type: stream, path: /events, protocols: [sse]}, \
    {type: stream, path: /ws, protocols: [websocket]}, {type: route, path: /plain}]";

#[tokio::test]
async fn px1_events_come_one_by_one_and_a_gone_caller_is_told() {
    let (world, plugin) = World::serving(STREAMS).await;
    let mut connection = world.connect().await;
    let response = connection.get("/apis/g.example/v1/events").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut next = async || body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(next().await, "first\n");
    let feed = plugin.seen.events.lock().unwrap().clone().unwrap();
    for n in 0..20 {
        let text = format!("data: {n}\n\n");
        feed.send(data(&text)).await.unwrap();
        assert_eq!(next().await, text, "each event apart");
    }
    assert_eq!(world.open_streams(), 1);
    drop(body);
    connection.cut();
    until("the plugin's handler has ended", || async {
        plugin.seen.listening.load(Ordering::SeqCst) == 0
    })
    .await;
    until("mx8: nothing is open", || async { world.open_streams() == 0 }).await;
    assert_eq!(world.counted("ok"), 1);
}

async fn websocket(world: &World, path: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let stream = TcpStream::connect(world.address).await.unwrap();
    let url = format!("ws://{}{path}", world.address);
    client_async(url, stream).await.map(|(socket, response)| {
        assert_eq!(response.headers().get("set-cookie"), None);
        socket
    })
}

#[tokio::test]
async fn px2_a_websocket_echoes_and_closes_both_ways() {
    let (world, _plugin) = World::serving(STREAMS).await;
    let mut socket = websocket(&world, "/apis/g.example/v1/ws").await.unwrap();
    for n in 0..100 {
        socket.send(Message::text(format!("m{n}"))).await.unwrap();
        assert_eq!(
            socket.next().await.unwrap().unwrap(),
            Message::text(format!("m{n}"))
        );
    }
    let big = Message::binary(vec![7_u8; 8 << 20]);
    socket.send(big.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), big);
    socket.send(Message::Ping("p".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("p".into()));
    assert_eq!(world.open_streams(), 1);
    socket.close(None).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_))) | None));
    until("nothing is open", || async { world.open_streams() == 0 }).await;
}

#[tokio::test]
async fn px2_a_plugin_that_goes_is_seen_and_other_upgrades_are_refused() {
    let (world, _plugin) = World::serving(STREAMS).await;
    let mut socket = websocket(&world, "/apis/g.example/v1/ws").await.unwrap();
    socket.send(Message::text("crash")).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), socket.next())
        .await
        .unwrap();
    assert!(matches!(ended, None | Some(Err(_))), "{ended:?}");
    for path in ["/apis/g.example/v1/events", "/apis/g.example/v1/plain"] {
        match websocket(&world, path).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 400, "{path}"),
            other => panic!("{path}: {:?}", other.err()),
        }
    }
    let other = Request::get("/apis/g.example/v1/ws")
        .header("connection", "upgrade")
        .header("upgrade", "h2c");
    assert_eq!(
        world.request(other.body(full("")).unwrap()).await.reason(),
        (400, "UpgradeNotAllowed".to_owned())
    );
}

#[tokio::test]
async fn ag8_streams_outlive_changes_and_end_cleanly_after_removal() {
    let (world, plugin) = World::serving(STREAMS).await;
    let mut connection = world.connect().await;
    let mut body = connection.get("/apis/g.example/v1/events").await.into_body();
    let mut socket = websocket(&world, "/apis/g.example/v1/ws").await.unwrap();
    body.frame().await.unwrap().unwrap();
    world.apply(&object("p", "p", "g.example", "v2", STREAMS)).await;
    world
        .apply(&object("p", "p", "g.example", "v2", "[{type: query}]"))
        .await;
    let feed = plugin.seen.events.lock().unwrap().clone().unwrap();
    feed.send(data("still")).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "still");
    socket.send(Message::text("still")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("still"));

    let removed = Instant::now();
    world.plane.registry().delete("p", None).await.unwrap();
    feed.send(data("yet")).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "yet");
    let ended = tokio::time::timeout(Duration::from_secs(30), body.frame())
        .await
        .unwrap();
    assert!(ended.is_none(), "a clean end: {ended:?}");
    assert!(removed.elapsed() >= orrery_services::limits::DRAIN - Duration::from_millis(50));
    let ended = tokio::time::timeout(Duration::from_secs(30), socket.next())
        .await
        .unwrap();
    assert!(matches!(ended, None | Some(Err(_))), "{ended:?}");
}
