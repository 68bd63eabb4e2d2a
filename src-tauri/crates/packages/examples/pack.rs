//! Packs directories of plugins: `pack OUT DIR…`, for `scripts/plugins.sh`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use orrery_packages::{Compression, pack};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(out) = arguments.next() else {
        let _ = writeln!(std::io::stderr(), "pack OUT DIR…");
        return ExitCode::FAILURE;
    };
    for dir in arguments {
        match pack(&dir, &out, Compression::Gzip) {
            Ok(packed) => {
                let _ = writeln!(std::io::stdout(), "{}", packed.path.display());
            }
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "{}: {error}", dir.display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
