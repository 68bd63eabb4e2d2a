//! `orrery service`: what plugins serve, in the verbs of kubectl.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use http::Method;
use orrery_engine::api::{ApiError, Code};
use orrery_gateway::Instance;
use serde_json::Value;

use crate::args::Common;
use crate::exit::Exit;
use crate::output::{print_json, print_table, table, text};
use crate::target;

const OBJECTS: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";
/// Longest file of objects, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Services that plugins offer below /apis.
#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Make or change the objects of a file.
    #[command(after_help = "Example:\n  orrery service apply -f shop.yaml")]
    Apply {
        /// YAML, TOML or JSON, by its name; - reads YAML from standard input.
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
    },
    /// List the objects, or show one as JSON.
    Get {
        /// Its name.
        name: Option<String>,
    },
    /// Show one object: its routes, its conditions and why.
    Describe {
        /// Its name.
        name: String,
    },
    /// Delete an object that was applied.
    Delete {
        /// Its name.
        name: String,
    },
    /// Follow all objects.
    Watch,
}

pub(crate) async fn run(common: &Common, service: Service) -> Result<(), Exit> {
    let instance = target::find(common)?;
    match service {
        Service::Apply { file } => apply(&instance, &file, common.json).await,
        Service::Get { name: Some(name) } => print_json(&one(&instance, &name).await?),
        Service::Get { name: None } => {
            let all = ask(&instance, Method::GET, OBJECTS, None, Vec::new()).await?;
            if common.json {
                return print_json(&all);
            }
            let mut rows = table(&["NAME", "PREFIX", "PLUGIN", "ACCEPTED", "AVAILABLE"]);
            for object in all["items"].as_array().into_iter().flatten() {
                rows.add_row(row(object));
            }
            print_table(&rows);
            Ok(())
        }
        Service::Describe { name } => {
            let object = one(&instance, &name).await?;
            if common.json {
                return print_json(&object);
            }
            describe(&object);
            Ok(())
        }
        Service::Delete { name } => {
            let path = format!("{OBJECTS}/{}", escaped(&name));
            ask(&instance, Method::DELETE, &path, None, Vec::new()).await?;
            say!("{name} deleted");
            Ok(())
        }
        Service::Watch => {
            let json = common.json;
            let show = |line: &str| {
                if json {
                    say!("{line}");
                } else if let Ok(event) = serde_json::from_str::<Value>(line) {
                    let [name, prefix, plugin, accepted, available] = row(&event["object"]);
                    let kind = text(&event, "type").to_lowercase();
                    say!("{kind:9} {name}  {prefix}  {plugin}  accepted {accepted}, available {available}");
                }
                true
            };
            Ok(instance.lines(&format!("{OBJECTS}?watch=1"), show).await?)
        }
    }
}

async fn apply(instance: &Instance, file: &Path, json: bool) -> Result<(), Exit> {
    let (body, kind) = read(file)?;
    let applied = ask(instance, Method::PUT, OBJECTS, Some(kind), body).await?;
    if json {
        return print_json(&applied);
    }
    for object in applied["items"].as_array().into_iter().flatten() {
        let [name, prefix, _, accepted, _] = row(object);
        say!("{name} applied: {prefix}, accepted {accepted}");
    }
    Ok(())
}

/// A file's content and its media type.
fn read(file: &Path) -> Result<(Vec<u8>, &'static str), Exit> {
    let unreadable = |error: std::io::Error| Exit::usage(format!("cannot read {}: {error}", file.display()));
    let mut body = Vec::new();
    let is_input = file == Path::new("-");
    if is_input {
        let input = std::io::stdin().lock();
        input
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut body)
            .map_err(unreadable)?;
    } else {
        let input = std::fs::File::open(file).map_err(unreadable)?;
        input
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut body)
            .map_err(unreadable)?;
    }
    if body.len() as u64 > FILE_BYTES_MAX {
        return Err(Exit::usage(format!(
            "{} is larger than {FILE_BYTES_MAX} bytes",
            file.display()
        )));
    }
    let kind = match file.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => "application/yaml",
        Some("toml") => "application/toml",
        Some("json") => "application/json",
        _ if is_input => "application/yaml",
        _ => {
            let message = format!("{} is called neither .yaml, .toml nor .json", file.display());
            return Err(Exit::usage(message));
        }
    };
    Ok((body, kind))
}

async fn one(instance: &Instance, name: &str) -> Result<Value, Exit> {
    let path = format!("{OBJECTS}/{}", escaped(name));
    ask(instance, Method::GET, &path, None, Vec::new()).await
}

/// Sends a request and reads the answer, or what is wrong, with every field at fault.
async fn ask(
    instance: &Instance,
    method: Method,
    path: &str,
    kind: Option<&str>,
    body: Vec<u8>,
) -> Result<Value, Exit> {
    let answer = instance.send(method, path, kind, body.into()).await?;
    if answer.status.is_success() {
        return Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null));
    }
    let status = answer.status;
    let error: ApiError = serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| ApiError::new(Code::Unavailable, format!("{instance} answered with {status}.")));
    if error.fields.is_empty() {
        return Err(error.into());
    }
    let fields = error
        .fields
        .iter()
        .map(|field| format!("\n  {}: {}", field.field, field.message));
    Err(Exit::failed(format!(
        "the object is invalid:{}",
        fields.collect::<String>()
    )))
}

fn row(object: &Value) -> [String; 5] {
    let spec = &object["spec"];
    [
        text(&object["metadata"], "name"),
        format!("/apis/{}/{}", text(spec, "group"), text(spec, "version")),
        text(spec, "pluginID"),
        condition(object, "Accepted"),
        condition(object, "Available"),
    ]
}

/// A condition in a word or two.
fn condition(object: &Value, kind: &str) -> String {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|c| c["type"] == kind);
    match found {
        Some(condition) if condition["status"] == "True" => "yes".to_owned(),
        Some(condition) if condition["status"] == "False" => format!("no ({})", text(condition, "reason")),
        _ => "unknown".to_owned(),
    }
}

fn describe(object: &Value) {
    let [name, prefix, plugin, _, _] = row(object);
    say!("Name      {name}");
    say!("Prefix    {prefix}");
    say!("Plugin    {plugin}");
    for service in object["spec"]["services"].as_array().into_iter().flatten() {
        let mut words = vec![text(service, "type")];
        words.extend(
            ["method", "path", "resource"]
                .iter()
                .filter_map(|key| Some(service[*key].as_str()?.to_owned())),
        );
        say!("Service   {}", words.join(" "));
    }
    for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
        say!(
            "{:<9} {} since {}: {}, {}",
            text(condition, "type"),
            text(condition, "status"),
            text(condition, "lastTransitionTime"),
            text(condition, "reason"),
            text(condition, "message"),
        );
    }
}

/// A name as a part of a path.
fn escaped(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().filter(|c| plain(*c)).collect()
}
