//! Random reports give the same answers by the rules written down twice.

use std::sync::Arc;

use orrery_model::Report;
use orrery_topology::derive::{Derivation, Options};
use serde_json::Value;

use crate::cases::compare;
use crate::generate;
use crate::reference::{self, Chosen, TOPOLOGIES};

/// Random reports tried.
const REPORTS: u64 = 48;

const CHOICES: [Chosen<'static>; 4] = [
    None,
    Some(&[]),
    Some(&[
        ("unconnected", "show"),
        ("pseudo", "show"),
        ("system", "all"),
        ("stopped", "both"),
        ("storage", "show"),
        ("snapshot", "show"),
    ]),
    Some(&[
        ("namespace", "shop,default,stack-a"),
        ("stopped", "stopped"),
        ("system", "system"),
        ("storage", "show"),
    ]),
];

fn options(chosen: Chosen<'_>) -> Option<Options> {
    let pairs = chosen?.iter();
    Some(pairs.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
}

fn agree(report: &Report, what: &str) {
    let derivation = Derivation::new(Arc::new(report.clone()), None);
    let lists = CHOICES.map(|chosen| {
        let list = derivation.scope_topologies_with(options(chosen).as_ref());
        serde_json::to_value(list).unwrap()
    });
    for name in TOPOLOGIES {
        let all = reference::topology(report, name);
        for (chosen, list) in CHOICES.into_iter().zip(&lists) {
            let mut faults = Vec::new();
            let options = options(chosen);
            let options = options.as_ref();
            let path = format!("{what}: {name} {chosen:?}");
            let shown = reference::shown(report, name, all.clone(), chosen);
            let got = serde_json::to_value(derivation.scope_nodes(name, options)).unwrap();
            compare(&path, &reference::answer(report, &shown), &got, &mut faults);
            let (stats, got) = (reference::stats(&shown), &listed(list, name)["stats"]);
            compare(&format!("{path} stats"), &stats, got, &mut faults);
            for (id, node) in &all.all {
                let got = derivation.scope_node(name, id, options, "probe");
                let got = serde_json::to_value(got).unwrap();
                let expected = reference::node(report, name, &shown, node);
                compare(&format!("{path} {id}"), &expected, &got, &mut faults);
            }
            faults.truncate(20);
            assert!(faults.is_empty(), "by the rules / got:\n{}", faults.join("\n"));
        }
    }
}

fn listed<'a>(list: &'a Value, name: &str) -> &'a Value {
    let url = format!("/api/topology/{name}");
    let all = list.as_array().unwrap().iter();
    all.flat_map(|t| std::iter::once(t).chain(t["sub_topologies"].as_array().into_iter().flatten()))
        .find(|t| t["url"] == url.as_str())
        .unwrap()
}

#[test]
fn random_reports_are_shown_by_the_rules() {
    for seed in 0..REPORTS {
        agree(
            &generate::report(seed, 1 + (seed % 5) as usize),
            &format!("report {seed}"),
        );
    }
}
