//! The manifest of a program that has none.

use std::collections::BTreeMap;
use std::time::Duration;

use semver::Version;

use super::{
    Activation, Handover, Health, Host, Interface, Limits, MANIFEST_FORM, Manifest, Metrics, Restart, Run,
    Start, Stop,
};
use crate::id::PluginId;

/// How long it runs on when nobody needs it.
const IDLE_STOP: Duration = Duration::from_secs(60);

impl Manifest {
    /// A program that reports, says itself where it listens, and runs while somebody needs it.
    pub(crate) fn of_program(id: &PluginId, version: Version) -> Manifest {
        Manifest {
            manifest: MANIFEST_FORM,
            label: id.to_string(),
            id: id.clone(),
            version,
            description: String::new(),
            api_version: "1".to_owned(),
            interfaces: vec![Interface::Reporter],
            run: Run {
                entry: format!("bin/{id}"),
                args: Vec::new(),
                socket: super::run::CHOSEN_SOCKET.to_owned(),
                handover: Handover::Stdout,
                activation: Activation::OnDemand,
                user: None,
                env: BTreeMap::new(),
                idle_stop: IDLE_STOP,
                trigger: None,
            },
            // Whoever loads it waits for the first word of what is wrong.
            start: Start {
                attempts: 1,
                ..Start::default()
            },
            stop: Stop::default(),
            health: Health::default(),
            restart: Restart::default(),
            limits: Limits::default(),
            metrics: Metrics::default(),
            host: Host::default(),
            policy: Vec::new(),
            metric: Vec::new(),
            service: Vec::new(),
        }
    }
}
