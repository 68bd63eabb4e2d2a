//! How a plugin is started, watched, limited and ended.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units;

/// `[start]`: until the first valid report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Start {
    /// Tries before an install or upgrade counts as failed.
    #[schemars(range(min = 1, max = 1000))]
    pub attempts: u32,
    /// Longest time until the first valid report.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub timeout: Duration,
    /// Waits between tries.
    pub backoff: Backoff,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            attempts: 3,
            timeout: Duration::from_secs(10),
            backoff: Backoff::default(),
        }
    }
}

/// `start.backoff`: waits that grow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// First wait.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub first: Duration,
    /// Each wait is so many times the one before.
    #[schemars(range(min = 1, max = 100))]
    pub factor: f64,
    /// Longest wait.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub max: Duration,
    /// Share by which a wait may be shorter or longer at random, from 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_secs(300),
            jitter: 0.2,
        }
    }
}

/// `[stop]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stop {
    /// Time between the request to end and the kill of everything that it started.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub timeout: Duration,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
        }
    }
}

/// `[health]`: checks of `GET /health`, for plugins with the interface `health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Time between two checks.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub interval: Duration,
    /// Longest time of a check.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub timeout: Duration,
    /// Failed checks in a row, after which it counts as unresponsive and is restarted.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            failures: 3,
        }
    }
}

/// `[restart]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Restart {
    /// Which ends are followed by a restart.
    pub policy: RestartPolicy,
    /// Stretch of time in which ends are counted.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub window: Duration,
    /// Ends within the window, after which it is tried again only slowly.
    #[schemars(range(min = 1, max = 1000))]
    pub max: u32,
    /// Runs so long: it counts as stable, and an upgrade as good.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub stable_after: Duration,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            policy: RestartPolicy::default(),
            window: Duration::from_secs(600),
            max: 5,
            stable_after: Duration::from_secs(120),
        }
    }
}

/// Which ends are followed by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Every end.
    Always,
    /// Every end but exit code 0.
    #[default]
    OnFailure,
    /// None.
    Never,
}

/// `[limits]`: what a plugin and all its descendants may use. What is not given is not limited.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Memory, in bytes.
    #[serde(with = "units::optional_size", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<units::Size>")]
    pub memory: Option<u64>,
    /// Processor time, in per cent of one core.
    #[serde(with = "units::optional_percent", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<units::Percent>")]
    pub cpu: Option<f64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub pids: Option<u64>,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub open_files: Option<u64>,
    /// What happens where the machine cannot hold a limit.
    pub enforce: Enforce,
}

/// What happens where the machine cannot hold a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Enforce {
    /// It is started, and the limit shown as advisory.
    #[default]
    BestEffort,
    /// It is not started.
    Required,
}

/// `[metrics]`: the plugin's own use of resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Time between two points.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub interval: Duration,
    /// Points kept.
    #[schemars(range(min = 1, max = 10000))]
    pub keep: u32,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            keep: 60,
        }
    }
}
