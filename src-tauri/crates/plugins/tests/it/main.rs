//! The registry against real plugins on real sockets.

mod controls;
mod discovery;
mod schedule;
mod status;
mod support;
