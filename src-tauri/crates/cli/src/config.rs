//! `orrery config`: what plugins are configured with, in layers.

use clap::{Args, Subcommand};
use orrery_engine::api::{ConfigChange, ConfigScope, PluginOrder, Request};
use orrery_gateway::Instance;
use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::output::{print_json, print_table, table, text};
use crate::plugin;

/// Config in layers: what is said more closely wins.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every layer, or what holds for a plugin with the layer that each value comes from.
    #[command(after_help = "\
Examples:
  orrery config show
  orrery config show --effective http-stats")]
    Show {
        /// What holds for this plugin.
        #[arg(long, value_name = "PLUGIN")]
        effective: Option<String>,
    },
    /// Print what is set in one place, or one key of it.
    #[command(after_help = "\
Examples:
  orrery config get
  orrery config get --interface publisher url")]
    Get {
        #[command(flatten)]
        place: Place,
        /// Key; all when not given.
        key: Option<String>,
    },
    /// Set keys in one place; plugins that it means something to take them over at once.
    ///
    /// Values are JSON, or text where they are none. Secrets are references: env:NAME or file:/PATH. When a value
    /// breaks the rules of a plugin nothing is changed, and everything that is wrong is said.
    #[command(after_help = "\
Examples:
  orrery config set sample_rate=5
  orrery config set --revision http-stats@1.4.0 sample_rate=10 level=high")]
    Set {
        #[command(flatten)]
        place: Place,
        /// Keys with their values.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = plugin::key_value)]
        values: Vec<(String, String)>,
    },
    /// Take keys away in one place, or everything that is set there.
    #[command(after_help = "\
Examples:
  orrery config unset sample_rate
  orrery config unset --instance http-stats --all")]
    Unset {
        #[command(flatten)]
        place: Place,
        /// Keys.
        #[arg(required_unless_present = "all", value_name = "KEY")]
        keys: Vec<String>,
        /// Everything.
        #[arg(long, conflicts_with = "keys")]
        all: bool,
    },
}

/// Where: for everything, when nothing else is said.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Place {
    /// For everything.
    #[arg(long)]
    global: bool,
    /// For all plugins with an interface, such as publisher.
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// For a plugin, as `orrery plugin config` does.
    #[arg(long, value_name = "PLUGIN")]
    plugin: Option<String>,
    /// For one version of a plugin.
    #[arg(long, value_name = "PLUGIN@VERSION", value_parser = plugin_version)]
    revision: Option<(String, String)>,
    /// For the process of a plugin on this machine.
    #[arg(long, value_name = "PLUGIN")]
    instance: Option<String>,
}

fn plugin_version(text: &str) -> Result<(String, String), String> {
    let (plugin, version) = text
        .split_once('@')
        .ok_or_else(|| format!("{text:?} is not of the form PLUGIN@VERSION"))?;
    Ok((plugin.to_owned(), version.to_owned()))
}

impl Place {
    /// The layer; none for a plugin's own.
    fn scope(&self) -> Option<ConfigScope> {
        if self.plugin.is_some() {
            return None;
        }
        Some(match (&self.interface, &self.revision, &self.instance) {
            (Some(name), ..) => ConfigScope::Interface { name: name.clone() },
            (_, Some((plugin, version)), _) => ConfigScope::Revision {
                plugin: plugin.clone(),
                version: version.clone(),
            },
            (.., Some(plugin)) => ConfigScope::Instance {
                plugin: plugin.clone(),
            },
            _ => ConfigScope::Global,
        })
    }
}

pub(crate) async fn run(instance: &Instance, command: Config, json: bool) -> Result<(), Exit> {
    match command {
        Config::Show {
            effective: Some(plugin),
        } => effective(instance, &plugin, json).await,
        Config::Show { effective: None } => show(instance, json).await,
        Config::Get { place, key } => get(instance, &place, key.as_deref(), json).await,
        Config::Set { place, values } => {
            let set = values
                .into_iter()
                .map(|(key, value)| (key, serde_json::from_str(&value).unwrap_or(Value::String(value))));
            let change = ConfigChange {
                set: set.collect(),
                ..ConfigChange::default()
            };
            change_in(instance, &place, change, json).await
        }
        Config::Unset { place, keys, all } => {
            let change = ConfigChange {
                unset: keys,
                replace: all,
                ..ConfigChange::default()
            };
            change_in(instance, &place, change, json).await
        }
    }
}

async fn show(instance: &Instance, json: bool) -> Result<(), Exit> {
    let layers = instance.call(&Request::ConfigLayers).await?;
    if json {
        return print_json(&layers);
    }
    let mut out = table(&["LAYER", "OF", "KEY", "VALUE", "SET IN"]);
    for layer in layers.as_array().into_iter().flatten() {
        let scope = &layer["scope"];
        let of = match scope["layer"].as_str() {
            Some("interface") => text(scope, "name"),
            Some("revision") => format!("{} {}", text(scope, "plugin"), text(scope, "version")),
            Some("instance") => text(scope, "plugin"),
            _ => "everything".to_owned(),
        };
        let place = if layer["in_file"] == true {
            "config.toml"
        } else {
            "here"
        };
        for (key, value) in layer["values"].as_object().into_iter().flatten() {
            out.add_row(vec![
                text(scope, "layer"),
                of.clone(),
                crate::output::printable(key),
                crate::output::printable(&value.to_string()),
                place.to_owned(),
            ]);
        }
    }
    print_table(&out);
    Ok(())
}

async fn effective(instance: &Instance, plugin: &str, json: bool) -> Result<(), Exit> {
    let config = plugin::entry(instance, plugin).await?["managed"]["config"].clone();
    if config.is_null() {
        return Err(Exit::nothing(format!("Orrery does not run the plugin {plugin}")));
    }
    if json {
        return print_json(&config);
    }
    if let Some(text) = config["text"].as_str() {
        say!("{text}");
        return Ok(());
    }
    let mut out = table(&["KEY", "VALUE", "FROM"]);
    for one in config["effective"].as_array().into_iter().flatten() {
        let value = crate::output::printable(&one["value"].to_string());
        out.add_row(vec![text(one, "key"), value, text(one, "layer")]);
    }
    print_table(&out);
    let wrong = config["wrong"].as_array().map(Vec::as_slice).unwrap_or_default();
    for one in wrong {
        say!(
            "wrong  {}: {} ({})",
            text(one, "key"),
            text(one, "message"),
            text(one, "layer")
        );
    }
    match wrong.len() {
        0 => Ok(()),
        1 => Err(Exit::failed("1 value is wrong")),
        wrong => Err(Exit::failed(format!("{wrong} values are wrong"))),
    }
}

async fn get(instance: &Instance, place: &Place, key: Option<&str>, json: bool) -> Result<(), Exit> {
    let values = match (place.scope(), &place.plugin) {
        (None, Some(plugin)) => {
            let entry = plugin::entry(instance, plugin).await?;
            entry["managed"]["config"]["structured"].clone()
        }
        (scope, _) => {
            let layers = instance.call(&Request::ConfigLayers).await?;
            let scope = serde_json::to_value(scope).map_err(Exit::failed)?;
            let mut all = Map::new();
            let of_place = layers.as_array().into_iter().flatten();
            // What is set here is laid over what stands in the file.
            for layer in of_place.filter(|layer| layer["scope"] == scope) {
                all.extend(layer["values"].as_object().cloned().unwrap_or_default());
            }
            Value::Object(all)
        }
    };
    let Some(key) = key else {
        return print_json(&values);
    };
    match &values[key] {
        Value::Null => Err(Exit::nothing(format!("{key} is not set there"))),
        Value::String(text) if !json => {
            say!("{}", crate::output::printable(text));
            Ok(())
        }
        value => print_json(value),
    }
}

async fn change_in(instance: &Instance, place: &Place, change: ConfigChange, json: bool) -> Result<(), Exit> {
    if let Some(plugin) = &place.plugin {
        return of_plugin(instance, plugin.clone(), change, json).await;
    }
    let scope = place.scope().unwrap_or(ConfigScope::Global);
    let done = if change.set.is_empty() {
        "taken away"
    } else {
        "set"
    };
    let changed = instance.call(&Request::ConfigSet { scope, change }).await?;
    if json {
        return print_json(&changed);
    }
    let operations = changed["operations"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if operations.is_empty() {
        say!("{done}; no plugin's config is another for it");
    }
    for operation in operations {
        say!(
            "{} takes it over, operation {}",
            text(operation, "plugin"),
            text(operation, "id")
        );
    }
    Ok(())
}

/// A plugin's own config is set as a whole.
async fn of_plugin(
    instance: &Instance,
    plugin: String,
    change: ConfigChange,
    json: bool,
) -> Result<(), Exit> {
    let held = plugin::entry(instance, &plugin).await?["managed"]["config"].clone();
    let mut all = match &held["structured"] {
        Value::Object(all) if !change.replace => all.clone(),
        _ => Map::new(),
    };
    all.extend(change.set);
    all.retain(|key, _| !change.unset.contains(key));
    let structured = (!all.is_empty()).then_some(Value::Object(all));
    let order = PluginOrder::Configure {
        plugin,
        structured,
        text: None,
    };
    plugin::ops::order(instance, order, false, json).await
}
