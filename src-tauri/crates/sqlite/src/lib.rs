//! Opening an SQLite file that one process owns: its lock, whether it is whole and ours, its schema, and what becomes
//! of one that is damaged.
//!
//! What is kept in it is somebody else's business. Start at [`Kind::open`].

mod aside;
mod error;
mod kind;
pub mod limits;
mod lock;

pub use aside::beside;
pub use error::{OpenError, is_damage};
pub use kind::{Kind, Opened, Step, reading};
pub use lock::Lock;
