//! A manifest to begin with.

use super::Manifest;
use crate::id::PluginId;

impl Manifest {
    /// A commented manifest for a new plugin, as `orrery plugin init` writes it.
    #[must_use]
    pub fn example(id: &PluginId) -> String {
        format!(
            r#"# What Orrery has to know to run this plugin. docs/packages.md explains every key.
manifest = 1
id = "{id}"
version = "0.1.0"
label = "{id}"
description = "What it shows, in one sentence"
interfaces = ["reporter"]

[run]
entry = "bin/{id}"                # the program, within this directory; executable
args = ["--socket", "{{socket}}"]  # where it has to listen

[start]
timeout = "10s"                  # until its first report

[restart]
policy = "on-failure"

[limits]
memory = "64MiB"
cpu = "50%"                      # of one core
pids = 32

# Config that can be set in the window or with `orrery plugin config`:
# [[policy]]
# key = "sample_rate"
# type = "integer"
# default = 10
# min = 1
# max = 1000
"#
        )
    }
}
