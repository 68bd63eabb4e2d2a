//! Plugins that we run: lists, orders, logs, usage.

use super::plugin_list;
use crate::api::{
    ApiError, Caller, Code, HealthAnswer, LogPage, ManagedPlugin, OperationView, PluginEntry, PluginOrder,
    RejectedPackage, UsagePoint,
};
use crate::engine::Engine;

impl Engine {
    pub(crate) fn plugin_list(&self) -> Vec<PluginEntry> {
        plugin_list::join(
            self.managed_plugins().unwrap_or_default(),
            self.shared.registry.list(),
        )
    }

    pub(crate) async fn plugin_health(&self, plugin: &str, _fresh: bool) -> HealthAnswer {
        let sockets = self.shared.registry.list();
        let socket = sockets.iter().find(|s| s.id == plugin);
        let answer = socket.map_or_else(not_found, plugin_list::health_of_socket);
        std::future::ready(answer).await
    }

    pub(crate) fn managed_plugins(&self) -> Result<Vec<ManagedPlugin>, ApiError> {
        Err(not_here())
    }

    pub(crate) async fn order_plugin(
        &self,
        _caller: &Caller,
        _order: PluginOrder,
        _wait: bool,
    ) -> Result<OperationView, ApiError> {
        std::future::ready(Err(not_here())).await
    }

    pub(crate) fn operations(&self, _limit: Option<u32>) -> Result<Vec<OperationView>, ApiError> {
        Err(not_here())
    }

    pub(crate) fn cancel_operation(&self, id: &str) -> Result<OperationView, ApiError> {
        Err(ApiError::not_found(format!("There is no operation {id}.")))
    }

    pub(crate) fn plugin_logs(
        &self,
        plugin: &str,
        _after: u64,
        _limit: Option<u32>,
    ) -> Result<LogPage, ApiError> {
        Err(ApiError::not_found(format!(
            "There is no plugin {plugin} that Orrery runs."
        )))
    }

    pub(crate) fn plugin_usage(&self, plugin: &str, _after: u64) -> Result<Vec<UsagePoint>, ApiError> {
        Err(ApiError::not_found(format!(
            "There is no plugin {plugin} that Orrery runs."
        )))
    }

    pub(crate) fn rejected_packages(&self) -> Result<Vec<RejectedPackage>, ApiError> {
        Err(not_here())
    }
}

fn not_here() -> ApiError {
    ApiError {
        reason: "no_plugin_engine".to_owned(),
        ..ApiError::new(
            Code::Unavailable,
            "This instance runs no plugins of its own: it talks to the sockets that it finds.",
        )
    }
}

fn not_found() -> HealthAnswer {
    HealthAnswer {
        status: 404,
        body: serde_json::json!({ "message": "Plugin not found" }),
        retry_after_s: None,
    }
}
