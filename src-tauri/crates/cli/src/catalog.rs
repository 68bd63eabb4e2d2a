//! `orrery catalog`: what can be measured, and what it is now.

use std::time::{Duration, Instant};

use clap::Subcommand;
use orrery_engine::api::Request;
use orrery_gateway::Instance;
use serde_json::Value;

use crate::exit::Exit;
use crate::output::{print_json, print_table, table, text};
use crate::times;

/// `orrery catalog`.
#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// List metrics, whether their plugins run or not.
    List {
        /// Query, such as '/iowait/*'; everything when not given.
        query: Option<String>,
        /// latest, all, or a range such as '>=1.2'.
        #[arg(long, value_name = "RANGE", default_value = "latest")]
        version: String,
        /// At most this many.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// Print everything about one metric, and its newest values.
    Get {
        /// Name, such as '/iowait/host/*/iowait'.
        name: String,
        /// latest, or a range such as '>=1.2'.
        #[arg(long, value_name = "RANGE", default_value = "latest")]
        version: String,
    },
    /// Print newest values of metrics, whenever there are newer ones.
    #[command(after_help = "Example:\n  orrery catalog watch '/orrery/host/*/load1' --interval 5s")]
    Watch {
        /// Query, such as '/iowait/*'.
        query: String,
        /// latest, all, or a range such as '>=1.2'.
        #[arg(long, value_name = "RANGE", default_value = "latest")]
        version: String,
        /// Shortest pause between two times.
        #[arg(long, value_parser = times::duration, value_name = "DURATION", default_value = "1s")]
        interval: Duration,
        /// Print so many times; until it is interrupted when not given.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        count: Option<u64>,
    },
}

/// Asks the instance.
pub(crate) async fn run(instance: &Instance, command: Catalog, json: bool) -> Result<(), Exit> {
    match command {
        Catalog::List {
            query,
            version,
            limit,
        } => {
            let request = Request::Catalog {
                query: query.unwrap_or_default(),
                version,
                offset: 0,
                limit,
            };
            list(&instance.call(&request).await?, json)
        }
        Catalog::Get { name, version } => {
            let request = Request::CatalogEntry { name, version };
            one(&instance.call(&request).await?, json)
        }
        Catalog::Watch {
            query,
            version,
            interval,
            count,
        } => {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs.append_pair("q", &query).append_pair("version", &version);
            let path = format!("/api/catalog/watch?{}", pairs.finish());
            watch(instance, &path, interval, count, json).await
        }
    }
}

fn list(page: &Value, json: bool) -> Result<(), Exit> {
    if json {
        return print_json(page);
    }
    let metrics = items(&page["metrics"]);
    if metrics.is_empty() {
        return Err(Exit::nothing("nothing in the catalog answers that"));
    }
    let mut out = table(&["METRIC", "VERSION", "UNIT", "WHAT", "STATUS"]);
    for metric in metrics {
        let what = if is_said(metric, "description") {
            "description"
        } else {
            "label"
        };
        let status = if is_said(metric, "away") {
            text(metric, "away")
        } else {
            "ready".to_owned()
        };
        out.add_row(vec![
            text(metric, "namespace"),
            text(metric, "version"),
            text(metric, "unit"),
            text(metric, what),
            status,
        ]);
    }
    print_table(&out);
    for missing in items(&page["missing"]) {
        eprintln!("nothing answers {}", missing.as_str().unwrap_or_default());
    }
    let total = page["total"].as_u64().unwrap_or_default();
    if total > metrics.len() as u64 {
        eprintln!("{} of {total}; see --limit", metrics.len());
    }
    Ok(())
}

fn one(entry: &Value, json: bool) -> Result<(), Exit> {
    if json {
        return print_json(entry);
    }
    let metric = &entry["metric"];
    say!("{}", text(metric, "namespace"));
    let mut out = table(&["", ""]);
    for (name, key) in [
        ("What", "label"),
        ("", "description"),
        ("Plugin", "plugin"),
        ("Version", "version"),
        ("Unit", "unit"),
        ("Not to be had", "away"),
    ] {
        if is_said(metric, key) {
            out.add_row(vec![name.to_owned(), text(metric, key)]);
        }
    }
    let joined = |key: &str| {
        let all = items(&entry[key]).iter().filter_map(Value::as_str);
        all.collect::<Vec<_>>().join(", ")
    };
    out.add_row(vec!["Versions".to_owned(), joined("versions")]);
    let tasks = joined("subscriptions");
    if !tasks.is_empty() {
        out.add_row(vec!["Tasks".to_owned(), tasks]);
    }
    for rule in items(&entry["policy"]) {
        let (key, kind) = (text(rule, "key"), text(rule, "kind"));
        out.add_row(vec![
            "Config".to_owned(),
            format!("{key} ({kind}) {}", text(rule, "description")),
        ]);
    }
    print_table(&out);
    let readings = items(&entry["readings"]);
    if !readings.is_empty() {
        say!("");
        show(readings);
    }
    Ok(())
}

/// Follows the stream; what comes sooner than it is wanted is passed over.
async fn watch(
    instance: &Instance,
    path: &str,
    interval: Duration,
    count: Option<u64>,
    json: bool,
) -> Result<(), Exit> {
    let mut looks = 0;
    let mut last: Option<Instant> = None;
    let told = |line: &str| {
        let event = line.strip_prefix("data:").map(str::trim);
        let event = event.and_then(|data| serde_json::from_str::<Value>(data).ok());
        let readings = event.as_ref().and_then(|event| event.get("readings"));
        let Some(readings) = readings.filter(|_| last.is_none_or(|last| last.elapsed() >= interval)) else {
            return true;
        };
        last = Some(Instant::now());
        if json {
            say!("{readings}");
        } else {
            if looks > 0 {
                say!("");
            }
            show(items(readings));
        }
        looks += 1;
        count.is_none_or(|count| looks < count)
    };
    Ok(instance.lines(path, told).await?)
}

fn show(readings: &[Value]) {
    let mut out = table(&["METRIC", "VALUE", "UNIT", "TIME"]);
    for reading in readings {
        out.add_row(vec![
            text(reading, "namespace"),
            reading["value"].to_string(),
            text(reading, "unit"),
            times::show(reading["at_ms"].as_i64().unwrap_or_default()),
        ]);
    }
    print_table(&out);
}

fn is_said(value: &Value, key: &str) -> bool {
    value[key].as_str().is_some_and(|text| !text.is_empty())
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}
