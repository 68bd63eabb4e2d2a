//! An engine in this process, and the socket on which later starts and commands reach it. No TCP port.

use std::path::PathBuf;

use orrery_engine::{Config, Engine, InstanceLock, Paths, PluginRunning, Settings, first_packages};
use orrery_gateway::{Door, Gateway, Keys, Raise, ServicesConfig, Token};
use tokio_util::sync::CancellationToken;

use crate::args::Args;

/// A running engine with its socket.
pub(crate) struct Local {
    engine: Engine,
    stop: CancellationToken,
    paths: Paths,
    _lock: InstanceLock,
}

impl Local {
    /// Takes the data directory, opens the socket and starts the engine.
    pub(crate) async fn start(
        args: &Args,
        paths: Paths,
        raise: Raise,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let lock = InstanceLock::acquire(&paths.data)?;
        let file = args
            .config
            .clone()
            .unwrap_or_else(|| paths.config.join("config.toml"));
        let settings = Settings::read(&file, args.config.is_some())?;
        let mut config = Config::new(paths.data.clone());
        config.plugin_roots = paths.plugin_roots();
        config.plugins = Some(PluginRunning {
            first: first_packages(args.bundle.as_deref()),
            ..PluginRunning::at(&paths)
        });
        settings.apply(&mut config)?;
        if let Some(running) = config.plugins.as_mut().filter(|_| !args.packages.is_empty()) {
            running.watched.clone_from(&args.packages);
        }
        if let (Some(running), Some(tasks)) = (&mut config.plugins, &args.tasks) {
            running.tasks.clone_from(tasks);
        }
        config.desktop = true;
        if !args.plugins.is_empty() {
            config.plugin_roots.clone_from(&args.plugins);
        }
        let keys = Keys::open(&paths.data, Token::of(&paths.data)?)?;
        let socket = orrery_gateway::bind(&paths.instance_socket()).await?;
        // Before the engine: a plugin that calls at once waits until somebody answers.
        let host = orrery_gateway::bind_host(&paths.host_socket()).await?;
        if let Some(running) = &mut config.plugins {
            running.host_socket = Some(paths.host_socket());
        }
        let own_root = paths.runtime.join("plugins");
        if let Err(error) = std::fs::create_dir_all(&own_root) {
            tracing::warn!(%error, path = %own_root.display(), "cannot make the directory for plugin sockets");
        }
        let engine = Engine::start(config).await?;
        let gateway = Gateway::new(engine.clone(), keys, Some(raise))
            .with_services(ServicesConfig::at(&paths).reaching(&settings.datasources))
            .await?
            .with_otlp(&settings.export.otlp)?;
        let stop = CancellationToken::new();
        tokio::spawn(orrery_gateway::serve_unix(
            socket,
            gateway.router(Door::socket()),
            stop.clone(),
        ));
        tokio::spawn(orrery_gateway::serve_unix(
            host,
            gateway.host_router(),
            stop.clone(),
        ));
        Ok(Local {
            engine,
            stop,
            paths,
            _lock: lock,
        })
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The socket on which it answers.
    pub(crate) fn socket(&self) -> PathBuf {
        self.paths.instance_socket()
    }

    /// Closes the socket and stops the engine.
    pub(crate) async fn shutdown(&self) {
        self.stop.cancel();
        self.engine.shutdown().await;
        for left in [self.socket(), self.paths.host_socket()] {
            // Gone already is as good.
            let _ = std::fs::remove_file(left);
        }
    }
}
