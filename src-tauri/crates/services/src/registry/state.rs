//! The set of objects as plain data: what a change does to it, who serves what, what is said about each.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{EventType, Origin, RegistryError, WatchEvent};
use crate::availability::Finding;
use crate::limits;
use crate::object::{Condition, ConditionStatus, DataPlaneService, reason};

/// One object and what is known beside it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) object: Arc<DataPlaneService>,
    pub(super) origin: Origin,
    /// Why the newest text of it is not in force.
    pub(super) trouble: Option<Trouble>,
}

/// Why the newest text of an object is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Every object by name.
pub(super) type Entries = BTreeMap<String, Entry>;

/// What the caller holds true about the object that is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expects {
    /// It may or may not be there.
    Anything,
    /// It is not there.
    Nothing,
    /// It is there.
    Something,
}

/// Puts an object in, with its `resourceVersion` as a condition when it has one.
pub(super) fn put(
    entries: &mut Entries,
    wished: DataPlaneService,
    origin: &Origin,
    expects: Expects,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let name = wished.metadata.name.clone();
    let known = entries.get(&name);
    match (known, expects) {
        (Some(_), Expects::Nothing) => return Err(RegistryError::Exists(name)),
        (None, Expects::Something) => return Err(RegistryError::NotFound(name)),
        _ => {}
    }
    let given = &wished.metadata.resource_version;
    let mut object = wished.clone();
    let metadata = &mut object.metadata;
    if let Some(known) = known {
        fresh(&known.object, given)?;
        may_change(known, origin)?;
        let before = &known.object;
        metadata.uid.clone_from(&before.metadata.uid);
        metadata
            .resource_version
            .clone_from(&before.metadata.resource_version);
        metadata.creation_timestamp = before.metadata.creation_timestamp;
        let same_spec = before.spec == object.spec;
        metadata.generation = before.metadata.generation + u64::from(!same_spec);
        object.status = before.status.clone();
        if **before == object && known.trouble.is_none() && known.origin == *origin {
            return Ok(());
        }
    } else {
        if !given.is_empty() {
            // What the caller read has gone since.
            return Err(RegistryError::NotFound(name));
        }
        if entries.len() >= limits::MAX_OBJECTS {
            return Err(RegistryError::TooMany);
        }
        metadata.uid = uuid::Uuid::now_v7().to_string();
        metadata.creation_timestamp = Some(now);
        metadata.generation = 1;
    }
    entries.insert(
        name,
        Entry {
            object: Arc::new(object),
            origin: origin.clone(),
            trouble: None,
        },
    );
    Ok(())
}

/// Takes an object out.
pub(super) fn delete(
    entries: &mut Entries,
    name: &str,
    origin: &Origin,
    given: &str,
) -> Result<(), RegistryError> {
    let known = entries
        .get(name)
        .ok_or_else(|| RegistryError::NotFound(name.to_owned()))?;
    fresh(&known.object, given)?;
    may_change(known, origin)?;
    entries.remove(name);
    Ok(())
}

fn fresh(known: &DataPlaneService, given: &str) -> Result<(), RegistryError> {
    let current = &known.metadata.resource_version;
    if given.is_empty() || given == current {
        return Ok(());
    }
    Err(RegistryError::Stale {
        name: known.metadata.name.clone(),
        given: given.to_owned(),
        current: current.clone(),
    })
}

/// What a file or a package declares is changed there. Files and packages may take over what was made by hand.
fn may_change(known: &Entry, by: &Origin) -> Result<(), RegistryError> {
    if known.origin == *by || known.origin == Origin::Api {
        Ok(())
    } else {
        Err(RegistryError::declared(
            &known.object.metadata.name,
            &known.origin,
        ))
    }
}

/// The object that serves each group and version: the oldest, then the first by name.
pub(super) fn in_force(entries: &Entries) -> BTreeMap<(&str, &str), &Arc<DataPlaneService>> {
    let age = |object: &DataPlaneService| (object.metadata.creation_timestamp, object.metadata.name.clone());
    let mut serving: BTreeMap<(&str, &str), &Arc<DataPlaneService>> = BTreeMap::new();
    for entry in entries.values() {
        let spec = &entry.object.spec;
        let place = (spec.group.as_str(), spec.version.as_str());
        match serving.get(&place) {
            Some(other) if age(other) <= age(&entry.object) => {}
            _ => {
                serving.insert(place, &entry.object);
            }
        }
    }
    serving
}

/// Says of every object whether it is accepted and available.
pub(super) fn judge(entries: &mut Entries, now: Timestamp, finding: impl Fn(&str) -> Finding) {
    let mut verdicts = Vec::with_capacity(entries.len());
    {
        let serving = in_force(entries);
        for entry in entries.values() {
            let spec = &entry.object.spec;
            let winner = serving.get(&(spec.group.as_str(), spec.version.as_str()));
            let winner = winner.map_or("", |object| object.metadata.name.as_str());
            verdicts.push(verdict(entry, winner, now, finding(&spec.plugin_id)));
        }
    }
    for (entry, status) in entries.values_mut().zip(verdicts) {
        if entry.object.status != status {
            Arc::make_mut(&mut entry.object).status = status;
        }
    }
}

fn verdict(entry: &Entry, winner: &str, now: Timestamp, found: Finding) -> crate::object::Status {
    use ConditionStatus::{False, True};
    let object = &entry.object;
    let mut status = object.status.clone();
    let (accepted, why, message) = if winner != object.metadata.name {
        let spec = &object.spec;
        let message = format!("{}/{} is served by the older {winner}", spec.group, spec.version);
        (False, reason::CONFLICT, message)
    } else if let Some(trouble) = &entry.trouble {
        (False, trouble.reason, trouble.message.clone())
    } else {
        (True, reason::VALID, "valid and in force".to_owned())
    };
    status.set(Condition::ACCEPTED, accepted, why, message, now);
    status.set(
        Condition::AVAILABLE,
        found.status,
        found.reason,
        found.message,
        now,
    );
    status
}

/// Gives every object that differs a new revision, and says what happened.
pub(super) fn number(before: &Entries, after: &mut Entries, revision: &mut u64) -> Vec<(u64, WatchEvent)> {
    let mut events = Vec::new();
    let mut next = |kind, mut object: Arc<DataPlaneService>| {
        *revision += 1;
        Arc::make_mut(&mut object).metadata.resource_version = revision.to_string();
        let event = WatchEvent {
            kind,
            object: Arc::clone(&object),
        };
        events.push((*revision, event));
        object
    };
    for (name, gone) in before.iter().filter(|(name, _)| !after.contains_key(*name)) {
        tracing::debug!(name, "an object was removed");
        next(EventType::Deleted, Arc::clone(&gone.object));
    }
    for (name, entry) in after.iter_mut() {
        let known = before.get(name);
        if let Some(known) = known {
            if known.object.metadata.uid != entry.object.metadata.uid {
                next(EventType::Deleted, Arc::clone(&known.object));
            } else if Arc::ptr_eq(&known.object, &entry.object) || known.object == entry.object {
                continue;
            } else {
                entry.object = next(EventType::Modified, Arc::clone(&entry.object));
                continue;
            }
        }
        entry.object = next(EventType::Added, Arc::clone(&entry.object));
    }
    events
}
