//! What `make bench` measures beside the benches: `measure [ORRERY [BENCHES]]`.
//!
//! `ORRERY` is the command as released, without which what needs it is left out; `BENCHES` holds lines of
//! criterion's `bencher` format, which the final table shows too. It prints figures, and of those that have a
//! goal whether they reach it. `ORRERY_MEASURE` names the parts that need the command, without the others: any of
//! `held`, `sockets`, `latency` and `idle`, with commas between them.

#![expect(clippy::print_stdout, reason = "a command talks to its terminal")]

mod backend;
mod derivation;
mod goals;
mod idle;
mod latency;
mod machine;
mod sockets;
mod table;
mod yardstick;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::table::Table;

const ONLY: &str = "ORRERY_MEASURE";

/// What the command has, so that the same is measured.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

// One thread: what is measured gets the rest of the machine.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let orrery = args.next();
    let mut table = Table::default();
    if let Some(benches) = args.next() {
        let lines = std::fs::read_to_string(&benches)
            .with_context(|| format!("cannot read {}", benches.display()))?;
        table.section("benches (wall time of an iteration)");
        table::benches(&lines, &mut table);
    }
    let yardstick = yardstick::measure(&mut table)?;
    goals::measure(&yardstick, &mut table)?;
    machine::measure(&yardstick, &mut table)?;
    derivation::measure(&yardstick, &mut table)?;
    let only = std::env::var(ONLY).unwrap_or_default();
    let wanted = |part: &str| only.is_empty() || only.split(',').any(|one| one == part);
    if let Some(orrery) = orrery {
        if wanted("held") {
            goals::held(&orrery, &yardstick, &mut table).await?;
        }
        if wanted("sockets") {
            sockets::measure(&orrery, &yardstick, &mut table).await?;
        }
        if wanted("latency") {
            latency::measure(&orrery, &mut table).await?;
        }
        if wanted("idle") {
            idle::measure(&orrery, &mut table).await?;
        }
    }
    println!("{table}");
    Ok(())
}
