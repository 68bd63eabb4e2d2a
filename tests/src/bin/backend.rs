//! The whole backend without its command line, for tests that kill it: `backend DATA PLUGINS`. It is also the
//! guardian of the plugins that tests run.
//!
//! It reports ten times a second, so that something is being written at any moment. It says `ready` when it
//! answers on its socket, and ends in order when its standard input does.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use orrery_engine::{Config, Engine, InstanceLock, Paths, PluginRunning, limits};
use orrery_gateway::{Door, Gateway, Token};
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;

fn main() -> anyhow::Result<()> {
    orrery_engine::guard_if_asked();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let data = args.next().context("no data directory given")?;
    let plugins = args.next().context("no directory of plugin sockets given")?;
    let paths = Paths::below(&data);
    let _lock = InstanceLock::acquire(&paths.data)?;
    let token = Token::of(&paths.data)?;
    let socket = orrery_gateway::bind(&paths.instance_socket()).await?;
    let mut config = Config::new(data);
    config.plugin_roots = vec![plugins];
    config.interval = limits::INTERVAL.0;
    config.plugins = Some(PluginRunning::at(&paths));
    let engine = Engine::start(config).await?;
    let stop = CancellationToken::new();
    let router = Gateway::new(engine.clone(), token, None).router(Door::socket());
    let serving = tokio::spawn(orrery_gateway::serve_unix(socket, router, stop.clone()));
    writeln!(std::io::stdout(), "ready")?;

    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    stop.cancel();
    serving.await?;
    engine.shutdown().await;
    Ok(())
}
