//! The composition: owns the clock and the loops, merges what every source contributes, publishes one
//! immutable snapshot, and offers every operation as plain functions on plain data.
//!
//! Shells (window, HTTP, command line) translate to and from this crate and decide nothing.

pub mod api;

pub use orrery_model as model;
pub use orrery_topology as topology;
