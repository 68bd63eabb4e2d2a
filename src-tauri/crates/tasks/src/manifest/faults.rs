//! What is wrong with a manifest: all of it at once, each with its place.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

use super::places::{self, Version};
use crate::limits::FAULTS_MAX;
use crate::schedule::duration;

/// What is wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Fault {
    /// Path of the field, such as `process[0].config.window`; empty for the whole.
    pub field: String,
    /// What is wrong, and what is possible.
    pub message: String,
}

/// Faults found so far.
#[derive(Debug, Default)]
pub struct Faults {
    found: RefCell<Vec<Fault>>,
    /// What was lost in reading.
    lost: RefCell<Vec<Fault>>,
    /// Of the manifest that they are of.
    version: Version,
}

impl Faults {
    /// Of a manifest of a version, whose keys have places of their own.
    pub(super) fn of(version: Version) -> Faults {
        Faults {
            version,
            ..Faults::default()
        }
    }

    /// Notes what is wrong at a place.
    pub fn add(&self, field: impl Into<String>, message: impl Into<String>) {
        let mut found = self.found.borrow_mut();
        if found.len() < FAULTS_MAX {
            found.push(Fault {
                field: field.into(),
                message: message.into(),
            });
        }
    }

    /// Notes what a manifest said and is lost or means something else here; that is no fault.
    pub fn warn(&self, field: impl Into<String>, message: impl Into<String>) {
        let mut lost = self.lost.borrow_mut();
        if lost.len() < FAULTS_MAX {
            lost.push(Fault {
                field: field.into(),
                message: message.into(),
            });
        }
    }

    /// Everything that was lost so far.
    pub fn lost(&self) -> Vec<Fault> {
        self.lost.borrow().clone()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Everything that is wrong.
    pub fn into_all(self) -> Vec<Fault> {
        self.found.into_inner()
    }
}

/// A mapping whose keys are taken one by one; those that nobody takes are faults.
pub struct Table<'a> {
    /// Where it stands.
    pub path: String,
    map: &'a Map<String, Value>,
    faults: &'a Faults,
    taken: RefCell<BTreeSet<&'static str>>,
    is_open: Cell<bool>,
}

impl<'a> Table<'a> {
    /// A mapping at a path.
    pub fn new(map: &'a Map<String, Value>, path: impl Into<String>, faults: &'a Faults) -> Table<'a> {
        Table {
            path: path.into(),
            map,
            faults,
            taken: RefCell::default(),
            is_open: Cell::new(false),
        }
    }

    /// Path of a key.
    pub fn at(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Notes what is wrong with a key.
    pub fn fault(&self, key: &str, message: impl Into<String>) {
        self.faults.add(self.at(key), message);
    }

    /// Notes what is lost of a key.
    pub fn warn(&self, key: &str, message: impl Into<String>) {
        self.faults.warn(self.at(key), message);
    }

    /// Faults of everything.
    pub fn faults(&self) -> &'a Faults {
        self.faults
    }

    /// A value; an explicit null counts as none.
    pub fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.taken.borrow_mut().insert(key);
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<&'a str> {
        self.read(key, "a text", Value::as_str)
    }

    /// A text that has to be there.
    pub fn needed_text(&self, key: &'static str) -> Option<&'a str> {
        if self.value(key).is_none() {
            self.fault(key, "is missing");
        }
        self.text(key).filter(|text| {
            if text.trim().is_empty() {
                self.fault(key, "is empty");
            }
            !text.trim().is_empty()
        })
    }

    /// True or false.
    pub fn boolean(&self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// A whole number within bounds.
    pub fn integer(&self, key: &'static str, bounds: RangeInclusive<i64>) -> Option<i64> {
        let number = self.read(key, "a whole number", Value::as_i64)?;
        if !bounds.contains(&number) {
            let (least, most) = bounds.into_inner();
            self.fault(key, format!("is {number}, and has to be from {least} to {most}"));
            return None;
        }
        Some(number)
    }

    /// A number.
    pub fn number(&self, key: &'static str) -> Option<f64> {
        self.read(key, "a number", |value| value.as_f64().filter(|n| n.is_finite()))
    }

    /// A length of time within bounds, such as `5s`.
    pub fn duration(&self, key: &'static str, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        let read = self.read(key, "a length of time such as 5s, 1m30s or 500ms", |value| {
            duration(value.as_str()?)
        })?;
        if !bounds.contains(&read) {
            let (least, most) = bounds.into_inner();
            let message = format!("is {read:?}, and has to be from {least:?} to {most:?}");
            self.fault(key, message);
            return None;
        }
        Some(read)
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let possible: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(
                key,
                format!("is {text:?}, and has to be one of {}", possible.join(", ")),
            );
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// A mapping.
    pub fn map(&self, key: &'static str) -> Option<&'a Map<String, Value>> {
        self.read(key, "a mapping", Value::as_object)
    }

    /// A mapping whose keys are known.
    pub fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let map = self.map(key)?;
        Some(Table::new(map, self.at(key), self.faults))
    }

    /// A list.
    pub fn list(&self, key: &'static str) -> &'a [Value] {
        let list = self.read(key, "a list", Value::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    }

    /// A list of texts.
    pub fn texts(&self, key: &'static str) -> Vec<&'a str> {
        let items = self.list(key).iter().enumerate();
        let texts = items.filter_map(|(index, item)| {
            if !item.is_string() {
                self.fault(&format!("{key}[{index}]"), "is not a text");
            }
            item.as_str()
        });
        texts.collect()
    }

    /// A mapping from texts to texts.
    pub fn text_map(&self, key: &'static str) -> Vec<(&'a str, String)> {
        let mut texts = Vec::new();
        for (name, value) in self.map(key).into_iter().flatten() {
            match value {
                Value::String(text) => texts.push((name.as_str(), text.clone())),
                Value::Number(_) | Value::Bool(_) => texts.push((name.as_str(), value.to_string())),
                _ => self.fault(&format!("{key}.{name}"), "is not a text"),
            }
        }
        texts
    }

    /// Any further key is fine.
    pub fn open(&self) {
        self.is_open.set(true);
    }

    fn read<T>(&self, key: &'static str, what: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let read = read(value);
        if read.is_none() {
            self.fault(key, format!("is not {what}"));
        }
        read
    }
}

impl Drop for Table<'_> {
    /// Keys that nobody asked for are unknown.
    fn drop(&mut self) {
        let taken = self.taken.borrow();
        if self.is_open.get() {
            for key in self.map.keys().filter(|key| !taken.contains(key.as_str())) {
                self.warn(key, "means nothing here, and is left out");
            }
            return;
        }
        for key in self.map.keys().filter(|key| !taken.contains(key.as_str())) {
            let known: Vec<&str> = taken.iter().copied().collect();
            let message = match places::hint(self.faults.version, &self.path, key) {
                Some(hint) => format!("is unknown here: {hint}"),
                None => format!("is unknown here; there are {}", known.join(", ")),
            };
            self.fault(key, message);
        }
    }
}
