//! An Orrery that is killed: started as a process of its own, at a point or after a time.

use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use orrery_manager::Wait;
use orrery_manager::view::{Desired, PluginOrder};
use orrery_supervisor::view::InstanceState;
use rustix::process::{Signal, getpid, kill_process};

use crate::world::{start_in, until};

/// When it dies.
#[derive(Debug, Clone)]
pub(crate) enum Death {
    /// When a point is passed.
    At(String),
    /// So long after the order.
    After(Duration),
}

/// Starts an Orrery in a directory, which carries an order out and is killed on the way.
pub(crate) async fn run(base: &Path, name: &str, order: &PluginOrder, death: &Death) -> ExitStatus {
    let (point, after) = match death {
        Death::At(point) => (point.as_str(), 60_000),
        Death::After(time) => ("", time.as_millis()),
    };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .arg(crate::AS_HOST)
        .arg(base)
        .args([name, point, &after.to_string()])
        .arg(serde_json::to_string(order).unwrap())
        .env(MARK, name)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.status().unwrap());
    run.await.unwrap()
}

/// Environment variable by which processes of an Orrery that was killed are found.
const MARK: &str = "ORRERY_TEST_HOST";

/// Processes that an Orrery has left behind, its guardian among them.
pub(crate) fn left_behind(name: &str) -> Vec<u32> {
    let mark = format!("{MARK}={name}");
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables
            .any(|variable| variable == mark.as_bytes())
            .then_some(pid)
    });
    pids.collect()
}

pub(crate) fn main(args: &[String]) -> ExitCode {
    let [base, name, point, after, order] = args else {
        eprintln!("what is {args:?}?");
        return ExitCode::from(2);
    };
    let after = Duration::from_millis(after.parse().unwrap());
    let order: PluginOrder = serde_json::from_str(order).unwrap();
    let point = point.clone();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async move {
        let running = start_in(Path::new(base), name, move |config| {
            config.hook = Some(Arc::new(move |passed| {
                if passed == point {
                    die();
                }
            }));
        });
        let running = running.await;
        let are_up = || {
            let mut plugins = running.manager.list().into_iter();
            plugins.all(|p| p.desired != Desired::Automatic || p.instance.state == InstanceState::Running)
        };
        until("the plugins do not come up", &mut || are_up()).await;
        std::thread::spawn(move || {
            std::thread::sleep(after);
            die();
        });
        running.manager.order(order, "ada", Wait::Ended).await.unwrap();
    });
    // It was quicker than its death.
    die()
}

/// As when the power goes.
fn die() -> ExitCode {
    kill_process(getpid(), Signal::KILL).unwrap();
    ExitCode::FAILURE
}
