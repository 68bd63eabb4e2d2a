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
        let token = common.token.clone().ok_or_else(|| {
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

/// Prints the token of the data directory, or the address that it opens.
pub(crate) fn print_token(common: &Common, open: bool) -> Result<(), Exit> {
    let data = paths(common).data;
    std::fs::create_dir_all(&data)
        .map_err(|e| Exit::failed(format!("cannot make {}: {e}", data.display())))?;
    let token = Token::of(&data).map_err(Exit::failed)?;
    if !open {
        say!("{}", token.reveal());
        return Ok(());
    }
    let url = std::fs::read_to_string(data.join("url"))
        .map_err(|_| Exit::no_instance("no instance listens on an address; start one with `orrery serve`"))?;
    say!("{}/?token={}", url.trim(), token.reveal());
    Ok(())
}
