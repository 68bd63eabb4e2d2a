//! Connections to a plugin's UNIX socket: the one place that knows how bytes reach a plugin.
//!
//! Before the first byte is sent the socket is looked at (a socket, no link to one, in a directory that only
//! its owner writes to) and the peer is checked (this user or root).
//!
//! A connection has no task of its own: whoever waits for its answer, and then whoever reads it, drives it along.
//! So a request passes through one task instead of being handed from one to the next and back.
//!
//! Most requests have no body, and most answers come in one piece that says how long it is: `plain` writes and reads
//! these where they stand. All else is the library's, also an answer that turns out to be something else.

mod answer;
mod idle;
mod link;
mod plain;
mod replay;

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use orrery_sockets::{Address, may_listen};
use tokio::net::UnixStream;

pub(crate) use answer::{Answer, AnswerBody};
use idle::{Held, Idle};
use link::{Link, Unsent};
pub(crate) use plain::Keep;
use plain::Plain;

use crate::limits;

/// Any error, as bodies give them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way to a plugin.
pub(crate) type SentBody = UnsyncBoxBody<Bytes, BoxError>;

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum DialError {
    /// There is no socket.
    #[error("{0} does not exist")]
    Missing(String),
    /// The socket is not to be trusted.
    #[error("{0}")]
    Peer(String),
    /// Who answers does not prove who it is.
    #[error("{0}")]
    Untrusted(String),
    /// Nobody takes the connection.
    #[error("no connection in time")]
    Timeout,
    /// Anything else, such as refused.
    #[error("{0}")]
    Failed(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// There was no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It broke.
    #[error("{0}")]
    Broken(String),
}

impl From<hyper::Error> for SendError {
    fn from(error: hyper::Error) -> Self {
        SendError::Broken(error.to_string())
    }
}

/// Kept-alive connections to one life of one plugin.
pub(crate) struct Wire {
    idle: Arc<Idle>,
    pub(crate) socket: PathBuf,
    pub(crate) generation: u64,
}

/// An answer to what was asked plainly.
pub(crate) enum Said {
    /// All of it, with the headers that are kept.
    Whole(Response<Bytes>),
    /// It goes on, or is of a kind that the library reads; with all its headers.
    Begun(Answer),
}

impl Wire {
    pub(crate) fn new(socket: &Path, generation: u64) -> Self {
        Wire {
            idle: Arc::default(),
            socket: socket.to_owned(),
            generation,
        }
    }

    /// Sends a request and waits for the head of its answer. Its URI must be a path; whoever drops this ends the
    /// request at the plugin too.
    ///
    /// Only what was never written to a kept connection is sent once more: one that turned out to be closed gives
    /// the request back.
    pub(crate) async fn send(&self, mut request: Request<SentBody>) -> Result<Answer, SendError> {
        loop {
            let (link, reused) = match self.idle.take() {
                Some(Held::Link(link)) => (link, true),
                Some(Held::Plain(plain)) => (Box::pin(plain.into_link()).await?, true),
                // Rare, and large beside the rest.
                None => (Box::pin(self.link()).await?, false),
            };
            match link.send(request).await {
                Ok((answer, link)) => return Ok(self.driving(answer, link)),
                Err(Unsent::Back(back)) if reused => request = *back,
                Err(Unsent::Back(_)) => {
                    return Err(SendError::Broken("the connection closed at once".to_owned()));
                }
                Err(Unsent::Failed(error)) => return Err(error.into()),
            }
        }
    }

    /// Sends a `GET` without a body, whose head `write` writes, and waits for its answer with what `keep` keeps of its
    /// headers; or for all of its head where it does not come in one piece.
    pub(crate) async fn ask(
        &self,
        write: impl Fn(&mut Vec<u8>),
        keep: &impl Keep,
    ) -> Result<Said, SendError> {
        let mut plain = loop {
            let kept = self.idle.take().map(Held::into_plain);
            let (mut plain, reused) = match kept {
                Some(Some(plain)) => (plain, true),
                // It holds what nobody asked for.
                Some(None) => continue,
                None => (Plain::new(Box::pin(dial(&self.socket)).await?), false),
            };
            match plain.send(&write).await {
                Ok(()) => break plain,
                // Nothing of it has arrived anywhere.
                Err(error) if reused && error.kind() == io::ErrorKind::BrokenPipe => {}
                Err(error) => return Err(SendError::Broken(error.to_string())),
            }
        };
        let came = plain.receive().await;
        let came = came.map_err(|error| SendError::Broken(error.to_string()))?;
        if let Some((whole, stays)) = plain::whole(&came, keep) {
            if stays {
                self.idle.put(Held::Plain(plain));
            }
            return Ok(Said::Whole(whole));
        }
        Box::pin(self.read_on(plain, came)).await.map(Said::Begun)
    }

    /// Lets the library read an answer that has come in part.
    async fn read_on(&self, plain: Plain, came: Bytes) -> Result<Answer, SendError> {
        let link = plain.into_link_after(came).await?;
        match link.send(Request::new(SentBody::default())).await {
            Ok((answer, link)) => Ok(self.driving(answer, link)),
            Err(Unsent::Back(_)) => Err(SendError::Broken("the connection closed at once".to_owned())),
            Err(Unsent::Failed(error)) => Err(error.into()),
        }
    }

    /// Sends a request over a connection of its own that turns into something else, if the plugin agrees.
    pub(crate) async fn send_upgrade(&self, request: Request<SentBody>) -> Result<Answer, SendError> {
        let (mut sender, connection) = self.link().await?.into_parts();
        let connection = connection.with_upgrades();
        // It ends with what it has turned into, or with the answer.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender.send_request(request).await?.map(AnswerBody::from))
    }

    async fn link(&self) -> Result<Link, SendError> {
        let stream = dial(&self.socket).await?;
        Ok(Plain::new(stream).into_link().await?)
    }

    fn driving(&self, answer: Response<hyper::body::Incoming>, link: Option<Link>) -> Answer {
        let home = Arc::clone(&self.idle);
        answer.map(|body| AnswerBody::driving(body, link, home))
    }
}

async fn dial(path: &Path) -> Result<UnixStream, DialError> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => DialError::Missing(path.display().to_string()),
        _ => DialError::Failed(e.to_string()),
    };
    look_at(path).map_err(failed)??;
    let address = Address::of(path).map_err(failed)?;
    let stream = tokio::time::timeout(limits::CONNECT, UnixStream::connect(address.path()))
        .await
        .map_err(|_| DialError::Timeout)?
        .map_err(failed)?;
    let uid = stream.peer_cred().map_err(failed)?.uid();
    if may_listen(path, uid, rustix::process::geteuid().as_raw()) {
        Ok(stream)
    } else {
        Err(DialError::Peer(format!(
            "the listener belongs to uid {uid}, which is neither this user nor root"
        )))
    }
}

/// Refuses what somebody else could have put there.
fn look_at(path: &Path) -> io::Result<Result<(), DialError>> {
    const WORLD_WRITABLE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let refuse = |what: &str| Ok(Err(DialError::Peer(format!("{} {what}", path.display()))));
    let own = std::fs::symlink_metadata(path)?;
    if own.file_type().is_symlink() {
        return refuse("is a symbolic link");
    }
    if !own.file_type().is_socket() {
        return refuse("is no socket");
    }
    if let Some(directory) = path.parent() {
        let mode = std::fs::metadata(directory)?.mode();
        if mode & WORLD_WRITABLE != 0 && mode & STICKY == 0 {
            return refuse("is in a directory that everybody can write to");
        }
    }
    Ok(Ok(()))
}

/// The first cause of this type.
pub(crate) fn cause<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut at = Some(error);
    while let Some(e) = at {
        if let Some(found) = e.downcast_ref::<T>() {
            return Some(found);
        }
        at = e.source();
    }
    None
}

#[cfg(test)]
mod tests;
