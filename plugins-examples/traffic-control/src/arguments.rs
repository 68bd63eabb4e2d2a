//! What can be said on the command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// Shown for `--help`.
pub(crate) const HELP: &str = "\
traffic-control: latency and packet loss for containers and network namespaces

  --plugins DIR     folder of plugin sockets          [/var/run/scope/plugins]
  --socket PATH     socket, instead of traffic-control/traffic-control.sock in that folder
  --docker SOCKET   socket of the container engine    [/var/run/docker.sock]
  --netns DIR       folder of named namespaces        [/run/netns]
  --hostname NAME   host that namespaces belong to    [the system's]
  --tc PROGRAM      tc of iproute2                    [tc]
  --nsenter PROGRAM nsenter of util-linux             [nsenter]
  --help            this text
";

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) plugins: PathBuf,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) docker: PathBuf,
    pub(crate) netns: PathBuf,
    pub(crate) hostname: Option<String>,
    pub(crate) tc: String,
    pub(crate) nsenter: String,
    pub(crate) help: bool,
}

impl Arguments {
    /// Reads them.
    pub(crate) fn read(given: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut arguments = Arguments {
            plugins: "/var/run/scope/plugins".into(),
            socket: None,
            docker: "/var/run/docker.sock".into(),
            netns: "/run/netns".into(),
            hostname: None,
            tc: "tc".to_owned(),
            nsenter: "nsenter".to_owned(),
            help: false,
        };
        let mut given = given.into_iter();
        while let Some(name) = given.next() {
            if name == "--help" || name == "-h" {
                arguments.help = true;
                continue;
            }
            let mut value = || given.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "--plugins" => arguments.plugins = value()?.into(),
                "--socket" => arguments.socket = Some(value()?.into()),
                "--docker" => arguments.docker = value()?.into(),
                "--netns" => arguments.netns = value()?.into(),
                "--hostname" => arguments.hostname = Some(value()?),
                "--tc" => arguments.tc = value()?,
                "--nsenter" => arguments.nsenter = value()?,
                _ => bail!("there is no {name}; see --help"),
            }
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_names() {
        let read = |given: &[&str]| Arguments::read(given.iter().map(|a| (*a).to_owned()));
        let arguments = read(&["--tc", "/sbin/tc", "--netns", "/n"]).unwrap();
        assert_eq!(
            (arguments.tc.as_str(), arguments.netns.to_str()),
            ("/sbin/tc", Some("/n"))
        );
        assert!(read(&["-h"]).unwrap().help);
        assert_eq!(read(&["--tc"]).unwrap_err().to_string(), "--tc needs a value");
        assert_eq!(
            read(&["--what"]).unwrap_err().to_string(),
            "there is no --what; see --help"
        );
    }
}
