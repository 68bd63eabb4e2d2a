//! How each operation is asked for from a shell.

use serde_json::{Value, json};

use super::entry::{Entry, JSON};

/// Where websockets are, as an instance listens at first.
const LISTENS: &str = "ws://127.0.0.1:4040";

/// What path parameters are in examples, by the beginning of the path; the first that fits.
const NAMED: &[(&str, &str, &str)] = &[
    ("/api/tasks", "id", "load"),
    ("/api/ops", "id", "7"),
    ("/", "id", "iowait"),
    ("/api/tasks", "order", "start"),
    ("/", "order", "restart"),
    ("/api/tokens", "name", "ci"),
    ("/api/config", "name", "publisher"),
    ("/", "version", "0.1.0"),
    ("/", "name", "http-stats"),
    ("/", "topology", "hosts"),
    ("/", "node", "web-1;%3Chost%3E"),
    ("/", "probe", "c0ffee5ca1ab1e"),
    ("/", "control", "iowait~switchToIdle"),
    ("/", "pipe", "pipe-1"),
    ("/", "path", "http-stats.example/v1/report"),
];

/// What parameters that have to be given are in examples.
const ASKED: &[(&str, &str)] = &[
    ("node", "web-1;<host>"),
    ("metric", "load"),
    ("name", "/host/load"),
    ("from", "0"),
    ("to", "4102444800000"),
];

/// Files of what is no JSON.
const FILES: &[(&str, &str)] = &[
    ("application/octet-stream", "iowait-0.1.0.tar.gz"),
    ("application/msgpack", "report.msgpack"),
    ("application/json-patch+json", "patch.json"),
    ("*/*", "task.yaml"),
    (JSON, "body.json"),
];

/// The sample of an operation, in the form that viewers of OpenAPI show.
pub(super) fn of(method: &str, entry: &Entry) -> Value {
    let path = address(entry.path);
    let command = if entry.extensions.contains_key("x-websocket") {
        format!("websocat -H \"Authorization: Bearer $(orrery token)\" '{LISTENS}{path}'")
    } else {
        let mut command = format!("orrery api {method} {}", quoted(&path));
        for name in required(entry) {
            let value = ASKED
                .iter()
                .find(|(known, _)| *known == name)
                .map_or("", |(_, v)| v);
            command += &format!(" -q {}", quoted(&format!("{name}={value}")));
        }
        if let Some(body) = &entry.body {
            command += &sent(&body["content"]);
        }
        command
    };
    json!([{ "lang": "Shell", "source": command }])
}

/// A path with something in the place of each parameter.
fn address(path: &str) -> String {
    let part = |part: &str| match part.strip_prefix('{') {
        Some(name) => {
            let name = name.trim_end_matches('}').trim_start_matches('*');
            let named = NAMED
                .iter()
                .find(|(begins, known, _)| *known == name && path.starts_with(begins));
            named.map_or("", |(_, _, value)| value).to_owned()
        }
        None => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn required(entry: &Entry) -> impl Iterator<Item = &str> {
    let required = entry.parameters.iter().filter(|p| p["required"] == true);
    required.filter_map(|parameter| parameter["name"].as_str())
}

/// The body: what the entry gives as an example, or a file.
fn sent(content: &Value) -> String {
    let example = &content[JSON]["example"];
    if !example.is_null() {
        return format!(" -d {}", quoted(&example.to_string()));
    }
    let file = FILES.iter().find(|(kind, _)| content.get(kind).is_some());
    file.map_or_else(String::new, |(kind, file)| {
        let told = match *kind {
            JSON | "*/*" => String::new(),
            kind => format!(" -H 'Content-Type: {kind}'"),
        };
        format!(" -d @{file}{told}")
    })
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=%:@,+".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_words_whatever_is_in_them() {
        assert_eq!(quoted("/api/status"), "/api/status");
        assert_eq!(quoted("node=a;b"), "'node=a;b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
