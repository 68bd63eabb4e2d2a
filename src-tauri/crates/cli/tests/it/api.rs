//! `orrery api`: any address, with whatever it takes and answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::json;

use crate::instance::Instance;
use crate::run::command;

#[test]
fn answers_are_written_and_their_status_is_the_exit_code() {
    let instance = Instance::start();
    let status = instance.orrery(&["api", "get", "/api/status"]).expect(0).json();
    assert_eq!(status["role"], "admin");
    let afar = instance.afar(&["api", "GET", "/api/status"]).expect(0).json();
    assert_eq!(afar["id"], status["id"]);

    let ran = instance.orrery(&["api", "GET", "/api/plugins/nobody"]).expect(3);
    assert_eq!(ran.json()["code"], "not_found");
    instance.orrery(&["api", "GET", "/api/history"]).expect(2);
    instance.orrery(&["api", "PUT", "/api/status"]).expect(2);
    instance.orrery(&["api", "GET", "status"]).expect(2);
    instance
        .orrery(&["api", "GET", "/api/status", "-H", "Authorization: Bearer wrong"])
        .expect(5);
    let listed = instance.orrery(&["api", "--list", "rotate"]).expect(0).out;
    assert!(
        listed.contains("POST    /api/tokens/{name}/rotate  admin"),
        "{listed}"
    );
    let all = instance.orrery(&["api", "--list", "--json"]).expect(0).json();
    assert!(all.as_array().unwrap().len() > 70, "{all}");
    instance.orrery(&["api", "--list", "no such thing"]).expect(3);
    instance.orrery(&["api"]).expect(2);
    let help = instance.orrery(&["api", "--help"]).expect(0);
    assert!(help.out.contains("orrery api GET /api/status"), "{}", help.out);
}

#[test]
fn head_query_and_headers_are_sent_and_shown() {
    let instance = Instance::start();
    let ran = instance.orrery(&["api", "GET", "/api/topology", "-i"]).expect(0);
    let (head, body) = ran.out.split_once("\n\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\n"), "{head}");
    assert!(head.contains("\ncontent-type: application/json\n"), "{head}");
    assert!(body.starts_with('['), "{body}");

    let words = ["api", "GET", "/api/topology/hosts", "-q", "q=((", "--json"];
    let refused = instance.orrery(&words).expect(2).json();
    assert_eq!(refused["status"], 400);
    assert_eq!(refused["body"]["code"], "bad_query", "{refused}");
    assert_eq!(refused["headers"]["content-type"], "application/json");

    let msgpack = ["api", "GET", "/api/report", "-H", "Accept: application/msgpack"];
    let ran = command(instance.home.path(), &msgpack).output().unwrap();
    let first = ran.stdout[0];
    assert!(
        first & 0xf0 == 0x80 || first == 0xde,
        "a report is a map: {first:x}"
    );
}

#[test]
fn bodies_come_from_words_files_and_standard_input() {
    let instance = Instance::start();
    let call = ["api", "POST", "/api/call", "-d"];
    let with = |data: &str| instance.orrery(&[&call[..], &[data]].concat());
    assert!(with(r#"{"op": "topologies"}"#).expect(0).json().is_array());
    let file = instance.home.path().join("call.json");
    std::fs::write(&file, r#"{"op": "plugin_list"}"#).unwrap();
    let file = file.to_str().unwrap();
    assert!(with(file).expect(0).json().is_array());
    assert!(with(&format!("@{file}")).expect(0).json().is_array());
    with("/nowhere/at/all").expect(1);

    let mut child = command(instance.home.path(), &[&call[..], &["-"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(br#"{"op": "nonsense"}"#).unwrap();
    drop(input);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stdout).unwrap().contains("nonsense"));
}

#[test]
fn a_stream_is_written_while_it_goes_on() {
    let instance = Instance::start();
    let objects = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";
    let object = json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService", "metadata": { "name": "watched" },
        "spec": {
            "pluginID": "nobody", "pluginType": "app", "group": "nobody.example", "version": "v1",
            "services": [{ "type": "route", "method": "GET", "path": "/report" }],
        },
    });
    let create = ["api", "POST", objects, "-d", &object.to_string()];
    instance.orrery(&create).expect(0);
    let mut child = command(instance.home.path(), &["api", "GET", objects, "-q", "watch=1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The line comes though the answer has no end.
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let change: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(change["type"], "ADDED", "{change}");
    assert_eq!(change["object"]["metadata"]["name"], "watched");
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
}
