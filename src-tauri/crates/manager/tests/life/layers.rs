//! Config in layers: for everything, for an interface, for a plugin, for its version, for its process.

use orrery_catalog::LayerKind;
use orrery_manager::OrderError;
use orrery_manager::view::{ConfigChange, ConfigChanged, ConfigScope, OperationState, PluginOrder};
use orrery_packages::manifest::Interface;
use orrery_supervisor::view::InstanceState;
use serde_json::{Map, Value, json};

use crate::package::Package;
use crate::world::World;

crate::trials![
    what_is_said_more_closely_wins_and_reaches_the_process,
    everything_wrong_is_said_with_its_layer_and_nothing_is_changed,
    layers_outlive_the_application_and_go_with_their_plugin,
    a_plugin_that_refuses_a_layer_says_so_and_goes_on_with_what_it_has,
    a_plugin_that_lacks_config_runs_once_a_wider_layer_has_it,
    secrets_of_a_layer_are_for_the_plugin_alone,
];

const RULES: &str = r#"
[[policy]]
key = "rate"
type = "integer"
default = 10
min = 1
max = 100
[[policy]]
key = "level"
type = "enum"
values = ["low", "high"]
"#;

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn set(values: Value) -> ConfigChange {
    ConfigChange {
        set: map(values),
        ..ConfigChange::default()
    }
}

fn interface(name: &str) -> ConfigScope {
    ConfigScope::Interface {
        name: name.to_owned(),
    }
}

fn instance(plugin: &str) -> ConfigScope {
    ConfigScope::Instance {
        plugin: plugin.to_owned(),
    }
}

fn revision(plugin: &str, version: &str) -> ConfigScope {
    ConfigScope::Revision {
        plugin: plugin.to_owned(),
        version: version.to_owned(),
    }
}

/// Changes a layer and waits until everybody has taken it over.
async fn say(world: &World, scope: ConfigScope, change: ConfigChange) -> Result<ConfigChanged, OrderError> {
    let mut changed = world.manager().configure(scope, change, "ada").await?;
    for operation in &mut changed.operations {
        *operation = world.manager().ended(&operation.id).await?;
    }
    Ok(changed)
}

/// The config of the process, as it was read.
async fn given(world: &World, plugin: &str) -> Value {
    let who = world.serves(plugin, "1.0.0").await;
    serde_json::from_str(who["config"].as_str().unwrap()).unwrap_or(Value::Null)
}

/// What holds, with the layer of each value.
fn effective(world: &World, plugin: &str) -> Vec<(String, Value, LayerKind)> {
    let config = world.plugin(plugin).config;
    assert_eq!(config.wrong, []);
    let all = config.effective.into_iter();
    all.map(|one| (one.key, one.value, one.layer)).collect()
}

async fn what_is_said_more_closely_wins_and_reaches_the_process() {
    let mut world = World::empty();
    world.layers.global = map(json!({ "rate": 20, "other": 1 }));
    world
        .layers
        .interfaces
        .insert("publisher".to_owned(), map(json!({ "rate": 99 })));
    world.start().await;
    world.install(&Package::new("p", "1.0.0").with(RULES)).await;
    world.install(&Package::new("q", "1.0.0").with(RULES)).await;
    let rate = |layer| vec![("rate".to_owned(), json!(20), layer)];
    assert_eq!(effective(&world, "p"), rate(LayerKind::Global), "from the file");
    assert_eq!(given(&world, "p").await, json!({ "rate": 20 }));
    let own = PluginOrder::Configure {
        plugin: "p".to_owned(),
        structured: Some(json!({ "rate": 50 })),
        text: None,
    };
    for (step, (scope, kind)) in [
        (Some(ConfigScope::Global), LayerKind::Global),
        (Some(interface("reporter")), LayerKind::Interface),
        (None, LayerKind::Plugin),
        (Some(revision("p", "1.0.0")), LayerKind::Revision),
        (Some(instance("p")), LayerKind::Instance),
    ]
    .into_iter()
    .enumerate()
    {
        let value = match scope {
            Some(scope) => {
                let value = 30 + step;
                let changed = say(&world, scope, set(json!({ "rate": value }))).await.unwrap();
                let states: Vec<_> = changed
                    .operations
                    .iter()
                    .map(|o| (o.plugin.as_str(), o.state))
                    .collect();
                assert_eq!(
                    states[0],
                    ("p", OperationState::Done),
                    "{:#?}",
                    changed.operations
                );
                let both = matches!(kind, LayerKind::Global | LayerKind::Interface);
                assert_eq!(states.len(), if both { 2 } else { 1 }, "{states:?}");
                value
            }
            None => {
                world.done(own.clone()).await;
                50
            }
        };
        assert_eq!(effective(&world, "p"), [("rate".to_owned(), json!(value), kind)]);
        assert_eq!(given(&world, "p").await, json!({ "rate": value }), "{kind:?}");
    }
    let layers = world.manager().config_layers("p", &[]);
    let kinds: Vec<_> = layers.all().iter().map(|layer| layer.kind).collect();
    assert_eq!(
        kinds,
        [
            LayerKind::Global,
            LayerKind::Global,
            LayerKind::Interface,
            LayerKind::Plugin,
            LayerKind::Revision,
            LayerKind::Instance
        ]
    );
    // What we do not run has the wide ones.
    let publishers = world.manager().config_layers("stranger", &[Interface::Publisher]);
    assert_eq!(publishers.all().len(), 3, "{publishers:?}");
    // What changes nothing for a plugin leaves its process alone.
    let nothing = say(&world, ConfigScope::Global, set(json!({ "elsewhere": 1 }))).await;
    assert_eq!(nothing.unwrap().operations, []);
    let unset = ConfigChange {
        unset: vec!["rate".to_owned()],
        ..ConfigChange::default()
    };
    say(&world, instance("p"), unset).await.unwrap();
    assert_eq!(effective(&world, "p")[0].2, LayerKind::Revision);
}

async fn everything_wrong_is_said_with_its_layer_and_nothing_is_changed() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0").with(RULES)).await;
    world.install(&Package::new("q", "1.0.0").with(RULES)).await;
    let before = world.manager().operations(100).len();
    let refused = say(
        &world,
        ConfigScope::Global,
        set(json!({ "rate": 500, "level": "hunter2" })),
    )
    .await;
    let Err(OrderError::Policy(errors)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(errors.len(), 4, "both keys of both plugins: {errors:?}");
    let text = format!("{errors:?}");
    for part in [
        "from 1 to 100 (global), says p",
        "one of low, high (global), says q",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("hunter2"));
    // A key that nobody knows is for others in wide layers, and a mistake in close ones.
    let refused = say(&world, instance("p"), set(json!({ "raet": 5, "rate": 0 }))).await;
    let Err(OrderError::Policy(errors)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors.iter().all(|error| error.message.contains("(instance)")),
        "{errors:?}"
    );
    let check = async |scope: ConfigScope, code: &str| {
        let refused = say(&world, scope, set(json!({ "rate": 5 }))).await.unwrap_err();
        assert_eq!(refused.code(), code);
    };
    check(interface("nonsense"), "invalid").await;
    check(instance("nobody"), "not_found").await;
    check(revision("p", "9.9.9"), "no_revision").await;
    assert_eq!(world.manager().config(), []);
    assert_eq!(world.manager().operations(100).len(), before, "nothing was begun");
    assert_eq!(given(&world, "p").await, json!({ "rate": 10 }));
}

async fn layers_outlive_the_application_and_go_with_their_plugin() {
    let mut world = World::new().await;
    world.install(&Package::new("p", "1.0.0").with(RULES)).await;
    for (scope, rate) in [
        (ConfigScope::Global, 2),
        (interface("reporter"), 3),
        (revision("p", "1.0.0"), 4),
        (instance("p"), 5),
    ] {
        say(&world, scope, set(json!({ "rate": rate }))).await.unwrap();
    }
    let said = world.manager().config();
    assert_eq!(said.len(), 4, "{said:?}");
    world.restart().await;
    assert_eq!(world.manager().config(), said);
    assert_eq!(given(&world, "p").await, json!({ "rate": 5 }));
    let order = PluginOrder::Remove {
        plugin: "p".to_owned(),
        keep_state: false,
        force: false,
    };
    world.done(order).await;
    world.restart().await;
    let left: Vec<_> = world
        .manager()
        .config()
        .into_iter()
        .map(|layer| layer.scope)
        .collect();
    assert_eq!(left, [ConfigScope::Global, interface("reporter")]);
    let none = ConfigChange {
        replace: true,
        ..ConfigChange::default()
    };
    say(&world, ConfigScope::Global, none).await.unwrap();
    world.restart().await;
    assert_eq!(world.manager().config().len(), 1);
}

async fn a_plugin_that_refuses_a_layer_says_so_and_goes_on_with_what_it_has() {
    let world = World::new().await;
    world
        .install(&Package::new("p", "1.0.0").with(RULES).arg("hates", "13"))
        .await;
    let pid = world.serves("p", "1.0.0").await["pid"].clone();
    let changed = say(&world, ConfigScope::Global, set(json!({ "rate": 13 })))
        .await
        .unwrap();
    assert_eq!(changed.operations[0].state, OperationState::Failed);
    let rejected = world.plugin("p").config.rejected;
    assert!(rejected.contains("this config is bad"), "{rejected}");
    let who = world.serves("p", "1.0.0").await;
    assert_eq!(who["pid"], pid, "it was never touched");
}

async fn a_plugin_that_lacks_config_runs_once_a_wider_layer_has_it() {
    let world = World::new().await;
    let rules = "[[policy]]\nkey = \"target\"\ntype = \"string\"\nrequired = true\n";
    world.install(&Package::new("p", "1.0.0").with(rules)).await;
    world.state("p", InstanceState::Inapplicable).await;
    assert_eq!(world.plugin("p").config.wrong.len(), 1);
    let changed = say(&world, ConfigScope::Global, set(json!({ "target": "x" })))
        .await
        .unwrap();
    assert_eq!(changed.operations[0].state, OperationState::Done, "{changed:#?}");
    assert_eq!(given(&world, "p").await, json!({ "target": "x" }));
}

async fn secrets_of_a_layer_are_for_the_plugin_alone() {
    let world = World::new().await;
    let rules = "[[policy]]\nkey = \"token\"\ntype = \"secret\"\n";
    world.install(&Package::new("p", "1.0.0").with(rules)).await;
    let file = world.base().join("token");
    std::fs::write(&file, "hunter2\n").unwrap();
    let plain = say(&world, ConfigScope::Global, set(json!({ "token": "hunter2" }))).await;
    let text = plain.unwrap_err().to_string();
    assert!(text.contains("env:NAME") && !text.contains("hunter2"), "{text}");
    let reference = format!("file:{}", file.display());
    let changed = say(&world, ConfigScope::Global, set(json!({ "token": reference })))
        .await
        .unwrap();
    assert_eq!(given(&world, "p").await, json!({ "token": "hunter2" }));
    let shown = format!(
        "{changed:?} {:?} {:?}",
        world.plugin("p"),
        world.manager().config()
    );
    assert!(
        shown.contains(&reference) && !shown.contains("hunter2"),
        "{shown}"
    );
}
