//! How a plugin feels: what it says itself, what its reports say, and the answer to those who ask.

mod answer;
mod book;
mod reply;

pub use answer::{HealthAnswer, HealthWord};
pub(crate) use book::HealthBook;
pub use reply::HealthReply;
pub(crate) use reply::{Finding, Source};
