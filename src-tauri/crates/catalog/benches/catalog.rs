//! The catalog's two promises: any query on 100,000 metrics, and a change of the catalog with 1,000 groups.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should panic")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use orrery_catalog::{
    Catalog, Element, GroupRequest, Lessor, Namespace, Query, Shelf, Source, Subscriptions, Told, Versions,
    Want,
};

/// So many plugins…
const PLUGINS: usize = 100;
/// …with so many topologies…
const TOPOLOGIES: usize = 10;
/// …with so many metrics each: 100,000 in all.
const METRICS: usize = 100;
/// Groups.
const GROUPS: usize = 1_000;

fn shelf(plugin: usize, version: u64) -> Arc<Shelf> {
    let id = format!("plugin-{plugin}");
    let metrics = (0..TOPOLOGIES * METRICS).map(|n| {
        let elements = vec![
            Element::Static(id.as_str().into()),
            Element::Static(format!("topology{}", n / METRICS).into()),
            Element::Dynamic("node".into()),
            Element::Static(format!("metric{}", n % METRICS).into()),
        ];
        (Namespace::new(elements).unwrap(), Told::default())
    });
    let source = Source::new(id.as_str(), semver::Version::new(1, version, 0));
    Arc::new(Shelf::new(Arc::new(source), metrics.collect()).unwrap())
}

fn catalog() -> Catalog {
    (0..PLUGINS).fold(Catalog::default(), |catalog, plugin| {
        catalog.with(shelf(plugin, 0))
    })
}

fn queries(c: &mut Criterion) {
    let catalog = catalog();
    assert_eq!(catalog.len(), 100_000);
    let mut group = c.benchmark_group("catalog/100k");
    group.sample_size(20);
    for (name, text) in [
        ("exact", "/plugin-50/topology5/*/metric7"),
        ("instance", "/plugin-50/topology5/box;12/metric7"),
        (
            "tuple",
            "/(plugin-1;plugin-2;plugin-3)/topology5/*/(metric1;metric2)",
        ),
        ("subtree", "/plugin-50/*"),
        ("wildcards", "/*/*/*/metric7"),
        ("nothing", "/*/*/*/none"),
        ("everything", "/*"),
    ] {
        let query: Query = text.parse().unwrap();
        for versions in ["latest", ">=1.0, <2"] {
            let versions: Versions = versions.parse().unwrap();
            group.bench_function(format!("{name}/{versions}"), |b| {
                b.iter(|| black_box(catalog.select(&query, &versions)));
            });
        }
    }
    group.finish();
}

struct Always;

impl Lessor for Always {
    type Lease = ();

    fn acquire(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

/// Groups that all want something of the plugin that changes, and of nine others.
fn subscriptions(catalog: &Catalog) -> Subscriptions<Always> {
    let mut all = Subscriptions::new(Always);
    all.update(Arc::new(catalog.clone()));
    for n in 0..GROUPS {
        let wants = (0..10).map(|other| {
            let plugin = if other == 0 { 0 } else { (n + other) % PLUGINS };
            let text = format!("/plugin-{plugin}/topology{other}/*/metric{}", n % METRICS);
            Want::new(text.parse().unwrap())
        });
        let request = GroupRequest {
            id: format!("task-{n}").into(),
            wants: wants.collect(),
            ..GroupRequest::default()
        };
        all.put(request).unwrap();
    }
    all
}

fn changes(c: &mut Criterion) {
    let before = catalog();
    let loaded = Arc::new(before.with(shelf(0, 1)));
    let unloaded = Arc::new(before.without("plugin-0", None));
    let mut group = c.benchmark_group("catalog/1000-groups");
    group.sample_size(20);
    for (name, after) in [("load", &loaded), ("unload", &unloaded)] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || subscriptions(&before),
                |mut all| {
                    assert_eq!(all.update(Arc::clone(after)).views.len(), GROUPS);
                    all
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.bench_function("index one plugin", |b| b.iter(|| black_box(shelf(0, 2))));
    group.finish();
}

criterion_group!(benches, queries, changes);
criterion_main!(benches);
