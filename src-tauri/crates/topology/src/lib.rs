//! Views derived from a report: the topologies people look at, the details of a node, search, grouping,
//! layout, and what changed between two pictures.
//!
//! Everything here is a function of its arguments: no I/O, no clock, no thread. Start reading at [`view`]
//! for what clients see and at [`details`] for one node.

mod ask;
mod card;
pub mod censor;
pub mod derive;
pub mod details;
mod draw;
mod facets;
pub mod info;
mod labels;
pub mod layout;
pub mod picture;
pub mod query;
pub mod scope_api;
pub mod search;
mod summary;
pub mod view;
