//! `orrery serve`: the whole backend and the browser UI, without a window.

use std::net::SocketAddr;

use orrery_engine::{Config, Engine, Held, InstanceLock, PluginRunning, ProbeKind, Settings, first_packages};
use orrery_gateway::{Door, Gateway, Keys, ServicesConfig, Token};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{Common, Serve};
use crate::exit::Exit;
use crate::target;

const DEFAULT_LISTEN: &str = "127.0.0.1:4040";

/// Runs until INT or TERM.
pub(crate) async fn run(common: &Common, options: Serve) -> Result<(), Exit> {
    let paths = target::paths(common);
    let file = common
        .config
        .clone()
        .unwrap_or_else(|| paths.config.join("config.toml"));
    let mut settings = Settings::read(&file, common.config.is_some()).map_err(Exit::usage)?;
    if options.otlp.is_some() {
        settings.export.otlp.endpoint.clone_from(&options.otlp);
    }
    let listen = if options.no_listen {
        None
    } else {
        Some(address(&options, &settings)?)
    };
    let tls = options.access.tls(&settings)?;
    let loopback = listen.is_none_or(|address| address.ip().is_loopback());
    if let Some(address) = listen.filter(|_| !loopback && tls.is_none()) {
        return Err(Exit::refused(format!(
            "{address} is reachable from other machines, and tokens would travel unencrypted; give a certificate \
             with --tls-certificate and --tls-key, or listen on loopback and forward a port, for example with \
             ssh -L 4040:{DEFAULT_LISTEN}"
        )));
    }
    let scope_open = options.access.scope_open(&settings, loopback)?;
    let pages = options.access.pages(&settings)?;
    let mut config = Config::new(paths.data.clone());
    config.plugin_roots = paths.plugin_roots();
    if !options.sockets_only {
        config.plugins = Some(PluginRunning {
            first: first_packages(options.bundle.as_deref()),
            ..PluginRunning::at(&paths)
        });
    }
    settings.apply(&mut config).map_err(Exit::usage)?;
    apply(&mut config, &options)?;

    let _lock = InstanceLock::acquire(&paths.data).map_err(|held| match held {
        Held::By { .. } => Exit::refused(format!("{held}; stop it, or choose another with --data")),
        Held::Io { .. } => Exit::failed(held),
    })?;
    let token = match &common.token {
        Some(text) => Token::parse(text, "--token").map_err(Exit::usage)?,
        None => Token::of(&paths.data).map_err(Exit::failed)?,
    };
    let keys = Keys::open(&paths.data, token).map_err(Exit::failed)?;
    let listener = match listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let socket = orrery_gateway::bind(&paths.instance_socket())
        .await
        .map_err(Exit::failed)?;
    let mut host = None;
    if let Some(running) = &mut config.plugins {
        let path = paths.host_socket();
        // Before the engine: a plugin that calls at once waits until somebody answers.
        host = Some(orrery_gateway::bind_host(&path).await.map_err(Exit::failed)?);
        running.host_socket = Some(path);
    }
    let own_root = paths.runtime.join("plugins");
    if config.plugin_roots.contains(&own_root)
        && let Err(error) = std::fs::create_dir_all(&own_root)
    {
        tracing::warn!(%error, path = %own_root.display(), "cannot make the directory for plugin sockets");
    }

    let engine = Engine::start(config).await.map_err(Exit::failed)?;
    let gateway = Gateway::new(engine.clone(), keys.clone(), None).scope_open(scope_open);
    let services = gateway
        .with_services(ServicesConfig::at(&paths).reaching(&settings.datasources))
        .await;
    let gateway = services.map_err(Exit::failed)?;
    let gateway = gateway.with_otlp(&settings.export.otlp).map_err(Exit::usage)?;
    let stop = CancellationToken::new();
    let mut serving = vec![tokio::spawn(orrery_gateway::serve_unix(
        socket,
        gateway.router(Door::socket()),
        stop.clone(),
    ))];
    if let Some(host) = host {
        let routes = gateway.host_router();
        serving.push(tokio::spawn(orrery_gateway::serve_unix(
            host,
            routes,
            stop.clone(),
        )));
    }
    let mut url = None;
    if let Some(listener) = listener {
        let address = listener.local_addr().map_err(Exit::failed)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let text = format!("{scheme}://{address}");
        if let Err(error) = std::fs::write(paths.data.join("url"), &text) {
            tracing::warn!(%error, "`orrery token --open` will not know the address");
        }
        url = Some(text);
        let routes = gateway.router(options.access.door(address, &settings).open_to(pages));
        let stop = stop.clone();
        serving.push(match tls {
            Some(tls) => tokio::spawn(orrery_gateway::serve_tls(listener, tls, routes, stop)),
            None => tokio::spawn(orrery_gateway::serve_tcp(listener, routes, stop)),
        });
    }
    announce(url.as_deref(), &keys)?;

    let mut interrupt = signal(SignalKind::interrupt()).map_err(Exit::failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Exit::failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.cancel();
    for task in serving {
        if let Err(error) = task.await {
            tracing::error!(%error, "a listener ended in a panic");
        }
    }
    engine.shutdown().await;
    for left in [
        paths.instance_socket(),
        paths.host_socket(),
        paths.data.join("url"),
    ] {
        // Gone already is as good.
        let _ = std::fs::remove_file(left);
    }
    Ok(())
}

/// The one line that scripts wait for. It may end in a log, so it holds no token: the address under `open` lets one
/// browser in, and soon.
fn announce(url: Option<&str>, keys: &Keys) -> Result<(), Exit> {
    let open = match url {
        Some(url) => {
            let link = keys.owner_link().map_err(Exit::failed)?;
            Some(format!("{url}/?token={}", link.reveal()))
        }
        None => None,
    };
    let line = serde_json::json!({
        "url": url,
        "open": open,
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    say!("{line}");
    Ok(())
}

fn address(options: &Serve, settings: &Settings) -> Result<SocketAddr, Exit> {
    let text = options
        .listen
        .as_deref()
        .or(settings.listen.as_deref())
        .unwrap_or(DEFAULT_LISTEN);
    let text = text.replace("localhost", "127.0.0.1");
    let address: SocketAddr = text.parse().map_err(|_| {
        Exit::usage(format!(
            "{text:?} is no address to listen on: give for example {DEFAULT_LISTEN}"
        ))
    })?;
    Ok(address)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Exit> {
    TcpListener::bind(address).await.map_err(|error| {
        Exit::failed(format!(
            "cannot listen on {address}: {error}; choose another port with --listen, 0 picks one"
        ))
    })
}

/// Flags and their environment variables win over the file.
fn apply(config: &mut Config, options: &Serve) -> Result<(), Exit> {
    if !options.plugins.is_empty() {
        config.plugin_roots.clone_from(&options.plugins);
    }
    if let Some(running) = config.plugins.as_mut().filter(|_| !options.packages.is_empty()) {
        running.watched.clone_from(&options.packages);
    }
    if let (Some(running), Some(tasks)) = (&mut config.plugins, &options.tasks) {
        running.tasks.clone_from(tasks);
    }
    if options.no_probes {
        config.probes.clear();
    } else if !options.probes.is_empty() {
        config.probes =
            ProbeKind::parse_all(options.probes.iter().map(String::as_str)).map_err(Exit::usage)?;
    }
    if let Some(interval) = options.interval {
        config.interval = interval;
    }
    config.read_only |= options.read_only;
    let (least, most) = orrery_engine::limits::INTERVAL;
    if !(least..=most).contains(&config.interval) {
        return Err(Exit::usage(format!(
            "the interval {:?} is not between {least:?} and {most:?}",
            config.interval
        )));
    }
    Ok(())
}
