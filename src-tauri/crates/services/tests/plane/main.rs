//! The data plane with real plugins on real sockets, by the numbers of the acceptance list.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should panic"
)]

mod availability;
mod bodies;
mod objects;
mod pace;
mod routes;
mod secure;
mod streams;
mod typed;
mod world;
