//! Puts what was found into the report that the host asks for.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::netem::Discipline;
use crate::settings::CONTROLS;
use crate::targets::{Survey, Target};

const TABLE: &str = "traffic-control-table";
const LATENCY: &str = "traffic-control-latency";
const LOSS: &str = "traffic-control-pktloss";

/// Everything that was found.
pub(crate) fn full(survey: &Survey, hostname: &str, limited: Option<&str>) -> Value {
    let nodes = survey
        .targets
        .iter()
        .map(|(id, target)| (id.clone(), node(id, target, hostname)));
    with_nodes(nodes.collect(), description(survey, limited))
}

/// One node, right after a control changed it.
pub(crate) fn shortcut(id: &str, target: &Target, hostname: &str, survey: &Survey) -> Value {
    let nodes = Map::from_iter([(id.to_owned(), node(id, target, hostname))]);
    let mut report = with_nodes(nodes, description(survey, None));
    report["Shortcut"] = json!(true);
    report
}

fn with_nodes(nodes: Map<String, Value>, description: String) -> Value {
    let controls: Map<String, Value> = CONTROLS
        .iter()
        .map(|c| (c.id.to_owned(), c.declaration()))
        .collect();
    json!({
        "Container": {
            "nodes": nodes,
            "controls": controls,
            "metadata_templates": {
                LATENCY: { "id": LATENCY, "label": "Latency", "priority": 13.5, "from": "latest" },
                LOSS: { "id": LOSS, "label": "Packet Loss", "priority": 13.6, "from": "latest" },
            },
            "table_templates": {
                TABLE: { "id": TABLE, "label": "Traffic Control", "prefix": format!("{TABLE}-") },
            },
        },
        "Plugins": [{
            "id": "traffic-control",
            "label": "Traffic control",
            "description": description,
            "interfaces": ["reporter", "controller"],
            "api_version": "1",
        }],
    })
}

fn description(survey: &Survey, limited: Option<&str>) -> String {
    let mut text = "Adds latency and packet loss to containers and network namespaces".to_owned();
    if let Some(why) = limited {
        text.push_str(&format!(" (limited: {why})"));
    }
    if let Some(why) = &survey.engine_error {
        text.push_str(&format!(" (no containers: {why})"));
    }
    text
}

fn node(id: &str, target: &Target, hostname: &str) -> Value {
    let now = Timestamp::now().to_string();
    let settings = target.settings();
    let latest = |value: String| json!({ "timestamp": now, "value": value });
    let mut facts = Map::new();
    facts.insert(LATENCY.to_owned(), latest(settings.latency_text()));
    facts.insert(LOSS.to_owned(), latest(settings.loss_text()));
    match &target.interfaces {
        Ok(interfaces) => {
            for (name, discipline) in interfaces {
                facts.insert(format!("{TABLE}-{name}"), latest(words(discipline)));
            }
        }
        Err(error) => {
            facts.insert(format!("{TABLE}-error"), latest(error.clone()));
        }
    }
    let mut node = json!({ "id": id, "topology": "container" });
    if let Some(name) = &target.name {
        // Nobody else reports this node, so that its name and its host are told here.
        facts.insert("docker_container_name".to_owned(), latest(name.clone()));
        facts.insert(
            "docker_container_state_human".to_owned(),
            latest("network namespace".to_owned()),
        );
        facts.insert("host_node_id".to_owned(), latest(format!("{hostname};<host>")));
        node["parents"] = json!({ "host": [format!("{hostname};<host>")] });
    }
    let usable = target.interfaces.is_ok();
    let states = CONTROLS.iter().map(|control| {
        // A button that would change nothing is not offered.
        let dead = !usable || control.apply(settings) == settings;
        (
            control.id.to_owned(),
            json!({ "timestamp": now, "value": { "dead": dead } }),
        )
    });
    node["latestControls"] = Value::Object(states.collect());
    node["latest"] = Value::Object(facts);
    node
}

fn words(discipline: &Discipline) -> String {
    match discipline {
        Discipline::Default => "as usual".to_owned(),
        Discipline::Netem(s) if s.is_none() => "netem without effect".to_owned(),
        Discipline::Netem(s) => format!("latency {}, loss {}", s.latency_text(), s.loss_text()),
        Discipline::Foreign(kind) => format!("{kind}, set by others"),
    }
}
