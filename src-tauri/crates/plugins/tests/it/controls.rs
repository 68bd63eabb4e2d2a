//! Controls: their names, their way to the plugin, and what comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use orrery_model::{Report, TopologyKind};
use orrery_plugins::{ControlError, PluginEvent, PluginState};
use orrery_testkit::plugin::{controller_json, report_json};
use orrery_testkit::{GoodPlugin, HostilePlugin, Hostility, Reply};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Bench, until};

const NODE: &str = "testhost;<host>";

/// A plugin `a` with the control `on` active and `off` dead.
async fn controller(bench: &Bench) -> GoodPlugin {
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    plugin.on_report(|_| controller_json("a", &["on"], &["off"]).into());
    bench
        .listed("a.sock", |p| p.interfaces.contains(&"controller".to_owned()))
        .await;
    plugin
}

async fn press(bench: &Bench, control: &str) -> Result<orrery_plugins::ControlAnswer, ControlError> {
    // On a machine that stands still for half a second, any control may run out of time.
    for _ in 0..4 {
        let pressed = bench.registry.control("a", NODE, control, &BTreeMap::new()).await;
        if pressed != Err(ControlError::Timeout) {
            return pressed;
        }
    }
    Err(ControlError::Timeout)
}

/// Outside names of the controls active on the node.
fn active(report: &Report) -> Vec<String> {
    let node = report.node(TopologyKind::Host, NODE).expect("the node is there");
    node.controls().into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn controls_are_offered_under_their_outside_names() {
    let mut bench = Bench::new();
    let _plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    _plugin.on_report(|_| controller_json("a", &["on"], &["off"]).into());
    let report = bench.report("a").await;
    let host = report.topology(TopologyKind::Host);
    assert_eq!(host.controls.keys().collect::<Vec<_>>(), ["a~off", "a~on"]);
    assert!(host.controls.iter().all(|(key, control)| *key == control.id));
    assert_eq!(active(&report), ["a~on"]);
    // One that takes no controls offers none.
    _plugin.on_report(|_| {
        let mut report = controller_json("a", &["on"], &[]);
        report["Plugins"] = report_json("a")["Plugins"].clone();
        report.into()
    });
    loop {
        let report = bench.report("a").await;
        if report.plugins[0].interfaces.len() == 1 {
            assert!(report.topology(TopologyKind::Host).controls.is_empty() && active(&report).is_empty());
            break;
        }
    }
    assert_eq!(
        press(&bench, "on").await,
        Err(ControlError::NotAController("a".to_owned()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plugin_gets_what_scope_sends() {
    let bench = Bench::new();
    let plugin = controller(&bench).await;
    press(&bench, "on").await.unwrap();
    let args = BTreeMap::from([("rate".to_owned(), "5".to_owned())]);
    bench.registry.control("a", NODE, "on", &args).await.unwrap();
    let orders: Vec<_> = plugin
        .requests()
        .into_iter()
        .filter(|r| r.method == "POST")
        .collect();
    assert_eq!(orders[0].target, "/control?api_version=1&probe_id=5eed");
    assert_eq!(
        (orders[0].host.as_str(), orders[0].content_type.as_str()),
        ("plugin", "application/json")
    );
    assert_eq!(
        orders[0].json(),
        json!({"AppID": "app-1", "NodeID": NODE, "Control": "on", "ControlArgs": null})
    );
    assert_eq!(orders[1].json()["ControlArgs"], json!({"rate": "5"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_arrives() {
    let bench = Bench::new();
    let plugin = controller(&bench).await;
    plugin.on_control(|_| json!({"value": {"n": 1}, "pipe": "pipe-7", "removedNode": "x"}).into());
    let answer = press(&bench, "on").await.unwrap();
    assert_eq!(answer.value, Some(json!({"n": 1})));
    assert_eq!(
        (answer.pipe.as_deref(), answer.removed_node.as_deref()),
        (Some("pipe-7"), Some("x"))
    );
    assert!(!answer.shortcut);

    let check = async |reply: Reply, want: &str| {
        plugin.on_control(move |_| reply.clone());
        let error = press(&bench, "on").await.unwrap_err();
        assert_eq!(error.to_string(), want, "{error:?}");
        error
    };
    let refused = check(json!({"error": "not\u{0} today"}).into(), "not today").await;
    assert_eq!(refused, ControlError::Refused("not today".to_owned()));
    check(
        Reply::status(500, "x"),
        "plugin returned non-200 status code: 500 Internal Server Error",
    )
    .await;
    check(
        Reply::ok("{\"error\":"),
        "decoding error: EOF while parsing a value at line 1 column 9",
    )
    .await;
    let late = check(
        Reply::ok("{}").after(Duration::from_secs(9)),
        "context deadline exceeded",
    )
    .await;
    assert_eq!(late, ControlError::Timeout);
    assert_eq!(
        bench.registry.control("b", NODE, "on", &BTreeMap::new()).await,
        Err(ControlError::UnknownPlugin("b".to_owned()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_dies_in_the_middle_leaves_an_error() {
    let bench = Bench::new();
    let _dying = HostilePlugin::start(bench.path("a.sock"), Hostility::DyingMidControl).unwrap();
    bench.state("a.sock", PluginState::Ok).await;
    let error = press(&bench, "press").await.unwrap_err();
    assert_eq!(error.to_string(), "decoding error: unexpected EOF");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shortcut_report_comes_before_the_answer() {
    let whole = |key: &'static str, plugins: bool| {
        move || {
            let mut report = controller_json("a", &["off"], &["on"]);
            if !plugins {
                report["Plugins"].take();
                report.as_object_mut().unwrap().remove("Plugins");
            }
            json!({ key: report })
        }
    };
    type Make = Box<dyn Fn() -> Value + Send + Sync>;
    let forms: [Make; 3] = [
        Box::new(whole("shortcutReport", true)),
        Box::new(whole("ShortcutReport", true)),
        Box::new(whole("ShortcutReport", false)),
    ];
    for form in forms {
        // Calls so rare that nothing else can bring the change.
        let mut bench = Bench::with(|_, config| config.interval = Duration::from_secs(3600));
        let plugin = controller(&bench).await;
        bench.report("a").await;
        plugin.on_control(move |_| form().into());
        let answer = press(&bench, "on").await.unwrap();
        assert!(answer.shortcut);
        // In the channel already: it is not waited for.
        let in_channel = std::iter::from_fn(|| bench.events.try_recv().ok());
        let shortcuts = in_channel.filter_map(|event| match event {
            PluginEvent::Report {
                plugin,
                report,
                whole: false,
                ..
            } if plugin == "a" => Some(report),
            _ => None,
        });
        let [report] = shortcuts
            .collect::<Vec<_>>()
            .try_into()
            .expect("one shortcut report is there");
        assert_eq!(active(&report), ["a~off"]);
        assert_eq!((report.plugins.len(), report.plugins[0].id.as_str()), (1, "a"));
        assert_eq!(
            bench.state("a.sock", PluginState::Ok).await.warnings,
            Vec::<String>::new()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shortcut_report_of_somebody_else_is_dropped_and_shown() {
    let mut bench = Bench::with(|_, config| config.interval = Duration::from_secs(3600));
    let plugin = controller(&bench).await;
    bench.report("a").await;
    plugin.on_control(|_| json!({"shortcutReport": report_json("b"), "value": 1}).into());
    let answer = press(&bench, "on").await.unwrap();
    assert_eq!((answer.value, answer.shortcut), (Some(json!(1)), false));
    let info = bench.listed("a.sock", |p| !p.warnings.is_empty()).await;
    assert_eq!(
        info.warnings,
        ["shortcut report dropped: plugin must not change its id (is \"b\", should be \"a\")"]
    );
    while let Ok(event) = bench.events.try_recv() {
        assert!(!matches!(event, PluginEvent::Report { .. }), "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_from_before_a_shortcut_does_not_undo_it() {
    let mut bench = Bench::new();
    let plugin = controller(&bench).await;
    // The plugin makes a report, is slow to send it, and meanwhile a control changes what is true.
    plugin.on_report(|_| {
        Reply::from(controller_json("a", &["on"], &["off"])).after(Duration::from_millis(250))
    });
    let asked = plugin.reports();
    until("a slow call is under way", || plugin.reports() >= asked + 2).await;
    while bench.events.try_recv().is_ok() {}
    plugin.on_report(|_| controller_json("a", &["off"], &["on"]).into());
    plugin.on_control(|_| json!({"shortcutReport": controller_json("a", &["off"], &["on"])}).into());
    press(&bench, "on").await.unwrap();
    // From the shortcut on, nothing shows the old state.
    bench
        .event(|event| matches!(event, PluginEvent::Report { whole: false, .. }).then_some(()))
        .await;
    for _ in 0..3 {
        assert_eq!(active(&bench.report("a").await), ["a~off"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_without_a_shortcut_is_followed_by_a_report() {
    let mut bench = Bench::with(|_, config| config.interval = Duration::from_secs(3600));
    let plugin = controller(&bench).await;
    bench.report("a").await;
    plugin.on_report(|_| controller_json("a", &["off"], &["on"]).into());
    press(&bench, "on").await.unwrap();
    assert_eq!(active(&bench.report("a").await), ["a~off"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_is_seen_through_when_nobody_waits_for_it() {
    let mut bench = Bench::with(|_, config| config.interval = Duration::from_secs(3600));
    let plugin = controller(&bench).await;
    bench.report("a").await;
    plugin.on_control(|_| {
        let shortcut = json!({"shortcutReport": controller_json("a", &["off"], &["on"])});
        Reply::from(shortcut).after(Duration::from_millis(100))
    });
    let began = Instant::now();
    let waited = tokio::time::timeout(Duration::from_millis(1), press(&bench, "on")).await;
    assert!(waited.is_err() || began.elapsed() > Duration::from_millis(100));
    bench
        .event(|event| matches!(event, PluginEvent::Report { whole: false, .. }).then_some(()))
        .await;
}
