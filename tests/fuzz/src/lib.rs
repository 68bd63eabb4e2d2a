//! The entries of the fuzz targets, without the rest of the tests: what sanitizers build should be little.

#[path = "../../src/fuzzing.rs"]
pub mod fuzzing;
