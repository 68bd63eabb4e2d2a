//! What plugins serve below `/apis`, through the whole backend: declared over HTTP and by files, reached by a token,
//! gone with the plugin.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::time::Duration;

use http::{Method, StatusCode};
use orrery_engine::{Config, Engine, Paths};
use orrery_gateway::{Door, Gateway, Instance, ServicesConfig, Token};
use orrery_testkit::GoodPlugin;
use orrery_testkit::plugin::Reply;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);
const OBJECTS: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";

struct Stage {
    home: TempDir,
    engine: Engine,
    plugin: GoodPlugin,
    stop: CancellationToken,
}

impl Stage {
    async fn set(read_only: bool) -> Stage {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        let root = home.path().join("sockets");
        let plugin = GoodPlugin::start(root.join("shop.sock")).unwrap();
        plugin.on_other(|request| {
            if request.target.starts_with("/health") {
                return Reply::status(404, "not found");
            }
            json!({ "path": request.target }).into()
        });
        let mut config = Config::new(paths.data.clone());
        config.plugin_roots = vec![root];
        config.probes.clear();
        config.interval = Duration::from_millis(100);
        config.read_only = read_only;
        let engine = Engine::start(config).await.unwrap();
        let token = Token::parse("0123456789abcdef0123", "the test").unwrap();
        let gateway = Gateway::new(engine.clone(), token, None)
            .with_services(ServicesConfig::at(&paths))
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let socket = orrery_gateway::bind(&paths.instance_socket()).await.unwrap();
        tokio::spawn(orrery_gateway::serve_unix(
            socket,
            gateway.router(Door::socket()),
            stop.clone(),
        ));
        Stage {
            home,
            engine,
            plugin,
            stop,
        }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let instance = Instance::Socket(Paths::below(self.home.path()).instance_socket());
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let kind = (!body.is_empty()).then_some("application/json");
        let answer = instance.send(method, path, kind, body.into()).await.unwrap();
        (
            answer.status,
            serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        )
    }

    async fn text(&self, path: &str) -> String {
        let instance = Instance::Socket(Paths::below(self.home.path()).instance_socket());
        let answer = instance
            .send(Method::GET, path, None, Vec::new().into())
            .await
            .unwrap();
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, &Value::Null).await
    }

    async fn until(&self, path: &str, wanted: StatusCode) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.get(path).await;
            if status == wanted {
                return body;
            }
            assert!(Instant::now() < until, "{path}: {status} {body}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

/// A service of the plugin `shop`.
fn object(name: &str, group: &str) -> Value {
    json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService",
        "metadata": { "name": name },
        "spec": {
            "pluginID": "shop", "pluginType": "app", "group": group, "version": "v1",
            "services": [{ "type": "route", "path": "orders", "method": "GET" }],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_route_leads_to_the_plugin_and_goes_with_the_object() {
    let stage = Stage::set(false).await;
    let (status, made) = stage
        .send(Method::POST, OBJECTS, &object("shop", "shop.example"))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{made:#}");
    let said = stage
        .until("/apis/shop.example/v1/orders?a=1", StatusCode::OK)
        .await;
    assert!(said["path"].as_str().unwrap().contains("orders"), "{said:#}");
    let (_, groups) = stage.get("/apis").await;
    assert!(groups.to_string().contains("shop.example"), "{groups}");

    // Optimistic concurrency: what was read before somebody else's change is not written over it.
    // What is found about the plugin is a change of the object too, so it may need another look.
    let one = format!("{OBJECTS}/shop");
    let until = Instant::now() + PATIENCE;
    loop {
        let (_, mut read) = stage.get(&one).await;
        read["metadata"]["labels"] = json!({ "seen": "yes" });
        let (status, now) = stage.send(Method::PUT, &one, &read).await;
        if status == StatusCode::OK {
            break;
        }
        assert!(Instant::now() < until, "{now:#}");
    }
    let (status, stale) = stage.send(Method::PUT, &one, &made).await;
    assert_eq!(
        (status, &stale["reason"]),
        (StatusCode::CONFLICT, &json!("Conflict")),
        "{stale:#}"
    );
    let broken = json!({ "spec": { "services": [{ "type": "teleport" }] } });
    let (status, said) = stage.send(Method::PATCH, &one, &broken).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said:#}");
    assert!(
        said["fields"][0]["field"]
            .as_str()
            .unwrap()
            .starts_with("spec.services[0]"),
        "{said:#}"
    );

    let counted = stage.text("/metrics?plugins=0").await;
    let wanted = "orrery_service_request_duration_seconds_count{plugin_id=\"shop\",group=\"shop.example\",endpoint=\"route\",result=\"ok\"}";
    assert!(counted.contains(wanted), "{counted}");

    let (status, _) = stage.send(Method::DELETE, &one, &Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    stage
        .until("/apis/shop.example/v1/orders", StatusCode::NOT_FOUND)
        .await;
    assert_eq!(
        stage.get("/api/status").await.0,
        StatusCode::OK,
        "everything else is ours"
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_declare_services_and_a_plugin_that_is_gone_is_unavailable() {
    let stage = Stage::set(false).await;
    let folder = Paths::below(stage.home.path()).config.join("services.d");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("shop.json");
    std::fs::write(&file, object("files", "files.example").to_string()).unwrap();
    stage.until("/apis/files.example/v1/orders", StatusCode::OK).await;
    // What a file declares is changed there.
    let (status, said) = stage
        .send(Method::DELETE, &format!("{OBJECTS}/files"), &Value::Null)
        .await;
    assert_eq!(
        (status, &said["reason"]),
        (StatusCode::CONFLICT, &json!("DeclaredElsewhere")),
        "{said:#}"
    );

    let Stage {
        home,
        engine,
        plugin,
        stop,
    } = stage;
    plugin.stop().unwrap();
    let other = home.path().join("other/shop.sock");
    let stage = Stage {
        home,
        engine,
        plugin: GoodPlugin::start(other).unwrap(),
        stop,
    };
    let said = stage
        .until("/apis/files.example/v1/orders", StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert!(!said.is_null(), "the reason is told");
    std::fs::remove_file(&file).unwrap();
    stage
        .until("/apis/files.example/v1/orders", StatusCode::NOT_FOUND)
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_refuses_what_may_change_something() {
    let stage = Stage::set(true).await;
    let (status, _) = stage
        .send(Method::POST, OBJECTS, &object("shop", "shop.example"))
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = stage
        .send(Method::POST, "/apis/shop.example/v1/orders", &json!({}))
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(stage.get("/apis").await.0, StatusCode::OK);
    stage.end().await;
}
