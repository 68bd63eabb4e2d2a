use super::*;
use crate::view::{MetadataRow, ParentRef, ViewMetric};

fn nginx() -> (ViewNode, Vec<MetricInfo>) {
    let fact = |id: &str, label: &str, value: &str| MetadataRow {
        id: id.into(),
        label: label.into(),
        value: value.into(),
        ..MetadataRow::default()
    };
    let info = |id: &str, label: &str| MetricInfo {
        id: id.to_owned(),
        label: label.to_owned(),
        ..MetricInfo::default()
    };
    let reading = |id: &str, value: f64| ViewMetric {
        id: id.into(),
        value,
        max: 0.0,
    };
    let node = ViewNode {
        id: "0123abc;<container>".into(),
        kind: "container".into(),
        label: "shop-web".into(),
        label_minor: "nginx: master process".into(),
        metadata: vec![
            fact("docker_image_name", "Image name", "nginx"),
            fact("docker_image_tag", "Image tag", "nginx:latest"),
            fact(
                "docker_container_command",
                "Command",
                "nginx --port=8080 -g 'daemon off;'",
            ),
            fact("kubernetes_namespace", "Namespace", "kube-system"),
            fact("pid", "PID", "4711"),
        ],
        metrics: vec![
            reading("cpu", 63.2),
            reading("mem", 3.0 * 1024.0 * 1024.0),
            reading("open_files_count", 14.0),
        ],
        parents: [ParentRef {
            id: "tern;<host>".into(),
            label: "tern".into(),
            topology: "hosts".into(),
        }]
        .into(),
        ..ViewNode::default()
    };
    (
        node,
        vec![
            info("cpu", "CPU"),
            info("mem", "Memory"),
            info("open_files_count", "Open files"),
        ],
    )
}

#[test]
fn what_matches() {
    let (node, infos) = nginx();
    let check = |query: &str, expected: Option<(&str, &str)>| {
        let matched = Query::parse(query)
            .unwrap_or_else(|e| panic!("{query}: {e}"))
            .matches(&node, &infos);
        let got = matched.as_ref().map(|m| (m.field.as_str(), m.value.as_str()));
        assert_eq!(got, expected, "{query}");
    };
    let label = Some(("", "shop-web"));
    let minor = Some(("label minor", "nginx: master process"));
    let image = Some(("Image name", "nginx"));
    let tag = Some(("Image tag", "nginx:latest"));
    let command = Some(("Command", "nginx --port=8080 -g 'daemon off;'"));
    let cpu = Some(("CPU", "63.2"));

    // Plain text.
    check("", Some(("", "")));
    check("SHOP", label);
    check("shop-(web|api)", label);
    check("shop|nothing", label);
    check("^web", None);
    check("[", None);
    check("tern", Some(("hosts", "tern")));
    check("master process", minor);
    check("process master", None);
    check("\"daemon off\"", command);
    check("\"shop.web\"", None);
    check("shop.web", label);

    // Fields.
    check("image:nginx", image);
    check("image name:nginx", image);
    check("imagetag:latest", tag);
    check("command:daemon off", command);
    check("command:\"daemon off;\"", command);
    check("command:\"on off;\"", command);
    check("cmd:daemon", command);
    check("ns:kube", Some(("Namespace", "kube-system")));
    check("host:tern", Some(("hosts", "tern")));
    check("image:redis", None);
    check("shop image:nginx", image);
    check("redis image:nginx", None);
    check("id:0123", Some(("id", "0123abc;<container>")));
    check("label:web", label);

    // Colons that are no fields.
    check("nginx:latest", tag);
    check("nginx: master", minor);
    check("a:b:c", None);
    check("redis:latest", None);

    // Kinds.
    check("kind:container", Some(("", "")));
    check("kind:containers shop", label);
    check("kind:process", None);

    // Comparisons.
    check("cpu > 60", cpu);
    check("cpu>60", cpu);
    check("cpu < 60", None);
    check("cpu >= 63.2", cpu);
    check("cpu <= 63.2%", cpu);
    check("cpu = 63.2", cpu);
    check("cpu != 63.2", None);
    check("memory > 2m", Some(("Memory", "3145728")));
    check("memory > 2MiB", Some(("Memory", "3145728")));
    check("memory > 3m", None);
    check("memory > 1g", None);
    check("open files = 14", Some(("Open files", "14")));
    check("pid = 4711", Some(("PID", "4711")));
    check("shop cpu > 60", cpu);
    check("redis cpu > 60", None);
    check("kind:container cpu > 60", Some(("CPU", "63.2")));
    check("absent > 1", None);
    check("absent != 1", None);

    // Text that looks like a comparison.
    check("--port=8080", command);
    check("port=abc", None);

    // Combinations.
    check("shop and nginx", label);
    check("shop AND redis", None);
    check("redis or shop", label);
    check("not redis", Some(("", "")));
    check("not shop", None);
    check("shop not redis", label);
    check("(redis or shop) and cpu > 60", label);
    check("redis or shop and cpu > 90", None);
    check("not (redis or memcached)", Some(("", "")));
    check(
        "kind:container and cpu > 60% and not ns:default",
        Some(("CPU", "63.2")),
    );
    check("\"and\"", None);
}

#[test]
fn what_does_not_parse() {
    let check = |query: &str, part: &str, range: (u32, u32)| {
        let error = Query::parse(query).map(|_| ()).expect_err(query);
        assert!(error.message.contains(part), "{query}: {}", error.message);
        assert_eq!((error.start, error.end), range, "{query}");
    };
    check("(a", "not closed", (0, 1));
    check("a)", "no opening", (1, 2));
    check(")", "before", (0, 1));
    check("\"abc", "quote", (0, 4));
    check("a and", "follow", (5, 5));
    check("or a", "before", (0, 2));
    check("not", "follow", (3, 3));
    check("> 5", "metric", (0, 1));
    check("cpu >", "number", (4, 5));
    check("cpu > abc", "not a number", (6, 9));
    check("a<b", "not a number", (2, 3));
    check("kind:pod > 5", "metric", (9, 10));
    check(&"(".repeat(100), "deep", (33, 34));
    check(&"a or ".repeat(70), "parts", (320, 321));
    let long = "a".repeat(5_000);
    assert!(Query::parse(&long).is_err_and(|e| e.message.contains("longer")));
}

#[test]
fn what_changed() {
    let (node, infos) = nginx();
    let check = |query: &str, ago_ms: Option<i64>, expected: bool| {
        let query = Query::parse(query).unwrap_or_else(|e| panic!("{query}: {e}"));
        let subject = Subject {
            node: &node,
            infos: &infos,
            cells: &Vec::new,
            changed_ago_ms: &|| ago_ms,
        };
        assert_eq!(query.find(&subject).is_some(), expected, "{query:?} {ago_ms:?}");
    };
    let ten_minutes = 600_000;
    check("changed in 10m", Some(ten_minutes), true);
    check("changed in 10m", Some(ten_minutes + 1), false);
    check("changed in 10m", None, false);
    check("CHANGED IN 1.5s", Some(1_400), true);
    check("changed in 1h", Some(ten_minutes), true);
    check("not changed in 10m", None, true);
    check("changed in 10m shop", Some(0), true);
    check("shop changed in 10m", Some(0), true);
    check("redis changed in 10m", Some(0), false);
    check("kind:container changed in 10m", Some(0), true);
    check("changed in 10m image:nginx", Some(0), true);
    check("changed in 10m cpu > 60", Some(0), true);
    check("changed in 10m cpu > 70", Some(0), false);
    check("image:nginx changed in 10m cpu > 60", Some(0), true);
    check("cpu > 60 changed in 10m", None, false);
    check("changed in the", Some(0), false);
    check("changed", Some(0), false);
    check("\"changed in 10m\"", Some(0), false);
    let asks = |query: &str| Query::parse(query).unwrap().asks_for_changes();
    assert_eq!(asks("a and changed in 10m"), Some((6, 20)));
    assert_eq!(asks("changed in the"), None);
    let error = Query::parse("changed in 2h").unwrap_err();
    assert_eq!((error.start, error.end), (11, 13));
    assert!(error.message.contains("60 minutes"), "{error}");
}

#[test]
fn cells_of_tables() {
    let (node, infos) = nginx();
    let cells = || {
        let cell = |label: Option<&str>, value: &str| Cell {
            label: label.map(Into::into),
            value: value.into(),
        };
        vec![
            cell(Some("com.example.team"), "payments"),
            cell(Some("TIER"), "gold"),
            cell(None, "10.32.0.1:6783"),
        ]
    };
    let check = |query: &str, expected: Option<(&str, &str)>| {
        let query = Query::parse(query).unwrap_or_else(|e| panic!("{query}: {e}"));
        let subject = Subject {
            node: &node,
            infos: &infos,
            cells: &cells,
            changed_ago_ms: &|| None,
        };
        let found = query.find(&subject);
        let got = found.as_ref().map(|m| (m.field.as_str(), m.value.as_str()));
        assert_eq!(got, expected, "{query:?}");
    };
    check("payments", Some(("com.example.team", "payments")));
    check("tier:gold", Some(("TIER", "gold")));
    check("tier:silver", None);
    check("team:pay", Some(("com.example.team", "payments")));
    check("10.32", Some(("", "10.32.0.1:6783")));
    check("peer:10.32", Some(("", "10.32.0.1:6783")));
    check("image:10.32", Some(("", "10.32.0.1:6783")));
    check("not payments", None);
}

#[test]
fn hostile_patterns_are_bounded() {
    // A pattern that would compile to something huge is taken literally.
    let (node, infos) = nginx();
    let query = Query::parse("(\\w{1000}){1000}").expect("parses");
    assert_eq!(query.matches(&node, &infos), None);
    for odd in [
        "\u{0}", "é:ü", "::", ":", "a:", ":b", "\"\"", "()", "a\"b\"c", "((a)", "=", "==",
    ] {
        if let Ok(query) = Query::parse(odd) {
            query.matches(&node, &infos);
        }
    }
}

#[test]
fn kinds_of_groups_and_pseudo_nodes() {
    let check = |id: &str, kind: &str, query: &str, expected: bool| {
        let node = ViewNode {
            id: id.into(),
            kind: kind.into(),
            ..ViewNode::default()
        };
        let matched = Query::parse(query).expect("parses").matches(&node, &[]).is_some();
        assert_eq!(matched, expected, "{kind} {query}");
    };
    check("nginx", "group:process:name", "kind:process", true);
    check("nginx", "group:process:name", "kind:group", true);
    check("nginx", "group:process:name", "kind:container", false);
    check("i", "container_image", "kind:image", true);
    check("i", "container_image", "kind:container_image", true);
    check("in-theinternet", "pseudo", "kind:internet", true);
    check("in-theinternet", "pseudo", "kind:pseudo", true);
}
