//! `bench topology`: what this machine, or a recorded one, is made of, and where threads would run.

use std::fs;

use reports::topology::ThreadPlan;

use crate::cli::TopologyArgs;
use crate::exit::{Exit, Failure};
use crate::output::print_line;
use crate::placement::{self, Affinity, Placement};
use crate::{cgroup, host, topology};

/// Carries out `bench topology`.
///
/// # Errors
///
/// When the recorded topology cannot be read, the affinity cannot be had, or the picture cannot be written.
pub fn run(args: &TopologyArgs) -> Result<Exit, Failure> {
    let machine = match &args.from {
        Some(path) => topology::recorded_file(path).map_err(Failure::usage)?,
        None => topology::machine(cgroup::limits().cpu_quota, host::hypervisor()),
    };
    let usable = machine.usable_cpus().len().max(1);
    if let Some(threads) = args
        .threads
        .filter(|threads| !(1..=usable).contains(threads))
    {
        return Err(Failure::usage(anyhow::anyhow!(
            "cannot place {threads} threads: it must be a whole number from 1 to {usable} here (try --threads {usable})"
        )));
    }
    let affinity: Affinity = args.affinity.parse().map_err(Failure::usage)?;
    let placement = placement::place(&machine, args.threads, &affinity).map_err(Failure::usage)?;
    let plan = thread_plan(placement);
    if let Some(path) = &args.svg {
        fs::write(path, reports::topology_svg::svg(&machine, &plan)).map_err(|error| {
            Failure::new(
                Exit::CannotCreate,
                anyhow::anyhow!(
                    "cannot write the picture {}: {error} (name a file in a directory that can be written)",
                    path.display()
                ),
            )
        })?;
    }
    if args.json {
        let value = serde_json::json!({
            "machine": machine,
            "thread_plan": { "threads": plan.threads, "cpus": plan.cpus, "reason": plan.reason },
        });
        print_line(&format!("{value:#}"))?;
    } else {
        print_line(&reports::topology_text::text(&machine, &plan))?;
    }
    Ok(Exit::Pass)
}

/// The plan in the words of reports.
pub fn thread_plan(placement: Placement) -> ThreadPlan {
    ThreadPlan {
        threads: placement.threads,
        cpus: placement.cpus,
        reason: placement.reason,
    }
}
