//! Measuring one case: warm up, then for each repeat set up, time, verify. Prints nothing; an observer is told.

use std::sync::Arc;

use kernels::{Driver, Kernel, Multiplier, Team, flop, matmul_norm};
use results::record::{Case, Sample, Verification};
use results::statistics;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::libraries;
use crate::plan::{CasePlan, Plan};

/// What is about to happen or has happened. Nothing is told inside a timed region.
#[derive(Debug)]
pub enum Event<'a> {
    /// An untimed repetition begins; the index counts from 0.
    Warmup(usize),
    /// The preparation of a timed repetition begins; the index counts from 0.
    Repeat(usize),
    /// A timed repetition is done and was checked.
    Sample(&'a Sample),
}

/// Measures one case with the plan's threads.
///
/// # Errors
///
/// When the memory or the threads cannot be had. A wrong result is no error here but part of the case.
pub fn measure(
    case: &CasePlan,
    plan: &Plan,
    clock_resolution_s: f64,
    observe: &mut (dyn FnMut(Event) + Send),
) -> Result<Case, Failure> {
    let failed = |error: anyhow::Error| Failure::new(Exit::System, error);
    // Everything that is shared out is shared out among these threads, and this one is among them.
    let team = Team::new(plan.threads.count, None).map_err(|error| failed(error.into()))?;
    let threads_used = team.size();
    let library = &plan.libraries[case.library];
    let multiplier = Multiplier::with_blas(library.blas, Arc::new(team), Driver::Team)
        .map_err(Failure::usage)?;
    let mut kernel = matmul_norm::boxed(case.size.n, case.dtype, multiplier)
        .map_err(|error| failed(error.into()))?;
    warm_up(kernel.as_mut(), plan, observe);
    let mut samples = Vec::with_capacity(plan.repeats);
    for index in 0..plan.repeats {
        observe(Event::Repeat(index));
        let seed = plan.seed.wrapping_add(index as u64);
        samples.push(sample(
            kernel.as_mut(),
            seed,
            clock_resolution_s,
            plan.inject_fault,
        ));
        observe(Event::Sample(&samples[index]));
    }
    Ok(Case {
        kernel: kernel.name().to_owned(),
        n: case.size.n,
        dtype: case.dtype.to_string(),
        blas: (!libraries::is_default(&plan.libraries)).then(|| library.name.clone()),
        threads_requested: plan.threads.count,
        threads_used,
        matrix_bytes: kernel.matrix_bytes(),
        flop: kernel.flop(),
        summary: statistics::summarize(&samples),
        samples,
    })
}

fn warm_up(kernel: &mut dyn Kernel, plan: &Plan, observe: &mut (dyn FnMut(Event) + Send)) {
    for index in 0..plan.warmup {
        observe(Event::Warmup(index));
        kernel.prepare(plan.seed);
        kernel.run();
    }
}

fn sample(
    kernel: &mut dyn Kernel,
    seed: u64,
    clock_resolution_s: f64,
    inject_fault: bool,
) -> Sample {
    kernel.prepare(seed);
    let (norm, elapsed) = clock::time(|| kernel.run());
    if inject_fault {
        kernel.damage();
    }
    let verification = kernel.verify(norm);
    Sample {
        seed,
        run_time_s: elapsed.run_time_s,
        cpu_time_s: elapsed.cpu_time_s,
        gflops: flop::gflops(kernel.flop(), elapsed.run_time_s, clock_resolution_s),
        norm,
        verification: Verification {
            passed: verification.passed(),
            scaled_residual: verification.scaled_residual,
            scaled_residual_bound: verification.scaled_residual_bound,
            norm_error: verification.norm_error,
            norm_error_bound: verification.norm_error_bound,
            norm_expected: verification.norm_expected,
            norm_tolerance: verification.norm_tolerance,
        },
    }
}
