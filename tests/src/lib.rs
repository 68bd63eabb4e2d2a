//! Helpers shared by the tests that cross crates.

pub mod codegen;
pub mod excess;
pub mod fuzzing;
