//! Asks a Docker-compatible engine which containers run, over its UNIX socket.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::limits;

/// Where the engine listens.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) socket: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Debug, Deserialize)]
struct Inspected {
    #[serde(rename = "State")]
    state: State,
    #[serde(rename = "HostConfig", default)]
    host: HostConfig,
}

#[derive(Debug, Deserialize)]
struct State {
    #[serde(rename = "Pid", default)]
    pid: u32,
}

#[derive(Debug, Default, Deserialize)]
struct HostConfig {
    #[serde(rename = "NetworkMode", default)]
    network: String,
}

impl Inspected {
    /// The first process, when the container has a network of its own.
    fn own_network(&self) -> Option<u32> {
        (self.state.pid > 0 && self.host.network != "host").then_some(self.state.pid)
    }
}

impl Engine {
    /// Running containers with a network of their own: the id, and the id of the first process. Those known
    /// already are not asked for.
    pub(crate) async fn running(&self, known: &BTreeMap<String, u32>) -> Result<BTreeMap<String, u32>> {
        let listed: Vec<Listed> = self.get("/containers/json").await?;
        let mut running = BTreeMap::new();
        for container in listed.into_iter().take(limits::TARGETS) {
            if !is_id(&container.id) {
                continue;
            }
            let pid = match known.get(&container.id) {
                Some(pid) => Some(*pid),
                // It may have stopped since it was listed, and is then left out.
                None => {
                    let inspected = self
                        .get::<Inspected>(&format!("/containers/{}/json", container.id))
                        .await;
                    inspected.ok().and_then(|inspected| inspected.own_network())
                }
            };
            if let Some(pid) = pid {
                running.insert(container.id, pid);
            }
        }
        Ok(running)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        tokio::time::timeout(limits::ENGINE_TIMEOUT, self.get_unhurried(path))
            .await
            .map_err(|_| anyhow!("the container engine gives no answer"))?
    }

    async fn get_unhurried<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .with_context(|| format!("cannot reach {}", self.socket.display()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(path)
            .header("Host", "engine")
            .header("Connection", "close")
            .body(Empty::<Bytes>::new())?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), limits::ENGINE_BYTES);
            let body = body.collect().await.map_err(|error| anyhow!(error))?.to_bytes();
            if status != StatusCode::OK {
                bail!("the container engine answers {status}");
            }
            Ok(serde_json::from_slice(&body)?)
        };
        // The connection does the work for the exchange, and ends with it.
        let drive = async {
            match connection.await {
                Ok(()) => std::future::pending().await,
                Err(error) => anyhow!(error),
            }
        };
        tokio::select! {
            answer = exchange => answer,
            error = drive => Err(error),
        }
    }
}

/// Ids become part of a path, so that nothing but what engines use is let through.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 128
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
