//! Loading: a plugin that lacks config is refused, and nothing of it is left behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::package::{PROGRAM, Package};
use crate::stage::Stage;

const RULES: &str = "[[policy]]\nkey = \"tenant\"\ntype = \"string\"\nrequired = true\n\
                     [[policy]]\nkey = \"level\"\ntype = \"integer\"\nrequired = true\nmin = 1\n\
                     [[policy]]\nkey = \"rate\"\ntype = \"integer\"\ndefault = 5\n";

/// Orders a package to be loaded; gives how that ended.
async fn load(stage: &Stage, package: &Package, config: &Value) -> (StatusCode, Value) {
    let archive = package.pack(&stage.home().join("packages"));
    let mut source = json!({ "from": "file", "path": archive });
    if !config.is_null() {
        source["config"] = config.clone();
    }
    stage.post("/api/plugins?load=true&wait=true", &source).await
}

/// It failed with everything that is missing, and how to give it.
fn is_refused(status: StatusCode, failed: &Value, missing: &[&str]) {
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{failed:#}");
    assert_eq!(
        (&failed["state"], &failed["code"]),
        (&json!("failed"), &json!("policy")),
        "{failed:#}"
    );
    let why = failed["outcome"].as_str().unwrap();
    for part in missing.iter().chain(&["--config KEY=VALUE", "orrery config set"]) {
        assert!(why.contains(part), "{part}: {why}");
    }
}

async fn set_global(stage: &Stage, values: Value) {
    let (status, said) = stage
        .send(Method::PUT, "/api/config/global", values.to_string().into_bytes())
        .await;
    assert_eq!(status, StatusCode::OK, "{said:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_fails_without_config_that_is_needed_and_succeeds_with_it() {
    let stage = Stage::set().await;
    let package = Package::new("meter", "1.0.0").way("metric=load").with(RULES);
    let (status, failed) = load(&stage, &package, &Value::Null).await;
    is_refused(status, &failed, &["tenant", "level"]);
    stage.is_gone("meter").await;
    let (status, failed) = load(
        &stage,
        &package,
        &json!({ "tenant": "blue", "level": 0, "lvel": 1 }),
    )
    .await;
    is_refused(status, &failed, &["level", "lvel"]);
    stage.is_gone("meter").await;

    // Part of it for everything, part of it with the order.
    set_global(&stage, json!({ "tenant": "blue", "meant-for-others": 1 })).await;
    let (status, failed) = load(&stage, &package, &Value::Null).await;
    is_refused(status, &failed, &["level"]);
    assert!(
        !failed["outcome"].as_str().unwrap().contains("tenant"),
        "{failed:#}"
    );
    let (status, done) = load(&stage, &package, &json!({ "level": 2 })).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    stage.reaches("meter", "running").await;
    let (_, config) = stage.get("/api/plugins/meter/config").await;
    assert_eq!(
        config["structured"],
        json!({ "level": 2 }),
        "its own is what was given with the order"
    );
    let has_it = async || stage.get("/api/catalog?q=/meter/*").await.1["total"] == 1;
    stage.until("the catalog has it", has_it).await;

    // The same again is no news; with other config it is no silent change.
    let (status, again) = load(&stage, &package, &json!({ "level": 2 })).await;
    assert_eq!(status, StatusCode::OK, "{again:#}");
    let (status, other) = load(&stage, &package, &json!({ "level": 3 })).await;
    assert_eq!(
        (status, &other["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("already_installed"))
    );

    // A newer version that needs more is refused, and the one before runs on.
    let more = "[[policy]]\nkey = \"zone\"\ntype = \"string\"\nrequired = true\n";
    let newer = Package::new("meter", "2.0.0")
        .way("metric=load")
        .with(RULES)
        .with(more);
    let pid = stage.pid("meter").await;
    let (status, failed) = load(&stage, &newer, &Value::Null).await;
    is_refused(status, &failed, &["zone"]);
    assert_eq!(stage.pid("meter").await, pid);
    let (status, done) = load(&stage, &newer, &json!({ "zone": "north" })).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    let (_, config) = stage.get("/api/plugins/meter/config").await;
    assert_eq!(config["structured"], json!({ "level": 2, "zone": "north" }));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_install_left_waiting_is_not_loaded_either() {
    let stage = Stage::set().await;
    let package = Package::new("meter", "1.0.0").with(RULES);
    stage.install(&package).await;
    stage.reaches("meter", "inapplicable").await;
    let (status, failed) = load(&stage, &package, &Value::Null).await;
    is_refused(status, &failed, &["tenant", "level"]);
    set_global(&stage, json!({ "tenant": "blue", "level": 1 })).await;
    stage.reaches("meter", "running").await;
    let (status, done) = load(&stage, &package, &Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    stage.end().await;
}

/// A program without a package, which tells its rules when it is asked.
fn program(stage: &Stage) -> PathBuf {
    let dir = stage.home().join("packages");
    std::fs::create_dir_all(&dir).unwrap();
    let (script, plugin) = (dir.join("counter"), dir.join("plugin.py"));
    let rules = json!({ "policy": [
        { "key": "tenant", "type": "string", "required": true },
        { "key": "level", "type": "integer", "required": true },
        { "key": "rate", "type": "integer", "default": 5 },
    ] });
    std::fs::write(&plugin, PROGRAM).unwrap();
    let text = format!(
        "#!/bin/sh\necho \"$ORRERY_SOCKET\"\nexec python3 '{}' \"$ORRERY_SOCKET\" counter metric=load 'describe={rules}' \
         told={}\n",
        plugin.display(),
        stage.home().join("told").display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_held_to_the_rules_that_it_tells() {
    let stage = Stage::set().await;
    let source = json!({ "from": "file", "path": program(&stage) });
    let (status, failed) = stage.post("/api/plugins?load=true&wait=true", &source).await;
    is_refused(status, &failed, &["tenant", "level"]);
    stage.is_gone("counter").await;

    let mut with = source.clone();
    with["config"] = json!({ "tenant": "blue", "level": 3 });
    let (status, done) = stage.post("/api/plugins?wait=true", &with).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    stage.reaches("counter", "idle").await;
    let (_, config) = stage.get("/api/plugins/counter/config").await;
    assert_eq!(config["policy"].as_array().unwrap().len(), 3, "{config:#}");
    // It runs with what the rules come to.
    let body = json!({
        "version": 2,
        "name": "t",
        "schedule": { "type": "simple", "interval": "100ms" },
        "collect": { "/counter/host/*/load": {} },
    });
    let has_it = async || stage.get("/api/catalog?q=/counter/*").await.1["total"] == 1;
    stage.until("the catalog has it", has_it).await;
    let (status, made) = stage.post("/api/tasks", &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made:#}");
    let told = async || {
        let text = std::fs::read_to_string(stage.home().join("told")).unwrap_or_default();
        let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
        last == json!({ "tenant": "blue", "level": 3, "rate": 5 })
    };
    stage.until("it is told its config", told).await;
    // And so after a restart.
    let home = stage.end().await;
    let stage = Stage::set_in(home).await;
    stage.reaches("counter", "running").await;
    let (_, config) = stage.get("/api/plugins/counter/config").await;
    assert_eq!(config["wrong"], json!([]), "{config:#}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_installed_without_its_config_waits_for_it() {
    let stage = Stage::set().await;
    let source = json!({ "from": "file", "path": program(&stage) });
    let (status, done) = stage.post("/api/plugins?wait=true", &source).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    let waits = stage.reaches("counter", "inapplicable").await;
    let why = waits["reason"].as_str().unwrap();
    assert!(why.contains("tenant") && why.contains("level"), "{why}");
    let config = json!({ "tenant": "blue", "level": 3 }).to_string().into_bytes();
    let (status, said) = stage
        .send(Method::PUT, "/api/plugins/counter/config?wait=true", config)
        .await;
    assert_eq!(status, StatusCode::OK, "{said:#}");
    stage.reaches("counter", "idle").await;
    stage.end().await;
}
