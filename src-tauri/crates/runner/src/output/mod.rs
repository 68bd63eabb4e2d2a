//! What programs write: split into lines, told by level, kept in a bounded ring and in rotated files.
//!
//! An [`Output`] outlives the processes that write to it, so that restarts of one program share one log.

mod block;
mod budget;
mod file;
mod level;
mod lines;
mod ring;
mod text;

pub use level::Level;
pub use ring::{Line, Output, OutputConfig, Page, Stream};

pub(crate) use block::Blocks;
pub(crate) use budget::Budget;
pub(crate) use lines::Lines;
pub(crate) use ring::now_ms;
