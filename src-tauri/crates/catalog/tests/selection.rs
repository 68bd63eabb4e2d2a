//! Asking the catalog: every form of query on fixed elements, dynamic ones and instances, and versions side by side.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::sync::Arc;

use orrery_catalog::{
    Catalog, LookUpError, Namespace, Query, Shelf, ShelfError, Source, Standing, Told, Versions,
};
use proptest::prelude::*;

fn shelf(id: &str, version: &str, names: &[&str]) -> Arc<Shelf> {
    standing(id, version, names, Standing::Ready)
}

fn standing(id: &str, version: &str, names: &[&str], standing: Standing) -> Arc<Shelf> {
    let source = Source {
        standing,
        ..Source::new(id, version.parse().unwrap())
    };
    let metrics = names.iter().map(|name| (name.parse().unwrap(), Told::default()));
    Arc::new(Shelf::new(Arc::new(source), metrics.collect()).unwrap())
}

fn catalog() -> Catalog {
    let disk = [
        "/disk/host/*node/used",
        "/disk/host/*node/free",
        "/disk/host/total/used",
        "/disk/volume/*volume/*partition/used",
        "/disk/up",
    ];
    let net = ["/net/host/*node/in", "/net/host/*node/out"];
    Catalog::default()
        .with(shelf("disk", "1.0.0", &disk))
        .with(shelf("net", "2.0.0", &net))
}

/// What answers, as `name@version` where there are several versions.
fn select(catalog: &Catalog, query: &str, versions: &str) -> (Vec<String>, Vec<String>) {
    let found = catalog.select(&query.parse().unwrap(), &versions.parse().unwrap());
    let metrics = found
        .metrics
        .iter()
        .map(|m| format!("{}@{}", m.namespace(), m.entry.source.version));
    let missing = found.missing.iter().map(ToString::to_string);
    (metrics.collect(), missing.collect())
}

#[track_caller]
fn answers(query: &str, want: &[&str], missing: &[&str]) {
    let (mut found, not) = select(&catalog(), query, "latest");
    for name in &mut found {
        name.truncate(name.find('@').unwrap());
    }
    assert_eq!(found, want, "{query}");
    assert_eq!(not, missing, "{query}");
}

#[test]
fn s15_every_form_of_query() {
    answers("/disk/up", &["/disk/up"], &[]);
    answers("/disk/host/*/free", &["/disk/host/*node/free"], &[]);
    answers("/disk/host/*node/free", &["/disk/host/*node/free"], &[]);
    answers("/disk/host/box;12/free", &[r"/disk/host/box\;12/free"], &[]);
    answers(r"/disk/host/box\;12/free", &[r"/disk/host/box\;12/free"], &[]);
    answers("/disk/volume/a/b/used", &["/disk/volume/a/b/used"], &[]);
    answers("/disk/volume/a/*/used", &["/disk/volume/a/*partition/used"], &[]);
    answers("/disk/volume/*/b/used", &["/disk/volume/*volume/b/used"], &[]);
    // A * inside is one element, whatever it is; as the last it is everything below.
    answers(
        "/disk/host/*/used",
        &["/disk/host/total/used", "/disk/host/*node/used"],
        &[],
    );
    answers(
        "/disk/*",
        &[
            "/disk/host/total/used",
            "/disk/host/*node/free",
            "/disk/host/*node/used",
            "/disk/up",
            "/disk/volume/*volume/*partition/used",
        ],
        &[],
    );
    answers("/net/*", &["/net/host/*node/in", "/net/host/*node/out"], &[]);
    answers("/*/host/*/in", &["/net/host/*node/in"], &[]);
    // What is called so wins over what may be called so.
    answers("/disk/host/total/used", &["/disk/host/total/used"], &[]);
    answers("/disk/host/total/free", &[], &["/disk/host/total/free"]);
    // Tuples are multiplied, and each combination has to be there.
    answers(
        "/disk/host/*/(free;none)",
        &["/disk/host/*node/free"],
        &["/disk/host/*/none"],
    );
    answers(
        "/net/host/(a;b)/(in;out)",
        &[
            "/net/host/a/in",
            "/net/host/a/out",
            "/net/host/b/in",
            "/net/host/b/out",
        ],
        &[],
    );
    answers("/(disk;net)/nothing", &[], &["/disk/nothing", "/net/nothing"]);
    answers("/net/host/(*;a)/in", &["/net/host/*node/in"], &[]);
    answers("/disk", &[], &["/disk"]);
    answers("/none/*", &[], &["/none/*"]);
    answers("/disk/up/*", &[], &["/disk/up/*"]);
    let (everything, _) = select(&catalog(), "/*", "latest");
    assert_eq!(everything.len(), catalog().len());
}

#[test]
fn s16_versions_side_by_side() {
    let names = ["/p/host/*n/a", "/p/host/*n/b"];
    let both = Catalog::default()
        .with(shelf("p", "1.0.0", &names))
        .with(shelf("p", "2.0.0", &names[..1]));
    let of = |query: &str, versions: &str| select(&both, query, versions).0;
    assert_eq!(of("/p/host/*/a", "latest"), ["/p/host/*n/a@2.0.0"]);
    assert_eq!(
        of("/p/host/*/b", "latest"),
        ["/p/host/*n/b@1.0.0"],
        "the newest that has it"
    );
    assert_eq!(of("/p/*", "latest"), ["/p/host/*n/a@2.0.0", "/p/host/*n/b@1.0.0"]);
    assert_eq!(of("/p/*", "all").len(), 3);
    assert_eq!(of("/p/host/*/a", "1.0.0"), ["/p/host/*n/a@1.0.0"]);
    assert_eq!(of("/p/host/*/a", ">=1, <2"), ["/p/host/*n/a@1.0.0"]);
    assert_eq!(select(&both, "/p/host/*/a", ">=3").1, ["/p/host/*/a"]);
    let name: Namespace = "/p/host/*n/a".parse().unwrap();
    assert_eq!(both.versions_of(&name).len(), 2);
    // What can be had comes before what is newer and cannot.
    let away = both.with(standing(
        "p",
        "3.0.0",
        &names,
        Standing::Away("it is kept for a rollback".into()),
    ));
    assert_eq!(select(&away, "/p/host/*/a", "latest").0, ["/p/host/*n/a@2.0.0"]);
    assert_eq!(select(&away, "/p/host/*/a", ">=3").0, ["/p/host/*n/a@3.0.0"]);
    let version = |versions: &str| {
        let shelf = away.one_of("p", &versions.parse().unwrap());
        shelf.map(|shelf| shelf.source().version.to_string())
    };
    assert_eq!(version("latest").as_deref(), Some("2.0.0"));
    assert_eq!(version(">=3").as_deref(), Some("3.0.0"));
    assert_eq!(version(">=4"), None);
}

#[test]
fn s17_one_is_told_from_several_and_from_none() {
    let catalog = catalog();
    let look =
        |query: &str, versions: &str| catalog.look_up(&query.parse().unwrap(), &versions.parse().unwrap());
    assert!(look("/disk/host/*/free", "latest").is_ok());
    assert!(matches!(
        look("/disk/*", "latest"),
        Err(LookUpError::Ambiguous(_, 5))
    ));
    assert!(matches!(
        look("/disk/none", "latest"),
        Err(LookUpError::NotFound(_))
    ));
    assert!(matches!(
        look("/disk/(up;none)", "latest"),
        Err(LookUpError::Ambiguous(_, 1))
    ));
    let error = look("/disk/up", ">=2").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no metric /disk/up in version >=2; there is 1.0.0"
    );
}

#[test]
fn s21_one_version_or_all_of_a_source_are_taken_out() {
    let both = catalog().with(shelf("disk", "2.0.0", &["/disk/up"]));
    let one = both.without("disk", Some(&"1.0.0".parse().unwrap()));
    assert_eq!(select(&one, "/disk/*", "all").0, ["/disk/up@2.0.0"]);
    assert_eq!(one.differences(&both), ["disk"]);
    let none = both.without("disk", None);
    assert!(none.source("disk").is_empty());
    assert_eq!(none.len(), 2);
    assert_eq!(none.without("disk", None).differences(&none), [""; 0]);
    assert_eq!(
        select(&both, "/disk/*", "all").0.len(),
        6,
        "the catalog before is as it was"
    );
}

#[test]
fn a_source_has_names_of_its_own_alone_and_all_of_them_or_none() {
    let source = Arc::new(Source::new("p", "1.0.0".parse().unwrap()));
    let names = ["/p/a", "/q/a"].map(|name| (name.parse().unwrap(), Told::default()));
    let error = Shelf::new(Arc::clone(&source), names.to_vec()).unwrap_err();
    assert_eq!(error, ShelfError::Foreign("/q/a".parse().unwrap(), "p".into()));
    let dynamic = [("/*any/a".parse().unwrap(), Told::default())];
    assert!(Shelf::new(Arc::clone(&source), dynamic.to_vec()).is_err());
    let told = |label: &str| Told {
        label: label.into(),
        ..Told::default()
    };
    let twice = ["first", "last"].map(|label| ("/p/a".parse().unwrap(), told(label)));
    let shelf = Shelf::new(source, twice.to_vec()).unwrap();
    assert_eq!(shelf.entries().len(), 1);
    assert_eq!(shelf.entries()[0].told.label, "last");
}

/// Whether a name answers a query, found out without an index. Fixed elements that win over dynamic ones are left
/// out: the names below have none at the same place.
fn plainly(query: &Query, name: &Namespace) -> bool {
    use orrery_catalog::{Element, QueryElement};
    let (wanted, elements) = (query.elements(), name.elements());
    let fits = |(wanted, element): (&QueryElement, &Element)| match (wanted, element) {
        (QueryElement::Any, _) | (QueryElement::Exactly(_), Element::Dynamic(_)) => true,
        (QueryElement::Exactly(value), Element::Static(held)) => value == held,
        (QueryElement::OneOf(_), _) => false,
    };
    let long = if query.is_subtree() {
        elements.len() >= wanted.len()
    } else {
        elements.len() == wanted.len()
    };
    long && wanted.iter().zip(elements).all(fits)
}

proptest! {
    /// The index answers as looking at every name does.
    #[test]
    fn the_index_agrees_with_looking_at_every_name(
        names in proptest::collection::btree_set("(/[ab]){1,2}(/\\*n/[ab]){0,2}(/[ab]){0,2}", 0..30),
        query in "(/([ab]|\\*)){1,6}",
    ) {
        let names: Vec<Namespace> = names.iter().map(|name| format!("/p{name}").parse().unwrap()).collect();
        // Without places where a fixed element wins.
        let names: Vec<Namespace> = names.iter().filter(|name| {
            names.iter().all(|other| {
                let first = name.elements().iter().zip(other.elements()).find(|(a, b)| a != b);
                first.is_none_or(|(a, b)| a.as_static().is_some() == b.as_static().is_some())
            })
        }).cloned().collect();
        let query: Query = format!("/p{query}").parse().unwrap();
        let source = Arc::new(Source::new("p", "1.0.0".parse().unwrap()));
        let metrics = names.iter().map(|name| (name.clone(), Told::default())).collect();
        let catalog = Catalog::default().with(Arc::new(Shelf::new(source, metrics).unwrap()));
        let mut found: Vec<Namespace> = catalog
            .select(&query, &Versions::Latest)
            .metrics
            .iter()
            .map(|metric| metric.entry.namespace.clone())
            .collect();
        found.sort();
        let mut want: Vec<Namespace> = names.into_iter().filter(|name| plainly(&query, name)).collect();
        want.sort();
        prop_assert_eq!(found, want, "{}", query);
    }
}
