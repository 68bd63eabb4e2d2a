//! Which request goes where.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Request;
use serde_json::json;

use crate::world::{World, full, object};

const ROUTES: &str = "[{type: route, method: GET, path: /report}, {type: route, path: '/items/{id}'}, \
    {type: route, method: GET, path: '/files/{*rest}', pathMode: full}]";

#[tokio::test]
async fn ag1_an_applied_object_answers_and_a_deleted_one_is_the_delegates() {
    let world = World::new().await;
    let _plugin = world.plugin("p");
    assert_eq!(
        world.get("/apis/g.example/v1/report").await.headers["x-delegate"],
        "yes"
    );
    world.apply(&object("o", "p", "g.example", "v1", ROUTES)).await;
    let answer = world.get("/apis/g.example/v1/report?a=b%2F&c").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["path"], "/report?a=b%2F&c");
    assert_eq!(answer.json()["plugin"], "p");
    world.plane.registry().delete("o", None).await.unwrap();
    assert_eq!(
        world.get("/apis/g.example/v1/report").await.headers["x-delegate"],
        "yes"
    );
}

#[tokio::test]
async fn ag2_what_matches_nothing_is_delegated_untouched() {
    let (world, plugin) = World::serving(ROUTES).await;
    let cases = [
        ("GET", "/"),
        ("GET", "/api/plugins"),
        ("GET", "/apis/other.example/v1/report"),
        ("GET", "/apis/g.example/v2/report"),
        ("GET", "/apis/g.example/v1/unlisted"),
        ("POST", "/apis/g.example/v1/report"),
        ("GET", "/apis/g.example/v1/"),
        ("POST", "/apis/g.example/v1"),
        ("GET", "/apis/g.example/v1/report/more"),
        ("GET", "/apis/g.example/v1/namespaces/a"),
        ("GET", "/apis/g.example/v1/items/a/../b"),
        ("GET", "/apis/g.example/v1/items/%2e%2e"),
        ("GET", "/apis/g.example/v1//report"),
    ];
    for (method, path) in cases {
        let answer = world.send(method, path, full("the body")).await;
        assert_eq!(
            answer.headers.get("x-delegate").map(http::HeaderValue::as_bytes),
            Some(&b"yes"[..]),
            "{method} {path}"
        );
        assert_eq!(answer.text, "the body", "{method} {path}");
    }
    assert_eq!(plugin.requests(), 0);
}

#[tokio::test]
async fn ag3_paths_reach_the_plugin_as_they_were() {
    let (world, plugin) = World::serving(ROUTES).await;
    let cases = [
        ("/apis/g.example/v1/items/a%2Fb", "/items/a%2Fb", "default"),
        (
            "/apis/g.example/v1/namespaces/team-a/items/7?x",
            "/items/7?x",
            "team-a",
        ),
        (
            "/apis/g.example/v1/files/a/b",
            "/apis/g.example/v1/files/a/b",
            "default",
        ),
    ];
    for (outside, inside, namespace) in cases {
        let answer = world.get(outside).await;
        assert_eq!(answer.json()["path"], inside);
        assert_eq!(answer.saw("x-dataplane-namespace").as_deref(), Some(namespace));
    }
    let head = world.send("HEAD", "/apis/g.example/v1/report", full("")).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(plugin.requests(), 4);
}

#[tokio::test]
async fn ag4_an_object_moves_to_another_address_in_one_step() {
    let (world, _plugin) = World::serving(ROUTES).await;
    world
        .apply(&object("p", "p", "moved.example", "v2", ROUTES))
        .await;
    assert_eq!(world.get("/apis/g.example/v1/report").await.status, 404);
    assert_eq!(world.get("/apis/moved.example/v2/report").await.status, 200);
}

#[tokio::test]
async fn ag9_before_the_first_reading_nobody_says_not_found() {
    let keeper = World::new().await.keeper;
    let plane = orrery_services::DataPlane::start(orrery_services::Config::default(), keeper)
        .await
        .unwrap();
    let identity = || orrery_services::Identity {
        user: String::new(),
        role: orrery_services::object::Access::View,
        address: None,
        tls: false,
        request_id: None,
    };
    let ask = async |path: &str| {
        let request = Request::get(path).body(full("")).unwrap();
        match plane.proxy().handle(request, identity()).await {
            orrery_services::Outcome::Proxied(response) => {
                let after = response.headers().get("retry-after").cloned();
                (
                    response.status().as_u16(),
                    after.map(|v| v.to_str().unwrap().to_owned()),
                )
            }
            orrery_services::Outcome::NotOurs(_) => (0, None),
        }
    };
    assert_eq!(
        ask("/apis/g.example/v1/report").await,
        (503, Some("5".to_owned()))
    );
    assert_eq!(ask("/api/topology").await, (0, None));
    plane.registry().set_synced().await;
    assert_eq!(ask("/apis/g.example/v1/report").await, (0, None));
}

#[tokio::test]
async fn ag12_groups_are_listed_once() {
    let config = orrery_services::Config {
        app_groups: vec![orrery_services::proxy::AppGroup {
            group: "aggregation.orrery".to_owned(),
            versions: vec!["v1alpha1".to_owned()],
        }],
        ..Default::default()
    };
    let world = World::with(config).await;
    let _plugin = world.plugin("p");
    world.apply(&object("a", "p", "g.example", "v1", ROUTES)).await;
    world
        .apply(&object("b", "p", "g.example", "v2", "[{type: query}]"))
        .await;
    let groups = world.get("/apis").await.json();
    let names: Vec<_> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["name"].clone())
        .collect();
    assert_eq!(names, ["g.example", "aggregation.orrery"]);
    let group = world.get("/apis/g.example").await.json();
    assert_eq!(
        (&group["kind"], group["versions"].as_array().unwrap().len()),
        (&json!("APIGroup"), 2)
    );
    let version = world.get("/apis/g.example/v1").await.json();
    assert_eq!(version["services"][0]["address"], "/apis/g.example/v1/report");
    assert_eq!(
        world.get("/apis/other.example").await.headers["x-delegate"],
        "yes"
    );
}

#[tokio::test]
async fn se1_a_role_that_only_looks_presses_nothing() {
    let services = "[{type: route, path: '/items/{id}'}, {type: route, method: GET, path: /secret, access: admin}, \
        {type: route, method: POST, path: /free, access: view}]";
    let (world, plugin) = World::serving(services).await;
    let ask = async |role: &str, method: &str, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("/apis/g.example/v1{path}"));
        let request = request.header("x-test-role", role).body(full("")).unwrap();
        world.request(request).await.status.as_u16()
    };
    assert_eq!(ask("view", "GET", "/items/1").await, 200);
    assert_eq!(ask("view", "DELETE", "/items/1").await, 403);
    assert_eq!(ask("control", "DELETE", "/items/1").await, 200);
    assert_eq!(ask("control", "GET", "/secret").await, 403);
    assert_eq!(ask("admin", "GET", "/secret").await, 200);
    assert_eq!(ask("view", "POST", "/free").await, 200);
    assert_eq!(plugin.requests(), 4, "what is forbidden never reaches the plugin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ag1_a_thousand_changes_under_load_fail_no_request() {
    let (world, _plugin) = World::serving(ROUTES).await;
    let world = Arc::new(world);
    let done = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut callers = Vec::new();
    for _ in 0..4 {
        let (world, done, answered) = (Arc::clone(&world), Arc::clone(&done), Arc::clone(&answered));
        callers.push(tokio::spawn(async move {
            let mut connection = world.connect().await;
            while !done.load(Ordering::Relaxed) {
                let response = connection.get("/apis/g.example/v1/report").await;
                assert_eq!(response.status(), 200);
                http_body_util::BodyExt::collect(response.into_body())
                    .await
                    .unwrap();
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for n in 0..1_000 {
        let more = format!("[{{type: route, method: GET, path: /report}}, {{type: route, path: /x{n}}}]");
        world.apply(&object("p", "p", "g.example", "v1", &more)).await;
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(answered.load(Ordering::Relaxed) > 100);
    assert_eq!(world.delegated.load(Ordering::Relaxed), 0);
    assert_eq!(world.counted("ok"), answered.load(Ordering::Relaxed) as u64);
    let object = world.plane.registry().get("p").unwrap();
    assert_eq!(object.metadata.generation, 1_001);
}
