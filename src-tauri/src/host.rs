//! What the window looks at: an engine in this process, or an instance that runs already.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use orrery_engine::api::{ApiError, Caller, Code, Origin, Request, Role};
use orrery_engine::topology::view::ViewRequest;
use orrery_engine::{Encoded, Paths, PipeEnd, user_name};
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
        from: String::new(),
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

    /// Holds the near end of a pipe until either side ends it.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a closed pipe; otherwise when it cannot be had or breaks.
    pub(crate) async fn serve_pipe(
        &self,
        id: &str,
        mut keys: mpsc::Receiver<Bytes>,
        screen: mpsc::Sender<Bytes>,
    ) -> Result<(), ApiError> {
        match self {
            Host::Own(local) => {
                let mut io = local.engine().pipe(&caller(), id, PipeEnd::Client).await?;
                let sender = io.sender();
                loop {
                    let carried = tokio::select! {
                        typed = keys.recv() => match typed {
                            Some(bytes) => sender.send(bytes).await,
                            None => false,
                        },
                        bytes = io.recv() => match bytes {
                            Some(bytes) => screen.send(bytes).await.is_ok(),
                            None => false,
                        },
                    };
                    if !carried {
                        return Ok(());
                    }
                }
            }
            Host::Attached(instance) => instance.serve_pipe(id, PipeEnd::Client, keys, screen).await,
        }
    }

    /// Whether a pipe is still there.
    pub(crate) async fn pipe_is_open(&self, id: &str) -> bool {
        match self {
            Host::Own(local) => local.engine().pipe_open(id),
            Host::Attached(instance) => instance
                .send(Method::GET, &format!("/api/pipe/{id}/check"), None, Bytes::new())
                .await
                .is_ok_and(|answer| answer.status.is_success()),
        }
    }

    /// Closes a pipe for good.
    ///
    /// # Errors
    /// When the instance refuses or cannot be reached.
    pub(crate) async fn close_pipe(&self, id: &str) -> Result<(), ApiError> {
        match self {
            Host::Own(local) => local.engine().close_pipe(&caller(), id),
            Host::Attached(instance) => instance
                .send(Method::DELETE, &format!("/api/pipe/{id}"), None, Bytes::new())
                .await
                .map(|_| ()),
        }
    }

    /// The instance as others reach it; for what is kept behind its addresses.
    pub(crate) fn instance(&self) -> Instance {
        match self {
            Host::Own(local) => Instance::Socket(local.socket()),
            Host::Attached(instance) => instance.clone(),
        }
    }

    /// Stops an engine of our own; leaves an attached instance alone.
    pub(crate) async fn shutdown(&self) {
        if let Host::Own(local) = self {
            local.shutdown().await;
        }
    }
}
