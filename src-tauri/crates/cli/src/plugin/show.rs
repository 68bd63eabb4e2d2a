//! Plugins on a terminal.

use serde_json::Value;

use crate::exit::Exit;
use crate::output::{DASH, beside, print_json, print_table, table, text};
use crate::times;

/// All plugins, a line each.
pub(crate) fn list(list: &Value) -> Result<(), Exit> {
    let mut out = table(&[
        "PLUGIN", "ORIGIN", "STATE", "VERSION", "PID", "RESTARTS", "CPU", "MEMORY", "STATUS",
    ]);
    for p in list.as_array().into_iter().flatten() {
        let instance = &p["managed"]["instance"];
        let usage = &instance["usage"];
        let why = if instance["reason"].as_str().is_some_and(|r| !r.is_empty()) {
            text(instance, "reason")
        } else {
            text(p, "status")
        };
        out.add_row(vec![
            text(p, "id"),
            text(p, "origin"),
            text(p, "state"),
            text(&p["managed"]["current"], "version"),
            number(&instance["pid"]),
            number(&instance["restarts"]),
            usage["cpu_percent"]
                .as_f64()
                .map_or_else(dash, |v| format!("{v:.1}%")),
            usage["memory_bytes"]
                .as_f64()
                .map_or_else(dash, |v| format!("{:.1} MiB", v / 1048576.0)),
            why,
        ]);
    }
    print_table(&out);
    Ok(())
}

/// Packages and manifests in watched directories that were not taken, and why.
pub(crate) fn rejected(list: &Value) {
    for (number, package) in list.as_array().into_iter().flatten().enumerate() {
        if number == 0 {
            say!("\nNot taken:");
        }
        say!("  {}  {}", text(package, "path"), text(package, "reason"));
    }
}

fn dash() -> String {
    DASH.to_owned()
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(dash, |n| n.to_string())
}

fn time(value: &Value) -> String {
    value.as_i64().map_or_else(dash, times::show)
}

/// Everything about one plugin.
pub(crate) fn one(p: &Value) -> Result<(), Exit> {
    say!("{}", beside(p, ["label", "description"]));
    let mut out = table(&["", ""]);
    let mut row = |name: &str, value: String| {
        if value != dash() {
            out.add_row(vec![name.to_owned(), value]);
        }
    };
    row("Id", text(p, "id"));
    row("Origin", text(p, "origin"));
    row("State", text(p, "state"));
    row("Status", text(p, "status"));
    row("Socket", text(&p["socket"], "path"));
    let tasks = p["subscriptions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !tasks.is_empty() {
        let ids: Vec<&str> = tasks.iter().filter_map(Value::as_str).collect();
        row("Needed by", format!("{} ({})", ids.len(), ids.join(", ")));
    }
    let m = &p["managed"];
    if !m.is_null() {
        let i = &m["instance"];
        row("Why", text(i, "reason"));
        row("Wanted", text(m, "desired"));
        row("Activation", text(m, "activation"));
        row("Since", time(&i["since_ms"]));
        row("Process", number(&i["pid"]));
        row("Restarts", number(&i["restarts"]));
        row("Next try", time(&i["next_try_ms"]));
        row("Health", text(&i["health"], "state"));
        row("Revision", revision(&m["current"]));
        if !m["pending"].is_null() {
            let pending = &m["pending"];
            let failed = pending["failure"].as_str().is_some_and(|f| !f.is_empty());
            let how = if failed {
                text(pending, "failure")
            } else {
                text(pending, "step")
            };
            row("Pending", format!("{}: {how}", revision(&pending["revision"])));
        }
        for kept in m["retained"].as_array().into_iter().flatten() {
            row("Kept", revision(kept));
        }
        for limit in i["limits"].as_array().into_iter().flatten() {
            let held = if limit["advisory"] == true {
                "watched only"
            } else {
                "held"
            };
            row(
                "Limit",
                format!(
                    "{} {}, {held} by {}",
                    text(limit, "id"),
                    text(limit, "value"),
                    text(limit, "held_by")
                ),
            );
        }
        row("From", text(m, "source"));
    }
    print_table(&out);
    let exit = &m["instance"]["last_exit"];
    if !exit.is_null() {
        say!("\nLast end, {}: {}", time(&exit["at_ms"]), text(exit, "text"));
        for line in exit["last_lines"].as_array().into_iter().flatten() {
            let shown = serde_json::json!({ "line": line });
            say!("  {}", text(&shown, "line"));
        }
    }
    Ok(())
}

fn revision(r: &Value) -> String {
    if r.is_null() {
        return dash();
    }
    let sum: String = text(r, "sha256").chars().take(12).collect();
    format!(
        "{}  {sum}  signature {}",
        text(r, "version"),
        text(r, "signature")
    )
}

/// A plugin's config with the rules for it.
pub(crate) fn config(config: &Value) -> Result<(), Exit> {
    if let Some(text) = config["text"].as_str() {
        say!("{text}");
    } else if !config["structured"].is_null() {
        print_json(&config["structured"])?;
    }
    let rules = config["policy"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !rules.is_empty() {
        let mut out = table(&["KEY", "TYPE", "REQUIRED", "DEFAULT", "DESCRIPTION"]);
        for rule in rules {
            let default = if rule["default"].is_null() {
                dash()
            } else {
                rule["default"].to_string()
            };
            let required = if rule["required"] == true { "yes" } else { "no" };
            out.add_row(vec![
                text(rule, "key"),
                text(rule, "type"),
                required.to_owned(),
                default,
                text(rule, "description"),
            ]);
        }
        print_table(&out);
    }
    if config["rejected"].as_str().is_some_and(|r| !r.is_empty()) {
        say!("Last change refused: {}", text(config, "rejected"));
    }
    Ok(())
}

/// One line of a log.
pub(crate) fn log_line(line: &Value) {
    say!(
        "{}  {:<6} {:<5} {}",
        time(&line["at_ms"]),
        text(line, "stream"),
        text(line, "level"),
        text(line, "text")
    );
}
