//! The registry: which plugins there are, how they do, and the way to them.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use crate::{Config, ControlAnswer, ControlError, PluginEvent, PluginInfo, RootInfo, StartError};

/// Starts looking for plugins and calling them, on the current tokio runtime.
///
/// It goes on until [`Registry::shutdown`], until the last [`Registry`] is dropped, or until the receiver is.
///
/// # Errors
/// When there is no runtime or the configuration is out of range.
pub fn start(config: Config) -> Result<(Registry, mpsc::Receiver<PluginEvent>), StartError> {
    let _ = config;
    Err(StartError::NoRuntime)
}

/// Handle on the running registry. Clones share it.
#[derive(Clone)]
pub struct Registry {}

impl Registry {
    /// Every socket found, by id and path, those that are not called included.
    pub fn list(&self) -> Vec<PluginInfo> {
        Vec::new()
    }

    /// The configured roots, in order.
    pub fn roots(&self) -> Vec<RootInfo> {
        Vec::new()
    }

    /// Calls the plugin with this socket at once and forgets its back-off. False when no plugin that is
    /// called has this socket.
    pub fn retry(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Presses a control, by its name without the `<plugin>~` prefix.
    ///
    /// # Errors
    /// See [`ControlError`]; it answers within [`crate::limits::CALL_BUDGET`].
    #[expect(clippy::unused_async, reason = "the signature comes before its body")]
    pub async fn control(
        &self,
        plugin: &str,
        node: &str,
        control: &str,
        args: &BTreeMap<String, String>,
    ) -> Result<ControlAnswer, ControlError> {
        let _ = (node, control, args);
        Err(ControlError::UnknownPlugin(plugin.to_owned()))
    }

    /// Ends every task and waits for them, for at most [`crate::limits::SHUTDOWN_GRACE`].
    #[expect(clippy::unused_async, reason = "the signature comes before its body")]
    pub async fn shutdown(self) {}
}
