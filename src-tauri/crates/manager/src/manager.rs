//! The handle on everything that is done to plugins.

use std::sync::Arc;
use std::time::Duration;

use orrery_store::{Change, Config, OperationRecord, OperationState, Origin, PluginRecord, Store};
use orrery_supervisor::Supervisor;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::book::{Book, Operation};
use crate::clock::now_ms;
use crate::config::ManagerConfig;
use crate::error::{OrderError, StartError};
use crate::event::{Event, Events};
use crate::limits;
use crate::op::{Op, steps_of};
use crate::plan::{Kind, Step};
use crate::processes::Processes;
use crate::shared::Shared;
use crate::uploads::{self, Upload};
use crate::view::{ManagedPlugin, OperationView, PackageSource, PluginOrder, RejectedPackage};
use crate::{in_force, layers, recover, show, sweep, watched, way, work};

/// How an order is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// At once; it is carried out when its turn comes.
    #[default]
    No,
    /// When it ended.
    Ended,
    /// At once, and only if nothing else is under way for the plugin.
    IfFree,
}

/// Everything that is done to plugins. Clones are the same manager.
#[derive(Clone)]
pub struct Manager {
    shared: Arc<Shared>,
}

impl Manager {
    /// Reads the records, brings to an end what an earlier run left unfinished, and hands all plugins to the
    /// supervisor. Waits for no plugin. Events come through the receiver; they are dropped when nobody reads.
    pub async fn start(
        config: ManagerConfig,
        store: Store,
        supervisor: Supervisor,
    ) -> Result<(Manager, mpsc::Receiver<Event>), StartError> {
        Self::start_with(config, store, Arc::new(supervisor)).await
    }

    pub(crate) async fn start_with(
        mut config: ManagerConfig,
        store: Store,
        processes: Arc<dyn Processes>,
    ) -> Result<(Manager, mpsc::Receiver<Event>), StartError> {
        way::make_closed(&config.dirs)?;
        // What is found there is ordered and remembered by its whole path.
        for dir in &mut config.watched {
            *dir = std::path::absolute(&*dir).unwrap_or_else(|_| std::mem::take(dir));
        }
        let (events, receiver) = Events::new();
        let loaded = store.load(now_ms()).await?;
        for bad in &loaded.quarantined {
            let text = format!(
                "A record of the table {} cannot be read and was set aside: {}.",
                bad.source, bad.reason
            );
            let plugin = bad.key.split(' ').next().unwrap_or_default();
            let plugin = if bad.source == "operation" { "" } else { plugin };
            events.tell(Event::new("quarantine", plugin, text));
        }
        let shared = Arc::new(Shared::new(config, store, processes, events, Book::default()));
        let manager = Manager {
            shared: Arc::clone(&shared),
        };
        let unfinished = recover::take_in(&shared, loaded).await?;
        let again = recover::close(&shared, unfinished).await?;
        let targets = {
            let book = shared.book();
            in_force::targets(&book, book.plugins.keys().map(String::as_str))
        };
        in_force::point(&shared.config.dirs, &targets);
        sweep::sweep(&shared, sweep::When::Start).await;
        // One whose removal goes on must not come up once more.
        let (ids, going): (Vec<String>, Vec<String>) = {
            let book = shared.book();
            let removals = book
                .open
                .values()
                .filter(|o| matches!(o.order, PluginOrder::Remove { .. }));
            let going = removals.map(|o| o.record.plugin.clone()).collect();
            (book.plugins.keys().cloned().collect(), going)
        };
        for id in ids.iter().filter(|id| !going.contains(id)) {
            if let Err(failure) = shared.run_as_recorded(id).await {
                tracing::warn!(plugin = id, %failure, "a plugin cannot run");
            }
        }
        for (id, step) in again {
            manager.carry_out(&id, step);
        }
        shared.tasks.spawn(watched::run(Arc::clone(&shared)));
        shared.tasks.spawn(sweep::run(Arc::clone(&shared)));
        Ok((manager, receiver))
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Manager {
        Manager { shared }
    }

    /// Takes an order. Each is carried out to its end, whoever stops waiting for it; an order that is under way
    /// already is not taken a second time but told by its operation.
    ///
    /// # Errors
    /// When it is refused: nothing was begun then.
    pub async fn order(
        &self,
        order: PluginOrder,
        user: &str,
        wait: Wait,
    ) -> Result<OperationView, OrderError> {
        if self.shared.closing.is_cancelled() {
            return Err(OrderError::ShuttingDown);
        }
        self.check(&order)?;
        let (id, ended) = match self.book_in(&order, user, wait)? {
            BookedIn::Known(id, ended) => (id, ended),
            BookedIn::New(id, ended, record) => {
                // In a task of its own: who ordered may go away meanwhile, and what is booked has to be begun.
                let (manager, booked) = (self.clone(), id.clone());
                let begun = tokio::spawn(async move { manager.begin(&booked, record).await });
                begun.await.map_err(|_| OrderError::ShuttingDown)??;
                (id, ended)
            }
        };
        if wait == Wait::Ended {
            wait_for(ended).await;
        }
        self.operation(&id).ok_or(OrderError::NoOperation(id))
    }

    /// Every registered plugin, by id.
    pub fn list(&self) -> Vec<ManagedPlugin> {
        let ids: Vec<String> = self.shared.book().plugins.keys().cloned().collect();
        ids.iter().filter_map(|id| self.plugin(id)).collect()
    }

    /// A registered plugin.
    pub fn plugin(&self, id: &str) -> Option<ManagedPlugin> {
        let instance = self.shared.processes.view(id);
        let book = self.shared.book();
        let plugin = book.plugins.get(id)?;
        Some(show::plugin(&self.shared, &book, plugin, instance))
    }

    /// The `[[service]]` tables of every plugin's revision in force, by plugin.
    pub fn services(&self) -> Vec<(String, Vec<serde_json::Map<String, serde_json::Value>>)> {
        let book = self.shared.book();
        let manifests = book.plugins.iter().map(|(id, plugin)| {
            let services = plugin.manifest.as_ref().map(|manifest| manifest.service.clone());
            (id.clone(), services.unwrap_or_default())
        });
        manifests.collect()
    }

    /// What each plugin says of itself, by plugin: of the revision that runs, or would. Those whose manifest cannot be
    /// read are left out.
    pub fn manifests(&self) -> Vec<(String, orrery_packages::Manifest)> {
        let book = self.shared.book();
        let manifests = book.plugins.iter();
        manifests
            .filter_map(|(id, plugin)| Some((id.clone(), plugin.manifest.clone()?)))
            .collect()
    }

    /// Operations, newest first: at most `limit`, those under way in any case.
    pub fn operations(&self, limit: usize) -> Vec<OperationView> {
        let book = self.shared.book();
        let open = book.open.values().rev();
        let open = open.map(|o| show::operation(&o.record, o.is_cancellable()));
        let ended = book.ended.iter().rev().map(|o| show::operation(o, false));
        let mut all: Vec<OperationView> = open.collect();
        let left = limit.saturating_sub(all.len());
        all.extend(ended.take(left));
        all.sort_by(|a, b| b.id.cmp(&a.id));
        all
    }

    /// An operation.
    pub fn operation(&self, id: &str) -> Option<OperationView> {
        let book = self.shared.book();
        match book.open.get(id) {
            Some(operation) => Some(show::operation(&operation.record, operation.is_cancellable())),
            None => {
                let ended = book.ended.iter().rev().find(|o| o.id == id);
                ended.map(|o| show::operation(o, false))
            }
        }
    }

    /// Cancels an operation; what it had begun is undone. In probation that means to go back.
    ///
    /// # Errors
    /// When there is none of this id, or it is past the point from which it can go back.
    pub fn cancel(&self, id: &str) -> Result<OperationView, OrderError> {
        {
            let book = self.shared.book();
            match book.open.get(id) {
                Some(operation) if operation.is_cancellable() => operation.cancel.cancel(),
                Some(_) => return Err(OrderError::NotCancellable(id.to_owned())),
                None if book.ended.iter().any(|o| o.id == id) => {
                    return Err(OrderError::NotCancellable(id.to_owned()));
                }
                None => return Err(OrderError::NoOperation(id.to_owned())),
            }
        }
        let shown = self.operation(id);
        shown.ok_or_else(|| OrderError::NoOperation(id.to_owned()))
    }

    /// Waits until an operation ends, and shows it.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn ended(&self, id: &str) -> Result<OperationView, OrderError> {
        let ended = self.shared.book().open.get(id).map(|o| o.ended.subscribe());
        if let Some(ended) = ended {
            wait_for(ended).await;
        }
        let shown = self.operation(id);
        shown.ok_or_else(|| OrderError::NoOperation(id.to_owned()))
    }

    /// What lies in a watched directory and was not taken, by path.
    pub fn rejected(&self) -> Vec<RejectedPackage> {
        self.shared.book().rejected.values().cloned().collect()
    }

    /// Begins to receive a package.
    ///
    /// # Errors
    /// When too many are under way, or there is no room.
    pub async fn upload(&self) -> Result<Upload, OrderError> {
        Upload::begin(Arc::clone(&self.shared)).await
    }

    /// Changes whenever something that is shown does, except what the supervisor shows.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }

    /// Ends: takes no orders any more, cancels what can be, and lets the rest come to its end for at most
    /// `deadline`. What does not is gone on with at the next start. The plugins go on running.
    pub async fn shutdown(&self, deadline: Duration) {
        self.shared.closing.cancel();
        {
            let book = self.shared.book();
            let running = book
                .open
                .values()
                .filter(|o| o.record.state == OperationState::Running);
            for operation in running.filter(|o| o.is_cancellable() && o.step != Some(Step::Probation)) {
                operation.cancel.cancel();
            }
        }
        self.shared.tasks.close();
        if tokio::time::timeout(deadline, self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("not every operation ended in time; the next start sees to them");
        }
        self.shared.store.close().await;
    }

    /// Refuses what makes no sense now; the operation itself looks again when its turn comes.
    fn check(&self, order: &PluginOrder) -> Result<(), OrderError> {
        let registered = |id: &str| {
            self.shared.record(id).ok_or_else(|| OrderError::NotRegistered {
                plugin: id.to_owned(),
            })
        };
        match order {
            PluginOrder::Install { source, .. } | PluginOrder::Load { source, .. } => {
                self.check_source(source)
            }
            PluginOrder::Upgrade { plugin, source, .. } => {
                registered(plugin)?;
                self.check_source(source)
            }
            PluginOrder::Rollback { plugin, version } => {
                let record = registered(plugin)?;
                not_local(&record)?;
                work::rollback_target(&self.shared, &record, version.as_deref()).map(drop)
            }
            PluginOrder::Remove { plugin, .. } => not_local(&registered(plugin)?),
            PluginOrder::Start { plugin } => {
                let record = registered(plugin)?;
                let activation = {
                    let book = self.shared.book();
                    book.plugins.get(plugin).map(show::activation_of)
                };
                let activation = activation.unwrap_or(crate::view::Activation::Always);
                work::may_start(plugin, record.desired, activation)
            }
            PluginOrder::Restart { plugin } => match registered(plugin)?.desired {
                orrery_store::Desired::Disabled => Err(OrderError::Disabled {
                    plugin: plugin.clone(),
                }),
                _ => Ok(()),
            },
            PluginOrder::Stop { plugin }
            | PluginOrder::Enable { plugin }
            | PluginOrder::Disable { plugin }
            | PluginOrder::Reconfigure { plugin }
            | PluginOrder::Dismiss { plugin } => registered(plugin).map(drop),
            PluginOrder::Configure {
                plugin,
                structured,
                text,
            } => {
                registered(plugin)?;
                self.check_config(plugin, structured.as_ref(), text.as_deref())
            }
        }
    }

    fn check_source(&self, source: &PackageSource) -> Result<(), OrderError> {
        match source {
            PackageSource::File { path, .. } if !path.starts_with('/') => Err(OrderError::Invalid(format!(
                "{path} is no absolute path on the machine that Orrery runs on"
            ))),
            PackageSource::Upload { upload, .. } if !uploads::is_there(&self.shared, upload) => {
                Err(OrderError::NoUpload(upload.clone()))
            }
            PackageSource::File { .. }
            | PackageSource::Url { .. }
            | PackageSource::Index { .. }
            | PackageSource::Upload { .. } => Ok(()),
        }
    }

    fn check_config(
        &self,
        plugin: &str,
        structured: Option<&serde_json::Value>,
        text: Option<&str>,
    ) -> Result<(), OrderError> {
        if structured.is_some() && text.is_some() {
            return Err(OrderError::Invalid(
                "a config is text or structured, not both".to_owned(),
            ));
        }
        let bytes = text.map_or(0, str::len) + structured.map_or(0, |value| value.to_string().len());
        if bytes > limits::CONFIG_BYTES {
            return Err(OrderError::Invalid(format!(
                "a config has at most {} bytes",
                limits::CONFIG_BYTES
            )));
        }
        let manifest = {
            let book = self.shared.book();
            book.plugins.get(plugin).and_then(|p| p.manifest.clone())
        };
        match (structured, manifest) {
            (Some(value), Some(manifest)) => {
                let own = Config::Structured(value.clone());
                let resolved = self.shared.given(&manifest, Some(&own)).resolved(&manifest);
                let wrong =
                    |errors: Vec<_>| OrderError::Policy(errors.into_iter().map(layers::told).collect());
                resolved.map(drop).map_err(wrong)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Enters an order in the book, or finds the operation that does the same already.
    fn book_in(&self, order: &PluginOrder, user: &str, wait: Wait) -> Result<BookedIn, OrderError> {
        let mut book = self.shared.book();
        // One that takes over what is said now may have looked before the last was said.
        let is_late = |o: &&Operation| {
            matches!(order, PluginOrder::Reconfigure { .. }) && o.record.state != OperationState::Queued
        };
        let mut same = book.open.values().filter(|o| o.order == *order);
        if let Some(same) = same.find(|o| !is_late(o)) {
            return Ok(BookedIn::Known(same.record.id.clone(), same.ended.subscribe()));
        }
        let plugin = plugin_of(order).unwrap_or_default();
        if wait == Wait::IfFree
            && !plugin.is_empty()
            && let Some(operation) = book.busy_with(plugin, "")
        {
            return Err(OrderError::Busy {
                plugin: plugin.to_owned(),
                operation: operation.to_owned(),
            });
        }
        if book.open.len() >= limits::OPERATIONS_OPEN {
            return Err(OrderError::TooMany(format!(
                "{} operations are queued or under way",
                limits::OPERATIONS_OPEN
            )));
        }
        let kind = Kind::of(order);
        let record = OperationRecord {
            id: Uuid::now_v7().to_string(),
            kind: kind.word().to_owned(),
            plugin: plugin.to_owned(),
            order: serde_json::to_value(order).map_err(|error| OrderError::Invalid(error.to_string()))?,
            facts: serde_json::Value::Null,
            state: OperationState::Queued,
            steps: steps_of(kind),
            ordered_ms: now_ms(),
            ended_ms: None,
            user: user.to_owned(),
            outcome: String::new(),
            code: String::new(),
            retryable: false,
        };
        let operation = Operation {
            record: record.clone(),
            order: order.clone(),
            cancel: CancellationToken::new(),
            step: None,
            ended: watch::Sender::new(false),
        };
        let ended = operation.ended.subscribe();
        let id = record.id.clone();
        book.open.insert(id.clone(), operation);
        drop(book);
        self.shared.bump();
        self.shared.events.tell(Event {
            operation: id.clone(),
            user: user.to_owned(),
            ..Event::new(format!("{}_requested", kind.word()), plugin, "ordered")
        });
        Ok(BookedIn::New(id, ended, Box::new(record)))
    }

    /// Records a booked operation and begins it; one that cannot be recorded is no more.
    async fn begin(&self, id: &str, record: Box<OperationRecord>) -> Result<(), OrderError> {
        let recorded = self.shared.store.commit(vec![Change::PutOperation(*record)]);
        if let Err(error) = recorded.await {
            self.shared.book().open.remove(id);
            self.shared.bump();
            return Err(OrderError::Store(error.to_string()));
        }
        self.carry_out(id, None);
        Ok(())
    }

    /// Carries an operation out on a task of its own: nobody who waits for it can break it off by going away.
    fn carry_out(&self, id: &str, step: Option<Step>) {
        let found = {
            let book = self.shared.book();
            let operation = book.open.get(id);
            operation.map(|o| (o.cancel.clone(), o.order.clone(), Kind::from_word(&o.record.kind)))
        };
        let Some((cancel, order, kind)) = found else {
            return;
        };
        let op = Arc::new(Op {
            id: id.to_owned(),
            shared: Arc::clone(&self.shared),
            cancel,
        });
        self.shared.tasks.spawn(async move {
            match (kind, step) {
                (Some(kind), Some(step)) => work::go_on(op, kind, step, order).await,
                _ => work::carry_out(op, order).await,
            }
        });
    }
}

enum BookedIn {
    Known(String, watch::Receiver<bool>),
    New(String, watch::Receiver<bool>, Box<OperationRecord>),
}

async fn wait_for(mut ended: watch::Receiver<bool>) {
    // The sender goes only after it has said so.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// The plugin that an order is for, where it says.
pub(crate) fn plugin_of(order: &PluginOrder) -> Option<&str> {
    match order {
        PluginOrder::Install {
            source: PackageSource::Index { plugin, .. },
            ..
        }
        | PluginOrder::Load {
            source: PackageSource::Index { plugin, .. },
            ..
        } => Some(plugin),
        PluginOrder::Install { .. } | PluginOrder::Load { .. } => None,
        PluginOrder::Upgrade { plugin, .. }
        | PluginOrder::Rollback { plugin, .. }
        | PluginOrder::Remove { plugin, .. }
        | PluginOrder::Start { plugin }
        | PluginOrder::Stop { plugin }
        | PluginOrder::Restart { plugin }
        | PluginOrder::Enable { plugin }
        | PluginOrder::Disable { plugin }
        | PluginOrder::Configure { plugin, .. }
        | PluginOrder::Reconfigure { plugin }
        | PluginOrder::Dismiss { plugin } => Some(plugin),
    }
}

fn not_local(record: &PluginRecord) -> Result<(), OrderError> {
    match (record.origin, &record.local) {
        (Origin::Local, path) => Err(OrderError::Local {
            plugin: record.id.clone(),
            path: path.as_ref().map(|p| p.display().to_string()).unwrap_or_default(),
        }),
        (Origin::Managed, _) => Ok(()),
    }
}
