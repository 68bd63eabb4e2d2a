//! Objects: conflicts, concurrency, watches, files, packages, what is kept.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use orrery_services::object::{self, Condition, ConditionStatus};
use orrery_services::registry::{DirectorySource, EventType, FileStore, Patch};
use orrery_services::{Config, DataPlaneService, RegistryError};
use serde_json::{Value, json};

use crate::world::{World, object, until};

const ROUTE: &str = "[{type: route, path: /a}]";

fn condition(object: &DataPlaneService, kind: &str) -> (ConditionStatus, String) {
    let condition = object.status.condition(kind).unwrap();
    (condition.status, condition.reason.clone())
}

fn accepted(world: &World, name: &str) -> (ConditionStatus, String) {
    condition(&world.plane.registry().get(name).unwrap(), Condition::ACCEPTED)
}

#[tokio::test]
async fn ag5_the_older_of_two_serves_and_the_younger_follows() {
    let world = World::new().await;
    let (_a, _b) = (world.plugin("a"), world.plugin("b"));
    world
        .apply(&object("z-older", "a", "g.example", "v1", ROUTE))
        .await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    world
        .apply(&object("a-younger", "b", "g.example", "v1", ROUTE))
        .await;
    let who = async || world.get("/apis/g.example/v1/a").await.json()["plugin"].clone();
    assert_eq!(who().await, "a");
    assert_eq!(
        accepted(&world, "z-older"),
        (ConditionStatus::True, "Valid".to_owned())
    );
    assert_eq!(
        accepted(&world, "a-younger"),
        (ConditionStatus::False, "Conflict".to_owned())
    );
    world.plane.registry().delete("z-older", None).await.unwrap();
    assert_eq!(who().await, "b");
    assert_eq!(
        accepted(&world, "a-younger"),
        (ConditionStatus::True, "Valid".to_owned())
    );
}

#[tokio::test]
async fn ag11_stale_changes_are_refused() {
    let world = World::new().await;
    let registry = world.plane.registry();
    let first = registry
        .create(object("o", "p", "g.example", "v1", ROUTE))
        .await
        .unwrap();
    assert_eq!(first.metadata.generation, 1);
    assert!(matches!(
        registry.create(object("o", "p", "g.example", "v1", ROUTE)).await,
        Err(RegistryError::Exists(_))
    ));
    let mut second = (*first).clone();
    second.spec.version = "v2".to_owned();
    let second = registry.replace(second).await.unwrap();
    assert_eq!(second.metadata.generation, 2);
    assert!(second.revision() > first.revision());
    assert_eq!(
        second.metadata.creation_timestamp,
        first.metadata.creation_timestamp
    );
    let stale = registry.replace((*first).clone()).await.unwrap_err();
    assert_eq!((stale.status().as_u16(), stale.reason()), (409, "Conflict"));
    let unnumbered = registry
        .replace(object("o", "p", "g.example", "v3", ROUTE))
        .await
        .unwrap_err();
    assert_eq!(unnumbered.status(), 422);
    assert_eq!(unnumbered.fields()[0].field, "metadata.resourceVersion");
    let missing = registry.replace({
        let mut other = (*second).clone();
        other.metadata.name = "other".to_owned();
        other
    });
    assert_eq!(missing.await.unwrap_err().status(), 404);
    let stale = registry
        .delete("o", Some(&first.metadata.resource_version))
        .await
        .unwrap_err();
    assert_eq!(stale.status(), 409);
    registry
        .delete(
            "o",
            Some(&registry.get("o").unwrap().metadata.resource_version.clone()),
        )
        .await
        .unwrap();
    assert_eq!(registry.delete("o", None).await.unwrap_err().status(), 404);
}

#[tokio::test]
async fn ag11_status_cannot_be_set_and_labels_are_no_new_generation() {
    let world = World::new().await;
    let registry = world.plane.registry();
    let before = world.apply(&object("o", "p", "g.example", "v1", ROUTE)).await;
    let patch = json!({"status": {"conditions": []}, "metadata": {"labels": {"a": "b"}}});
    let after = registry.patch("o", Patch::Merge(patch)).await.unwrap();
    assert_eq!(after.status.conditions.len(), 2);
    assert_eq!(
        (after.metadata.generation, after.metadata.labels["a"].as_str()),
        (1, "b")
    );
    let patch = json!([{"op": "add", "path": "/spec/services/-", "value": {"type": "query"}}]);
    let patch = Patch::Json(serde_json::from_value(patch).unwrap());
    let after = registry.patch("o", patch).await.unwrap();
    assert_eq!((after.metadata.generation, after.spec.services.len()), (2, 2));
    let copy = json!({"op": "copy", "from": "/metadata", "path": "/metadata/annotations"});
    let bomb = Patch::Json(serde_json::from_value(json!(vec![copy; 64])).unwrap());
    assert_eq!(registry.patch("o", bomb).await.unwrap_err().status(), 422);
    let cases = [
        (json!({"metadata": {"name": "x"}}), 422),
        (json!({"spec": {"group": "BAD"}}), 422),
        (
            json!({"metadata": {"resourceVersion": before.metadata.resource_version}}),
            409,
        ),
    ];
    for (patch, status) in cases {
        let error = registry
            .patch("o", Patch::Merge(patch.clone()))
            .await
            .unwrap_err();
        assert_eq!(error.status().as_u16(), status, "{patch}: {error}");
    }
    assert_eq!(
        registry.get("o").unwrap().spec.services.len(),
        2,
        "the last good version stays"
    );
    let unchanged = world.apply(&(*registry.get("o").unwrap()).clone()).await;
    assert_eq!(unchanged.metadata.generation, 2);
}

#[tokio::test]
async fn ag11_a_watch_tells_everything_and_resumes() {
    let world = World::new().await;
    let registry = world.plane.registry();
    world.apply(&object("o", "none", "g.example", "v1", ROUTE)).await;
    let mut watch = registry.watch(None).unwrap();
    let first = watch.next().await.unwrap();
    assert_eq!(
        (first.kind, first.object.metadata.name.as_str()),
        (EventType::Added, "o")
    );
    let after = registry.list().revision;
    world.apply(&object("o", "none", "g.example", "v2", ROUTE)).await;
    world.apply(&object("n", "none", "g.example", "v3", ROUTE)).await;
    registry.delete("o", None).await.unwrap();
    let mut resumed = registry.watch(Some(after)).unwrap();
    let mut last = after;
    for (kind, name) in [
        (EventType::Modified, "o"),
        (EventType::Added, "n"),
        (EventType::Deleted, "o"),
    ] {
        for watch in [&mut watch, &mut resumed] {
            let event = watch.next().await.unwrap();
            assert_eq!((event.kind, event.object.metadata.name.as_str()), (kind, name));
            last = last.max(event.object.revision());
        }
    }
    assert!(last > after);
    let waits = tokio::time::timeout(Duration::from_millis(50), watch.next()).await;
    assert!(waits.is_err(), "nothing more happened");
    assert_eq!(
        registry.watch(Some(7)).err().map(|gone| gone.asked),
        Some(7),
        "too old is 410"
    );
}

#[tokio::test]
async fn what_is_kept_is_there_again_with_its_age() {
    let kept = tempfile::tempdir().unwrap();
    let config = || Config::default().keep_in(kept.path()).unwrap();
    let before = {
        let world = World::with(config()).await;
        world.apply(&object("older", "p", "g.example", "v1", ROUTE)).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        world
            .apply(&object("a-younger", "q", "g.example", "v1", ROUTE))
            .await;
        world.apply(&object("gone", "q", "g.example", "v2", ROUTE)).await;
        world.plane.registry().delete("gone", None).await.unwrap();
        world.plane.registry().list()
    };
    fs::write(kept.path().join("bad.json"), "{").unwrap();
    let world = World::with(config()).await;
    let after = world.plane.registry().list();
    let names: Vec<_> = after.items.iter().map(|o| o.metadata.name.as_str()).collect();
    assert_eq!(names, ["a-younger", "older"]);
    assert_eq!(after.items[1].metadata.uid, before.items[1].metadata.uid);
    assert_eq!(accepted(&world, "a-younger").1, "Conflict");
    assert!(after.revision > before.revision, "no revision means two things");
    assert!(
        world.plane.registry().watch(Some(before.revision)).is_err(),
        "what happened before is not known"
    );
}

#[tokio::test]
async fn a_change_that_cannot_be_kept_is_not_made() {
    let kept = tempfile::tempdir().unwrap();
    let store = FileStore::open(kept.path().join("objects")).unwrap();
    let config = Config {
        store: Some(Arc::new(store)),
        ..Config::default()
    };
    let world = World::with(config).await;
    fs::remove_dir(kept.path().join("objects")).unwrap();
    let refused = world
        .plane
        .registry()
        .apply(object("o", "p", "g.example", "v1", ROUTE))
        .await;
    assert_eq!(refused.unwrap_err().status(), 500);
    assert!(world.plane.registry().list().items.is_empty());
}

async fn watched() -> (World, std::path::PathBuf, impl Fn() -> Vec<String>) {
    let world = World::new().await;
    let folder = world.folder.path().join("services.d");
    fs::create_dir(&folder).unwrap();
    let source = DirectorySource::new(&folder, world.plane.registry().clone());
    let troubles = source.troubles();
    tokio::spawn(source.run());
    let troubles = move || {
        troubles()
            .into_iter()
            .flat_map(|trouble| trouble.messages)
            .collect()
    };
    (world, folder, troubles)
}

fn yaml(name: &str, version: &str) -> String {
    format!(
        "apiVersion: {}\nkind: DataPlaneService\nmetadata: {{name: {name}}}\n\
         spec: {{pluginID: p, group: g.example, version: {version}, services: {ROUTE}}}\n",
        object::API_VERSION
    )
}

#[tokio::test]
async fn ag7_files_come_change_break_and_go() {
    let (world, folder, troubles) = watched().await;
    let registry = world.plane.registry().clone();
    let version = |name: &str| registry.get(name).map(|object| object.spec.version.clone());
    let is = |name: &'static str, wanted: Option<&'static str>| {
        let so = version(name).as_deref() == wanted;
        async move { so }
    };
    fs::write(
        folder.join("a.yaml"),
        format!("{}---\n{}", yaml("a", "v1"), yaml("b", "v2")),
    )
    .unwrap();
    fs::write(folder.join("ignored.txt"), "x").unwrap();
    until("both objects are there", || is("b", Some("v2"))).await;
    assert_eq!(version("a").as_deref(), Some("v1"));
    let declared = registry
        .apply(object("a", "p", "g.example", "v9", ROUTE))
        .await
        .unwrap_err();
    assert_eq!(
        (declared.status().as_u16(), declared.reason()),
        (409, "DeclaredElsewhere")
    );

    fs::write(folder.join("a.yaml"), "apiVersion: [half").unwrap();
    until("it is said", || async { accepted(&world, "a").1 == "ParseError" }).await;
    assert_eq!(version("a").as_deref(), Some("v1"), "the last good version stays");
    assert_eq!(accepted(&world, "a").0, ConditionStatus::False);
    assert!(troubles()[0].contains("a.yaml"), "{:?}", troubles());

    // One object is mended, the other breaks a rule.
    fs::write(
        folder.join("a.yaml.new"),
        format!("{}---\n{}", yaml("a", "v3"), yaml("b", "NO")),
    )
    .unwrap();
    fs::rename(folder.join("a.yaml.new"), folder.join("a.yaml")).unwrap();
    until("the first is mended", || is("a", Some("v3"))).await;
    assert_eq!(accepted(&world, "a").1, "Valid");
    assert_eq!(accepted(&world, "b").1, "Invalid");
    assert_eq!(version("b").as_deref(), Some("v2"));
    assert!(troubles()[0].contains("spec.version"), "{:?}", troubles());

    fs::write(folder.join("a.yaml"), yaml("a", "v3")).unwrap();
    until("the second has gone", || is("b", None)).await;
    assert!(troubles().is_empty());
    fs::remove_file(folder.join("a.yaml")).unwrap();
    until("the first has gone", || is("a", None)).await;
}

#[tokio::test]
async fn every_format_applies_from_a_file() {
    let (world, folder, _) = watched().await;
    let document: Value = object::text::documents(&yaml("j", "v1"), object::text::Format::Yaml)
        .unwrap()
        .remove(0);
    fs::write(folder.join("j.json"), document.to_string()).unwrap();
    let toml = "apiVersion = \"aggregation.grafana.app/v0alpha1\"\nkind = \"DataPlaneService\"\n\
        [metadata]\nname = \"t\"\n[spec]\npluginID = \"p\"\npluginType = \"datasource\"\n\
        group = \"t.example\"\nversion = \"v0alpha1\"\n[[spec.services]]\ntype = \"query\"\n";
    fs::write(folder.join("t.toml"), toml).unwrap();
    until("both are there", || async {
        world.plane.registry().list().items.len() == 2
    })
    .await;
}

#[tokio::test]
async fn a_package_brings_changes_and_takes_its_services() {
    let world = World::new().await;
    let registry = world.plane.registry();
    let service = |version: &str| {
        let table =
            json!({"group": "p.example", "version": version, "services": [{"type": "route", "path": "/x"}]});
        table.as_object().unwrap().clone()
    };
    registry
        .declare_package("p", &[service("v1"), service("v2")])
        .await
        .unwrap();
    assert_eq!(registry.list().items.len(), 2);
    registry.declare_package("p", &[service("v2")]).await.unwrap();
    assert_eq!(registry.get("v2.p.example").unwrap().metadata.generation, 1);
    assert_eq!(registry.list().items.len(), 1);
    let errors = registry
        .declare_package("p", &[service("BAD")])
        .await
        .unwrap_err();
    assert_eq!(errors[0].fields()[0].field, "metadata.name");
    assert_eq!(
        registry.list().items.len(),
        1,
        "what cannot be read takes nothing away"
    );
    registry.declare_package("p", &[]).await.unwrap();
    assert!(registry.list().items.is_empty());
}
