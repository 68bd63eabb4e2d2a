//! Questions and their answers. Each is asked of the live samples first and of the file after: a chunk that
//! is sealed in between is then seen twice, and merged, rather than missed.

pub(crate) mod blocks;
mod events;
mod frames;
mod range;
mod samples;
mod series;
mod steps;

pub(crate) use events::events;
pub(crate) use frames::{frame_at, frame_times};
pub(crate) use range::range;
pub(crate) use samples::samples;
pub(crate) use series::series_of;
