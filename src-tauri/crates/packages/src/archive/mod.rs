//! A package as an archive: making, looking into, unpacking.

mod caps;
mod entries;
mod error;
mod names;
mod open;
mod pack;
mod peek;
mod program;
mod tree;
mod unpack;

pub use caps::Caps;
pub use error::{PackError, UnpackError};
pub(crate) use pack::write_beside;
pub use pack::{Compression, Packed, pack};
pub use peek::peek;
pub use program::{is_program, place_program, program_id, program_manifest, restate_program};
pub use tree::{remove_revision, sweep};
pub use unpack::{Revision, unpack};

pub(crate) use error::{is_full, what_io};
pub(crate) use peek::peek_blocking;
