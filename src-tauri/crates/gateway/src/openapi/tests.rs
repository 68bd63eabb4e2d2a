use std::collections::BTreeSet;

use serde_json::Value;

use super::entries;
use super::schemas::Schemas;
use crate::access;

/// Every reference in a value.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_route_has_an_entry_and_every_entry_a_route() {
    let entries = entries::all(&mut Schemas::new());
    let described: BTreeSet<_> = entries.iter().map(|e| (e.method, e.path)).collect();
    assert_eq!(described.len(), entries.len(), "a route is described twice");
    let ruled: BTreeSet<_> = access::all().collect();
    let missing: Vec<_> = ruled.difference(&described).collect();
    let idle: Vec<_> = described.difference(&ruled).collect();
    assert!(
        missing.is_empty(),
        "routes without an entry in openapi/entries: {missing:?}"
    );
    assert!(idle.is_empty(), "entries without a route: {idle:?}");
}

#[test]
fn every_reference_leads_somewhere_and_every_name_is_used_once() {
    let document = super::document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 60, "{} references", found.len());
    for reference in found {
        let at = reference.trim_start_matches('#');
        assert!(document.pointer(at).is_some(), "{reference} leads nowhere");
    }
    let operations = document["paths"].as_object().unwrap().values();
    let mut names = BTreeSet::new();
    for operation in operations.flat_map(|path| path.as_object().unwrap().values()) {
        if let Some(name) = operation["operationId"].as_str() {
            assert!(names.insert(name), "{name} stands there twice");
        }
    }
}

#[test]
fn every_operation_says_who_may_come_how_it_fails_and_how_it_is_asked_for() {
    let document = super::document();
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            assert!(operation["x-role"].is_string(), "{method} {path}");
            let sample = operation["x-codeSamples"][0]["source"].as_str().unwrap();
            assert!(
                !sample.contains("//api") && (!sample.contains('{') || sample.contains(" -d ")),
                "{method} {path}: a parameter has no example: {sample}"
            );
            let given = sample.split_whitespace().all(|word| !word.ends_with(['=', '/']));
            assert!(given, "{method} {path}: a parameter has no example: {sample}");
            for status in ["401", "403"] {
                assert!(
                    operation["responses"][status].is_object(),
                    "{method} {path} {status}"
                );
            }
        }
    }
}

/// Every address that the documentation names, in its segments; what stands for something is in capitals or braces.
fn documented() -> BTreeSet<Vec<String>> {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(docs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let ends = |c: char| c.is_whitespace() || "`?[(,;'\"".contains(c);
        let addresses = text.split(ends).filter(|word| word.starts_with('/'));
        found.extend(addresses.map(|word| {
            let word = word.trim_end_matches(['.', ':', ')', '|']);
            word.split('/').map(str::to_owned).collect::<Vec<_>>()
        }));
    }
    found
}

#[test]
fn every_address_is_in_the_documentation() {
    let documented = documented();
    let document = super::document();
    for path in document["paths"].as_object().unwrap().keys() {
        let wanted: Vec<&str> = path.split('/').collect();
        let fits = |said: &Vec<String>| {
            let same = |(said, wanted): (&String, &&str)| {
                said == wanted
                    || wanted.starts_with('{') && (said.starts_with('{') || *said == said.to_uppercase())
            };
            said.len() == wanted.len() && said.iter().zip(&wanted).all(same)
        };
        assert!(documented.iter().any(fits), "{path} is in no page of docs/");
    }
}
