//! The plugin as the host sees it: the real program, real sockets, and real network namespaces where the
//! tests run as root. What cannot run is named as skipped.

#[cfg(test)]
mod world;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::world::{Namespace, Plugin, World, connect_time, is_root, run, skipped, until};

    const SLOW: &str = "traffic-control-table-slow";
    const FAST: &str = "traffic-control-table-fast";
    const DROP: &str = "traffic-control-table-pkt-drop-low";
    const CLEAR: &str = "traffic-control-table-clear";

    #[test]
    fn the_socket_is_private_and_goes_with_the_plugin() {
        let world = World::new();
        let mut plugin = world.start("tc");
        let folder = world.path("plugins/traffic-control");
        assert_eq!(
            std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );

        let second = world.command("tc").output().unwrap();
        assert!(!second.status.success());
        assert!(String::from_utf8_lossy(&second.stderr).contains("another traffic-control plugin listens"));
        assert_eq!(
            plugin.get("/report")["Plugins"][0]["id"],
            "traffic-control",
            "the first goes on"
        );

        plugin.signal("-KILL");
        assert!(
            folder.join("traffic-control.sock").exists(),
            "a killed plugin leaves its socket behind"
        );
        for signal in ["-TERM", "-INT"] {
            let mut plugin = world.start("tc");
            assert!(plugin.signal(signal).success(), "{signal}");
            assert!(!folder.exists(), "{signal}");
        }
    }

    #[test]
    fn the_report_is_what_the_host_expects() {
        let world = World::new();
        let plugin = world.start("tc");
        let report = plugin.get("/report?api_version=1&probe_id=4711");
        assert_eq!(report["Plugins"].as_array().map(Vec::len), Some(1));
        let spec = &report["Plugins"][0];
        assert_eq!(
            (&spec["api_version"], &spec["interfaces"]),
            (&json!("1"), &json!(["reporter", "controller"]))
        );
        let description = spec["description"].as_str().unwrap();
        assert!(
            description.contains("no containers: cannot reach"),
            "{description}"
        );
        assert_eq!(
            description.contains("must run as root"),
            !is_root(),
            "{description}"
        );
        let container = &report["Container"];
        let controls: Vec<&str> = container["controls"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(controls.len(), 5);
        assert!(controls.contains(&SLOW) && controls.contains(&CLEAR));
        assert_eq!(
            container["metadata_templates"]["traffic-control-latency"]["priority"],
            13.5
        );
        assert_eq!(
            container["metadata_templates"]["traffic-control-pktloss"]["priority"],
            13.6
        );
        assert_eq!(
            container["table_templates"]["traffic-control-table"]["prefix"],
            "traffic-control-table-"
        );
    }

    #[test]
    fn requests_that_make_no_sense() {
        let world = World::new();
        let plugin = world.start("tc");
        assert!(
            plugin
                .exchange("GET /other HTTP/1.1", "")
                .starts_with("HTTP/1.1 404")
        );
        assert!(
            plugin
                .exchange("DELETE /report HTTP/1.1", "")
                .starts_with("HTTP/1.1 405")
        );
        for body in ["", "[]", "{\"NodeID\": 3}", "{"] {
            assert!(
                plugin
                    .exchange("POST /control HTTP/1.1", body)
                    .starts_with("HTTP/1.1 400"),
                "{body}"
            );
        }
        assert!(
            plugin
                .exchange("POST /control HTTP/1.1", &"x".repeat(100_000))
                .starts_with("HTTP/1.1 400")
        );
        let answer = plugin.press("x;<container>", "switchToIOWait");
        assert!(
            answer["error"].as_str().unwrap().contains("no control"),
            "{answer}"
        );
        let answer = plugin.press("x;<container>", SLOW);
        let wanted = if is_root() {
            "no network namespace"
        } else {
            "must run as root"
        };
        assert!(answer["error"].as_str().unwrap().contains(wanted), "{answer}");
    }

    fn node<'a>(report: &'a Value, id: &str) -> &'a Value {
        &report["Container"]["nodes"][id]
    }

    /// Latency, loss, and the controls that are not offered.
    fn state(node: &Value) -> (String, String, Vec<String>) {
        let text = |key: &str| {
            node["latest"][key]["value"]
                .as_str()
                .unwrap_or("missing")
                .to_owned()
        };
        let controls = node["latestControls"].as_object().unwrap();
        let dead = controls
            .iter()
            .filter(|(_, c)| c["value"]["dead"] == true)
            .map(|(id, _)| id.clone())
            .collect();
        (
            text("traffic-control-latency"),
            text("traffic-control-pktloss"),
            dead,
        )
    }

    #[track_caller]
    fn check_press(plugin: &Plugin, id: &str, control: &str, latency: &str, loss: &str, dead: &[&str]) {
        let answer = plugin.press(id, control);
        assert_eq!(answer["error"], Value::Null, "{control}");
        let shortcut = &answer["shortcutReport"];
        assert_eq!(
            shortcut["Container"]["nodes"]
                .as_object()
                .map(serde_json::Map::len),
            Some(1)
        );
        let wanted = (
            latency.to_owned(),
            loss.to_owned(),
            dead.iter().map(|d| (*d).to_owned()).collect(),
        );
        assert_eq!(
            state(node(shortcut, id)),
            wanted,
            "{control}: the shortcut report"
        );
        assert_eq!(
            state(node(&plugin.get("/report"), id)),
            wanted,
            "{control}: the next report"
        );
    }

    /// Real namespaces and `nsenter`, a simulated `tc`: kernels without netem run this too.
    #[test]
    fn controls_change_what_is_reported() {
        if !is_root() {
            return skipped(
                "controls_change_what_is_reported",
                "entering namespaces takes root",
            );
        }
        let world = World::new();
        let namespace = Namespace::make("a");
        let _inside = world.named(&namespace);
        let container = world.container(&Namespace::make("b"));
        let plugin = world.start(world.simulated_tc().to_str().unwrap());
        let named = format!("netns-testhost-{};<container>", namespace.name);
        let boxed = format!("{container};<container>");
        until("both are found", || {
            let report = plugin.get("/report");
            [&named, &boxed]
                .iter()
                .all(|id| node(&report, id)["latest"]["traffic-control-table-veth0"].is_object())
        });

        let report = plugin.get("/report");
        assert_eq!(
            report["Container"]["nodes"].as_object().map(serde_json::Map::len),
            Some(2),
            "not the host"
        );
        assert_eq!(
            node(&report, &named)["latest"]["docker_container_name"]["value"],
            namespace.name.as_str()
        );
        assert_eq!(
            node(&report, &named)["parents"]["host"],
            json!(["testhost;<host>"])
        );
        assert_eq!(
            node(&report, &boxed)["latest"]["docker_container_name"],
            Value::Null,
            "others report that"
        );
        for id in [&named, &boxed] {
            assert_eq!(
                state(node(&report, id)),
                ("-".to_owned(), "-".to_owned(), vec![CLEAR.to_owned()])
            );
            check_press(&plugin, id, SLOW, "2000ms", "-", &[SLOW]);
            check_press(&plugin, id, DROP, "2000ms", "10%", &[DROP, SLOW]);
            check_press(&plugin, id, FAST, "500ms", "10%", &[FAST, DROP]);
        }
        let table =
            node(&plugin.get("/report"), &boxed)["latest"]["traffic-control-table-veth0"]["value"].clone();
        assert_eq!(table, "latency 500ms, loss 10%");
        check_press(&plugin, &boxed, CLEAR, "-", "-", &[CLEAR]);
        assert_eq!(
            state(node(&plugin.get("/report"), &named)).0,
            "500ms",
            "each has its own"
        );

        world.make_foreign();
        let answer = plugin.press(&named, SLOW);
        assert_eq!(
            answer["error"],
            "veth0 has a htb discipline that this plugin did not set; remove it first"
        );
    }

    #[test]
    fn what_goes_is_not_reported_any_more() {
        if !is_root() {
            return skipped(
                "what_goes_is_not_reported_any_more",
                "making namespaces takes root",
            );
        }
        let world = World::new();
        let namespace = Namespace::make("g");
        let name = world.named(&namespace);
        let plugin = world.start(world.simulated_tc().to_str().unwrap());
        let id = format!("netns-testhost-{};<container>", namespace.name);
        until("it is found", || node(&plugin.get("/report"), &id).is_object());
        drop(name);
        drop(namespace);
        let answer = plugin.press(&id, SLOW);
        assert!(answer["error"].is_string(), "{answer}");
        until("it has gone", || node(&plugin.get("/report"), &id).is_null());
    }

    /// All of it real: two namespaces, a veth pair, `tc`, a connection.
    #[test]
    fn packets_are_late_and_then_on_time_again() {
        const NAME: &str = "packets_are_late_and_then_on_time_again";
        if !is_root() {
            return skipped(NAME, "entering namespaces takes root");
        }
        let world = World::new();
        let namespace = Namespace::make("p");
        let far = Namespace::make("q");
        let _inside = world.named(&namespace);
        namespace.join(&far);
        let plugin = world.start("tc");
        let id = format!("netns-testhost-{};<container>", namespace.name);
        until("it is found", || {
            node(&plugin.get("/report"), &id)["latest"]["traffic-control-table-veth0"].is_object()
        });
        assert!(
            connect_time(&namespace, &far) < Duration::from_millis(400),
            "before"
        );

        let answer = plugin.press(&id, FAST);
        if let Some(error) = answer["error"].as_str() {
            assert!(error.contains("sch_netem"), "{error}");
            assert_eq!(
                state(node(&answer["shortcutReport"], &id)).0,
                "-",
                "nothing was changed"
            );
            return skipped(
                NAME,
                "the kernel has no netem; that the plugin says so was checked",
            );
        }
        assert_eq!(state(node(&answer["shortcutReport"], &id)).0, "500ms");
        let shown = run(
            "nsenter",
            &[
                &format!("--net={}", namespace.path()),
                "tc",
                "qdisc",
                "show",
                "dev",
                "veth0",
            ],
        );
        assert!(
            shown.contains("netem") && shown.contains("delay 500ms"),
            "{shown}"
        );
        assert!(
            connect_time(&namespace, &far) >= Duration::from_millis(500),
            "slowed down"
        );

        assert_eq!(plugin.press(&id, CLEAR)["error"], Value::Null);
        assert!(
            connect_time(&namespace, &far) < Duration::from_millis(400),
            "after"
        );
    }

    #[test]
    fn the_readme_names_every_flag() {
        let readme =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
        let help = run(env!("CARGO_BIN_EXE_traffic-control"), &["--help"]);
        for flag in help
            .split_whitespace()
            .filter(|word| word.starts_with("--") && *word != "--help")
        {
            assert!(readme.contains(flag), "{flag}");
        }
    }
}
