//! Every operation, on plain data, with the right that it needs.

mod audited;
mod broadcast;
mod catalog;
mod control;
mod events;
mod export;
mod history;
mod look;
mod manage;
mod metrics;
mod plugin_list;
mod remote;
mod report;
mod status;
mod tasks;

pub use audited::Noting;
pub use broadcast::Told;
pub use control::ControlRequest;
pub use manage::PackageUpload;
pub use metrics::{PluginProcess, Reading, Readings, ReadingsOf};
pub use remote::ProbeInfo;
pub use report::Uploaded;

use crate::api::{ApiError, Caller, Code, Request, Response, Role, TaskOrder};
use crate::engine::Engine;
use crate::limits::NAME_BYTES_MAX;

/// The right that an operation needs, and whether it changes anything.
fn needs(request: &Request) -> (Role, bool) {
    match request {
        Request::Control { .. } => (Role::Control, true),
        Request::RetryPlugin { .. } => (Role::Control, false),
        Request::PluginOrder { .. }
        | Request::ConfigSet { .. }
        | Request::CancelOperation { .. }
        | Request::TaskCreate { .. }
        | Request::TaskUpdate { .. } => (Role::Admin, true),
        Request::TaskOrder { order, .. } => match order {
            TaskOrder::Remove => (Role::Admin, true),
            TaskOrder::Start | TaskOrder::Stop | TaskOrder::Enable | TaskOrder::Run => (Role::Control, true),
        },
        Request::Status
        | Request::Topologies { .. }
        | Request::Details { .. }
        | Request::Search { .. }
        | Request::Controls { .. }
        | Request::History { .. }
        | Request::HistorySeries { .. }
        | Request::Events { .. }
        | Request::Plugins
        | Request::ManagedPlugins
        | Request::PluginList
        | Request::PluginHealth { .. }
        | Request::Operations { .. }
        | Request::PluginLogs { .. }
        | Request::PluginUsage { .. }
        | Request::RejectedPackages
        | Request::ConfigLayers
        | Request::Catalog { .. }
        | Request::CatalogEntry { .. }
        | Request::CatalogReadings { .. }
        | Request::Tasks
        | Request::Task { .. }
        | Request::TaskCheck { .. }
        | Request::TaskFiles
        | Request::TaskSubscription { .. }
        | Request::ExportReport { .. }
        | Request::ExportHistory { .. }
        | Request::Rearrange { .. } => (Role::View, false),
    }
}

impl Engine {
    /// Does what is asked, if the caller may. Controls and changes are noted in the audit log.
    ///
    /// # Errors
    /// [`Code::Forbidden`] when the caller may not; otherwise what the operation says.
    pub async fn call(&self, caller: &Caller, request: Request) -> Result<Response, ApiError> {
        let Some(deed) = audited::deed(&request) else {
            return self.perform(caller, request).await;
        };
        let noting = self.noting(caller, deed);
        let answer = self.perform(caller, request).await;
        noting.answered(&answer);
        answer
    }

    async fn perform(&self, caller: &Caller, request: Request) -> Result<Response, ApiError> {
        let (role, changes) = needs(&request);
        self.allow(caller, role, changes)?;
        match request {
            Request::Status => Ok(Response::Status(Box::new(self.status(caller)))),
            Request::Topologies { at_ms } => self.topologies(at_ms).await.map(Response::Topologies),
            Request::Details {
                topology,
                node,
                at_ms,
            } => {
                let details = self.details(&topology, &node, at_ms).await?;
                Ok(Response::Details(Box::new(details)))
            }
            Request::Search { query, limit, at_ms } => {
                self.search(&query, limit, at_ms).await.map(Response::Search)
            }
            Request::Control {
                node,
                control,
                args,
                force,
            } => {
                let request = ControlRequest {
                    node,
                    control,
                    args,
                    force,
                };
                self.control(caller, request).await.map(Response::Control)
            }
            Request::Controls { node } => self.controls(&node).await.map(Response::Controls),
            Request::History {
                node,
                metric,
                from_ms,
                to_ms,
                max_points,
            } => self
                .history(&node, &metric, from_ms, to_ms, max_points)
                .await
                .map(Response::History),
            Request::HistorySeries { node } => self.history_series(&node).await.map(Response::Series),
            Request::Events {
                from_ms,
                to_ms,
                limit,
            } => self.events(from_ms, to_ms, limit).await.map(Response::Events),
            Request::Plugins => Ok(Response::Plugins(self.shared.registry.list())),
            Request::RetryPlugin { path } => self.retry_plugin(&path).map(Response::Plugins),
            Request::PluginList => Ok(Response::PluginList(self.plugin_list())),
            Request::PluginHealth { plugin, fresh } => {
                Ok(Response::Health(self.plugin_health(&plugin, fresh).await))
            }
            Request::ManagedPlugins => self.managed_plugins().map(Response::ManagedPlugins),
            Request::ConfigLayers => self.config_layers().map(Response::Config),
            Request::ConfigSet { scope, change } => self
                .set_config(caller, scope, change)
                .await
                .map(|changed| Response::ConfigChanged(Box::new(changed))),
            Request::PluginOrder { order, wait } => self
                .order_plugin(caller, order, wait)
                .await
                .map(|op| Response::Operation(Box::new(op))),
            Request::Operations { limit } => self.operations(limit).map(Response::Operations),
            Request::CancelOperation { id } => self
                .cancel_operation(&id)
                .map(|op| Response::Operation(Box::new(op))),
            Request::PluginLogs { plugin, after, limit } => {
                self.plugin_logs(&plugin, after, limit).map(Response::Logs)
            }
            Request::PluginUsage { plugin, after } => self.plugin_usage(&plugin, after).map(Response::Usage),
            Request::RejectedPackages => self.rejected_packages().map(Response::Rejected),
            Request::Catalog {
                query,
                version,
                offset,
                limit,
            } => self
                .catalog_page(&query, &version, offset, limit)
                .map(Response::Catalog),
            Request::CatalogEntry { name, version } => self
                .catalog_entry(&name, &version)
                .map(|entry| Response::CatalogEntry(Box::new(entry))),
            Request::CatalogReadings {
                query,
                version,
                limit,
            } => self
                .catalog_readings(&query, &version, limit)
                .map(Response::CatalogReadings),
            Request::ExportReport { at_ms } => self.export_report(at_ms).await.map(Response::Exported),
            Request::ExportHistory {
                node,
                metrics,
                from_ms,
                to_ms,
            } => self
                .export_history(&node, &metrics, from_ms, to_ms)
                .await
                .map(Response::Exported),
            Request::Tasks => self.task_list().map(Response::Tasks),
            Request::Task { task } => self.task(&task).map(|task| Response::Task(Box::new(task))),
            Request::TaskCheck { manifest } => self.check_task(&manifest).map(Response::Checked),
            Request::TaskFiles => self.task_files().map(Response::TaskFiles),
            Request::TaskCreate {
                manifest,
                start,
                force,
            } => {
                let made = self.create_task(caller, &manifest, start, force).await?;
                Ok(Response::TaskInfo(Box::new(made)))
            }
            Request::TaskUpdate {
                task,
                manifest,
                generation,
                force,
            } => {
                let changed = self.update_task(&task, &manifest, generation, force).await?;
                Ok(Response::TaskInfo(Box::new(changed)))
            }
            Request::TaskOrder { task, order } => self.order_task(&task, order).await,
            Request::TaskSubscription { task } => self
                .task_subscription(&task)
                .map(|view| Response::Subscription(Box::new(view))),
            Request::Rearrange { spec } => {
                let engine = self.clone();
                tokio::task::spawn_blocking(move || engine.rearrange(&spec))
                    .await
                    .map_err(ApiError::internal)?;
                Ok(Response::Done)
            }
        }
    }

    /// Refuses a caller who lacks the role, and every change in read-only mode.
    ///
    /// # Errors
    /// [`Code::Forbidden`] with the reason.
    pub fn allow(&self, caller: &Caller, role: Role, changes: bool) -> Result<(), ApiError> {
        if caller.role < role {
            let message = format!("{} may not do this: it needs the role {role:?}.", caller.user);
            return Err(ApiError {
                reason: "role".to_owned(),
                ..ApiError::new(Code::Forbidden, message)
            });
        }
        if changes && self.shared.config.read_only {
            let message = "This instance is read-only: it was started with --read-only.";
            return Err(ApiError {
                reason: "read_only".to_owned(),
                ..ApiError::new(Code::Forbidden, message)
            });
        }
        Ok(())
    }
}

/// Refuses names that no report can hold.
fn named(what: &str, name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::bad_request(format!("The {what} is empty.")));
    }
    if name.len() > NAME_BYTES_MAX {
        let message = format!("The {what} is longer than {NAME_BYTES_MAX} bytes.");
        return Err(ApiError::new(Code::LimitExceeded, message));
    }
    Ok(())
}
