//! Plugins' whole lives with real processes, sockets, archives and a real state.db. This executable is also the
//! guardian of its processes, the program of its plugins, and the Orrery that is killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program of the plugins says why it fails, and a test why it is skipped"
)]

mod calls;
mod configure;
mod crash;
mod host;
mod install;
mod layers;
mod orders;
mod package;
mod plugin;
mod program;
mod server;
mod trouble;
mod upgrade;
mod watched;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// First argument of the program of a plugin.
const AS_PLUGIN: &str = "--act-as-plugin";
/// First argument of an Orrery that is killed.
const AS_HOST: &str = "--act-as-host";

fn main() -> ExitCode {
    orrery_runner::guardian::run_if_asked();
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some(AS_PLUGIN) => return plugin::main(&args[2..]),
        Some(AS_HOST) => return host::main(&args[2..]),
        _ => {}
    }
    let mut arguments = Arguments::from_args();
    // Each test has a dozen processes; more at a time than processors only makes them wait.
    arguments.test_threads.get_or_insert(4);
    let trials = [
        install::trials(),
        upgrade::trials(),
        configure::trials(),
        layers::trials(),
        orders::trials(),
        program::trials(),
        watched::trials(),
        trouble::trials(),
        crash::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

/// A test by the name of its function.
fn trial<F>(name: &str, test: fn() -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(test());
        Ok(())
    })
}

/// The tests of a module, by their functions' names.
macro_rules! trials {
    ($($test:ident),+ $(,)?) => {
        pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
            vec![$(crate::trial(stringify!($test), $test)),+]
        }
    };
}
pub(crate) use trials;
