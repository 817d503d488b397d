//! `bench topology`: what this machine, or a recorded one, is made of, and where threads would run.

use std::fs;

use kernels::Blas;
use reports::topology::ThreadPlan;
use results::machine::Machine;
use results::record::Threads;

use crate::cli::TopologyArgs;
use crate::exit::{Exit, Failure};
use crate::output::print_line;
use crate::placement::{self, Affinity, Placement};
use crate::{cgroup, grid, host, plan, topology};

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
    let affinity: Affinity = args.affinity.parse().map_err(Failure::usage)?;
    let placement = if args.from.is_some() {
        // Neither our environment nor our library is that machine's.
        planned(&machine, args, &affinity, |_| None, usize::MAX)?
    } else {
        let library_max = Blas::bundled().describe().callers_max;
        planned(&machine, args, &affinity, plan::variable, library_max)?
    };
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

/// Where `bench run` would place its threads, by the same steps.
fn planned(
    machine: &Machine,
    args: &TopologyArgs,
    affinity: &Affinity,
    variable: impl Fn(&str) -> Option<String>,
    library_max: usize,
) -> Result<Placement, Failure> {
    let summary = topology::summary(machine);
    let threads = grid::threads(args.threads.as_deref(), variable, &summary, library_max)
        .map_err(Failure::usage)?;
    let [threads] = &threads[..] else {
        return Err(Failure::usage(anyhow::anyhow!(
            "cannot show several thread plans at once: one number of threads is placed (try --threads {})",
            threads[0].count
        )));
    };
    let threads = placement::default_threads(machine, affinity, threads.clone());
    let placement =
        placement::place(machine, Some(threads.count), affinity).map_err(Failure::usage)?;
    Ok(match who_chose(&threads, machine) {
        Some(who) => Placement {
            reason: format!("{}; {who}", placement.reason),
            ..placement
        },
        None => placement,
    })
}

/// Who says how many threads there are, where it is not the cores or the command line.
fn who_chose(threads: &Threads, machine: &Machine) -> Option<String> {
    let count = threads.count;
    match threads.source.as_str() {
        "cpu quota" => Some(format!(
            "a quota of {} CPUs",
            machine.cpu_quota.unwrap_or_default()
        )),
        "library limit" => Some(format!("the BLAS was built for {count} threads at most")),
        "--threads" | "--affinity" | "physical cores" | "performance cores" => None,
        variable => Some(format!("{variable} says {count}")),
    }
}

/// The plan in the words of reports.
pub fn thread_plan(placement: Placement) -> ThreadPlan {
    ThreadPlan {
        threads: placement.threads,
        cpus: placement.cpus,
        reason: placement.reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use results::machine::{Core, CpuList};

    /// Four cores, a quota, variables, a library: the number of threads and why.
    #[track_caller]
    fn check(quota: Option<f64>, variables: &[(&str, &str)], library_max: usize, expected: &str) {
        let machine = Machine {
            source: "hwloc".to_owned(),
            cores: (0..4)
                .map(|cpu| Core {
                    cpus: CpuList(vec![cpu]),
                    ..Core::default()
                })
                .collect(),
            allowed_cpus: CpuList(vec![0, 1, 2, 3]),
            cpu_quota: quota,
            ..Machine::default()
        };
        let args = TopologyArgs {
            json: false,
            svg: None,
            from: None,
            threads: None,
            affinity: "compact".to_owned(),
        };
        let variable = |name: &str| {
            let (_, value) = variables.iter().find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        };
        let planned = planned(&machine, &args, &Affinity::Compact, variable, library_max);
        assert_eq!(thread_plan(planned.unwrap()).sentence(), expected);
    }

    #[test]
    fn the_plan_is_the_one_that_a_run_has() {
        check(
            None,
            &[],
            64,
            "4 threads on CPUs 0-3 because: one thread to a physical core, compact",
        );
        check(
            None,
            &[("OMP_NUM_THREADS", "2")],
            64,
            "2 threads on CPUs 0-1 because: one thread to a physical core, compact; OMP_NUM_THREADS says 2",
        );
        check(
            None,
            &[("OMP_NUM_THREADS", "2"), ("OPENBLAS_NUM_THREADS", "3")],
            64,
            "3 threads on CPUs 0-2 because: one thread to a physical core, compact; OPENBLAS_NUM_THREADS says 3",
        );
        check(
            None,
            &[],
            2,
            "2 threads on CPUs 0-1 because: one thread to a physical core, compact; the BLAS was built for 2 threads at most",
        );
        check(
            Some(1.5),
            &[],
            64,
            "1 thread on CPU 0 because: one thread to a physical core, compact; a quota of 1.5 CPUs",
        );
    }
}
