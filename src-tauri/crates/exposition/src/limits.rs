//! Every bound on what a plugin may expose, with its unit.

/// Text of one plugin, in bytes.
pub const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Samples of one plugin.
pub const SAMPLES_MAX: usize = 20_000;
/// Families of one plugin.
pub const FAMILIES_MAX: usize = 5_000;
/// Labels of one sample.
pub const LABELS_MAX: usize = 64;
/// Length of a metric's or label's name, in bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Length of a label's value, in bytes.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Length of a help text, in bytes; what is beyond is cut.
pub const HELP_BYTES_MAX: usize = 1_024;
/// Samples of all plugins together.
pub const MERGED_SAMPLES_MAX: usize = 200_000;
/// Conflicts of types that are told by name.
pub const CONFLICTS_MAX: usize = 100;
/// Length of what plugins' families are called with before their own name, in bytes.
pub const PREFIX_BYTES_MAX: usize = 64;
