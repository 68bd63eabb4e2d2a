//! Reports in the shape Weave Scope writes them.

use crate::Report;

impl Report {
    /// The report as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The report as msgpack.
    pub fn to_msgpack(&self) -> Vec<u8> {
        Vec::new()
    }
}
