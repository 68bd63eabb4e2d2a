//! The way back: each process of a plugin that we run gets the address of a socket of ours and a token of its own,
//! which ends with the process. What the token opens, the one who serves that socket decides.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orrery_runner::{Exit, Launch, LaunchError, LimitHeld, LimitKind, Usage, Violation};
use orrery_supervisor::{Later, Launcher, Program};
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::limits::GUEST_TOKEN_BYTES;

/// Environment variable that names our socket.
const SOCKET_VARIABLE: &str = "ORRERY_HOST_SOCKET";
/// Environment variable that holds the token for it.
const TOKEN_VARIABLE: &str = "ORRERY_HOST_TOKEN";

/// SHA-256 of a token: what is looked up tells nothing about the token by the time that it takes.
type Digest = [u8; 32];

/// A process of a plugin that calls us.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The plugin.
    pub plugin: String,
    /// Which of its processes.
    pub generation: u64,
    /// Cancelled when the process has ended.
    pub gone: CancellationToken,
}

/// Every process that may call us.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    known: Mutex<BTreeMap<Digest, Guest>>,
}

impl Guests {
    /// Whose token this is.
    pub(crate) fn find(&self, token: &str) -> Option<Guest> {
        self.lock().get(&digest(token)).cloned()
    }

    fn invite(self: &Arc<Self>, plugin: &str, generation: u64) -> std::io::Result<(String, Invitation)> {
        let mut bytes = [0_u8; GUEST_TOKEN_BYTES];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let guest = Guest {
            plugin: plugin.to_owned(),
            generation,
            gone: CancellationToken::new(),
        };
        let digest = digest(&token);
        self.lock().insert(digest, guest);
        let invitation = Invitation {
            guests: Arc::clone(self),
            digest,
        };
        Ok((token, invitation))
    }

    /// A panic while the lock was held leaves a whole map behind: entries come and go in one step.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Guest>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// What a token is good for; it ends with this value at the latest.
struct Invitation {
    guests: Arc<Guests>,
    digest: Digest,
}

impl Invitation {
    fn end(&self) {
        let left = self.guests.lock().remove(&self.digest);
        if let Some(guest) = left {
            guest.gone.cancel();
        }
    }
}

impl Drop for Invitation {
    fn drop(&mut self) {
        self.end();
    }
}

/// A launcher whose processes are guests.
pub(crate) struct Inviting<L> {
    pub(crate) launcher: L,
    pub(crate) guests: Arc<Guests>,
    /// Our socket.
    pub(crate) socket: PathBuf,
}

impl<L: Launcher> Launcher for Inviting<L> {
    fn launch(&self, mut launch: Launch) -> Later<'_, Result<Arc<dyn Program>, LaunchError>> {
        Box::pin(async move {
            let invited = self.guests.invite(&launch.name, launch.generation);
            let invitation = match invited {
                Ok((token, invitation)) => {
                    let socket = self.socket.display().to_string();
                    launch.env.insert(SOCKET_VARIABLE.to_owned(), socket);
                    launch.env.insert(TOKEN_VARIABLE.to_owned(), token);
                    Some(invitation)
                }
                Err(error) => {
                    tracing::warn!(%error, plugin = launch.name, "a plugin gets no token: it runs without the way back");
                    None
                }
            };
            let program = self.launcher.launch(launch).await?;
            Ok(Arc::new(Invited { program, invitation }) as Arc<dyn Program>)
        })
    }

    fn shutdown(&self, deadline: Duration) -> Later<'_, ()> {
        self.launcher.shutdown(deadline)
    }
}

/// A process with its invitation.
struct Invited {
    program: Arc<dyn Program>,
    invitation: Option<Invitation>,
}

impl Invited {
    fn left(&self) {
        if let Some(invitation) = &self.invitation {
            invitation.end();
        }
    }
}

impl Program for Invited {
    fn pid(&self) -> u32 {
        self.program.pid()
    }

    fn started_ms(&self) -> i64 {
        self.program.started_ms()
    }

    fn owns(&self, pid: u32) -> bool {
        self.program.owns(pid)
    }

    fn limits(&self) -> Vec<LimitHeld> {
        self.program.limits()
    }

    fn violated(&self, limit: LimitKind) -> u64 {
        self.program.violated(limit)
    }

    fn violations(&self) -> broadcast::Receiver<Violation> {
        self.program.violations()
    }

    fn gone(&self) -> Later<'_, Exit> {
        Box::pin(async move {
            let exit = self.program.gone().await;
            self.left();
            exit
        })
    }

    /// What is asked to end may still say good-bye; its invitation ends when it has.
    fn stop(&self, grace: Duration) -> Later<'_, Exit> {
        Box::pin(async move {
            let exit = self.program.stop(grace).await;
            self.left();
            exit
        })
    }

    fn usage(&self) -> Later<'_, Option<Usage>> {
        self.program.usage()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_processes_alone_and_ends_with_it() {
        let guests = Arc::new(Guests::default());
        let (first, invitation) = guests.invite("shop", 1).unwrap();
        let (second, kept) = guests.invite("shop", 2).unwrap();
        assert_ne!(first, second);
        let known = guests.find(&first).unwrap();
        assert_eq!((known.plugin.as_str(), known.generation), ("shop", 1));
        assert!(guests.find("").is_none() && guests.find(&first[1..]).is_none());
        drop(invitation);
        assert!(known.gone.is_cancelled(), "what it has open is told");
        assert!(guests.find(&first).is_none());
        assert_eq!(guests.find(&second).unwrap().generation, 2);
        drop(kept);
    }
}
