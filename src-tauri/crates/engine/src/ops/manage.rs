//! Plugins that we run: lists, orders, logs, usage.

use std::time::Duration;

use orrery_manager::{Manager, OrderError, Wait};
use orrery_supervisor::HealthReply;

use super::plugin_list;
use crate::api::{
    ApiError, Caller, Code, ConfigChange, ConfigChanged, ConfigLayerView, ConfigScope, FieldError,
    HealthAnswer, LogPage, ManagedPlugin, OperationView, PluginEntry, PluginOrder, RejectedPackage,
    UsagePoint,
};
use crate::engine::Engine;
use crate::limits::{HEALTH_FRESH, LOG_LINES, OPERATIONS, ORDER_WAIT};
use crate::managed::Managed;

/// An archive on its way in; see [`Engine::upload_package`].
pub type PackageUpload = orrery_manager::Upload;

impl Engine {
    pub(crate) fn plugin_list(&self) -> Vec<PluginEntry> {
        let mut all = plugin_list::join(
            self.managed_plugins().unwrap_or_default(),
            self.shared.registry.list(),
        );
        for plugin in &mut all {
            plugin.subscriptions = self
                .subscribers(&plugin.id)
                .iter()
                .map(ToString::to_string)
                .collect();
        }
        all
    }

    pub(crate) async fn plugin_health(&self, plugin: &str, fresh: bool) -> HealthAnswer {
        if let Ok(managed) = &self.managed
            && managed.manager.plugin(plugin).is_some()
        {
            let age = if fresh { Duration::ZERO } else { HEALTH_FRESH };
            return answer(managed.supervisor.health(plugin, age).await);
        }
        let sockets = self.shared.registry.list();
        let socket = sockets.iter().find(|s| s.id == plugin);
        socket.map_or_else(
            || answer(HealthReply::unknown_plugin()),
            plugin_list::health_of_socket,
        )
    }

    pub(crate) fn managed_plugins(&self) -> Result<Vec<ManagedPlugin>, ApiError> {
        Ok(self.manager()?.list())
    }

    pub(crate) async fn order_plugin(
        &self,
        caller: &Caller,
        order: PluginOrder,
        wait: bool,
    ) -> Result<OperationView, ApiError> {
        let manager = self.manager()?;
        if let PluginOrder::Remove {
            plugin, force: false, ..
        } = &order
        {
            self.not_needed(plugin)?;
        }
        let ordered = manager
            .order(order, &caller.user, Wait::No)
            .await
            .map_err(|error| self.not_taken(error))?;
        if !wait {
            return Ok(ordered);
        }
        match tokio::time::timeout(ORDER_WAIT, manager.ended(&ordered.id)).await {
            Ok(ended) => ended.map_err(refused),
            Err(_) => manager
                .operation(&ordered.id)
                .ok_or_else(|| refused(OrderError::NoOperation(ordered.id))),
        }
    }

    /// Layers of the config that say something.
    pub(crate) fn config_layers(&self) -> Result<Vec<ConfigLayerView>, ApiError> {
        Ok(self.manager()?.config())
    }

    /// Changes a layer of the config; what is set in the configuration file stays there.
    pub(crate) async fn set_config(
        &self,
        caller: &Caller,
        scope: ConfigScope,
        change: ConfigChange,
    ) -> Result<ConfigChanged, ApiError> {
        let changed = self.manager()?.configure(scope, change, &caller.user).await;
        changed.map_err(refused)
    }

    /// Refuses to take a plugin from tasks that would lack something without it.
    fn not_needed(&self, plugin: &str) -> Result<(), ApiError> {
        let losing = self.losing(plugin);
        if losing.is_empty() {
            return Ok(());
        }
        let tasks: Vec<String> = losing.iter().map(|id| self.called(id)).collect();
        let fields = tasks.iter().map(|task| FieldError {
            field: "task".to_owned(),
            message: task.clone(),
        });
        let message = format!(
            "{plugin} is needed by {}. With force it is removed, and they wait until it is back.",
            tasks.join(", ")
        );
        Err(ApiError {
            fields: fields.collect(),
            reason: "in_use".to_owned(),
            ..ApiError::new(Code::Conflict, message)
        })
    }

    /// A task by name and id.
    fn called(&self, id: &str) -> String {
        let found = self.tasks().ok().and_then(|tasks| tasks.spec(id).ok());
        match found {
            Some((_, spec)) if !spec.name.is_empty() => format!("{} ({id})", spec.name),
            _ => id.to_owned(),
        }
    }

    pub(crate) fn operations(&self, limit: Option<u32>) -> Result<Vec<OperationView>, ApiError> {
        let limit = limit.unwrap_or(OPERATIONS.0).min(OPERATIONS.1);
        Ok(self.manager()?.operations(limit as usize))
    }

    pub(crate) fn cancel_operation(&self, id: &str) -> Result<OperationView, ApiError> {
        self.manager()?.cancel(id).map_err(refused)
    }

    pub(crate) fn plugin_logs(
        &self,
        plugin: &str,
        after: u64,
        limit: Option<u32>,
    ) -> Result<LogPage, ApiError> {
        let limit = limit.unwrap_or(LOG_LINES.0).min(LOG_LINES.1);
        let managed = self.managed.as_ref().ok();
        let page = managed.and_then(|managed| managed.supervisor.logs(plugin, after, limit as usize));
        page.ok_or_else(|| self.not_run(plugin))
    }

    pub(crate) fn plugin_usage(&self, plugin: &str, after: u64) -> Result<Vec<UsagePoint>, ApiError> {
        let managed = self.managed.as_ref().ok();
        let ours = managed.filter(|managed| managed.manager.plugin(plugin).is_some());
        let usage = ours.map(|managed| managed.supervisor.usage(plugin, after));
        usage.ok_or_else(|| self.not_run(plugin))
    }

    pub(crate) fn rejected_packages(&self) -> Result<Vec<RejectedPackage>, ApiError> {
        Ok(self.manager()?.rejected())
    }

    /// Begins to receive a package; its handle is for [`crate::api::PackageSource::Upload`].
    ///
    /// # Errors
    /// When this instance runs no plugins, too many uploads are under way, or there is no room.
    pub async fn upload_package(&self) -> Result<PackageUpload, ApiError> {
        self.manager()?.upload().await.map_err(refused)
    }

    /// What went wrong with an upload, as clients see it.
    pub fn upload_failed(error: OrderError) -> ApiError {
        refused(error)
    }

    fn manager(&self) -> Result<&Manager, ApiError> {
        Ok(&self.run_by_us()?.manager)
    }

    fn not_run(&self, plugin: &str) -> ApiError {
        let error = ApiError::not_found(format!("There is no plugin {plugin} that Orrery runs."));
        self.or_another(error, plugin)
    }

    /// Why an order was not taken; of a plugin that is not there, which one may have been meant.
    fn not_taken(&self, error: OrderError) -> ApiError {
        match &error {
            OrderError::NotRegistered { plugin } => {
                let plugin = plugin.clone();
                self.or_another(refused(error), &plugin)
            }
            _ => refused(error),
        }
    }

    fn or_another(&self, error: ApiError, plugin: &str) -> ApiError {
        let ours = self.managed_plugins().unwrap_or_default();
        error.or_nearly(plugin, ours.iter().map(|ours| ours.id.as_str()))
    }

    pub(super) fn run_by_us(&self) -> Result<&Managed, ApiError> {
        self.managed.as_deref().map_err(|why| ApiError {
            reason: "no_plugin_engine".to_owned(),
            ..ApiError::new(Code::Unavailable, why.clone())
        })
    }
}

fn answer(reply: HealthReply) -> HealthAnswer {
    HealthAnswer {
        status: reply.status,
        body: reply.body,
        retry_after_s: reply.retry_after_s,
    }
}

/// An order that was not taken, as clients see it.
fn refused(error: OrderError) -> ApiError {
    let code = match &error {
        OrderError::NotRegistered { .. } | OrderError::NoOperation(_) | OrderError::NoUpload(_) => {
            Code::NotFound
        }
        OrderError::AlreadyRegistered { .. }
        | OrderError::Automatic { .. }
        | OrderError::Disabled { .. }
        | OrderError::Local { .. }
        | OrderError::Busy { .. }
        | OrderError::NoRevision { .. }
        | OrderError::NotCancellable(_) => Code::Conflict,
        OrderError::Policy(_) | OrderError::Manifest { .. } => Code::Invalid,
        OrderError::Invalid(_) | OrderError::Unsafe(_) => Code::BadRequest,
        OrderError::TooMany(_) => Code::LimitExceeded,
        OrderError::Store(_) | OrderError::ShuttingDown => Code::Unavailable,
    };
    let fields = match &error {
        OrderError::Policy(errors) => errors
            .iter()
            .map(|error| FieldError {
                field: error.key.clone(),
                message: error.message.clone(),
            })
            .collect(),
        _ => Vec::new(),
    };
    let operation = match &error {
        OrderError::Busy { operation, .. } => operation.clone(),
        _ => String::new(),
    };
    ApiError {
        fields,
        operation,
        reason: error.code().to_owned(),
        retryable: error.retryable(),
        ..ApiError::new(code, error.to_string())
    }
}
