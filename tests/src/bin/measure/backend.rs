//! The released command, serving from a directory of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use orrery_engine::Paths;
use orrery_engine::topology::view::{VIEW_PROTOCOL, ViewMessage, ViewRequest, ViewSpec};
use orrery_gateway::Instance;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longest wait for anything that comes at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Messages of a view that may wait.
const BACKLOG: usize = 16;

/// A backend. It ends with the value.
pub(crate) struct Backend {
    // Ended before its directory goes.
    child: Child,
    home: TempDir,
}

impl Backend {
    /// Starts it and waits until it serves.
    pub(crate) async fn start(orrery: &Path) -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let mut child = Command::new(orrery)
            .arg("serve")
            .arg("--data")
            .arg(home.path().join("data"))
            .arg("--plugins")
            .arg(home.path().join("plugins"))
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", orrery.display()))?;
        let stdout = child
            .stdout
            .take()
            .context("a child without its standard output")?;
        let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await??;
        if line.is_none() {
            bail!("{} serve ended at once", orrery.display());
        }
        Ok(Backend { child, home })
    }

    /// Path for a plugin's socket.
    pub(crate) fn plugin(&self, name: &str) -> PathBuf {
        self.home.path().join("plugins").join(format!("{name}.sock"))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the backend ended")
    }

    /// Its socket for clients on this machine.
    pub(crate) fn socket(&self) -> PathBuf {
        Paths::below(&self.home.path().join("data")).instance_socket()
    }

    /// Posts a report as a probe on another machine does.
    pub(crate) async fn post_report(&self, json: &[u8]) -> anyhow::Result<()> {
        let answer = Instance::Socket(self.socket())
            .send(
                http::Method::POST,
                "/api/report",
                Some("application/json"),
                json.to_vec().into(),
            )
            .await?;
        if !answer.status.is_success() {
            bail!("the report was answered by {}", answer.status);
        }
        Ok(())
    }

    /// What it answers to a GET.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = Instance::Socket(self.socket())
            .send(http::Method::GET, path, None, Default::default())
            .await?;
        if !answer.status.is_success() {
            bail!("{path} was answered by {}", answer.status);
        }
        Ok(answer.body.to_vec())
    }

    /// Its resident memory, in MB.
    pub(crate) fn resident_mb(&self) -> anyhow::Result<f64> {
        crate::machine::resident_mb(&self.pid()?.to_string())
    }

    /// The most that it had so far, in MB.
    pub(crate) fn peak_mb(&self) -> anyhow::Result<f64> {
        crate::machine::peak_mb(&self.pid()?.to_string())
    }

    /// Opens a view and waits for its first frame.
    pub(crate) async fn view(&self, topology: &str) -> anyhow::Result<View> {
        let instance = Instance::Socket(self.socket());
        let (requests, requests_in) = mpsc::channel(1);
        let (messages, messages_out) = mpsc::channel(BACKLOG);
        tokio::spawn(async move { instance.serve_view(requests_in, messages).await });
        let spec = ViewSpec {
            topology: topology.to_owned(),
            ..ViewSpec::default()
        };
        let version = VIEW_PROTOCOL;
        requests.send(ViewRequest::Open { version, spec }).await?;
        let mut view = View {
            messages: messages_out,
            _requests: requests,
        };
        view.until(|message| matches!(message, ViewMessage::Frame(_)))
            .await?;
        Ok(view)
    }
}

/// An open view. It closes with the value.
pub(crate) struct View {
    messages: mpsc::Receiver<Arc<str>>,
    _requests: mpsc::Sender<ViewRequest>,
}

impl View {
    /// Waits for a message.
    pub(crate) async fn until(&mut self, mut wanted: impl FnMut(&ViewMessage) -> bool) -> anyhow::Result<()> {
        let search = async {
            while let Some(text) = self.messages.recv().await {
                if wanted(&serde_json::from_str(&text)?) {
                    return Ok(());
                }
            }
            bail!("the view was closed")
        };
        timeout(PATIENCE, search)
            .await
            .context("what a view should show does not come")?
    }

    /// Takes messages as they come, for as long as it is polled.
    pub(crate) async fn drain(&mut self) -> anyhow::Result<()> {
        while self.messages.recv().await.is_some() {}
        bail!("the view was closed")
    }
}
