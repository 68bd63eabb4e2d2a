//! Commands that ask a running instance.
use orrery_engine::api::Request;
use orrery_engine::topology::view::{VIEW_PROTOCOL, ViewRequest, ViewSpec};
use orrery_gateway::Instance;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::args::{Command, Common, Export, Format};
use crate::confirm::confirmed;
use crate::exit::Exit;
use crate::output::{beside, print_json, print_table, table, text, write};
use crate::{api, catalog, plugin, readings, target, task, times};

/// Pause between two looks for new events.
const FOLLOW: std::time::Duration = std::time::Duration::from_millis(500);

/// Runs a command that asks.
pub(crate) async fn run(common: &Common, command: Command) -> Result<(), Exit> {
    let instance = target::find(common)?;
    let json = common.json;
    match command {
        Command::Report { format, at } => report(&instance, format, at).await,
        Command::Topology { name: None, at, .. } => topologies(&instance, at, json).await,
        Command::Topology {
            name: Some(topology),
            node: None,
            q,
            options,
            at,
        } => {
            let spec = ViewSpec {
                topology,
                options: options.into_iter().collect(),
                query: q.unwrap_or_default(),
                at_ms: at,
                ..ViewSpec::default()
            };
            nodes(&instance, spec, json).await
        }
        Command::Topology {
            name: Some(topology),
            node: Some(node),
            at,
            ..
        } => {
            let details = instance
                .call(&Request::Details {
                    topology,
                    node,
                    at_ms: at,
                })
                .await?;
            if json {
                print_json(&details)
            } else {
                show_node(&details)
            }
        }
        Command::Control {
            node,
            control,
            args,
            yes,
            force,
        } => {
            confirm(&instance, &node, &control, yes).await?;
            let args = args.into_iter().collect();
            let outcome = instance
                .call(&Request::Control {
                    node,
                    control,
                    args,
                    force,
                })
                .await?;
            if json {
                return print_json(&outcome);
            }
            say!("done in {} ms", outcome["took_ms"]);
            if !outcome["value"].is_null() {
                say!("{}", outcome["value"]);
            }
            Ok(())
        }
        Command::History {
            node, metric: None, ..
        } => series(&instance, node, json).await,
        Command::History {
            node,
            metric: Some(metric),
            from,
            to,
            step,
        } => {
            let max_points = step.map(|s| points(to - from, s)).transpose()?;
            let request = Request::History {
                node,
                metric,
                from_ms: from,
                to_ms: to,
                max_points,
            };
            history(&instance, &request, json).await
        }
        Command::Events { from, follow } => events(&instance, from, follow, json).await,
        Command::Plugin(command) => plugin::run(&instance, command, json).await,
        Command::Config(command) => crate::config::run(&instance, command, json).await,
        Command::Catalog(command) => catalog::run(&instance, command, json).await,
        Command::Task(command) => task::run(&instance, command, json).await,
        Command::Ops { cancel, limit } => plugin::ops::run(&instance, cancel, limit, json).await,
        Command::Export(Export::Report { output, at }) => {
            export(&instance, Request::ExportReport { at_ms: at }, &output).await
        }
        Command::Export(Export::History {
            node,
            metrics,
            output,
            from,
            to,
        }) => {
            let request = Request::ExportHistory {
                node,
                metrics,
                from_ms: from,
                to_ms: to,
            };
            export(&instance, request, &output).await
        }
        Command::Api(command) => api::run(&instance, command, json).await,
        Command::Serve(_)
        | Command::Service(_)
        | Command::Token(_)
        | Command::Doctor
        | Command::Completions { .. }
        | Command::Man { .. } => Err(Exit::failed("this command asks no instance")),
    }
}

async fn report(instance: &Instance, format: Format, at: Option<i64>) -> Result<(), Exit> {
    if format == Format::Json {
        return export(
            instance,
            Request::ExportReport { at_ms: at },
            std::path::Path::new("-"),
        )
        .await;
    }
    let query = at
        .map(|at| format!("?timestamp={}", times::show(at)))
        .unwrap_or_default();
    let answer = instance
        .send_accepting(&format!("/api/report{query}"), "application/msgpack")
        .await?;
    write(std::path::Path::new("-"), &answer.body)
}

async fn topologies(instance: &Instance, at: Option<i64>, json: bool) -> Result<(), Exit> {
    let list = instance.call(&Request::Topologies { at_ms: at }).await?;
    if json {
        return print_json(&list);
    }
    let mut out = table(&["TOPOLOGY", "NAME", "NODES", "EDGES", "FILTERED"]);
    for t in list.as_array().into_iter().flatten() {
        let stats = &t["stats"];
        out.add_row(vec![
            text(t, "id"),
            text(t, "name"),
            stats["node_count"].to_string(),
            stats["edge_count"].to_string(),
            stats["filtered_nodes"].to_string(),
        ]);
    }
    print_table(&out);
    Ok(())
}

/// One frame of the view protocol holds what a listing needs.
async fn nodes(instance: &Instance, spec: ViewSpec, json: bool) -> Result<(), Exit> {
    let (requests, requests_in) = mpsc::channel(1);
    let (messages, mut messages_out) = mpsc::channel(1);
    let open = ViewRequest::Open {
        version: VIEW_PROTOCOL,
        spec,
    };
    requests.send(open).await.map_err(Exit::failed)?;
    let frame: Value = tokio::select! {
        served = instance.serve_view(requests_in, messages) => {
            served?;
            return Err(Exit::failed("the instance closed the view before its first picture"));
        }
        message = messages_out.recv() => {
            let message = message.ok_or_else(|| Exit::failed("the instance sent no picture"))?;
            serde_json::from_str(&message).map_err(Exit::failed)?
        }
    };
    if frame["type"] == "failed" {
        let message = text(&frame, "message");
        return Err(match text(&frame, "code").as_str() {
            "not_found" => Exit::nothing(message),
            "bad_query" | "bad_request" => Exit::usage(message),
            _ => Exit::failed(message),
        });
    }
    if json {
        return print_json(&frame);
    }
    let mut out = table(&["NODE", "LABEL", "", "KIND"]);
    for n in frame["nodes"].as_array().into_iter().flatten() {
        out.add_row(vec![
            text(n, "id"),
            text(n, "label"),
            text(n, "label_minor"),
            text(n, "kind"),
        ]);
    }
    print_table(&out);
    if let Some(hidden @ 1..) = frame["stats"]["filtered_nodes"].as_u64() {
        let are = if hidden == 1 { "is" } else { "are" };
        eprintln!(
            "{hidden} more {are} hidden by the topology's options: see --option and `orrery topology --json`"
        );
    }
    Ok(())
}

fn show_node(details: &Value) -> Result<(), Exit> {
    say!("{}", beside(details, ["label", "label_minor"]));
    say!("{}\n", text(details, "id"));
    let mut out = table(&["", ""]);
    for row in details["metadata"].as_array().into_iter().flatten() {
        out.add_row(vec![text(row, "label"), readings::fact(row)]);
    }
    for metric in details["metrics"].as_array().into_iter().flatten() {
        let value = readings::reading(&metric["value"], &text(metric, "format"), &text(metric, "id"));
        out.add_row(vec![text(metric, "label"), value]);
    }
    for control in details["controls"].as_array().into_iter().flatten() {
        out.add_row(vec![format!("[{}]", text(control, "id")), text(control, "human")]);
    }
    print_table(&out);
    for connections in details["connections"].as_array().into_iter().flatten() {
        let rows = connections["rows"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if rows.is_empty() {
            continue;
        }
        say!("\n{}", text(connections, "label"));
        let mut out = table(&["NODE", "PORT", "COUNT"]);
        for row in rows {
            out.add_row(vec![
                text(row, "label"),
                text(row, "port"),
                row["count"].to_string(),
            ]);
        }
        print_table(&out);
    }
    Ok(())
}

/// Asks before a control that ends or removes something, or whose reporter wants to be asked.
async fn confirm(instance: &Instance, node: &str, control: &str, yes: bool) -> Result<(), Exit> {
    if yes {
        return Ok(());
    }
    let controls = instance
        .call(&Request::Controls {
            node: node.to_owned(),
        })
        .await?;
    let found = controls
        .as_array()
        .into_iter()
        .flatten()
        .find(|c| c["id"] == control);
    let question = found.and_then(|c| c["confirmation"].as_str()).unwrap_or_default();
    if question.is_empty() {
        return Ok(());
    }
    confirmed(question, false)
}

async fn series(instance: &Instance, node: String, json: bool) -> Result<(), Exit> {
    let list = instance.call(&Request::HistorySeries { node }).await?;
    if json {
        return print_json(&list);
    }
    let rows = list.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return Err(Exit::nothing("history holds nothing of this node"));
    }
    let mut out = table(&["METRIC", "LABEL", "FROM", "TO"]);
    for s in rows {
        let time = |key: &str| times::show(s[key].as_i64().unwrap_or_default());
        out.add_row(vec![
            text(s, "metric"),
            text(s, "label"),
            time("from_ms"),
            time("to_ms"),
        ]);
    }
    print_table(&out);
    Ok(())
}

fn points(span_ms: i64, step: std::time::Duration) -> Result<u32, Exit> {
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
    u32::try_from((span_ms / step_ms).max(1)).map_err(|_| Exit::usage("the step is too small for this range"))
}

async fn history(instance: &Instance, request: &Request, json: bool) -> Result<(), Exit> {
    let series = instance.call(request).await?;
    if json {
        return print_json(&series);
    }
    let points = series["points"].as_array().map(Vec::as_slice).unwrap_or_default();
    if points.is_empty() {
        return Err(Exit::nothing(
            "history holds nothing of this metric in this range",
        ));
    }
    let (format, metric) = (text(&series, "format"), text(&series, "metric"));
    let reading = |key: &str, point: &Value| readings::reading(&point[key], &format, &metric);
    let mut out = table(&["TIME", "MEAN", "LEAST", "GREATEST"]);
    for p in points {
        let time = times::show(p["t_ms"].as_i64().unwrap_or_default());
        out.add_row(vec![
            time,
            reading("avg", p),
            reading("min", p),
            reading("max", p),
        ]);
    }
    print_table(&out);
    Ok(())
}

async fn events(instance: &Instance, from: i64, follow: bool, json: bool) -> Result<(), Exit> {
    let (mut from_ms, mut seen) = (from, 0_i64);
    loop {
        let list = instance
            .call(&Request::Events {
                from_ms,
                to_ms: i64::MAX,
                limit: None,
            })
            .await?;
        for event in list.as_array().into_iter().flatten() {
            let id = event["id"].as_i64().unwrap_or_default();
            if id <= seen {
                continue;
            }
            seen = id;
            let at_ms = event["at_ms"].as_i64().unwrap_or_default();
            from_ms = from_ms.max(at_ms - 60_000);
            if json {
                say!("{event}");
            } else {
                say!(
                    "{}  {}  {}: {}",
                    times::show(at_ms),
                    text(event, "kind"),
                    text(event, "label"),
                    text(event, "text")
                );
            }
        }
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

async fn export(instance: &Instance, request: Request, output: &std::path::Path) -> Result<(), Exit> {
    let exported = instance.call(&request).await?;
    write(output, exported["text"].as_str().unwrap_or_default().as_bytes())
}
