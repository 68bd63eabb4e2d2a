//! Which instance a command talks to.

use orrery_engine::Paths;
use orrery_gateway::{Instance, Token};

use crate::args::Common;
use crate::exit::Exit;

/// The directories that the flags name.
pub(crate) fn paths(common: &Common) -> Paths {
    Paths::resolve(common.data.as_deref())
}

/// The instance: by address if given, else the socket of the data directory, else the system's.
pub(crate) fn find(common: &Common) -> Result<Instance, Exit> {
    if let Some(url) = &common.url {
        let own = || local_token(common, url);
        let token = common.token.clone().or_else(own).ok_or_else(|| {
            Exit::usage("--url needs --token (or ORRERY_TOKEN): the owner of the instance prints it with `orrery token`")
        })?;
        return Ok(Instance::Address {
            url: url.trim_end_matches('/').to_owned(),
            token,
        });
    }
    let own = paths(common).instance_socket();
    let system = Paths::system().instance_socket();
    if !own.exists() && common.data.is_none() && system.exists() {
        return Ok(Instance::Socket(system));
    }
    if !own.exists() {
        let message = format!(
            "no instance is running ({} does not exist); start one with `orrery serve` or `orrery-desktop`",
            own.display()
        );
        return Err(Exit::no_instance(message));
    }
    Ok(Instance::Socket(own))
}

/// The token of the data directory, for an address of this machine.
fn local_token(common: &Common, url: &str) -> Option<String> {
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
    if !local.iter().any(|start| url.starts_with(start)) {
        return None;
    }
    let token = Token::read(&paths(common).data).ok()??;
    Some(token.reveal().to_owned())
}
