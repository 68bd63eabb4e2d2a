//! What the user wishes of a plugin: start, stop, restart, enable, disable, dismiss. A wish is recorded first and
//! then told to the supervisor, so it outlives every end.

use orrery_store::{Change, Desired, PluginRecord};
use orrery_supervisor::view::InstanceState;

use super::Failed;
use crate::error::{Failure, OrderError};
use crate::limits::STOP_SLACK;
use crate::op::Op;
use crate::plan::Step;
use crate::view::Activation;

/// Whether a plugin can be started by hand.
pub(crate) fn may_start(plugin: &str, desired: Desired, activation: Activation) -> Result<(), OrderError> {
    let plugin = plugin.to_owned();
    match (desired, activation) {
        (Desired::Disabled, _) => Err(OrderError::Disabled { plugin }),
        (Desired::Automatic, Activation::Always) => Err(OrderError::Automatic { plugin }),
        (Desired::Automatic, Activation::OnDemand | Activation::Trigger | Activation::Manual)
        | (Desired::Started | Desired::Stopped, _) => Ok(()),
    }
}

/// Starts it, and keeps it running from then on.
pub(super) async fn start(op: &Op, plugin: &str) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let record = registered(op, plugin)?;
    let activation = activation(op, plugin);
    may_start(plugin, record.desired, activation)
        .map_err(|error| Failure::new(error.code(), error.to_string()))?;
    // A one-shot works once and then waits for its trigger as before.
    let desired = match (activation, record.desired) {
        (Activation::Trigger, _) => Desired::Automatic,
        _ => Desired::Started,
    };
    let runs = op.shared.processes.view(plugin).is_some_and(|view| {
        matches!(view.state, InstanceState::Running | InstanceState::Starting)
            && activation != Activation::Trigger
    });
    let outcome = match runs && record.desired == Desired::Started {
        true => format!("{plugin} runs already."),
        false => format!("{plugin} is being started."),
    };
    record_wish(op, record, desired, outcome).await?;
    if let Some(obstacle) = obstacle(op, plugin) {
        tracing::info!(plugin, obstacle, "a plugin is wanted but cannot run");
    }
    if activation == Activation::Trigger && obstacle(op, plugin).is_none() {
        op.shared
            .processes
            .want(plugin, orrery_supervisor::Want::Run)
            .await;
    } else {
        follow(op, plugin).await;
    }
    Ok(())
}

/// Stops it until it is started.
pub(super) async fn stop(op: &Op, plugin: &str) -> Result<(), Failed> {
    rest(op, plugin, Desired::Stopped, "is stopped").await
}

/// Switches it off.
pub(super) async fn disable(op: &Op, plugin: &str) -> Result<(), Failed> {
    rest(op, plugin, Desired::Disabled, "is switched off").await
}

/// The wish is told before the operation ends, so that whoever waits for its end finds nothing running.
async fn rest(op: &Op, plugin: &str, desired: Desired, words: &str) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let record = PluginRecord {
        desired,
        ..registered(op, plugin)?
    };
    let step = match desired {
        Desired::Stopped => Step::Stop,
        Desired::Automatic | Desired::Started | Desired::Disabled => Step::Commit,
    };
    op.begin_with(step, vec![Change::PutPlugin(record)]).await?;
    follow(op, plugin).await;
    let grace = {
        let book = op.shared.book();
        let manifest = book.plugins.get(plugin).and_then(|p| p.manifest.as_ref());
        manifest.map(|m| m.stop.timeout).unwrap_or_default()
    };
    op.shared.processes.quiet(plugin, grace + STOP_SLACK).await;
    op.commit(Vec::new(), format!("{plugin} {words}.")).await?;
    Ok(())
}

/// Stops and starts it.
pub(super) async fn restart(op: &Op, plugin: &str) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let record = registered(op, plugin)?;
    let desired = match record.desired {
        Desired::Disabled => {
            let error = OrderError::Disabled {
                plugin: plugin.to_owned(),
            };
            return Err(Failure::new(error.code(), error.to_string()).into());
        }
        Desired::Stopped => Desired::Started,
        wish @ (Desired::Automatic | Desired::Started) => wish,
    };
    let was_stopped = record.desired == Desired::Stopped;
    record_wish(op, record, desired, format!("{plugin} is being restarted.")).await?;
    follow(op, plugin).await;
    if !was_stopped {
        op.shared.processes.restart(plugin).await;
    }
    Ok(())
}

/// Switches it on.
pub(super) async fn enable(op: &Op, plugin: &str) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let record = registered(op, plugin)?;
    let desired = match record.desired {
        Desired::Disabled => Desired::Automatic,
        wish @ (Desired::Automatic | Desired::Started | Desired::Stopped) => wish,
    };
    record_wish(op, record, desired, format!("{plugin} is switched on.")).await?;
    follow(op, plugin).await;
    Ok(())
}

/// Forgets a failed pending revision, and why a config was refused.
pub(super) async fn dismiss(op: &Op, plugin: &str) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let mut record = registered(op, plugin)?;
    record.pending = None;
    record.config.rejected.clear();
    let changes = vec![Change::PutPlugin(record)];
    op.commit(changes, "The failure is dismissed.").await?;
    Ok(())
}

/// The record of a plugin that there has to be.
pub(super) fn registered(op: &Op, plugin: &str) -> Result<PluginRecord, Failure> {
    op.shared.record(plugin).ok_or_else(|| {
        let error = OrderError::NotRegistered {
            plugin: plugin.to_owned(),
        };
        Failure::new(error.code(), error.to_string())
    })
}

/// Makes the process be what the records say, after an operation on it failed.
pub(super) async fn restore(op: &Op, plugin: &str) {
    if let Err(failure) = op.shared.run_as_recorded(plugin).await {
        tracing::error!(plugin, %failure, "a plugin cannot be brought back to what it was");
    }
}

async fn record_wish(
    op: &Op,
    record: PluginRecord,
    desired: Desired,
    outcome: String,
) -> Result<(), Failure> {
    let changes = vec![Change::PutPlugin(PluginRecord { desired, ..record })];
    op.commit(changes, outcome).await
}

/// Tells the supervisor what is wanted now.
async fn follow(op: &Op, plugin: &str) {
    let known = op.shared.book().plugins.get(plugin).cloned();
    let want = known.and_then(|p| {
        let manifest = p.manifest?;
        Some(match (p.obstacle, op.shared.want_of(&p.record, &manifest)) {
            (Some(why), orrery_supervisor::Want::Automatic | orrery_supervisor::Want::Run) => {
                orrery_supervisor::Want::Rest(orrery_supervisor::spec::Rest::Inapplicable(why))
            }
            (_, want) => want,
        })
    });
    match want {
        Some(want) => op.shared.processes.want(plugin, want).await,
        // Its manifest could not be read when Orrery started; perhaps it can be now.
        None => restore(op, plugin).await,
    }
}

fn activation(op: &Op, plugin: &str) -> Activation {
    let book = op.shared.book();
    let found = book.plugins.get(plugin);
    found.map_or(Activation::Always, crate::show::activation_of)
}

fn obstacle(op: &Op, plugin: &str) -> Option<String> {
    op.shared.book().plugins.get(plugin)?.obstacle.clone()
}
