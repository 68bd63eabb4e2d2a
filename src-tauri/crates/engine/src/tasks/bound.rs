//! A run's values: what is published, and what plugins are asked for where the task has a config of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use orrery_catalog::{Need, Part, QueryElement, Reading, Selected, View, readings};
use orrery_model::Report;
use orrery_model::window::SourceId;
use orrery_packages::manifest::Interface;
use orrery_packages::policy::{PolicyType, Rule, reveal};
use orrery_plugins::Collectors;
use orrery_tasks::Sample;
use orrery_tasks::limits::DEADLINE_MAX;
use orrery_tasks::seams::{Collected, Later, PluginConfig, Subscribed};
use serde_json::Value;

use super::host::SOURCE;
use super::names::Names;
use super::own::{Key, Own};
use crate::engine::Engine;
use crate::limits::TASK_SAMPLES;
use crate::managed::Reach;
use crate::published::Published;

/// What the views of all tasks share.
pub(super) struct Desk {
    engine: Engine,
    names: Names,
    own: Arc<Own>,
    collectors: Arc<Collectors>,
}

impl Desk {
    pub(super) fn new(engine: Engine) -> Desk {
        // A little less than the beat: a task on the same beat gets a new report each time.
        let beat = engine.shared.config.interval;
        Desk {
            names: Names::default(),
            own: Own::new(beat - beat / 10),
            collectors: Arc::default(),
            engine,
        }
    }
}

/// A view and where its values are.
pub(super) struct Bound {
    view: Arc<View>,
    desk: Arc<Desk>,
}

impl Subscribed for Bound {
    fn lacks(&self) -> Option<String> {
        let problems = self.view.problems.iter().filter(|problem| !problem.note);
        let told: Vec<&str> = problems.map(|problem| problem.message.as_str()).collect();
        if !told.is_empty() {
            return Some(told.join(" "));
        }
        // A plugin that was just started has nothing to tell yet: a run now would find nothing.
        let published = self.desk.engine.published();
        let collectors = self.collectors();
        let silent = collectors.iter().copied();
        let silent: Vec<&str> = silent
            .filter(|id| !published.hears(&SourceId::plugin(id)))
            .collect();
        // Where any plugin will do, one that reports is enough.
        let is_all = silent.len() == collectors.len() && !self.has_built_in() && !self.is_optional();
        let waited_for = silent.into_iter().filter(|id| is_all || self.is_needed(id));
        let waited_for: Vec<&str> = waited_for.collect();
        (!waited_for.is_empty()).then(|| format!("the first report of {}", waited_for.join(", ")))
    }

    fn asks(&self) -> bool {
        self.asked().next().is_some()
    }

    fn collect(&self, timeout: Duration) -> Later<'_, Collected> {
        Box::pin(async move {
            let mut collected = self.published();
            let asked = join_all(self.asked().map(|need| self.ask(need, timeout))).await;
            for (need, answer) in self.asked().zip(asked) {
                match answer {
                    Some(Ok(report)) => self.take(need, &report, &mut collected.samples),
                    Some(Err(why)) => {
                        let told = format!("plugin {}: {why}", need.source.id);
                        match self.does_without(&need.source.id) {
                            true => collected.notes.push(told),
                            false => collected.problems.push(told),
                        }
                    }
                    // That it does not report is told already.
                    None => {}
                }
            }
            collected
        })
    }

    fn config(&self, path: &str) -> Option<PluginConfig> {
        let need = self
            .view
            .needs
            .iter()
            .find(|need| !need.path.is_empty() && need.path == path)?;
        let rules = need.source.policy.iter();
        let secrets = rules.filter(|rule| rule.kind == PolicyType::Secret);
        Some(PluginConfig {
            values: Value::Object(need.config.values.clone()),
            secrets: secrets.map(|rule| rule.key.clone()).collect(),
        })
    }
}

impl Bound {
    pub(super) fn new(view: Arc<View>, desk: Arc<Desk>) -> Bound {
        Bound { view, desk }
    }

    /// What is there already, of everybody who is not asked.
    fn published(&self) -> Collected {
        let published = self.desk.engine.published();
        let asked: BTreeSet<&str> = self.asked().map(|need| need.source.id.as_str()).collect();
        let values = if asked.is_empty() {
            readings(&self.view.metrics, &published.report, TASK_SAMPLES)
        } else {
            let all = self.view.metrics.iter();
            let there = all.filter(|selected| !asked.contains(selected.entry.source.id.as_str()));
            let there: Vec<Selected> = there.cloned().collect();
            readings(&there, &published.report, TASK_SAMPLES)
        };
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        // What a plugin said that has gone since is still shown for a while, and is no value of now.
        let mut gone = BTreeSet::new();
        for id in self.collectors() {
            if !published.hears(&SourceId::plugin(id)) {
                gone.insert(id);
                if self.is_needed(id) {
                    match self.is_ended(id) {
                        // That is waited for as soon as it is known, and waiting is not failing.
                        true => notes.push(format!("plugin {id} is not there at present")),
                        false => problems.push(format!("plugin {id} does not report")),
                    }
                }
            }
        }
        let mut samples = Vec::with_capacity(values.len());
        for value in &values {
            let id = value.entry.source.id.as_str();
            if gone.contains(id) || !self.is_from(&published, value) {
                continue;
            }
            samples.extend(self.sample(value));
        }
        Collected {
            samples,
            problems,
            notes,
        }
    }

    /// Plugins that the task has a config of its own for, and that listen to it.
    fn asked(&self) -> impl Iterator<Item = &Need> {
        let needs = self.view.needs.iter();
        needs.filter(|need| {
            need.part == Part::Collect
                && need.differs
                && need.source.interfaces.contains(&Interface::Collector)
        })
    }

    /// A plugin's report under the task's config; none when it is not there at present.
    async fn ask(&self, need: &Need, timeout: Duration) -> Option<Result<Arc<Report>, String>> {
        let engine = &self.desk.engine;
        let id = &need.source.id;
        if !engine.published().hears(&SourceId::plugin(id)) {
            return None;
        }
        let Reach::At { socket, .. } = engine.reach(id) else {
            return Some(Err("it does not run".to_owned()));
        };
        let config = Value::Object(need.config.values.clone());
        let key = Key {
            plugin: id.clone(),
            version: need.source.version.clone(),
            config: config.to_string(),
        };
        let ask = || -> Later<'static, Result<Report, String>> {
            let (collectors, source) = (self.desk.collectors.clone(), need.source.clone());
            let probe = engine.id().to_owned();
            Box::pin(async move {
                let config = revealed(&source.policy, &config)?;
                let asked = collectors.ask(&socket, &source.id, &probe, &config, DEADLINE_MAX);
                asked.await.map_err(|error| error.to_string())
            })
        };
        Some(self.desk.own.report(key, timeout, ask).await)
    }

    /// Takes the values of a plugin's metrics out of its report.
    fn take(&self, need: &Need, report: &Report, into: &mut Vec<Sample>) {
        let all = self.view.metrics.iter();
        let of_it = all.filter(|selected| selected.entry.source.id == need.source.id);
        let of_it: Vec<Selected> = of_it.cloned().collect();
        let values = readings(&of_it, report, TASK_SAMPLES);
        into.extend(values.iter().filter_map(|value| self.sample(value)));
    }

    fn sample(&self, value: &Reading) -> Option<Sample> {
        Some(Sample {
            series: self.desk.names.series(value)?,
            at_ms: value.sample.date.as_millis(),
            value: value.sample.value,
        })
    }

    /// Whether somebody wants the plugin not to run, or it is gone: nothing of that is a failure.
    fn is_ended(&self, plugin: &str) -> bool {
        match self.desk.engine.reach(plugin) {
            Reach::Unknown | Reach::Ending => true,
            // One that crashed is tried again.
            Reach::Resting { retry_after, .. } | Reach::Asleep { retry_after, .. } => retry_after.is_none(),
            Reach::At { .. } | Reach::Crashing { .. } => false,
        }
    }

    /// Whether everything that it wants of a plugin is optional.
    fn does_without(&self, plugin: &str) -> bool {
        let mut wants = self.view.request.wants.iter();
        wants.all(|want| want.optional || !want.query.concerns(plugin))
    }

    /// Plugins whose metrics are collected.
    fn collectors(&self) -> BTreeSet<&str> {
        let entries = self.view.metrics.iter().map(|selected| &selected.entry.source);
        entries
            .filter(|source| !source.built_in)
            .map(|source| source.id.as_str())
            .collect()
    }

    /// Whether the task asks for this very plugin and cannot do without.
    fn is_needed(&self, plugin: &str) -> bool {
        self.view.request.wants.iter().any(|want| {
            let names_it = !matches!(want.query.elements().first(), None | Some(QueryElement::Any));
            !want.optional && names_it && want.query.concerns(plugin)
        })
    }

    /// Whether some of its metrics are there anyway.
    fn has_built_in(&self) -> bool {
        let mut all = self.view.metrics.iter();
        all.any(|selected| selected.entry.source.built_in)
    }

    /// Whether it can do without everything that it asks for.
    fn is_optional(&self) -> bool {
        self.view.request.wants.iter().all(|want| want.optional)
    }

    /// Whether the node is one that the metric's source names: another may have a metric of the same id.
    fn is_from(&self, published: &Published, value: &Reading) -> bool {
        let source = &value.entry.source;
        let Some(place) = &value.entry.told.place else {
            return false;
        };
        match source.built_in {
            // A node that is there because of tasks alone has gone, and its last value is none of now.
            true => published.is_named_beside(&SourceId::probe(SOURCE), place.topology, &value.node),
            false => published.names(&SourceId::plugin(&source.id), place.topology, &value.node),
        }
    }
}

/// A config with its secrets, for the plugin alone.
fn revealed(rules: &[Rule], config: &Value) -> Result<Value, String> {
    reveal(rules, config).map_err(|errors| {
        let told = errors
            .iter()
            .map(|error| format!("{}: {}", error.key, error.message));
        told.collect::<Vec<_>>().join("; ")
    })
}
