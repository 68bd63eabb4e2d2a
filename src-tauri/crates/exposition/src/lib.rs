//! Prometheus text, the format of `/metrics`: read what plugins expose, join it by family, write it again.
//!
//! Pure: no I/O, no clock. Reading takes the text format 0.0.4 and OpenMetrics; writing gives 0.0.4, which every
//! scraper reads, or OpenMetrics 1.0. Start at [`parse`] and [`Merged`].

mod family;
pub mod limits;
mod merge;
mod negotiate;
mod parse;
mod sound;
mod write;

pub use family::{Family, Kind, Sample};
pub use merge::{Conflict, Drops, Merged, Reason};
pub use negotiate::Format;
pub use parse::{ParseError, parse};
