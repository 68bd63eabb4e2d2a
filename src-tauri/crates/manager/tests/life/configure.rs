//! Config: checked, tried, kept only when it works, and there again after a restart.

use std::os::unix::fs::PermissionsExt;

use orrery_manager::OrderError;
use orrery_manager::view::{OperationState, PluginConfig, PluginOrder};
use orrery_supervisor::view::InstanceState;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::package::Package;
use crate::world::World;

crate::trials![
    everything_that_is_wrong_is_said_at_once_and_nothing_is_begun,
    a_config_that_does_not_work_is_taken_back_and_says_why,
    text_and_structured_clear_each_other_and_outlive_the_application,
    a_plugin_that_can_takes_it_while_it_runs,
    a_plugin_that_refuses_it_keeps_the_old_one,
    a_plugin_that_cannot_take_it_live_is_started_with_it,
    a_stopped_plugin_has_it_when_it_starts,
    secrets_are_for_the_plugin_alone,
    a_config_goes_along_with_an_upgrade,
];

const RULES: &str = r#"
[[policy]]
key = "interval"
type = "duration"
default = "10s"
min = 1
[[policy]]
key = "level"
type = "enum"
values = ["low", "high"]
"#;

fn structured(value: Value) -> PluginOrder {
    configure(Some(value), None)
}

fn text(text: &str) -> PluginOrder {
    configure(None, Some(text.to_owned()))
}

fn configure(structured: Option<Value>, text: Option<String>) -> PluginOrder {
    let plugin = "p".to_owned();
    PluginOrder::Configure {
        plugin,
        structured,
        text,
    }
}

fn config(world: &World) -> PluginConfig {
    world.plugin("p").config
}

/// The config that the running process was given, as it was read.
async fn given(world: &World) -> Value {
    let who = world.serves("p", "1.0.0").await;
    let text = who["config"].as_str().unwrap();
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn sum(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

async fn everything_that_is_wrong_is_said_at_once_and_nothing_is_begun() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0").with(RULES)).await;
    let before = world.who("p").await.unwrap();
    let wrong = json!({ "interval": "soon", "level": "middle", "colour": "red" });
    let refused = world.order(structured(wrong)).await.unwrap_err();
    let OrderError::Policy(errors) = &refused else {
        panic!("{refused}");
    };
    let mut keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["colour", "interval", "level"]);
    let both = configure(Some(json!({})), Some("x".to_owned()));
    assert!(matches!(world.order(both).await, Err(OrderError::Invalid(_))));
    let long = "x".repeat(orrery_manager::limits::CONFIG_BYTES + 1);
    assert!(matches!(
        world.order(text(&long)).await,
        Err(OrderError::Invalid(_))
    ));
    assert_eq!(world.manager().operations(10).len(), 1, "only the install");
    assert_eq!(world.who("p").await.unwrap(), before);
    assert_eq!(
        given(&world).await,
        json!({ "interval": "10s" }),
        "what holds without a config"
    );
}

async fn a_config_that_does_not_work_is_taken_back_and_says_why() {
    let mut world = World::new().await;
    world
        .install(&Package::new("p", "1.0.0").arg("hates", "poison"))
        .await;
    world.done(text("bread")).await;
    let before = world.who("p").await.unwrap();
    assert_eq!(before["config"], "bread");
    let operation = world.fails(text("poison"), "exited").await;
    assert!(
        operation.outcome.contains("this config is bad"),
        "{}",
        operation.outcome
    );
    let check = |config: PluginConfig| {
        assert_eq!(config.text.as_deref(), Some("bread"));
        assert!(
            config.rejected.contains("this config is bad"),
            "{}",
            config.rejected
        );
        assert_eq!(config.hash, sum("bread"));
    };
    check(config(&world));
    assert_eq!(world.who("p").await.unwrap(), before, "it was left alone");
    world.restart().await;
    assert_eq!(given(&world).await, "bread");
    world.state("p", InstanceState::Running).await;
    check(config(&world));
    world
        .done(PluginOrder::Dismiss {
            plugin: "p".to_owned(),
        })
        .await;
    assert_eq!(config(&world).rejected, "");
    assert_eq!(config_files(&world), 1);
}

/// Config files that are left.
fn config_files(world: &World) -> usize {
    let files = std::fs::read_dir(world.dirs().config("p")).unwrap();
    files
        .map(|file| {
            let mode = file.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "for nobody else's eyes");
        })
        .count()
}

async fn text_and_structured_clear_each_other_and_outlive_the_application() {
    let mut world = World::new().await;
    world.install(&Package::new("p", "1.0.0").with(RULES)).await;
    world.done(structured(json!({ "level": "high" }))).await;
    let check = async |world: &World, shown: (Option<Value>, Option<&str>), has: Value| {
        assert_eq!(given(world).await, has);
        world.state("p", InstanceState::Running).await;
        let config = config(world);
        assert_eq!((config.structured.clone(), config.text.as_deref()), shown);
        assert_eq!(config.policy.len(), 2);
        let running = match shown {
            (Some(value), _) => sum(&value.to_string()),
            (None, Some(text)) => sum(text),
            (None, None) => String::new(),
        };
        assert_eq!(config.hash, running);
        assert_eq!(config_files(world), 1);
    };
    let (value, whole) = (
        json!({ "level": "high" }),
        json!({ "interval": "10s", "level": "high" }),
    );
    check(&world, (Some(value.clone()), None), whole.clone()).await;
    world.restart().await;
    check(&world, (Some(value), None), whole).await;
    world.done(text("free text")).await;
    check(&world, (None, Some("free text")), json!("free text")).await;
    world.restart().await;
    check(&world, (None, Some("free text")), json!("free text")).await;
    let again = world.serves("p", "1.0.0").await;
    world.done(structured(json!({ "level": "low" }))).await;
    let now = world.serves("p", "1.0.0").await;
    assert_ne!(now["pid"], again["pid"]);
    world.done(configure(None, None)).await;
    check(&world, (None, None), json!({ "interval": "10s" })).await;
    world.restart().await;
    check(&world, (None, None), json!({ "interval": "10s" })).await;
}

fn live(how: &str) -> Package {
    Package::new("p", "1.0.0")
        .top("interfaces = [\"reporter\", \"config\"]")
        .with(RULES)
        .arg("config", how)
}

async fn a_plugin_that_can_takes_it_while_it_runs() {
    let mut world = World::new().await;
    world.install(&live("take")).await;
    let pid = world.who("p").await.unwrap()["pid"].clone();
    for level in ["high", "low"] {
        let operation = world.done(structured(json!({ "level": level }))).await;
        assert!(
            operation.steps[1].text.contains("while running"),
            "{operation:#?}"
        );
        assert_eq!(given(&world).await, json!({ "interval": "10s", "level": level }));
        assert_eq!(world.who("p").await.unwrap()["pid"], pid, "the same process");
    }
    assert_eq!(config(&world).structured, Some(json!({ "level": "low" })));
    assert_eq!(config_files(&world), 1);
    // From the file, this time.
    world.restart().await;
    assert_eq!(given(&world).await, json!({ "interval": "10s", "level": "low" }));
    // So has one that crashes.
    world
        .done(PluginOrder::Restart {
            plugin: "p".to_owned(),
        })
        .await;
    world.state("p", InstanceState::Running).await;
    assert_eq!(given(&world).await, json!({ "interval": "10s", "level": "low" }));
}

async fn a_plugin_that_refuses_it_keeps_the_old_one() {
    let world = World::new().await;
    world.install(&live("refuse")).await;
    let before = world.who("p").await.unwrap();
    let refused = world
        .fails(structured(json!({ "level": "high" })), "config_rejected")
        .await;
    assert!(refused.outcome.contains("not with me"), "{}", refused.outcome);
    assert_eq!(world.who("p").await.unwrap(), before);
    let config = config(&world);
    assert!(config.structured.is_none() && config.rejected.contains("not with me"));
    assert_eq!(config_files(&world), 1);
}

async fn a_plugin_that_cannot_take_it_live_is_started_with_it() {
    let world = World::new().await;
    world.install(&live("not at all")).await;
    let before = world.who("p").await.unwrap();
    world.done(structured(json!({ "level": "high" }))).await;
    assert_eq!(given(&world).await, json!({ "interval": "10s", "level": "high" }));
    let now = world.who("p").await.unwrap();
    assert_ne!(now["pid"], before["pid"]);
    // Its own variable names the file for programs that take no such argument.
    assert!(now["variable"].as_str().unwrap().contains("/config/p/"));
}

async fn a_stopped_plugin_has_it_when_it_starts() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    world
        .done(PluginOrder::Stop {
            plugin: "p".to_owned(),
        })
        .await;
    let operation = world.done(text("later")).await;
    assert_eq!(operation.state, OperationState::Done);
    world.none_runs("a config starts nothing");
    assert_eq!(config(&world).hash, "", "nothing runs with it");
    world
        .done(PluginOrder::Start {
            plugin: "p".to_owned(),
        })
        .await;
    assert_eq!(given(&world).await, "later");
    world.state("p", InstanceState::Running).await;
    assert_eq!(config(&world).hash, sum("later"));
}

async fn secrets_are_for_the_plugin_alone() {
    let world = World::new().await;
    let rule = "[[policy]]\nkey = \"token\"\ntype = \"secret\"";
    world.install(&Package::new("p", "1.0.0").with(rule)).await;
    let file = world.base().join("token");
    std::fs::write(&file, "open sesame\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let reference = json!({ "token": format!("file:{}", file.display()) });
    world.done(structured(reference.clone())).await;
    assert_eq!(given(&world).await, json!({ "token": "open sesame" }));
    assert_eq!(config(&world).structured, Some(reference));
    let shown = format!(
        "{:?} {:?}",
        world.manager().list(),
        world.manager().operations(10)
    );
    assert!(!shown.contains("sesame"), "{shown}");
    let missing = json!({ "token": "file:/nonexistent/token" });
    let operation = world.order(structured(missing)).await;
    let is_refused = match &operation {
        Ok(operation) => operation.state == OperationState::Failed,
        Err(error) => matches!(error, OrderError::Policy(_)),
    };
    assert!(is_refused, "{operation:#?}");
    assert_eq!(given(&world).await, json!({ "token": "open sesame" }));
}

async fn a_config_goes_along_with_an_upgrade() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0").with(RULES)).await;
    world.done(structured(json!({ "level": "high" }))).await;
    // The next revision has another rule.
    let next = Package::new("p", "1.1.0")
        .with(RULES)
        .with("[[policy]]\nkey = \"n\"\ntype = \"integer\"\ndefault = 3");
    world.install(&next).await;
    let who = world.serves("p", "1.1.0").await;
    let has: Value = serde_json::from_str(who["config"].as_str().unwrap()).unwrap();
    assert_eq!(has, json!({ "interval": "10s", "level": "high", "n": 3 }));
    assert_eq!(config_files(&world), 1);
    // One that does not know the key refuses the config it would have to live with.
    let other = Package::new("p", "2.0.0").with("[[policy]]\nkey = \"n\"\ntype = \"integer\"");
    let operation = world.fails(world.install_order(&other), "policy").await;
    assert!(operation.outcome.contains("level"), "{}", operation.outcome);
    world.serves("p", "1.1.0").await;
    assert_eq!(config_files(&world), 1);
}
