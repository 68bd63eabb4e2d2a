//! Packages from end to end: real archives, keys, directories and servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should panic"
)]

mod archives;
mod disk;
mod fetch;
mod hostile;
mod manifest;
mod pack;
mod program;
mod random;
mod server;
mod source;
mod trust;
mod unpack;
