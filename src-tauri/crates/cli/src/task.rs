//! `orrery task`: what is collected, when, and where it goes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use orrery_engine::api::{ApiError, Code, Request, TaskOrder};
use orrery_gateway::Instance;
use serde_json::Value;

use crate::exit::Exit;
use crate::output::{DASH, count, print_json, print_table, printable, table, text};
use crate::times;

/// `orrery task`.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Make a task of a manifest, and start it.
    #[command(after_help = "Example:\n  orrery task create -t load.yaml --no-start")]
    Create {
        /// YAML or JSON, of version 2 or as Snap has it; - is standard input.
        #[arg(short = 't', long = "task", value_name = "FILE")]
        file: PathBuf,
        /// Do not start it.
        #[arg(long)]
        no_start: bool,
        /// Make it though what it needs is not there; it waits for that.
        #[arg(long)]
        force: bool,
    },
    /// See what is wrong with a manifest, and make nothing.
    Validate {
        /// YAML or JSON; - is standard input.
        #[arg(short = 't', long = "task", value_name = "FILE")]
        file: PathBuf,
    },
    /// Give a task another manifest; its id and counts stay.
    Update {
        /// Id or name.
        task: String,
        /// YAML or JSON; - is standard input.
        #[arg(short = 't', long = "task", value_name = "FILE")]
        file: PathBuf,
        /// Only when it is at this generation.
        #[arg(long, value_name = "N")]
        generation: Option<u64>,
        /// Change it though what it needs is not there; it waits for that.
        #[arg(long)]
        force: bool,
    },
    /// List tasks.
    List,
    /// List the files that declare tasks, and why they are not in force.
    Files,
    /// Show one task: how it stands, what it counts, its last values and errors.
    Show {
        /// Id or name.
        task: String,
    },
    /// Show what a task's queries come to.
    Subscription {
        /// Id or name.
        task: String,
    },
    /// Start a task.
    Start {
        /// Id or name.
        task: String,
    },
    /// Stop a task; a run under way may finish.
    Stop {
        /// Id or name.
        task: String,
    },
    /// Take back that a task is disabled because it failed too often.
    Enable {
        /// Id or name.
        task: String,
    },
    /// Run a task once, now, and say how it went.
    #[command(visible_alias = "run-once")]
    Run {
        /// Id or name.
        task: String,
    },
    /// Remove a task that is not started.
    Remove {
        /// Id or name.
        task: String,
    },
    /// Print a task's manifest, version 2.
    Export {
        /// Id or name.
        task: String,
    },
    /// Print what a task does, until it comes to rest.
    Watch {
        /// Id or name.
        task: String,
        /// Go on after the event of this number.
        #[arg(long, value_name = "N")]
        after: Option<u64>,
    },
}

/// Largest manifest. Bytes.
const MANIFEST_BYTES_MAX: u64 = 256 * 1024;

/// Asks the instance.
pub(crate) async fn run(instance: &Instance, command: Task, json: bool) -> Result<(), Exit> {
    match command {
        Task::Create {
            file,
            no_start,
            force,
        } => {
            let request = Request::TaskCreate {
                manifest: read(&file)?,
                start: no_start.then_some(false),
                force,
            };
            told(&asked(instance, &request).await?, "made", json)
        }
        Task::Validate { file } => {
            let manifest = read(&file)?;
            let check = instance.call(&Request::TaskCheck { manifest }).await?;
            validated(&check, json)
        }
        Task::Update {
            task,
            file,
            generation,
            force,
        } => {
            let request = Request::TaskUpdate {
                task,
                manifest: read(&file)?,
                generation,
                force,
            };
            told(&asked(instance, &request).await?, "changed", json)
        }
        Task::List => list(&instance.call(&Request::Tasks).await?, json),
        Task::Files => files(&instance.call(&Request::TaskFiles).await?, json),
        Task::Show { task } => show(&instance.call(&Request::Task { task }).await?, json),
        Task::Subscription { task } => {
            let view = instance.call(&Request::TaskSubscription { task }).await?;
            subscription(&view, json)
        }
        Task::Start { task } => order(instance, task, TaskOrder::Start, "started", json).await,
        Task::Stop { task } => order(instance, task, TaskOrder::Stop, "stopped", json).await,
        Task::Enable { task } => order(instance, task, TaskOrder::Enable, "enabled", json).await,
        Task::Run { task } => {
            let order = TaskOrder::Run;
            let report = instance.call(&Request::TaskOrder { task, order }).await?;
            ran(&report, json)
        }
        Task::Remove { task } => {
            let order = TaskOrder::Remove;
            let request = Request::TaskOrder {
                task: task.clone(),
                order,
            };
            instance.call(&request).await?;
            say!("{} removed", printable(&task));
            Ok(())
        }
        Task::Export { task } => {
            let details = instance.call(&Request::Task { task }).await?;
            print_json(&details["manifest"])
        }
        Task::Watch { task, after } => watch(instance, &task, after, json).await,
    }
}

/// A manifest as text.
fn read(file: &Path) -> Result<String, Exit> {
    let unreadable = |error: std::io::Error| Exit::usage(format!("cannot read {}: {error}", file.display()));
    let mut text = String::new();
    let most = MANIFEST_BYTES_MAX + 1;
    if file == Path::new("-") {
        let input = std::io::stdin().lock();
        input.take(most).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let input = std::fs::File::open(file).map_err(unreadable)?;
        input.take(most).read_to_string(&mut text).map_err(unreadable)?;
    }
    Ok(text)
}

/// Sends a request; what is wrong with a manifest is told field by field.
async fn asked(instance: &Instance, request: &Request) -> Result<Value, Exit> {
    instance.call(request).await.map_err(|error: ApiError| {
        if error.code != Code::Invalid || error.fields.is_empty() {
            return error.into();
        }
        let faults = error.fields.iter().map(|f| line(&f.field, &f.message));
        Exit::usage(format!("the task is invalid:{}", faults.collect::<String>()))
    })
}

fn line(field: &str, message: &str) -> String {
    let field = if field.is_empty() { "it" } else { field };
    format!("\n  {}: {}", printable(field), printable(message))
}

fn validated(check: &Value, json: bool) -> Result<(), Exit> {
    let all = items(&check["faults"]);
    if json {
        print_json(check)?;
    } else {
        warn(&check["warnings"]);
    }
    if all.is_empty() {
        if !json {
            say!("the task is valid");
        }
        return Ok(());
    }
    let lines = all.iter().map(|f| line(str_of(f, "field"), str_of(f, "message")));
    let message = format!("the task is invalid:{}", lines.collect::<String>());
    Err(Exit::usage(if json { String::new() } else { message }))
}

async fn order(
    instance: &Instance,
    task: String,
    order: TaskOrder,
    done: &str,
    json: bool,
) -> Result<(), Exit> {
    let info = instance.call(&Request::TaskOrder { task, order }).await?;
    told(&info, done, json)
}

/// What a manifest loses, beside what is printed.
fn warn(warnings: &Value) {
    for warning in items(warnings) {
        let (field, message) = (str_of(warning, "field"), str_of(warning, "message"));
        eprintln!(
            "warning:{}",
            line(field, message).replace('\n', " ").replace("   ", " ")
        );
    }
}

fn told(info: &Value, done: &str, json: bool) -> Result<(), Exit> {
    if json {
        return print_json(info);
    }
    warn(&info["warnings"]);
    say!(
        "{} {done}: {} ({})",
        text(info, "name"),
        text(info, "id"),
        state(info)
    );
    Ok(())
}

/// Where it stands, and what it waits for.
fn state(info: &Value) -> String {
    match str_of(info, "waits_for") {
        "" => text(info, "state"),
        why => format!("waiting: {}", printable(why)),
    }
}

fn list(all: &Value, json: bool) -> Result<(), Exit> {
    if json {
        return print_json(all);
    }
    let mut out = table(&[
        "NAME",
        "ID",
        "STATE",
        "SCHEDULE",
        "RUNS",
        "FAILED",
        "MISSED",
        "NEXT",
        "LAST ERROR",
    ]);
    for info in items(all) {
        let counts = &info["counts"];
        let error = items(&counts["errors"]).last().map(|e| text(e, "text"));
        out.add_row(vec![
            text(info, "name"),
            text(info, "id"),
            state(info),
            text(info, "when"),
            counts["runs"].to_string(),
            counts["failed"].to_string(),
            missed(counts).to_string(),
            moment(&info["next_run_ms"]),
            error.unwrap_or_default(),
        ]);
    }
    print_table(&out);
    Ok(())
}

fn files(all: &Value, json: bool) -> Result<(), Exit> {
    if json {
        return print_json(all);
    }
    let mut out = table(&["FILE", "TASK", "PROBLEM"]);
    for file in items(all) {
        out.add_row(vec![
            text(file, "file"),
            text(file, "task"),
            text(file, "problem"),
        ]);
    }
    print_table(&out);
    Ok(())
}

fn missed(counts: &Value) -> u64 {
    let reasons = counts["missed"].as_object();
    reasons
        .into_iter()
        .flatten()
        .filter_map(|(_, n)| n.as_u64())
        .sum()
}

fn moment(ms: &Value) -> String {
    ms.as_i64().map(times::show).unwrap_or_default()
}

fn show(task: &Value, json: bool) -> Result<(), Exit> {
    if json {
        return print_json(task);
    }
    let counts = &task["counts"];
    say!("{}", text(task, "name"));
    let mut out = table(&["", ""]);
    let mut row = |name: &str, value: String| {
        if !value.is_empty() && value != DASH {
            out.add_row(vec![name.to_owned(), value]);
        }
    };
    row("Id", text(task, "id"));
    row("State", state(task));
    row("Runs when", text(task, "when"));
    row("Then", then(task));
    row("Generation", task["generation"].to_string());
    row(
        "Made",
        match text(task, "user") {
            nobody if nobody == DASH => moment(&task["created_ms"]),
            user => format!("{} by {user}", moment(&task["created_ms"])),
        },
    );
    row("Last run", moment(&counts["last_run_ms"]));
    row("Next run", moment(&task["next_run_ms"]));
    let number = |key: &str| counts[key].to_string();
    row(
        "Runs",
        format!(
            "{}: {} ok, {} partial, {} failed",
            number("runs"),
            number("ok"),
            number("partial"),
            number("failed")
        ),
    );
    let reasons = counts["missed"].as_object().into_iter().flatten();
    let reasons: Vec<String> = reasons
        .filter(|(_, n)| n.as_u64() != Some(0))
        .map(|(why, n)| format!("{n} {why}"))
        .collect();
    row("Missed", reasons.join(", "));
    let declared = &task["declared"];
    row("Declared in", text(declared, "file"));
    row("Not in force", text(declared, "problem"));
    let some = |key: &str| task[key].as_u64().filter(|n| *n > 0).map(|n| n.to_string());
    row("Held for sinks", some("held").unwrap_or_default());
    row("Dropped", some("dropped").unwrap_or_default());
    print_table(&out);
    warn(&task["warnings"]);
    for run in items(&task["recent"]) {
        let why = printable(str_of(run, "why"));
        let colon = if why.is_empty() { "" } else { ": " };
        say!(
            "{}  {} in {} ms{colon}{why}",
            moment(&run["at_ms"]),
            text(run, "outcome"),
            run["took_ms"]
        );
    }
    for error in items(&counts["errors"]) {
        say!(
            "{}  {} (×{})",
            moment(&error["at_ms"]),
            text(error, "text"),
            error["times"]
        );
    }
    values(items(&task["values"]));
    Ok(())
}

/// What becomes of what is collected, in a line.
fn then(task: &Value) -> String {
    let steps = items(&task["then"]).iter().map(|step| {
        let target = printable(str_of(step, "target"));
        let space = if target.is_empty() { "" } else { " " };
        format!("{}{space}{target}", text(step, "plugin"))
    });
    steps.collect::<Vec<_>>().join(" → ")
}

fn values(samples: &[Value]) {
    let mut out = table(&["METRIC", "VALUE", "UNIT", "AT"]);
    for sample in samples {
        out.add_row(vec![
            text(sample, "namespace"),
            sample["value"].to_string(),
            text(sample, "unit"),
            moment(&sample["at_ms"]),
        ]);
    }
    if !samples.is_empty() {
        print_table(&out);
    }
}

fn subscription(view: &Value, json: bool) -> Result<(), Exit> {
    if json {
        return print_json(view);
    }
    let ready = view["ready"].as_bool() == Some(true);
    say!(
        "{}, {}",
        count(&view["metrics_total"], "metric"),
        if ready { "ready" } else { "waiting" }
    );
    for plugin in items(&view["plugins"]) {
        say!("plugin {} {}", text(plugin, "plugin"), text(plugin, "version"));
    }
    for metric in items(&view["metrics"]) {
        say!("{}", text(metric, "namespace"));
    }
    for problem in items(&view["problems"]) {
        let what = if problem["note"].as_bool() == Some(true) {
            "note"
        } else {
            "missing"
        };
        say!("{what}: {}", text(problem, "message"));
    }
    Ok(())
}

fn ran(report: &Value, json: bool) -> Result<(), Exit> {
    if json {
        print_json(report)?;
    }
    let outcome = str_of(report, "outcome");
    if outcome == "failed" {
        return Err(Exit::failed(format!(
            "the run failed: {}",
            printable(str_of(report, "why"))
        )));
    }
    if !json {
        let why = printable(str_of(report, "why"));
        say!(
            "{outcome}: {} in {} ms{}{why}",
            count(&report["samples"], "sample"),
            report["took_ms"],
            if why.is_empty() { "" } else { ": " }
        );
    }
    Ok(())
}

async fn watch(instance: &Instance, task: &str, after: Option<u64>, json: bool) -> Result<(), Exit> {
    let details = instance
        .call(&Request::Task {
            task: task.to_owned(),
        })
        .await?;
    let after = after.map(|n| format!("?after={n}")).unwrap_or_default();
    let path = format!("/api/tasks/{}/watch{after}", str_of(&details, "id"));
    let show = |line: &str| {
        let Some(data) = line.strip_prefix("data:").map(str::trim) else {
            return true;
        };
        if json {
            say!("{data}");
        } else if let Ok(event) = serde_json::from_str::<Value>(data) {
            happened(&event);
        }
        true
    };
    Ok(instance.lines(&path, show).await?)
}

fn happened(event: &Value) {
    let at = moment(&event["at_ms"]);
    match str_of(event, "event") {
        "metrics" => {
            for sample in items(&event["samples"]) {
                say!(
                    "{}  {}  {}",
                    moment(&sample["at_ms"]),
                    text(sample, "namespace"),
                    sample["value"]
                );
            }
        }
        "run" if str_of(event, "outcome") != "ok" => {
            say!("{at}  {}: {}", text(event, "outcome"), text(event, "why"));
        }
        "run" => {}
        "lagged" => say!("{at}  {} missed", count(&event["missed"], "event")),
        _ => {
            let state = &event["state"];
            let why = str_of(state, "why");
            let colon = if why.is_empty() { "" } else { ": " };
            say!("{at}  {}{colon}{}", text(state, "kind"), printable(why));
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn str_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
