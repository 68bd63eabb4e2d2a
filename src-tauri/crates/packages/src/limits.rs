//! Every limit of this crate, with its unit.

use std::time::Duration;

/// Largest manifest, in bytes.
pub const MANIFEST_MAX_BYTES: u64 = 256 << 10;

/// Longest plugin id, in bytes.
pub const ID_MAX_BYTES: usize = 64;

/// Longest label, in characters.
pub const LABEL_MAX_CHARS: usize = 100;

/// Longest description of a plugin or of a config key, in characters.
pub const DESCRIPTION_MAX_CHARS: usize = 1_000;

/// Most arguments, environment variables, policy rules, words of an enum or services of one manifest.
pub const LIST_MAX: usize = 256;

/// Longest argument, environment value, key or path in a manifest, in bytes.
pub const TEXT_MAX_BYTES: usize = 4_096;

/// Longest path of a UNIX socket, in bytes: the kernel's own limit without the closing zero.
pub const SOCKET_PATH_MAX_BYTES: usize = 107;

/// Longest time that a manifest can name: 30 days.
pub const DURATION_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Largest share of processors that a manifest can name, in per cent of one core.
pub const CPU_MAX_PERCENT: f64 = 102_400.0;

/// Least memory limit, in bytes: no program starts with less.
pub const MEMORY_MIN_BYTES: u64 = 1 << 20;

/// Most attempts, failures or restarts that a manifest can name.
pub const COUNT_MAX: u32 = 1_000;

/// Most resource points kept of a plugin.
pub const METRICS_KEEP_MAX: u32 = 10_000;

/// Least time between two resource points.
pub const METRICS_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Largest back-off factor.
pub const BACKOFF_FACTOR_MAX: f64 = 100.0;

/// Longest text in a config, in bytes.
pub const CONFIG_TEXT_MAX_BYTES: usize = 64 << 10;

/// Largest secret read from a file or the environment, in bytes.
pub const SECRET_MAX_BYTES: u64 = 64 << 10;

/// Largest package as it lies on disk, in bytes.
pub const PACKAGE_MAX_BYTES: u64 = 512 << 20;

/// Largest package unpacked, in bytes.
pub const UNPACKED_MAX_BYTES: u64 = 2 << 30;

/// Most entries of a package.
pub const ENTRIES_MAX: u64 = 20_000;

/// A package may not grow beyond so many times its size, once it has grown past [`RATIO_FREE_BYTES`].
pub const RATIO_MAX: u64 = 200;

/// Bytes that any package may unpack to, whatever its ratio.
pub const RATIO_FREE_BYTES: u64 = 16 << 20;

/// Longest path within a package, in bytes.
pub const PATH_MAX_BYTES: usize = 1_024;

/// Longest name of one file within a package, in bytes.
pub const NAME_MAX_BYTES: usize = 255;

/// Deepest path within a package, in names.
pub const DEPTH_MAX: usize = 32;

/// Largest extension header of an archive (long names, PAX records), in bytes.
pub const EXTENSION_MAX_BYTES: u64 = 64 << 10;

/// Memory that a zstd package may ask of its reader, as the power of two of its window: 128 MiB.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Bytes read or written at once.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Largest signature or sum beside a package, in bytes.
pub const SIDECAR_MAX_BYTES: u64 = 8 << 10;

/// Largest key file, in bytes.
pub const KEY_MAX_BYTES: u64 = 8 << 10;

/// Most keys in a directory of keys.
pub const KEYS_MAX: usize = 256;

/// Largest directory index, in bytes.
pub const INDEX_MAX_BYTES: u64 = 8 << 20;

/// Most plugins, versions of a plugin or builds of a version in an index.
pub const INDEX_LIST_MAX: usize = 10_000;

/// Tries of a download, unless said otherwise.
pub const FETCH_ATTEMPTS: usize = 5;

/// Longest time of one try, unless said otherwise. A later try goes on where it stopped.
pub const FETCH_TRY_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Longest time of a download with all its tries and waits, unless said otherwise.
pub const FETCH_TOTAL_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// Longest silence of a server before the try is given up, unless said otherwise.
pub const FETCH_STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time until a connection stands.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait after the first failed try, unless said otherwise; it doubles.
pub const FETCH_WAIT_FIRST: Duration = Duration::from_secs(1);

/// Longest wait between two tries, unless said otherwise; also the most that a server can ask for.
pub const FETCH_WAIT_MAX: Duration = Duration::from_secs(60);

/// Redirects followed in one try.
pub const REDIRECTS_MAX: usize = 5;

/// Longest address, in bytes.
pub const URL_MAX_BYTES: usize = 4_096;
