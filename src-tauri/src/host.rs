//! What the window looks at: an engine in this process, or an instance that runs already.

use std::path::Path;
use std::sync::Arc;

use http::{Method, StatusCode};
use orrery_engine::api::{ApiError, Caller, Code, Origin, Request, Role};
use orrery_engine::topology::view::ViewRequest;
use orrery_engine::{Encoded, Paths, user_name};
use orrery_gateway::{Instance, Raise};
use tokio::sync::mpsc;

use crate::args::Args;
use crate::local::Local;

/// What the window looks at. Clones share it.
#[derive(Clone)]
pub(crate) enum Host {
    /// An engine of its own.
    Own(Arc<Local>),
    /// An instance in another process, such as `sudo orrery serve`.
    Attached(Instance),
}

/// How a start went.
pub(crate) enum Found {
    /// A window is open already and has been brought to the front.
    Raised,
    /// Something to look at.
    Host(Host),
}

/// An instance that runs already (the own data directory first, then the system's), else an engine of our own.
pub(crate) async fn find(args: &Args, raise: Raise) -> Result<Found, Box<dyn std::error::Error>> {
    let paths = Paths::resolve(args.data.as_deref());
    let own = paths.instance_socket();
    match probe(&own).await {
        Some(true) => return Ok(Found::Raised),
        Some(false) => return Ok(Found::Host(Host::Attached(Instance::Socket(own)))),
        None => {}
    }
    let system = Paths::system().instance_socket();
    if args.data.is_none() && system != own && probe(&system).await.is_some() {
        return Ok(Found::Host(Host::Attached(Instance::Socket(system))));
    }
    Ok(Found::Host(Host::Own(Arc::new(
        Local::start(args, paths, raise).await?,
    ))))
}

/// Whether an instance answers on a socket, and whether it brought a window to the front.
async fn probe(socket: &Path) -> Option<bool> {
    if !socket.exists() {
        return None;
    }
    let instance = Instance::Socket(socket.to_path_buf());
    match instance
        .send(Method::POST, "/api/instance/raise", None, Vec::new().into())
        .await
    {
        Ok(answer) => Some(answer.status == StatusCode::NO_CONTENT),
        Err(error) => {
            tracing::info!(%error, "the instance socket is not answered on");
            None
        }
    }
}

/// The person at the window.
fn caller() -> Caller {
    Caller {
        user: user_name(),
        role: Role::Admin,
        origin: Origin::Window,
    }
}

impl Host {
    /// Asks for an operation; the answer is JSON text.
    pub(crate) async fn call(&self, request: Request) -> Result<String, ApiError> {
        match self {
            Host::Own(local) => {
                let response = local.engine().call(&caller(), request).await?;
                serde_json::to_string(&response).map_err(|e| ApiError::new(Code::Internal, e.to_string()))
            }
            Host::Attached(instance) => {
                let asks_status = request == Request::Status;
                let mut value = instance.call(&request).await?;
                if asks_status {
                    value["attached_to"] = instance.to_string().into();
                }
                Ok(value.to_string())
            }
        }
    }

    /// Serves a view channel until either side closes.
    pub(crate) async fn serve_view(
        &self,
        requests: mpsc::Receiver<ViewRequest>,
        messages: mpsc::Sender<Encoded>,
    ) {
        match self {
            Host::Own(local) => local.engine().serve_view(caller(), requests, messages).await,
            Host::Attached(instance) => {
                let told = messages.clone();
                if let Err(error) = instance.serve_view(requests, messages).await {
                    let failed = serde_json::json!({
                        "type": "failed", "code": "unavailable", "message": error.message,
                    });
                    // The page may be gone by now.
                    let _ = told.send(failed.to_string().into()).await;
                }
            }
        }
    }

    /// Stops an engine of our own; leaves an attached instance alone.
    pub(crate) async fn shutdown(&self) {
        if let Host::Own(local) = self {
            local.shutdown().await;
        }
    }
}
