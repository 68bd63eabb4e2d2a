//! Manifests as people write them, right and wrong.

use std::time::Duration;

use super::*;
use crate::life::Then;
use crate::limits::{BUFFER_SAMPLES, CALL_TIMEOUT, DEADLINE};

const WHOLE: &str = r#"
version: 2
name: http-to-file
schedule: { type: simple, interval: 5s }
timeout: 1s
on_failure: { after: 3, then: disable }
collect:
  /http-stats/container/*/req_per_sec: {}
  /iowait/host/*/iowait: { optional: true, version: "^1.2" }
config: { /http-stats: { sample_rate: 5 } }
tags:   { /: { site: lab } }
process:
  - plugin: moving-average
    config: { window: 10 }
    publish:
      - plugin: file
        config: { path: /tmp/out.jsonl }
        buffer: { max: 1000, drop: newest }
publish:
  - plugin: stdout
"#;

/// Snap's first example in the shape that its documents give it.
const SNAP: &str = r#"
version: 1
schedule:
  type: "simple"
  interval: "1s"
max-failures: 10
workflow:
  collect:
    metrics:
      /intel/mock/foo: {}
      /intel/mock/bar:
        version: 2
      /intel/mock/*/baz: {}
    config:
      /intel/mock:
        name: "root"
        password: "secret"
    tags:
      /intel: { experiment: one }
    process:
      - plugin_name: "filter"
        process: null
        publish:
          - plugin_name: "file"
            config:
              file: "/tmp/snap_published_mock_file.log"
"#;

fn faults(text: &str) -> Vec<String> {
    let faults = TaskSpec::read(text).unwrap_err();
    faults
        .into_iter()
        .map(|f| format!("{}: {}", f.field, f.message))
        .collect()
}

fn only_field(text: &str) -> String {
    let mut faults = TaskSpec::read(text).unwrap_err();
    assert_eq!(faults.len(), 1, "{text}: {faults:?}");
    faults.remove(0).field
}

#[test]
fn a_whole_manifest_is_read() {
    let spec = TaskSpec::read(WHOLE).unwrap();
    assert_eq!(spec.name, "http-to-file");
    assert_eq!(spec.schedule.interval(), Some(Duration::from_secs(5)));
    assert_eq!(
        (spec.timeout, spec.deadline),
        (Duration::from_secs(1), Duration::from_secs(5))
    );
    assert_eq!(
        spec.on_failure,
        OnFailure {
            after: 3,
            then: Then::Disable
        }
    );
    let optional: Vec<_> = spec
        .collect
        .iter()
        .map(|w| (w.query.as_str(), w.version.as_str(), w.optional))
        .collect();
    assert_eq!(
        optional,
        [
            ("/http-stats/container/*/req_per_sec", "", false),
            ("/iowait/host/*/iowait", "^1.2", true)
        ]
    );
    assert_eq!(spec.config["/http-stats"]["sample_rate"], 5);
    assert_eq!(spec.tags["/"]["site"], "lab");
    let nodes: Vec<String> = spec
        .nodes()
        .into_iter()
        .map(|(path, n)| format!("{path} {}", n.plugin))
        .collect();
    assert_eq!(
        nodes,
        [
            "process[0] moving-average",
            "process[0].publish[0] file",
            "publish[0] stdout"
        ]
    );
    let buffer = spec.then[0].then[0].buffer.unwrap();
    assert_eq!(
        buffer,
        BufferSpec {
            max: 1000,
            drop: Dropped::Newest
        }
    );
}

#[test]
fn names_deadlines_and_buffers_may_be_given_or_not() {
    let with = |more: &str, buffer: &str| {
        let text = format!(
            "version: 2\nschedule: {{ type: manual }}\ncollect: {{ /a/b: }}\n{more}\npublish: [ {{ plugin: stdout{buffer} }} ]"
        );
        TaskSpec::read(&text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
    };
    let bare = with("", "");
    assert_eq!(
        (bare.name.as_str(), bare.deadline, bare.timeout),
        ("", DEADLINE, CALL_TIMEOUT)
    );
    assert_eq!((DEADLINE, BUFFER_SAMPLES), (Duration::from_secs(5), 10_000));
    assert_eq!(bare.then[0].buffer, None, "the one that all have");
    let given = with("name: t\ndeadline: 7s\ntimeout: 3s", ", buffer: { max: 5 }");
    assert_eq!(
        (given.name.as_str(), given.deadline, given.timeout),
        ("t", Duration::from_secs(7), Duration::from_secs(3))
    );
    let buffer = given.then[0].buffer.unwrap();
    assert_eq!((buffer.max, buffer.drop), (5, Dropped::Oldest));
    let stream = |more: &str| {
        let text = format!("version: 2\nschedule: {{ type: stream{more} }}\ncollect: {{ /a/b: }}");
        TaskSpec::read(&text).unwrap().schedule
    };
    let samples = |schedule: Schedule| match schedule {
        Schedule::Stream { max_samples, .. } => max_samples,
        other => panic!("{other:?}"),
    };
    assert_eq!(samples(stream(", max_samples: 7")), 7);
    assert!(samples(stream("")) > 0);
}

#[test]
fn yaml_and_json_say_the_same() {
    let value: Value = serde_saphyr::from_str(WHOLE).unwrap();
    assert_eq!(
        TaskSpec::read(&value.to_string()).unwrap(),
        TaskSpec::read(WHOLE).unwrap()
    );
    let value: Value = serde_saphyr::from_str(SNAP).unwrap();
    assert_eq!(
        TaskSpec::read(&value.to_string()).unwrap(),
        TaskSpec::read(SNAP).unwrap()
    );
}

#[test]
fn what_is_exported_is_read_as_the_same() {
    let more = [
        "{ type: windowed, interval: 1m30s, start: 2026-01-01T00:00:00Z, stop: 2036-01-01T00:00:00Z, count: 4, jitter: 2s }",
        "{ type: cron, entry: '0 9 * * 1-5', timezone: Europe/Berlin }",
        "{ type: stream, pause: 1s, max_samples: 50 }",
        "{ type: manual }",
        "{ type: simple, interval: 100ms, count: 3 }",
    ];
    let mut texts = vec![WHOLE.to_owned(), SNAP.to_owned()];
    let made = |schedule: &&str| {
        format!("version: 2\ndeadline: 10s\nstart: false\nschedule: {schedule}\ncollect: {{ /a/b: }}\n")
    };
    texts.extend(more.iter().map(made));
    for text in texts {
        let spec = TaskSpec::read(&text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
        let exported = spec.to_value();
        let spec = TaskSpec {
            warnings: Vec::new(),
            ..spec
        };
        assert_eq!(TaskSpec::from_value(&exported).unwrap(), spec, "{exported:#}");
    }
}

#[test]
fn a_manifest_of_snap_gives_the_same_metrics() {
    let spec = TaskSpec::read(SNAP).unwrap();
    let wanted: Vec<_> = spec
        .collect
        .iter()
        .map(|w| (w.query.as_str(), w.version.as_str()))
        .collect();
    assert_eq!(
        wanted,
        [
            ("/intel/mock/*/baz", ""),
            ("/intel/mock/bar", "=2"),
            ("/intel/mock/foo", "")
        ]
    );
    assert_eq!(
        spec.on_failure,
        OnFailure {
            after: 10,
            then: Then::Disable
        }
    );
    assert_eq!(spec.config["/intel/mock"]["name"], "root");
    assert_eq!(spec.tags["/intel"]["experiment"], "one");
    let publisher = &spec.then[0].then[0];
    assert_eq!(publisher.config["path"], "/tmp/snap_published_mock_file.log");
}

#[test]
fn what_snap_says_otherwise_is_converted() {
    let with = |head: &str, schedule: &str| {
        let text = format!(
            "version: 1\n{head}\nschedule: {schedule}\nworkflow: {{ collect: {{ metrics: {{ '|a|b/c': }} }} }}"
        );
        TaskSpec::read(&text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
    };
    let spec = with(
        "max-failures: -1",
        "{ type: simple, interval: 1s, count: 5, odd: 1 }",
    );
    assert_eq!(spec.on_failure.then, Then::Ignore);
    assert_eq!(spec.collect[0].query, "/a/b\\/c", "another separator");
    assert_eq!(spec.schedule.count(), Some(5));
    let spec = with("deadline: 7s", "{ type: cron, interval: '0 30 * * *' }");
    assert_eq!(spec.deadline, Duration::from_secs(7));
    assert!(matches!(&spec.schedule, Schedule::Cron { cron, .. } if cron.entry() == "0 30 * * * *"));
    let spec = with("", "{ type: cron, interval: '@every 3s' }");
    assert_eq!(spec.schedule.interval(), Some(Duration::from_secs(3)));
    let window = "{ type: windowed, interval: 1s, start_timestamp: '2026-01-01T00:00:00Z', stop_timestamp: '2026-01-02T00:00:00Z' }";
    assert!(matches!(
        with("", window).schedule,
        Schedule::Windowed {
            start_ms: Some(_),
            stop_ms: Some(_),
            ..
        }
    ));
    let head = "max-collect-duration: 2s\nmax-metrics-buffer: 7";
    let stream = Schedule::Stream {
        pause: Duration::from_secs(2),
        max_samples: 7,
        count: None,
    };
    assert_eq!(with(head, "{ type: streaming }").schedule, stream);
}

#[test]
fn parts_of_a_task_on_other_machines_are_refused() {
    let text = SNAP.replace(
        "plugin_name: \"filter\"",
        "plugin_name: \"filter\"\n        target: \"host:8082\"",
    );
    assert_eq!(only_field(&text), "workflow.collect.process[0].target");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = r#"
version: 2
nmae: x
schedule: { type: simple, interval: 0s, evry: 1 }
timeout: soon
on_failure: { after: 0, then: explode }
collect: { /a/b: { optinal: true } }
process: [ { plugin: filter, publish: [ { config: 3 } ], process: [ 7 ] } ]
publish: [ { plugin: file, buffer: { max: 0, drop: all }, process: [] } ]
"#;
    let told = faults(text);
    for field in [
        "nmae",
        "schedule.interval",
        "schedule.evry",
        "timeout",
        "on_failure.after",
        "on_failure.then",
        "collect./a/b.optinal",
        "process[0].publish[0].plugin",
        "process[0].publish[0].config",
        "process[0].process[0]",
        "publish[0].buffer.max",
        "publish[0].buffer.drop",
        "publish[0].process",
    ] {
        assert!(
            told.iter().any(|f| f.starts_with(&format!("{field}:"))),
            "{field} in {told:#?}"
        );
    }
}

#[test]
fn schedules_that_cannot_be_are_refused() {
    let with = |schedule: &str| format!("version: 2\nschedule: {schedule}\ncollect: {{ /a/b: }}");
    for (schedule, field) in [
        ("{ type: simple }", "schedule.interval"),
        ("{ type: simple, interval: 0s }", "schedule.interval"),
        ("{ type: simple, interval: -5s }", "schedule.interval"),
        ("{ type: simple, interval: 5 }", "schedule.interval"),
        ("{ type: simple, interval: 5s, count: -1 }", "schedule.count"),
        ("{ type: cron, entry: '' }", "schedule.entry"),
        ("{ type: cron, entry: 'a b c d e' }", "schedule.entry"),
        ("{ type: cron, entry: '* * *' }", "schedule.entry"),
        (
            "{ type: cron, entry: '* * * * *', timezone: Nowhere }",
            "schedule.timezone",
        ),
        ("{ type: weekly }", "schedule.type"),
        ("{ interval: 5s }", "schedule.type"),
        ("{ type: windowed, interval: 5s, start: soon }", "schedule.start"),
        (
            "{ type: windowed, interval: 5s, start: 2026-01-02T00:00:00Z, stop: 2026-01-01T00:00:00Z }",
            "schedule",
        ),
        ("7", "schedule"),
    ] {
        assert_eq!(only_field(&with(schedule)), field, "{schedule}");
    }
}

#[test]
fn a_stream_is_of_one_plugin() {
    let with = |collect: &str| format!("version: 2\nschedule: {{ type: stream }}\ncollect: {collect}");
    for collect in ["{ /a/b: , /c/d: }", "{ '/*/b': }", "{ '/(a;b)/c': }"] {
        assert_eq!(only_field(&with(collect)), "collect", "{collect}");
    }
    TaskSpec::read(&with("{ /a/b: , /a/c: }")).unwrap();
}

#[test]
fn what_is_missing_is_told() {
    assert_eq!(only_field("version: 2\nschedule: { type: manual }"), "collect");
    assert_eq!(only_field("version: 2\ncollect: { /a/b: }"), "schedule");
    assert_eq!(
        only_field("version: 1\nworkflow: { collect: { metrics: { /a/b: } } }"),
        "schedule"
    );
    assert_eq!(
        only_field("version: 1\nschedule: { type: simple, interval: 1s }"),
        "workflow"
    );
    assert_eq!(only_field("version: 3"), "version");
    for text in ["", "{", "[]", "- a", "a: : b", "version: 2\nversion: 2"] {
        assert_eq!(only_field(text), "", "{text:?}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    assert_eq!(only_field(&" ".repeat(MANIFEST_BYTES_MAX + 1)), "");
    let mut node = "{ plugin: tag }".to_owned();
    for _ in 0..12 {
        node = format!("{{ plugin: tag, process: [ {node} ] }}");
    }
    let text = format!("version: 2\nschedule: {{ type: manual }}\ncollect: {{ /a/b: }}\nprocess: [ {node} ]");
    assert!(only_field(&text).matches("process").count() > 8);
    let many = "{ plugin: stdout }, ".repeat(101);
    let text = format!("version: 2\nschedule: {{ type: manual }}\ncollect: {{ /a/b: }}\npublish: [ {many} ]");
    assert_eq!(only_field(&text), "");
}

#[test]
fn a_task_has_its_share_of_the_jitter_for_good() {
    let spec = TaskSpec::read(WHOLE).unwrap();
    let shares: Vec<f64> = (0..1000)
        .map(|i| spec.rules(&format!("task-{i}")).share)
        .collect();
    assert!(shares.iter().all(|s| (0.0..=1.0).contains(s)));
    let early = shares.iter().filter(|s| **s < 0.5).count();
    assert!((300..700).contains(&early), "{early}");
    assert_eq!(spec.rules("x").share, spec.rules("x").share);
}

#[test]
fn what_a_manifest_of_snap_loses_is_told_with_its_place() {
    let text = "
version: 1
schedule: { type: windowed, interval: 1s, stop_timestamp: '2036-01-01T00:00:00Z', count: 3, colour: red }
max-failures: 0
workflow:
  collect:
    metrics: { '|intel|mock|foo': { version: 2 }, /intel/mock/bar: {} }
    config: { '|intel|mock': { user: '${USER}' } }
    tags: { '|intel': { price: '5$' } }
    process:
      - plugin_name: movingaverage
        plugin_version: 4
        publish:
          - { plugin_name: file, config: { file: '$HOME/out' } }
";
    let spec = TaskSpec::read(text).unwrap();
    let fields: Vec<&str> = spec.warnings.iter().map(|w| w.field.as_str()).collect();
    let lost = [
        "max-failures",
        "schedule.colour",
        "schedule.count",
        "workflow.collect.config.|intel|mock.user",
        "workflow.collect.metrics.|intel|mock|foo.version",
        "workflow.collect.process[0].plugin_version",
        "workflow.collect.process[0].publish[0].config.file",
    ];
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, lost, "{:#?}", spec.warnings);
    assert!(spec.config.contains_key("/intel/mock") && spec.tags.contains_key("/intel"));
    let again = TaskSpec::from_value(&spec.to_value()).unwrap();
    assert!(
        again.warnings.is_empty(),
        "what was said once is version 2 from then on"
    );
}

#[test]
fn a_manifest_that_loses_nothing_warns_of_nothing() {
    let spec = TaskSpec::read(WHOLE).unwrap();
    assert!(spec.warnings.is_empty(), "{:?}", spec.warnings);
}

#[test]
fn a_key_at_another_level_is_told_where_it_belongs() {
    let check = |lines: &str, told: &str| {
        let text = format!("version: 2\ncollect: {{ /p/host/*/x: }}\n{lines}");
        assert_eq!(faults(&text), [told], "{lines}");
    };
    let simple = "schedule: { type: simple, interval: 5s }\n";
    for (lines, told) in [
        ("count: 3", "count: is unknown here: write schedule.count"),
        (
            "max-failures: 3",
            "max-failures: is unknown here: write on_failure.after",
        ),
        (
            "workflow: {}",
            "workflow: is unknown here: it is of version 1: here collect, process and publish stand at the top",
        ),
        (
            "on_failure: { timeout: 1s }",
            "on_failure.timeout: is unknown here: write timeout at the top",
        ),
        (
            "process: [{ plugin: rate, per: 1s }]",
            "process[0].per: is unknown here: what a plugin is told stands in its config: write process[0].config.per",
        ),
        (
            "publish: [{ plugin: file, config: { path: x }, max: 5 }]",
            "publish[0].max: is unknown here: write publish[0].buffer.max",
        ),
        (
            "publish: [{ plugin: stdout, publish: [] }]",
            "publish[0].publish: is unknown here: nothing follows a publisher: write it at the top or under a \
             processor",
        ),
        (
            "process: [{ plugin: rate, buffer: {} }]",
            "process[0].buffer: is unknown here: only publishers keep what their sinks do not take",
        ),
        (
            "nonsense: 1",
            "nonsense: is unknown here; there are collect, config, deadline, name, on_failure, process, publish, schedule, start, tags, timeout, version",
        ),
    ] {
        check(&format!("{simple}{lines}"), told);
    }
    check(
        "schedule: { type: manual, count: 3 }",
        "schedule.count: is unknown here: it is for schedules of another type",
    );
    // What is missing makes nothing else unknown.
    check(
        "schedule: { type: simple, count: 3, jitter: 1s }",
        "schedule.interval: is missing",
    );
    let named = "version: 2\nschedule: { type: manual }\ncollect: { /p/host/*/x: }\n\
                 process: [{ plugin_name: rate }]";
    assert_eq!(
        faults(named),
        [
            "process[0].plugin: is missing",
            "process[0].plugin_name: is unknown here: write process[0].plugin"
        ]
    );
    let snap = "version: 1\nschedule: { type: simple, interval: 1s }\nmetrics: {}\n\
                workflow: { collect: { metrics: { /intel/mock/foo: {} } } }";
    assert_eq!(
        faults(snap),
        ["metrics: is unknown here: write workflow.collect.metrics"]
    );
}
