//! Tests of the model through its public interface.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod decode;
mod decode_hostile;
mod decode_msgpack;
mod encode;
mod golden;
mod merge;
mod strategies;
mod window;
mod window_model;
