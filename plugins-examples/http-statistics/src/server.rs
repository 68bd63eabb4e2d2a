//! The socket: made in a folder of its own, removed at the end.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::plugin::Plugin;

/// Connections served at a time; one host needs one.
const CONNECTIONS: usize = 16;

/// A listening socket `<root>/<id>/<id>.sock`. Nobody but the owner reaches it: its folder has mode 0700.
/// Both go when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes the folder and the socket. One that a killed plugin left behind is replaced.
    pub(crate) async fn bind(root: &Path, id: &str) -> Result<Socket> {
        let folder = root.join(id);
        DirBuilder::new()
            .recursive(true)
            .create(root)
            .with_context(|| format!("cannot make {}", root.display()))?;
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let owner_only = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o700);
                fs::set_permissions(&folder, owner_only)
                    .with_context(|| format!("cannot make {} private", folder.display()))?;
            }
            other => other.with_context(|| format!("cannot make {}", folder.display()))?,
        }
        let path = folder.join(format!("{id}.sock"));
        if UnixStream::connect(&path).await.is_ok() {
            bail!("another {id} plugin listens on {} already", path.display());
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove the stale {}", path.display()));
            }
            _ => {}
        }
        let listener =
            UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
        Ok(Socket { listener, path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Serves until the socket fails.
    pub(crate) async fn serve(&self, plugin: Plugin) -> Result<()> {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let turn = Arc::clone(&room)
                .acquire_owned()
                .await
                .context("no room for connections")?;
            let (stream, _) = self.listener.accept().await.context("the socket fails")?;
            let plugin = plugin.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let plugin = plugin.clone();
                    async move { answer(&plugin, &request) }
                });
                let mut server = hyper::server::conn::http1::Builder::new();
                // A client that goes away in the middle is no concern of ours.
                let _gone = server
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                drop(turn);
            });
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.path);
        if let Some(folder) = self.path.parent() {
            let _not_empty = fs::remove_dir(folder);
        }
    }
}

fn answer(plugin: &Plugin, request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/report") => json(&plugin.report()),
        (_, "/report") => plain(StatusCode::METHOD_NOT_ALLOWED, "wrong method"),
        _ => plain(StatusCode::NOT_FOUND, "not found"),
    }
}

fn json(value: &Value) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    Response::builder()
        .header("Content-Type", "application/json")
        .body(Full::new(value.to_string().into()))
}

fn plain(status: StatusCode, text: &'static str) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    Response::builder().status(status).body(Full::new(text.into()))
}
