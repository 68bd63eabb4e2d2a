//! Groups: what they get, what they wait for, and which plugins run because of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use orrery_catalog::{
    Catalog, Changes, GroupError, GroupRequest, LayerKind, Layers, Lessor, PluginWant, ProblemKind, Shelf,
    Source, Standing, Subscriptions, Told, Versions, View, Want,
};
use orrery_packages::manifest::Interface;
use proptest::prelude::*;
use serde_json::json;

/// Counts reasons to run by plugin, and refuses some plugins.
#[derive(Clone, Default)]
struct Counter {
    held: Rc<RefCell<BTreeMap<String, usize>>>,
    refused: Rc<RefCell<BTreeSet<String>>>,
    /// Counts how often plugins were forgotten and put back.
    lives: Rc<Cell<usize>>,
}

struct Lease {
    life: usize,
    held: Rc<RefCell<BTreeMap<String, usize>>>,
    plugin: String,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.held.borrow_mut();
        let count = held.get_mut(&self.plugin).unwrap();
        *count -= 1;
        if *count == 0 {
            held.remove(&self.plugin);
        }
    }
}

impl Lessor for Counter {
    type Lease = Lease;

    fn acquire(&self, plugin: &str) -> Result<Lease, String> {
        if self.refused.borrow().contains(plugin) {
            return Err(format!("{plugin} is not to be had"));
        }
        *self.held.borrow_mut().entry(plugin.to_owned()).or_default() += 1;
        Ok(Lease {
            life: self.lives.get(),
            held: Rc::clone(&self.held),
            plugin: plugin.to_owned(),
        })
    }

    fn holds(&self, _: &str, lease: &Lease) -> bool {
        lease.life == self.lives.get()
    }
}

impl Counter {
    fn running(&self) -> Vec<String> {
        self.held.borrow().keys().cloned().collect()
    }
}

fn source(id: &str, version: &str) -> Source {
    Source::new(id, version.parse().unwrap())
}

fn on(source: Source, names: &[&str]) -> Arc<Shelf> {
    let metrics = names.iter().map(|name| (name.parse().unwrap(), Told::default()));
    Arc::new(Shelf::new(Arc::new(source), metrics.collect()).unwrap())
}

fn shelf(id: &str, version: &str, names: &[&str]) -> Arc<Shelf> {
    on(source(id, version), names)
}

fn request(id: &str, queries: &[&str]) -> GroupRequest {
    GroupRequest {
        id: id.into(),
        wants: queries
            .iter()
            .map(|query| Want::new(query.parse().unwrap()))
            .collect(),
        ..GroupRequest::default()
    }
}

/// A world with some plugins, and groups.
struct World {
    catalog: Catalog,
    counter: Counter,
    all: Subscriptions<Counter>,
}

impl World {
    fn new() -> World {
        let counter = Counter::default();
        World {
            catalog: Catalog::default(),
            all: Subscriptions::new(counter.clone()),
            counter,
        }
    }

    fn load(&mut self, shelf: Arc<Shelf>) -> Changes {
        self.catalog = self.catalog.with(shelf);
        self.all.update(Arc::new(self.catalog.clone()))
    }

    fn unload(&mut self, id: &str, version: Option<&str>) -> Changes {
        let version = version.map(|version| version.parse().unwrap());
        self.catalog = self.catalog.without(id, version.as_ref());
        self.all.update(Arc::new(self.catalog.clone()))
    }

    /// Metrics of a group as `name@version`.
    fn metrics(&self, id: &str) -> Vec<String> {
        metrics(&self.all.view(id).unwrap())
    }

    fn problems(&self, id: &str) -> Vec<ProblemKind> {
        let view = self.all.view(id).unwrap();
        view.problems.iter().map(|problem| problem.kind).collect()
    }
}

fn metrics(view: &View) -> Vec<String> {
    let all = view.metrics.iter();
    all.map(|m| format!("{}@{}", m.namespace(), m.entry.source.version))
        .collect()
}

#[test]
fn s36_s40_a_group_follows_versions_as_they_come_and_go() {
    let mut world = World::new();
    world.load(shelf("p", "1.0.0", &["/p/h/*n/a", "/p/h/*n/b"]));
    let mut pinned = request("pinned", &["/p/h/*/a"]);
    pinned.wants[0].versions = "1.0.0".parse().unwrap();
    world.all.put(pinned).unwrap();
    world.all.put(request("open", &["/p/h/*/a", "/p/h/*/b"])).unwrap();
    assert_eq!(world.metrics("open"), ["/p/h/*n/a@1.0.0", "/p/h/*n/b@1.0.0"]);

    let none = world.load(shelf("q", "1.0.0", &["/q/h/*n/a"]));
    assert!(none.views.is_empty(), "another plugin is nothing to them");

    // A newer version with fewer metrics: the older goes on with the rest.
    let newer = world.load(shelf("p", "2.0.0", &["/p/h/*n/a"]));
    assert_eq!(newer.views.len(), 1, "the pinned one stays");
    assert_eq!(newer.views[0].group, "open");
    assert_eq!(newer.views[0].number, 2);
    assert_eq!(world.metrics("open"), ["/p/h/*n/a@2.0.0", "/p/h/*n/b@1.0.0"]);
    assert_eq!(world.metrics("pinned"), ["/p/h/*n/a@1.0.0"]);

    world.unload("p", Some("2.0.0"));
    assert_eq!(
        world.metrics("open"),
        ["/p/h/*n/a@1.0.0", "/p/h/*n/b@1.0.0"],
        "and back"
    );

    world.load(shelf("p", "2.0.0", &["/p/h/*n/a"]));
    world.unload("p", Some("1.0.0"));
    assert_eq!(world.metrics("open"), ["/p/h/*n/a@2.0.0"]);
    assert_eq!(world.problems("open"), [ProblemKind::NoMetric]);
    assert_eq!(world.problems("pinned"), [ProblemKind::NoMetric]);
    assert!(world.counter.running().is_empty(), "who waits makes nothing run");
}

#[test]
fn s37_s38_wildcards_gain_and_lose_and_instances_ask_for_what_fits() {
    let mut world = World::new();
    world.load(shelf("p", "1.0.0", &["/p/h/*n/a"]));
    world.all.put(request("wild", &["/*/h/*/a"])).unwrap();
    world.all.put(request("one", &["/p/h/box;12/a"])).unwrap();
    world.all.put(request("any", &["/*/h/box;12/a"])).unwrap();
    assert_eq!(world.metrics("wild"), ["/p/h/*n/a@1.0.0"]);
    assert_eq!(world.metrics("one"), [r"/p/h/box\;12/a@1.0.0"]);
    let changed = world.load(shelf("q", "1.0.0", &["/q/h/*n/a"]));
    assert_eq!(changed.views.len(), 2);
    assert_eq!(
        changed.acquired,
        [("any".into(), "q".into()), ("wild".into(), "q".into())]
    );
    assert_eq!(world.metrics("one"), [r"/p/h/box\;12/a@1.0.0"], "it does not fit");
    assert_eq!(
        world.metrics("any"),
        [r"/p/h/box\;12/a@1.0.0", r"/q/h/box\;12/a@1.0.0"],
        "it fits"
    );
    let other = world.load(shelf("r", "1.0.0", &["/r/h/*n/b"]));
    assert!(other.views.is_empty(), "nothing that is asked for");
    assert_eq!(world.metrics("wild"), ["/p/h/*n/a@1.0.0", "/q/h/*n/a@1.0.0"]);
    let changed = world.unload("q", None);
    assert_eq!(
        changed.released,
        [("any".into(), "q".into()), ("wild".into(), "q".into())]
    );
    assert_eq!(world.metrics("wild"), ["/p/h/*n/a@1.0.0"]);
}

#[test]
fn s39_groups_come_and_go_and_their_leases_with_them() {
    let mut world = World::new();
    world.load(shelf("p", "1.0.0", &["/p/x"]));
    world.load(shelf("q", "1.0.0", &["/q/x"]));
    world.load(on(
        Source {
            built_in: true,
            ..source("orrery", "1.0.0")
        },
        &["/orrery/host/*node/load1"],
    ));
    assert!(world.counter.running().is_empty(), "loaded is not running");
    let put = world
        .all
        .put(request("a", &["/p/x", "/q/x", "/orrery/*"]))
        .unwrap();
    assert_eq!(put.views.len(), 1);
    assert_eq!(
        world.counter.running(),
        ["p", "q"],
        "what is built in is always there"
    );
    world.all.put(request("b", &["/p/x"])).unwrap();
    assert_eq!(world.all.users_of("p"), ["a", "b"]);
    assert_eq!(world.all.remove("a").unwrap().released.len(), 2);
    assert_eq!(world.counter.running(), ["p"], "the other group needs it");
    world.all.remove("b").unwrap();
    assert!(world.counter.running().is_empty());
    assert_eq!(
        world.all.remove("b").unwrap_err(),
        GroupError::Unknown("b".into())
    );
    assert!(world.all.view("b").is_err());
    assert!(world.all.is_empty());
}

#[test]
fn s42_a_changed_request_acquires_and_releases_what_differs() {
    let mut world = World::new();
    for id in ["p", "q", "r"] {
        world.load(shelf(id, "1.0.0", &[&format!("/{id}/x")]));
    }
    let pair = |a: &str, b: &str| vec![(a.into(), b.into())];
    world.all.put(request("t", &["/p/x", "/q/x"])).unwrap();
    let same = world.all.put(request("t", &["/p/x", "/q/x"])).unwrap();
    assert!(same.views.is_empty() && same.acquired.is_empty() && same.released.is_empty());
    let other = world.all.put(request("t", &["/q/x", "/r/x"])).unwrap();
    assert_eq!((other.acquired, other.released), (pair("t", "r"), pair("t", "p")));
    let none = world.all.put(request("t", &[])).unwrap();
    assert_eq!(none.released.len(), 2);
    assert!(world.counter.running().is_empty());
}

#[test]
fn leases_are_acquired_all_or_none_and_tried_again_when_something_changes() {
    let mut world = World::new();
    for id in ["p", "q"] {
        world.load(shelf(id, "1.0.0", &[&format!("/{id}/x")]));
    }
    world.counter.refused.borrow_mut().insert("q".into());
    let put = world.all.put(request("t", &["/p/x", "/q/x"])).unwrap();
    assert!(put.acquired.is_empty());
    assert_eq!(world.problems("t"), [ProblemKind::Lease]);
    assert!(!world.all.view("t").unwrap().is_ready());
    assert!(world.counter.running().is_empty(), "p would run for nobody");
    world.counter.refused.borrow_mut().clear();
    world.load(shelf("other", "1.0.0", &[]));
    assert_eq!(world.counter.running(), ["p", "q"]);
    assert!(world.all.view("t").unwrap().is_ready());
}

#[test]
fn an_optional_metric_that_is_missing_is_a_note() {
    let mut world = World::new();
    world.load(shelf("p", "1.0.0", &["/p/x"]));
    let mut asked = request("t", &["/p/x", "/gone/x"]);
    asked.wants[1].optional = true;
    world.all.put(asked).unwrap();
    let view = world.all.view("t").unwrap();
    assert!(view.is_ready());
    assert_eq!(view.problems.len(), 1);
    assert!(view.problems[0].note);
    world.load(shelf("gone", "1.0.0", &["/gone/x"]));
    assert_eq!(
        world.metrics("t"),
        ["/gone/x@1.0.0", "/p/x@1.0.0"]
            .map(String::from)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    assert_eq!(world.all.losing("gone"), [""; 0], "it gets along without");
    assert_eq!(world.all.losing("p"), ["t"]);
}

#[test]
fn a_plugin_that_is_away_makes_wait_and_says_why() {
    let mut world = World::new();
    let away = Source {
        standing: Standing::Away("it is disabled.".into()),
        ..source("p", "1.0.0")
    };
    world.load(on(away, &["/p/x"]));
    world.all.put(request("t", &["/p/x"])).unwrap();
    let view = world.all.view("t").unwrap();
    assert_eq!(view.problems[0].kind, ProblemKind::Away);
    assert_eq!(view.problems[0].message, "p 1.0.0 has it: it is disabled.");
    world.load(shelf("p", "1.0.0", &["/p/x"]));
    assert!(world.all.view("t").unwrap().is_ready());
    assert_eq!(world.counter.running(), ["p"]);
}

#[test]
fn s41_config_reaches_every_part_and_everything_wrong_is_told() {
    let rules = json!([
        { "key": "rate", "type": "integer", "default": 10, "max": 100 },
        { "key": "token", "type": "secret" },
    ]);
    let with = |id: &str, interface| Source {
        interfaces: vec![interface],
        policy: serde_json::from_value(rules.clone()).unwrap(),
        config: Layers::default().with(
            LayerKind::Global,
            serde_json::from_value(json!({ "rate": 20 })).unwrap(),
        ),
        ..source(id, "1.0.0")
    };
    let mut world = World::new();
    world.load(on(with("p", Interface::Reporter), &["/p/x"]));
    world.load(on(with("sink", Interface::Publisher), &[]));
    let place = "process[0].publish[1]";
    let mut asked = request("t", &["/p/x"]);
    asked.plugins.push(PluginWant {
        path: place.into(),
        plugin: "sink".into(),
        versions: Versions::Latest,
        interface: Interface::Publisher,
        config: serde_json::from_value(json!({ "rate": 30 })).unwrap(),
    });
    asked.config.insert(
        String::new().into(),
        serde_json::from_value(json!({ "token": "env:T", "else": 1 })).unwrap(),
    );
    world.all.put(asked.clone()).unwrap();
    let view = world.all.view("t").unwrap();
    assert!(view.is_ready(), "{:?}", view.problems);
    assert_eq!(world.counter.running(), ["p", "sink"]);
    assert_eq!(view.needs[0].config.values["rate"], 20, "global");
    assert_eq!(view.needs[0].config.values["token"], "env:T");
    assert_eq!(
        view.config_at(place).unwrap().values["rate"],
        30,
        "the task's own"
    );

    asked.config.insert(
        "p".into(),
        serde_json::from_value(json!({ "rate": 1000, "nmae": 1 })).unwrap(),
    );
    asked.plugins[0].config.insert("token".into(), json!("hunter2"));
    world.all.put(asked.clone()).unwrap();
    let view = world.all.view("t").unwrap();
    let subjects: Vec<&str> = view.problems.iter().map(|p| p.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "config./p.nmae",
            "config./p.rate",
            "process[0].publish[1].config.token"
        ]
    );
    assert!(!format!("{:?}", view.problems).contains("hunter2"));
    assert!(world.counter.running().is_empty());

    asked.plugins[0].plugin = "p".into();
    asked.config.clear();
    world.all.put(asked.clone()).unwrap();
    assert_eq!(world.problems("t"), [ProblemKind::NoInterface]);
    let message = &world.all.view("t").unwrap().problems[0].message;
    assert_eq!(
        message,
        "p is no publisher: it reports; name its metrics under collect."
    );
    asked.plugins[0].plugin = "none".into();
    world.all.put(asked.clone()).unwrap();
    assert_eq!(world.problems("t"), [ProblemKind::NoPlugin]);
    asked.plugins[0].plugin = "sink".into();
    asked.plugins[0].versions = ">=2".parse().unwrap();
    world.all.put(asked).unwrap();
    let view = world.all.view("t").unwrap();
    assert_eq!(
        view.problems[0].message,
        "There is no plugin sink in version >=2; there is 1.0.0."
    );
}

#[test]
fn a_run_keeps_the_view_that_it_took() {
    let mut world = World::new();
    world.load(shelf("p", "1.0.0", &["/p/x"]));
    world.all.put(request("t", &["/p/x"])).unwrap();
    let taken = world.all.view("t").unwrap();
    world.load(shelf("p", "2.0.0", &["/p/x"]));
    assert_eq!(metrics(&taken), ["/p/x@1.0.0"]);
    assert_eq!(world.metrics("t"), ["/p/x@2.0.0"]);
}

#[test]
fn a_preview_changes_nothing() {
    let mut world = World::new();
    world.load(shelf("p", "1.0.0", &["/p/x"]));
    assert!(world.all.preview(request("t", &["/p/x"])).is_ready());
    assert!(!world.all.preview(request("t", &["/q/x"])).is_ready());
    assert!(world.all.is_empty() && world.counter.running().is_empty());
}

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    Load(usize, u64, bool),
    Unload(usize),
    Put(usize, Vec<usize>),
    Remove(usize),
    Refuse(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let plugin = 0_usize..4;
    prop_oneof![
        (plugin.clone(), 1_u64..3, any::<bool>()).prop_map(|(p, v, ready)| Step::Load(p, v, ready)),
        plugin.clone().prop_map(Step::Unload),
        (0_usize..4, proptest::collection::vec(0_usize..4, 0..3)).prop_map(|(g, p)| Step::Put(g, p)),
        (0_usize..4).prop_map(Step::Remove),
        (plugin, any::<bool>()).prop_map(|(p, refused)| Step::Refuse(p, refused)),
    ]
}

proptest! {
    /// Whatever happens, what runs is what the ready views need, and views are what computing them anew gives.
    #[test]
    fn what_runs_is_what_ready_views_need(steps in proptest::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Load(p, version, ready) => {
                    let id = format!("p{p}");
                    let standing = match ready {
                        true => Standing::Ready,
                        false => Standing::Away("so".into()),
                    };
                    let source = Source { standing, ..source(&id, &format!("{version}.0.0")) };
                    world.load(on(source, &[&format!("/{id}/x")]));
                }
                Step::Unload(p) => drop(world.unload(&format!("p{p}"), None)),
                Step::Put(group, plugins) => {
                    let queries: Vec<String> = plugins.iter().map(|p| format!("/p{p}/x")).collect();
                    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
                    world.all.put(request(&format!("t{group}"), &queries)).unwrap();
                }
                Step::Remove(group) => drop(world.all.remove(&format!("t{group}"))),
                Step::Refuse(p, refused) => {
                    let id = format!("p{p}");
                    match refused {
                        true => drop(world.counter.refused.borrow_mut().insert(id)),
                        false => drop(world.counter.refused.borrow_mut().remove(&id)),
                    }
                }
            }
            let mut needed: BTreeMap<String, usize> = BTreeMap::new();
            for view in world.all.views() {
                for plugin in view.leased() {
                    *needed.entry(plugin.to_string()).or_default() += 1;
                }
                let anew = world.all.preview((*view.request).clone());
                let lacking = view.problems.iter().any(|p| p.kind == ProblemKind::Lease);
                prop_assert!(lacking || view.means_the_same(&anew));
            }
            prop_assert_eq!(&*world.counter.held.borrow(), &needed);
        }
    }
}

#[test]
fn a_plugin_that_was_put_back_unseen_is_leased_anew() {
    let counter = Counter::default();
    let mut all = Subscriptions::new(counter.clone());
    let catalog = Arc::new(Catalog::default().with(shelf("p", "1.0.0", &["/p/host/*node/load"])));
    all.update(Arc::clone(&catalog));
    let request = GroupRequest {
        id: "task".into(),
        wants: vec![Want::new("/p/host/*/load".parse().unwrap())],
        ..GroupRequest::default()
    };
    let first = all.put(request).unwrap();
    assert_eq!(first.acquired.len(), 1);
    assert!(
        all.update(Arc::clone(&catalog)).acquired.is_empty(),
        "nothing happened"
    );
    // Forgotten and put back between two looks: the catalog is the same.
    counter.lives.set(1);
    let again = all.update(catalog);
    assert_eq!(again.acquired, [("task".into(), "p".into())]);
    assert!(again.views.is_empty(), "what the task has is the same");
    assert_eq!(counter.running(), ["p"]);
}
