//! The socket: made in a folder of its own, removed at the end.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full, Limited};
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
/// Body of a control request, in bytes.
const CONTROL_BYTES: usize = 64 * 1024;

/// A listening socket. In a folder that is named like it, `<id>/<id>.sock`, nobody but the owner reaches it: that
/// folder has mode 0700. Both go when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes the folder and the socket. One that a killed plugin left behind is replaced.
    pub(crate) async fn bind(path: PathBuf) -> Result<Socket> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let made = match folder.parent() {
                Some(root) => fs::create_dir_all(root),
                None => Ok(()),
            };
            made.and_then(|()| DirBuilder::new().mode(0o700).create(folder))
                .or_else(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => Ok(()),
                    _ => Err(error),
                })
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        if let Some(folder) = own_folder(&path) {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
                .with_context(|| format!("cannot make {} private", folder.display()))?;
        }
        if UnixStream::connect(&path).await.is_ok() {
            let id = path.file_stem().unwrap_or_default().display();
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
                    async move { answer(&plugin, request).await }
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
        if let Some(folder) = own_folder(&self.path) {
            let _not_empty = fs::remove_dir(folder);
        }
    }
}

/// The socket's folder, if it is one of its own: named like the socket.
fn own_folder(path: &Path) -> Option<&Path> {
    let folder = path.parent()?;
    (folder.file_name() == path.file_stem()).then_some(folder)
}

async fn answer(
    plugin: &Plugin,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/report") => json(&plugin.report()),
        (&Method::POST, "/control") => {
            let body = Limited::new(request.into_body(), CONTROL_BYTES).collect().await;
            let read = body
                .ok()
                .and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
            match read {
                Some(request) => json(&plugin.control(&request)),
                None => plain(StatusCode::BAD_REQUEST, "not a control request"),
            }
        }
        (_, "/report" | "/control") => plain(StatusCode::METHOD_NOT_ALLOWED, "wrong method"),
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
