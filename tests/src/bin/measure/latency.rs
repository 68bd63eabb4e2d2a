//! How long it takes from a plugin's socket appearing to its node arriving at a client that looks.

use std::path::Path;
use std::time::{Duration, Instant};

use orrery_engine::model::Timestamp;
use orrery_engine::topology::view::ViewMessage;
use orrery_testkit::GoodPlugin;
use orrery_testkit::plugin::spec_json;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::backend::Backend;
use crate::table::{Table, spread};

const PLUGINS: u64 = 20;
/// Plugins appear at any moment between two of the probes' beats, which are a second apart.
const STAGGER: Duration = Duration::from_millis(137);

/// Measures with a view of hosts open, one plugin after the other; those before stay.
pub(crate) async fn measure(orrery: &Path, table: &mut Table) -> anyhow::Result<()> {
    let backend = Backend::start(orrery).await?;
    let mut view = backend.view("hosts").await?;
    let (mut plugins, mut latencies) = (Vec::new(), Vec::new());
    for n in 0..PLUGINS {
        sleep(STAGGER * u32::try_from(n % 8)?).await;
        let name = format!("lamp{n}");
        let node = format!("{name};<host>");
        let report = report(&name, &node);
        let path = backend.plugin(&name);
        let start = Instant::now();
        // There is no await in between, so nothing is answered before it knows its report.
        let plugin = GoodPlugin::start(path)?;
        plugin.on_report(move |_| report.clone().into());
        view.until(|message| match message {
            ViewMessage::Frame(frame) => frame.nodes.iter().any(|n| n.id == node),
            ViewMessage::Delta(delta) => delta.nodes.iter().any(|n| n.id == node),
            _ => false,
        })
        .await?;
        latencies.push(start.elapsed());
        plugins.push(plugin);
    }
    table.section(&format!(
        "first sight of a plugin, {PLUGINS} times (wall time, to a client of the instance socket)"
    ));
    table.row("socket appears → its node is in the view", spread(latencies));
    Ok(())
}

fn report(name: &str, node: &str) -> Value {
    let text = json!({ "timestamp": Timestamp::ZERO.to_string(), "value": name });
    json!({
        "Host": { "nodes": { node: { "latest": { "host_name": text } } } },
        "Plugins": [spec_json(name, &["reporter"])],
    })
}
