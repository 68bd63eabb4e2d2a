//! What is loaded, what runs elsewhere and what config there is, over HTTP: changed, cleared, filtered.

use http::{Method, StatusCode};
use orrery_engine::Paths;
use orrery_gateway::Instance;
use orrery_testkit::GoodPlugin;
use serde_json::{Value, json};

use crate::package::Package;
use crate::stage::{Api, Stage};

/// Names of a list's entries that a query lets through.
async fn ids(stage: &Stage, query: &str) -> Vec<String> {
    let (status, list) = stage.get(&format!("/api/plugins{query}")).await;
    assert_eq!(status, StatusCode::OK, "{list:#}");
    let all = list.as_array().unwrap().iter();
    all.map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered() {
    let stage = Stage::set().await;
    let sink = Package::new("sink", "1.0.0")
        .top("interfaces = [\"reporter\", \"publisher\"]")
        .run("activation = \"on-demand\"");
    stage.install(&sink).await;
    stage
        .install(&Package::lamp("1.0.0", "dim").way("metric=light"))
        .await;
    let plain = GoodPlugin::start(stage.home().join("scope/plain.sock")).unwrap();
    stage
        .until("all are there", async || {
            ids(&stage, "?origin=external").await == ["plain"]
        })
        .await;
    stage.reaches("lamp", "running").await;
    stage.reaches("sink", "idle").await;
    for (query, want) in [
        ("", vec!["lamp", "plain", "sink"]),
        ("?origin=managed", vec!["lamp", "sink"]),
        ("?origin=external", vec!["plain"]),
        ("?state=idle", vec!["sink"]),
        ("?interface=publisher", vec!["sink"]),
        ("?origin=managed&state=running", vec!["lamp"]),
        ("?origin=external&state=idle", vec![]),
    ] {
        assert_eq!(ids(&stage, query).await, want, "{query}");
    }
    // The catalog by query and version.
    let total = async |query: &str| stage.get(&format!("/api/catalog?{query}")).await.1["total"].clone();
    stage
        .until("its metric", async || total("q=/lamp/*").await == 1)
        .await;
    assert_eq!(total("q=/lamp/*&version=1.0.0").await, 1);
    assert_eq!(total("q=/lamp/*&version=%3E%3D2").await, 0);
    assert_eq!(total("q=/lamp/host/*/dark").await, 0);
    plain.stop().unwrap();
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn config_is_set_changed_and_cleared_where_it_is_said() {
    let stage = Stage::set().await;
    let rules = "[[policy]]\nkey = \"rate\"\ntype = \"integer\"\ndefault = 5\nmax = 100\n";
    stage.install(&Package::lamp("1.0.0", "dim").with(rules)).await;
    let rate = async || {
        let (_, config) = stage.get("/api/plugins/lamp/config").await;
        let all = config["effective"].as_array().unwrap().clone();
        let rate = all.iter().find(|one| one["key"] == "rate").unwrap().clone();
        (rate["value"].clone(), rate["layer"].clone())
    };
    let say = async |method: Method, path: &str, body: Value| {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        stage.send(method, path, body).await
    };
    let holds = async |value: u32, layer: &str| {
        let is = async || rate().await == (json!(value), json!(layer));
        stage.until(&format!("{value} ({layer})"), is).await;
    };
    holds(5, "default").await;
    let mut expected = 10;
    for (path, layer) in [
        ("/api/config/global", "global"),
        ("/api/config/interfaces/reporter", "interface"),
        ("/api/config/revisions/lamp/1.0.0", "revision"),
        ("/api/config/instances/lamp", "instance"),
    ] {
        let (status, said) = say(Method::PUT, path, json!({ "rate": expected })).await;
        assert_eq!(status, StatusCode::OK, "{path}: {said:#}");
        holds(expected, layer).await;
        let (status, said) = say(Method::PATCH, path, json!({ "rate": expected + 1 })).await;
        assert_eq!(status, StatusCode::OK, "{path}: {said:#}");
        holds(expected + 1, layer).await;
        let (status, refused) = say(Method::PATCH, path, json!({ "rate": 1000 })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {refused:#}");
        assert_eq!(
            (&refused["code"], &refused["reason"]),
            (&json!("invalid"), &json!("policy")),
            "{path}: {refused:#}"
        );
        assert_eq!(
            refused["fields"].as_array().map(Vec::len),
            Some(1),
            "{path}: {refused:#}"
        );
        // One that is not even an object says nothing that could be held against rules.
        let (status, refused) = say(Method::PUT, path, json!(["rate"])).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {refused:#}");
        let (_, shown) = stage.get(path).await;
        assert_eq!(shown["values"], json!({ "rate": expected + 1 }), "{path}");
        expected += 10;
    }
    // What is cleared uncovers what lies below.
    for (path, value, layer) in [
        ("/api/config/instances/lamp", 31, "revision"),
        ("/api/config/revisions/lamp/1.0.0", 21, "interface"),
        ("/api/config/interfaces/reporter", 11, "global"),
        ("/api/config/global", 5, "default"),
    ] {
        let (status, said) = say(Method::DELETE, path, Value::Null).await;
        assert!(status.is_success(), "{path}: {said:#}");
        holds(value, layer).await;
    }
    let (_, all) = stage.get("/api/config").await;
    assert_eq!(all, json!([]));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_elsewhere_is_an_error_while_it_is_down_and_in_the_catalog_while_it_is_up() {
    let stage = Stage::set().await;
    let socket = stage.home().join("scope/plain.sock");
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    // A socket that nobody listens on.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    stage
        .until("it is told to be down", async || {
            let entry = stage.entry("plain").await;
            entry.to_string().contains("connection refused")
        })
        .await;
    assert_eq!(stage.get("/api/catalog?q=/plain/*").await.1["total"], 0);
    std::fs::remove_file(&socket).unwrap();
    let plain = GoodPlugin::start(&socket).unwrap();
    plain.on_report(|_| {
        let mut report = orrery_testkit::plugin::report_json("plain");
        let sample = json!({ "date": "2026-11-21T00:00:00Z", "value": 7 });
        report["Host"]["nodes"]["plainhost;<host>"] =
            json!({ "metrics": { "load": { "samples": [sample] } } });
        report["Host"]["metric_templates"] = json!({ "load": { "id": "load", "label": "Load" } });
        report.into()
    });
    let in_catalog = async |total: u32| {
        let is = async || stage.get("/api/catalog?q=/plain/*").await.1["total"] == total;
        stage.until(&format!("{total} in the catalog"), is).await;
    };
    in_catalog(1).await;
    plain.stop().unwrap();
    in_catalog(0).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_everything_has_started_nothing_is_loaded() {
    let home = tempfile::tempdir().unwrap();
    let api = Api::of(home.path());
    let archive = Package::lamp("1.0.0", "dim").pack(&home.path().join("packages"));
    let source = json!({ "from": "file", "path": archive });
    let instance = Instance::Socket(Paths::below(home.path()).instance_socket());
    let early = instance
        .send(
            Method::POST,
            "/api/plugins?load=true&wait=true",
            Some("application/json"),
            source.to_string().into_bytes().into(),
        )
        .await;
    assert!(early.is_err(), "there is nobody who would load it");
    let stage = Stage::set_in(home).await;
    assert_eq!(ids(&stage, "").await, [""; 0], "and nobody kept it for later");
    let (status, done) = api.post("/api/plugins?load=true&wait=true", &source).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_takes_no_package_of_another_plugin() {
    let stage = Stage::set().await;
    stage.install(&Package::lamp("1.0.0", "dim")).await;
    stage.says("lamp", "dim").await;
    let packages = stage.home().join("packages");
    let order = async |id: &str, package: Package| {
        let source = json!({ "from": "file", "path": package.pack(&packages) });
        stage
            .post(&format!("/api/plugins/{id}/upgrade?wait=true"), &source)
            .await
    };
    let (status, failed) = order("lamp", Package::new("other", "2.0.0")).await;
    assert_eq!(
        (status, &failed["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("wrong_plugin")),
        "{failed:#}"
    );
    assert_eq!(
        failed["outcome"],
        "the package is of other, and lamp was to be upgraded"
    );
    stage.is_gone("other").await;
    stage.says("lamp", "dim").await;
    let (status, _) = order("nobody", Package::new("nobody", "2.0.0")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, done) = order("lamp", Package::lamp("2.0.0", "bright")).await;
    assert_eq!(
        (status, &done["kind"]),
        (StatusCode::OK, &json!("upgrade")),
        "{done:#}"
    );
    stage.says("lamp", "bright").await;
    stage.end().await;
}
