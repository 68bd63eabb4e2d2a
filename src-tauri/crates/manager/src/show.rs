//! What is known, as it is shown.

use orrery_catalog::{ConfigError, Resolved, resolve};
use orrery_packages::manifest;
use orrery_packages::policy;
use orrery_store::{
    Config, Desired as Wish, OperationRecord, OperationState as State, Origin, PendingRecord, RevisionRecord,
    StepRecord,
};
use orrery_supervisor::view::{InstanceState, InstanceView};
use sha2::{Digest, Sha256};

use crate::book::{Book, Incoming, Plugin};
use crate::shared::Shared;
use crate::view::{
    Activation, Desired, EffectiveValue, ManagedPlugin, OperationState, OperationView, PendingView,
    PluginConfig, PluginOrigin, PolicyRule, PolicyType, RevisionView, StepView,
};

/// A plugin as shown. `instance` is what the supervisor says of its process.
pub(crate) fn plugin(
    shared: &Shared,
    book: &Book,
    plugin: &Plugin,
    instance: Option<InstanceView>,
) -> ManagedPlugin {
    let record = &plugin.record;
    let manifest = plugin.manifest.as_ref();
    let instance = instance.unwrap_or_else(|| resting(plugin));
    let operation = book
        .open
        .values()
        .filter(|o| o.record.plugin == record.id)
        .min_by_key(|o| (o.record.state == State::Queued, o.record.id.clone()))
        .map(|o| operation(&o.record, o.is_cancellable()));
    ManagedPlugin {
        id: record.id.clone(),
        label: manifest.map_or_else(|| record.id.clone(), |m| m.label.clone()),
        description: manifest.map(|m| m.description.clone()).unwrap_or_default(),
        origin: match record.origin {
            Origin::Managed => PluginOrigin::Managed,
            Origin::Local => PluginOrigin::Local,
        },
        activation: activation_of(plugin),
        desired: match record.desired {
            Wish::Automatic => Desired::Automatic,
            Wish::Started => Desired::Started,
            Wish::Stopped => Desired::Stopped,
            Wish::Disabled => Desired::Disabled,
        },
        interfaces: manifest
            .map(|m| m.interfaces.iter().map(|i| i.as_str().to_owned()).collect())
            .unwrap_or_default(),
        current: match record.origin {
            Origin::Managed => book.current(record).map(revision),
            Origin::Local => manifest.map(local_revision),
        },
        pending: match &plugin.incoming {
            Some(incoming) => Some(incoming_view(book, incoming)),
            None => record.pending.as_ref().map(pending),
        },
        retained: record
            .retained
            .iter()
            .filter_map(|sha256| book.revision(&record.id, sha256).map(revision))
            .collect(),
        config: config(shared, book, plugin, &instance),
        operation,
        source: record.source.clone(),
        instance,
    }
}

/// A plugin of which the supervisor knows nothing.
fn resting(plugin: &Plugin) -> InstanceView {
    InstanceView {
        state: match plugin.obstacle {
            Some(_) => InstanceState::Inapplicable,
            None => InstanceState::Absent,
        },
        reason: plugin.obstacle.clone().unwrap_or_default(),
        ..InstanceView::default()
    }
}

/// When a plugin runs; one whose manifest cannot be read counts as always.
pub(crate) fn activation_of(plugin: &Plugin) -> Activation {
    let Some(manifest) = &plugin.manifest else {
        return Activation::Always;
    };
    match manifest.run.activation {
        manifest::Activation::Always => Activation::Always,
        manifest::Activation::OnDemand => Activation::OnDemand,
        manifest::Activation::Trigger => Activation::Trigger,
        manifest::Activation::Manual => Activation::Manual,
    }
}

fn revision(record: &RevisionRecord) -> RevisionView {
    RevisionView {
        version: record.version.clone(),
        sha256: record.sha256.clone(),
        signature: record.signature.clone(),
        installed_ms: record.installed_ms,
        bytes: record.bytes,
    }
}

fn local_revision(manifest: &orrery_packages::Manifest) -> RevisionView {
    RevisionView {
        version: manifest.version.to_string(),
        sha256: String::new(),
        signature: "off".to_owned(),
        installed_ms: 0,
        bytes: 0,
    }
}

fn incoming_view(book: &Book, incoming: &Incoming) -> PendingView {
    let step = book.open.get(&incoming.operation).and_then(|o| o.step);
    PendingView {
        revision: RevisionView {
            version: incoming.version.clone(),
            sha256: incoming.sha256.clone(),
            signature: incoming.signature.clone(),
            installed_ms: 0,
            bytes: incoming.bytes,
        },
        step: step.map(|s| s.word().to_owned()).unwrap_or_default(),
        instance: None,
        failure: None,
        failed_ms: None,
    }
}

fn pending(record: &PendingRecord) -> PendingView {
    PendingView {
        revision: RevisionView {
            version: record.version.clone(),
            sha256: record.sha256.clone(),
            signature: record.signature.clone(),
            installed_ms: 0,
            bytes: record.bytes,
        },
        step: record.step.clone(),
        instance: None,
        failure: Some(record.failure.clone()),
        failed_ms: Some(record.failed_ms),
    }
}

fn config(shared: &Shared, book: &Book, plugin: &Plugin, instance: &InstanceView) -> PluginConfig {
    let accepted = plugin.record.config.accepted.as_ref();
    let rules = plugin.manifest.as_ref().map_or(&[][..], |m| m.policy.as_slice());
    let (effective, wrong) = match &plugin.manifest {
        Some(manifest) => effective(shared, book, manifest, accepted),
        None => (Vec::new(), Vec::new()),
    };
    PluginConfig {
        effective,
        wrong,
        structured: match accepted {
            Some(Config::Structured(value)) => Some(value.clone()),
            Some(Config::Text(_)) | None => None,
        },
        text: match accepted {
            Some(Config::Text(text)) => Some(text.clone()),
            Some(Config::Structured(_)) | None => None,
        },
        hash: match (accepted, instance.pid) {
            (Some(config), Some(_)) => hash(config),
            _ => String::new(),
        },
        policy: rules.iter().map(rule).collect(),
        rejected: plugin.record.config.rejected.clone(),
    }
}

/// What holds with all layers together, or what is wrong with it.
fn effective(
    shared: &Shared,
    book: &Book,
    manifest: &manifest::Manifest,
    own: Option<&Config>,
) -> (Vec<EffectiveValue>, Vec<ConfigError>) {
    let given = shared.given_by(book, manifest, own);
    if given.is_text() {
        return (Vec::new(), Vec::new());
    }
    match resolve(&manifest.policy, &given.layers()) {
        Ok(Resolved { values, origins }) => {
            let shown = origins.into_iter().filter_map(|(key, layer)| {
                let value = values.get(&key)?.clone();
                Some(EffectiveValue { key, value, layer })
            });
            (shown.collect(), Vec::new())
        }
        Err(wrong) => (Vec::new(), wrong),
    }
}

/// SHA-256 of a config as it was given, in hexadecimal.
pub(crate) fn hash(config: &Config) -> String {
    let bytes = match config {
        Config::Structured(value) => value.to_string().into_bytes(),
        Config::Text(text) => text.clone().into_bytes(),
    };
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn rule(rule: &policy::Rule) -> PolicyRule {
    PolicyRule {
        key: rule.key.clone(),
        prefix: rule.prefix.clone(),
        kind: match rule.kind {
            policy::PolicyType::Bool => PolicyType::Bool,
            policy::PolicyType::Integer => PolicyType::Integer,
            policy::PolicyType::Float => PolicyType::Float,
            policy::PolicyType::String => PolicyType::String,
            policy::PolicyType::Duration => PolicyType::Duration,
            policy::PolicyType::Enum => PolicyType::Enum,
            policy::PolicyType::Secret => PolicyType::Secret,
        },
        description: rule.description.clone(),
        required: rule.required,
        default: rule.default.clone(),
        min: rule.min,
        max: rule.max,
        values: rule.values.clone(),
    }
}

impl From<&policy::Rule> for PolicyRule {
    fn from(shown: &policy::Rule) -> Self {
        rule(shown)
    }
}

/// An operation as shown.
pub(crate) fn operation(record: &OperationRecord, cancellable: bool) -> OperationView {
    OperationView {
        id: record.id.clone(),
        kind: record.kind.clone(),
        plugin: record.plugin.clone(),
        state: match record.state {
            State::Queued => OperationState::Queued,
            State::Running => OperationState::Running,
            State::Done => OperationState::Done,
            State::Failed => OperationState::Failed,
            State::Cancelled => OperationState::Cancelled,
        },
        steps: record.steps.iter().map(step).collect(),
        ordered_ms: record.ordered_ms,
        ended_ms: record.ended_ms,
        user: record.user.clone(),
        outcome: record.outcome.clone(),
        code: record.code.clone(),
        retryable: record.retryable,
        cancellable,
    }
}

fn step(record: &StepRecord) -> StepView {
    StepView {
        id: record.id.clone(),
        state: record.state.clone(),
        text: record.text.clone(),
        done_bytes: record.done_bytes,
        total_bytes: record.total_bytes,
    }
}
