//! What each operation does. Each is handed over in the same way: it commits itself, or says why it failed after it
//! has undone what it had begun.

mod bring;
mod configure;
mod install;
mod package;
mod remove;
mod rollback;
mod switch;
mod wish;

pub(crate) use bring::{remove_dead_socket, remove_dir, remove_traces, sum_of};
pub(crate) use package::{file_id, verified};
pub(crate) use rollback::target as rollback_target;
pub(crate) use wish::may_start;

use std::sync::Arc;

use orrery_store::{Change, PendingRecord};

use crate::clock::now_ms;
use crate::error::Failure;
use crate::op::Op;
use crate::plan::{Kind, Step};
use crate::view::PluginOrder;
use install::Terms;

/// How an operation failed, with what is to be remembered of it.
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    /// Changes of the records, such as a pending revision with its failure.
    pub(crate) changes: Vec<Change>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Failed {
            failure,
            changes: Vec::new(),
        }
    }
}

/// Carries an operation out, to its recorded end.
pub(crate) async fn carry_out(op: Arc<Op>, order: PluginOrder) {
    let done = match order {
        PluginOrder::Install { source, force } => {
            let terms = Terms {
                force,
                ..Terms::default()
            };
            install::run(&op, source, terms).await
        }
        PluginOrder::Load {
            source,
            force,
            config,
        } => {
            let terms = Terms {
                force,
                config,
                with_all_config: true,
                of: None,
            };
            install::run(&op, source, terms).await
        }
        PluginOrder::Upgrade {
            plugin,
            source,
            force,
            config,
            load,
        } => {
            let terms = Terms {
                force,
                config,
                with_all_config: load,
                of: Some(plugin),
            };
            install::run(&op, source, terms).await
        }
        PluginOrder::Rollback { plugin, version } => rollback::run(&op, &plugin, version.as_deref()).await,
        PluginOrder::Remove {
            plugin, keep_state, ..
        } => remove::run(&op, &plugin, keep_state).await,
        PluginOrder::Configure {
            plugin,
            structured,
            text,
        } => configure::run(&op, &plugin, structured, text).await,
        PluginOrder::Reconfigure { plugin } => configure::again(&op, &plugin).await,
        PluginOrder::Start { plugin } => wish::start(&op, &plugin).await,
        PluginOrder::Stop { plugin } => wish::stop(&op, &plugin).await,
        PluginOrder::Restart { plugin } => wish::restart(&op, &plugin).await,
        PluginOrder::Enable { plugin } => wish::enable(&op, &plugin).await,
        PluginOrder::Disable { plugin } => wish::disable(&op, &plugin).await,
        PluginOrder::Dismiss { plugin } => wish::dismiss(&op, &plugin).await,
    };
    settle(&op, done).await;
}

/// Goes on with an operation that an earlier run had taken past its turning point.
pub(crate) async fn go_on(op: Arc<Op>, kind: Kind, step: Step, order: PluginOrder) {
    let done = match (kind, step, order) {
        (Kind::Upgrade, Step::Probation, _) => switch::go_on(&op).await,
        (
            Kind::Remove,
            Step::Delete,
            PluginOrder::Remove {
                plugin, keep_state, ..
            },
        ) => remove::delete(&op, &plugin, keep_state).await,
        _ => Err(Failure::new("interrupted", "Orrery ended while it was under way").into()),
    };
    settle(&op, done).await;
}

async fn settle(op: &Op, done: Result<(), Failed>) {
    match done {
        Ok(()) => {}
        // It stays open in the journal; the next start goes on with it.
        Err(failed) if failed.failure.is_closing() => {}
        Err(failed) => op.fail(&failed.failure, failed.changes).await,
    }
}

/// The pending revision that a failure leaves.
pub(crate) fn pending(
    incoming: &crate::book::Incoming,
    step: Option<Step>,
    failure: &Failure,
) -> PendingRecord {
    PendingRecord {
        version: incoming.version.clone(),
        sha256: incoming.sha256.clone(),
        signature: incoming.signature.clone(),
        bytes: incoming.bytes,
        step: step.map(|s| s.word().to_owned()).unwrap_or_default(),
        failure: failure.text.clone(),
        failed_ms: now_ms(),
    }
}
