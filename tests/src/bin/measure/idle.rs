//! What the backend takes while nothing happens, beside 300 processes that sleep.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time::{sleep, timeout};

use crate::backend::Backend;
use crate::machine::resident_mb;
use crate::table::Table;

const SLEEPERS: usize = 300;
/// The window is full after 15 s; from then on every second is like the one before.
const SETTLE: Duration = Duration::from_secs(20);
const SPAN: Duration = Duration::from_secs(10);
/// Units of CPU time in /proc, per second. Fixed by the kernel's interface on every machine we know.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processes that sleep. They end with the value.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start() -> anyhow::Result<Self> {
        let mut sleepers = Sleepers(Vec::with_capacity(SLEEPERS));
        for _ in 0..SLEEPERS {
            let child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn()?;
            sleepers.0.push(child);
        }
        Ok(sleepers)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that ended by itself is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Measures without any view open, and with one of everything.
pub(crate) async fn measure(orrery: &Path, table: &mut Table) -> anyhow::Result<()> {
    let _sleepers = Sleepers::start()?;
    let backend = Backend::start(orrery).await?;
    let pid = backend.pid()?;
    sleep(SETTLE).await;
    table.section(&format!(
        "orrery serve with {} processes on the machine, {SLEEPERS} of them asleep for this, over {SPAN:?}",
        processes()?
    ));
    let cpu = over(pid, sleep(SPAN)).await?;
    table.row("no view open", figures(pid, cpu)?);
    let mut view = backend.view("everything").await?;
    // The first layout is not idling.
    let settled = timeout(Duration::from_secs(3), view.drain()).await;
    if let Ok(closed) = settled {
        closed?;
    }
    let watched = async {
        if let Ok(closed) = timeout(SPAN, view.drain()).await {
            return closed;
        }
        Ok(())
    };
    let mut outcome = Ok(());
    let cpu = over(pid, async { outcome = watched.await }).await?;
    outcome?;
    table.row("the mixed view open", figures(pid, cpu)?);
    Ok(())
}

/// Per cent of one core that a process takes meanwhile.
async fn over(pid: u32, meanwhile: impl Future<Output = ()>) -> anyhow::Result<f64> {
    let (before, start) = (ticks(pid)?, Instant::now());
    meanwhile.await;
    let spent = (ticks(pid)? - before) as f64 / TICKS_PER_SECOND;
    Ok(100.0 * spent / start.elapsed().as_secs_f64())
}

fn figures(pid: u32, cpu: f64) -> anyhow::Result<String> {
    let resident = resident_mb(&pid.to_string())?;
    Ok(format!("{cpu:.1} % of a core, RSS {resident:.0} MB"))
}

/// CPU time that a process took so far, user and system.
fn ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; counting starts after it.
    let (_, rest) = stat.rsplit_once(')').context("stat without a name")?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || -> anyhow::Result<u64> { Ok(fields.next().context("stat is short")?.parse()?) };
    Ok(next()? + next()?)
}

fn processes() -> anyhow::Result<usize> {
    let is_number = |name: &std::ffi::OsStr| {
        name.to_str()
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    };
    let entries = std::fs::read_dir("/proc")?;
    Ok(entries
        .flatten()
        .filter(|entry| is_number(&entry.file_name()))
        .count())
}
