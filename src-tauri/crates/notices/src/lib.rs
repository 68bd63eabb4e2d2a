//! Notices on the desktop, through the notification service that every Linux desktop has on its session bus.
//!
//! Start at [`Desktop`]. Who has too much to say is cut short by [`Pace`]: what was not shown is told as a number.

mod desktop;
pub mod limits;
mod pace;

pub use desktop::{Desktop, NoDesktop};
pub use pace::{Pace, Shown};
