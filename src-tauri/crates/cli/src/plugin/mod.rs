//! `orrery plugin …`: everything that can be done to plugins of a running instance, and everything that is
//! done before there is one.

pub(crate) mod args;
mod asking;
pub(crate) mod make;
pub(crate) mod make_args;
pub(crate) mod ops;
mod probe;
mod progress;
mod show;
mod sum;
mod verify;

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use orrery_engine::api::{PackageSource, PluginOrder, Request};
use orrery_gateway::Instance;
use serde_json::{Map, Value};

use crate::confirm::confirmed;
use crate::exit::Exit;
use crate::output::{print_json, text};
use args::{Config, Install, One, Plugin};
use progress::Progress;

/// Pause between two looks at a log that is followed.
const FOLLOW: Duration = Duration::from_millis(300);

/// Runs a command about plugins.
pub(crate) async fn run(instance: &Instance, command: Plugin, json: bool) -> Result<(), Exit> {
    match command {
        Plugin::List(filter) => {
            let mut list = instance.call(&Request::PluginList).await?;
            if let Some(entries) = list.as_array_mut() {
                entries.retain(|entry| filter.takes(entry));
            }
            if json {
                return print_json(&list);
            }
            show::list(&list)?;
            if filter.is_open() {
                show::rejected(&instance.call(&Request::RejectedPackages).await?);
            }
            Ok(())
        }
        Plugin::Show { plugin } => {
            let entry = entry(instance, &plugin).await?;
            if json {
                print_json(&entry)
            } else {
                show::one(&entry)
            }
        }
        Plugin::Install(install) => install_from(instance, install, false, json).await,
        Plugin::Load(install) => install_from(instance, install, true, json).await,
        Plugin::Upgrade { plugin, install } => {
            entry(instance, &plugin).await?;
            upgrade_from(instance, plugin, install, json).await
        }
        Plugin::Rollback { plugin, to, wait } => {
            let order = PluginOrder::Rollback { plugin, version: to };
            ops::order(instance, order, wait.no_wait, json).await
        }
        Plugin::Remove {
            plugin,
            all: _,
            keep_state,
            force,
            yes,
            wait,
        } => {
            let kept = if keep_state {
                " What it has stored is kept."
            } else {
                " What it has stored is deleted too."
            };
            let plugins = match plugin {
                Some(plugin) => vec![plugin],
                None => installed(instance).await?,
            };
            match plugins.as_slice() {
                [] => say!("Nothing is installed."),
                [plugin] => confirmed(&format!("Remove the plugin {plugin}?{kept}"), yes)?,
                all => confirmed(&format!("Remove the plugins {}?{kept}", all.join(", ")), yes)?,
            }
            for plugin in plugins {
                let order = PluginOrder::Remove {
                    plugin,
                    keep_state,
                    force,
                };
                ops::order(instance, order, wait.no_wait, json).await?;
            }
            Ok(())
        }
        Plugin::Start(one) => told(instance, one, |plugin| PluginOrder::Start { plugin }, json).await,
        Plugin::Stop(one) => told(instance, one, |plugin| PluginOrder::Stop { plugin }, json).await,
        Plugin::Restart(one) => told(instance, one, |plugin| PluginOrder::Restart { plugin }, json).await,
        Plugin::Enable(one) => told(instance, one, |plugin| PluginOrder::Enable { plugin }, json).await,
        Plugin::Disable(one) => told(instance, one, |plugin| PluginOrder::Disable { plugin }, json).await,
        Plugin::Dismiss(one) => told(instance, one, |plugin| PluginOrder::Dismiss { plugin }, json).await,
        Plugin::Config(change) => config(instance, change, json).await,
        Plugin::Logs {
            plugin,
            follow,
            lines,
        } => logs(instance, plugin, follow, lines, json).await,
        Plugin::Health { plugin } => health(instance, plugin, json).await,
        Plugin::Wait {
            plugin,
            about,
            code,
            timeout,
        } => asking::wait(instance, &plugin, &about, code, timeout, json).await,
        Plugin::Broadcast { event, details } => {
            asking::broadcast(instance, &event, details.as_deref(), json).await
        }
        Plugin::Retry { plugin } => retry(instance, &plugin, json).await,
        Plugin::Make(_) => Err(Exit::failed("this command asks no instance")),
    }
}

async fn told(
    instance: &Instance,
    one: One,
    order: impl FnOnce(String) -> PluginOrder,
    json: bool,
) -> Result<(), Exit> {
    ops::order(instance, order(one.plugin), one.wait.no_wait, json).await
}

/// A plugin as it is listed.
pub(crate) async fn entry(instance: &Instance, id: &str) -> Result<Value, Exit> {
    let list = instance.call(&Request::PluginList).await?;
    let found = list.as_array().into_iter().flatten().find(|e| e["id"] == id);
    found
        .cloned()
        .ok_or_else(|| Exit::nothing(format!("there is no plugin {id}; see `orrery plugin list`")))
}

/// Ids of the plugins that were installed.
async fn installed(instance: &Instance) -> Result<Vec<String>, Exit> {
    let list = instance.call(&Request::PluginList).await?;
    let managed = list
        .as_array()
        .into_iter()
        .flatten()
        .filter(|e| e["origin"] == "managed");
    Ok(managed
        .filter_map(|e| e["id"].as_str().map(str::to_owned))
        .collect())
}

async fn install_from(instance: &Instance, install: Install, load: bool, json: bool) -> Result<(), Exit> {
    let config = given(&install)?;
    let source = source(instance, &install, json).await?;
    let force = install.force;
    let order = match load || !config.is_empty() {
        true => PluginOrder::Load {
            source,
            force,
            config,
        },
        false => PluginOrder::Install { source, force },
    };
    ops::order(instance, order, install.wait.no_wait, json).await
}

async fn upgrade_from(instance: &Instance, plugin: String, install: Install, json: bool) -> Result<(), Exit> {
    let config = given(&install)?;
    let order = PluginOrder::Upgrade {
        plugin,
        source: source(instance, &install, json).await?,
        force: install.force,
        load: !config.is_empty(),
        config,
    };
    ops::order(instance, order, install.wait.no_wait, json).await
}

/// Config that comes with the order: what is said on the command line over what stands in the file.
fn given(install: &Install) -> Result<Map<String, Value>, Exit> {
    let mut all = Map::new();
    if let Some(file) = &install.config_file {
        let wrong = |why: String| Exit::usage(format!("{}: {why}", file.display()));
        match serde_json::from_str(&read(file)?) {
            Ok(Value::Object(held)) => all = held,
            Ok(_) => return Err(wrong("a config is an object of keys and values".to_owned())),
            Err(error) => return Err(wrong(error.to_string())),
        }
    }
    all.extend(
        install
            .config
            .iter()
            .map(|(key, value)| (key.clone(), spoken(value))),
    );
    Ok(all)
}

/// A value from the command line: JSON, or text where it is none.
fn spoken(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))
}

/// What is named: an address, an entry of an index, or a file. A file is read by the instance itself where it
/// is on this machine, and otherwise sent to it.
async fn source(instance: &Instance, install: &Install, json: bool) -> Result<PackageSource, Exit> {
    let package = install.package.clone();
    if let Some(index) = &install.index {
        let is_address = index.starts_with("https://") || index.starts_with("http://");
        let index = if is_address || is_remote(instance) {
            index.clone()
        } else {
            absolute(index)?
        };
        return Ok(PackageSource::Index {
            index,
            plugin: package,
            version: install.version.clone(),
        });
    }
    if package.starts_with("https://") || package.starts_with("http://") {
        return Ok(PackageSource::Url {
            url: package,
            sha256: install.sha256.clone(),
        });
    }
    let path = absolute(&package)?;
    if let Some(expected) = &install.sha256 {
        check_sum(&path, expected)?;
    }
    if !is_remote(instance) {
        return Ok(PackageSource::File {
            path,
            name: install.name.clone(),
        });
    }
    let mut progress = Progress::new(json);
    let upload = instance
        .upload(Path::new(&path), |done, total| progress.sent(done, total))
        .await?;
    progress.end();
    // What arrives has no name any more.
    let own = || orrery_packages::program_id(Path::new(&path).file_name()?.to_str()?).ok();
    let name = install.name.clone().or_else(|| own().map(|id| id.to_string()));
    Ok(PackageSource::Upload { upload, name })
}

fn is_remote(instance: &Instance) -> bool {
    matches!(instance, Instance::Address { .. })
}

fn absolute(path: &str) -> Result<String, Exit> {
    let found = std::fs::canonicalize(path)
        .map_err(|error| Exit::nothing(format!("cannot read the package {path}: {error}")))?;
    Ok(found.display().to_string())
}

/// A file's sum is looked at here: an order that names a file names no sum.
fn check_sum(path: &str, expected: &str) -> Result<(), Exit> {
    let found =
        sum::of(Path::new(path)).map_err(|error| Exit::failed(format!("cannot read {path}: {error}")))?;
    if found == expected.to_ascii_lowercase() {
        return Ok(());
    }
    Err(Exit::refused(format!(
        "the package's SHA-256 is {found}, and {expected} was expected"
    )))
}

async fn config(instance: &Instance, change: Config, json: bool) -> Result<(), Exit> {
    let plugin = change.plugin.clone();
    let changes = change.clear || !change.set.is_empty() || change.file.is_some() || change.text.is_some();
    let held = entry(instance, &plugin).await?["managed"]["config"].clone();
    if held.is_null() {
        return Err(Exit::nothing(format!("Orrery does not run the plugin {plugin}")));
    }
    if !changes {
        return if json {
            print_json(&held)
        } else {
            show::config(&held)
        };
    }
    let (structured, text) = if let Some(file) = &change.file {
        let value = serde_json::from_str(&read(file)?)
            .map_err(|error| Exit::usage(format!("{}: {error}", file.display())))?;
        (Some(value), None)
    } else if let Some(file) = &change.text {
        (None, Some(read(file)?))
    } else if change.clear {
        (None, None)
    } else {
        let mut all = match held["structured"].clone() {
            Value::Object(all) => all,
            _ => Map::new(),
        };
        for (key, value) in change.set {
            all.insert(key, spoken(&value));
        }
        (Some(Value::Object(all)), None)
    };
    let order = PluginOrder::Configure {
        plugin,
        structured,
        text,
    };
    ops::order(instance, order, change.wait.no_wait, json).await
}

fn read(file: &Path) -> Result<String, Exit> {
    let failed = |error| Exit::failed(format!("cannot read {}: {error}", file.display()));
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(failed)
}

async fn logs(instance: &Instance, plugin: String, follow: bool, lines: u32, json: bool) -> Result<(), Exit> {
    let (mut after, mut limit) = (0, Some(lines));
    loop {
        let request = Request::PluginLogs {
            plugin: plugin.clone(),
            after,
            limit,
        };
        let page = instance.call(&request).await?;
        for line in page["lines"].as_array().into_iter().flatten() {
            if json {
                say!("{line}");
            } else {
                show::log_line(line);
            }
        }
        after = page["next"].as_u64().unwrap_or(after);
        limit = None;
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

async fn health(instance: &Instance, plugin: String, json: bool) -> Result<(), Exit> {
    let request = Request::PluginHealth {
        plugin: plugin.clone(),
        fresh: true,
    };
    let answer = instance.call(&request).await?;
    let body = &answer["body"];
    if json {
        print_json(body)?;
    } else if answer["status"] != 404 {
        match body["message"].as_str() {
            Some(message) if !message.is_empty() => {
                say!("{}  {}", text(body, "status"), text(body, "message"));
            }
            _ => say!("{}", text(body, "status")),
        }
    }
    match answer["status"].as_u64() {
        Some(200) => Ok(()),
        Some(404) => Err(Exit::nothing(format!("there is no plugin {plugin}"))),
        _ => Err(Exit::failed(String::new())),
    }
}

async fn retry(instance: &Instance, plugin: &str, json: bool) -> Result<(), Exit> {
    let list = instance.call(&Request::Plugins).await?;
    let known = list
        .as_array()
        .into_iter()
        .flatten()
        .find(|p| p["id"] == plugin || p["path"] == plugin);
    let Some(path) = known.and_then(|p| p["path"].as_str()) else {
        return Err(Exit::nothing(format!("there is no plugin {plugin}")));
    };
    let request = Request::RetryPlugin {
        path: path.to_owned(),
    };
    instance.call(&request).await?;
    let list = instance.call(&Request::PluginList).await?;
    if json {
        print_json(&list)
    } else {
        show::list(&list)
    }
}

/// `key=value`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not of the form key=value"))?;
    Ok((key.to_owned(), value.to_owned()))
}
