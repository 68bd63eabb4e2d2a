//! Prometheus text, the format of `/metrics`: read what plugins expose, join it by family, write it again.
//!
//! Pure: no I/O, no clock. Reading takes the text format 0.0.4 and OpenMetrics; writing gives 0.0.4, which every
//! scraper reads. Start at [`parse`] and [`Merged`].

mod family;
pub mod limits;
mod merge;
mod parse;
mod write;

pub use family::{Family, Kind, Sample};
pub use merge::{Drops, Merged};
pub use parse::{ParseError, parse};
