//! What is done to plugins: install, upgrade, roll back, remove, configure; journalled.
//!
//! It keeps the records of plugins and operations and decides what is run; how a process is kept alive is the
//! supervisor's, what a package is the packages crate's, and neither knows of operations. HTTP is spoken elsewhere.
//!
//! Start at [`Manager`]. An order becomes an operation (`op.rs`), which is carried out by one file of `work/` while
//! it has the plugin's turn (`lane.rs`). What is known is the book (`book.rs`); what is recorded is the store's, and
//! is changed in whole transactions, so that an end at any moment leaves the state before or the state after
//! (`plan.rs` says which, `recover.rs` and `sweep.rs` see to it).

mod book;
mod clock;
mod config;
mod config_file;
mod error;
mod event;
mod in_force;
mod lane;
mod layers;
pub mod limits;
mod local;
mod manager;
mod op;
mod plan;
mod processes;
mod recover;
mod shared;
mod show;
mod spec;
mod stamp;
mod sweep;
mod uploads;
pub mod view;
mod watched;
mod way;
mod work;

pub use config::{Dirs, Hook, ManagerConfig};
pub use error::{Failure, OrderError, StartError};
pub use event::Event;
pub use layers::FileLayers;
pub use manager::{Manager, Wait};
pub use uploads::Upload;
