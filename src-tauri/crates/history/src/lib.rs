//! What was: metric samples, events and report frames, kept in one SQLite file.
//!
//! One writer owns the file. Samples of a commit are written together as one row (the tail) within a
//! quarter of a second of their arrival; every five minutes the tail is sealed into one compressed block
//! per series. Reads are answered from sealed blocks and from the samples still held in memory. When room
//! runs out, the oldest blocks are thinned to their summaries before anything is forgotten.
//!
//! This crate knows nothing of reports or of what a metric means. Start reading at [`History`].

mod codec;
mod config;
mod data;
mod error;
mod file;
mod history;
pub mod limits;
mod live;
mod read;
mod waiting;
mod write;

pub use config::{Clock, Config};
pub use data::{
    NewEvent, Point, Sample, SamplePage, SampleRow, Series, SeriesInfo, SeriesSamples, Stats, StoredEvent,
};
pub use error::HistoryError;
pub use history::History;
pub use orrery_sqlite::OpenError;
