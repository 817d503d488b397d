//! Measuring a case: warm up, then for each repeat set up, time, verify. Prints nothing; an observer is told.

use std::sync::Arc;
use std::time::Instant;

use kernels::fma::Isa;
use kernels::verify::NormCheck;
use kernels::{Kernel, Multiplier, Team, flop};
use results::record::{Case, Sample, Verification};
use results::sampling::{WarmupEnd, WarmupSample};

use crate::clock::{self, Elapsed};
use crate::exit::{Exit, Failure};
use crate::placement::CpusUsed;
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

/// Looks at the machine around each timed region, outside of its timing; around each part of a sample that is timed in parts.
pub trait Probe {
    /// The regions that follow run on these CPUs.
    fn begin_case(&mut self, cpus: &CpusUsed) {
        let _ = cpus;
    }

    /// Right before the clock starts: set-up is done, all threads are awake. Has to be short, or they go to sleep.
    fn before(&mut self) {}

    /// Right after the clock has stopped, before verification.
    fn after(&mut self) {}

    /// Tells the sample what was seen around it, around all its parts together.
    fn note(&mut self, sample: &mut Sample) {
        let _ = sample;
    }
}

/// Looks at nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {}

/// A case with its threads and memory, ready to be measured. They are there until it is dropped, so that samples that
/// follow each other find them as the last one left them.
pub struct Session<'a> {
    case: &'a CasePlan,
    plan: &'a Plan,
    clock_resolution_s: f64,
    threads_used: usize,
    kernel: Box<dyn Kernel + Send>,
    is_warm: bool,
}

/// What one visit to a case is to do.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// Samples that there are already.
    pub taken: usize,
    /// Samples to be taken, if the time allows.
    pub samples: usize,
    /// The run time of the last sample, when this process has measured the case before.
    pub last_run_time_s: Option<f64>,
    /// The time after which no further sample is begun; the first one is taken in any case.
    pub time_left_s: f64,
}

impl<'a> Session<'a> {
    /// Starts the threads of a case and takes its memory.
    ///
    /// # Errors
    ///
    /// When the memory or the threads cannot be had.
    pub fn open(
        case: &'a CasePlan,
        plan: &'a Plan,
        clock_resolution_s: f64,
    ) -> Result<Self, Failure> {
        let (kernel, threads_used) = kernel(case, case.size.n, plan)?;
        Ok(Self {
            case,
            plan,
            clock_resolution_s,
            threads_used,
            kernel,
            is_warm: false,
        })
    }

    /// Takes some samples. Returns the case with these alone and no summary.
    pub fn visit(
        &mut self,
        visit: &Visit,
        probe: &mut dyn Probe,
        observe: &mut dyn FnMut(Event),
    ) -> Case {
        let started = Instant::now();
        probe.begin_case(&self.case.placement.cpus_used(&self.plan.machine));
        let (warmup_samples, warmup_ended) = self.warm_up(visit, observe);
        let mut samples = Vec::with_capacity(visit.samples);
        for index in visit.taken..visit.taken + visit.samples {
            if index > visit.taken && started.elapsed().as_secs_f64() >= visit.time_left_s {
                break;
            }
            observe(Event::Repeat(index));
            let sample = self.sample(self.plan.seed.wrapping_add(index as u64), probe);
            observe(Event::Sample(&sample));
            samples.push(sample);
        }
        Case {
            kernel: self.kernel.name().to_owned(),
            kernel_version: Some(self.case.kernel.version),
            n: self.case.size.n,
            dtype: self.case.dtype.to_string(),
            blas: self.case.blas_name.clone(),
            isa: Isa::of_core(&self.case.blas.describe().core).map(|isa| isa.to_string()),
            driver: Some(self.plan.driver.to_string()),
            panel_rows: self.kernel.panel_rows(),
            cpus: self.case.placement.cpus.clone(),
            threads_requested: self.case.threads,
            threads_used: self.threads_used,
            matrix_bytes: self.kernel.matrix_bytes(),
            flop: self.kernel.flop(),
            bytes: self.kernel.bytes(),
            peak: None,
            samples,
            warmup_samples,
            warmup_ended,
            stopped_because: None,
            summary: None,
        }
    }

    fn warm_up(
        &mut self,
        visit: &Visit,
        observe: &mut dyn FnMut(Event),
    ) -> (Vec<WarmupSample>, Option<WarmupEnd>) {
        if std::mem::replace(&mut self.is_warm, true) {
            return (Vec::new(), None);
        }
        let warmup = self.plan.warmup;
        let started = Instant::now();
        let mut samples: Vec<WarmupSample> = Vec::new();
        let ended = loop {
            if let Some(last_s) = visit.last_run_time_s {
                if samples.len() >= warmup.again(last_s) {
                    break None;
                }
            } else {
                let times_s: Vec<f64> = samples.iter().map(|sample| sample.run_time_s).collect();
                let ended = warmup.ended(&times_s, started.elapsed().as_secs_f64());
                if ended.is_some() {
                    break ended;
                }
            }
            observe(Event::Warmup(samples.len()));
            self.kernel.prepare(self.plan.seed);
            let (_, elapsed) = timed(self.kernel.as_mut(), &mut NoProbe);
            samples.push(WarmupSample {
                before_sample: visit.taken,
                run_time_s: elapsed.run_time_s,
                cpu_time_s: elapsed.cpu_time_s,
            });
        };
        (samples, ended)
    }

    fn sample(&mut self, seed: u64, probe: &mut dyn Probe) -> Sample {
        let kernel = self.kernel.as_mut();
        kernel.prepare(seed);
        let (norm, elapsed) = timed(kernel, probe);
        if self.plan.inject_fault {
            kernel.damage();
        }
        let verification = kernel.verify(norm);
        let of_norm =
            |figure: fn(&NormCheck) -> f64| verification.norm.as_ref().map_or(f64::NAN, figure);
        let mut sample = Sample {
            seed,
            run_time_s: elapsed.run_time_s,
            cpu_time_s: elapsed.cpu_time_s,
            gflops: flop::gflops(kernel.flop(), elapsed.run_time_s, self.clock_resolution_s),
            norm,
            verification: Verification {
                passed: verification.passed(),
                scaled_residual: verification.scaled_residual,
                scaled_residual_bound: verification.scaled_residual_bound,
                norm_error: of_norm(|check| check.error),
                norm_error_bound: of_norm(|check| check.error_bound),
                norm_expected: of_norm(|check| check.expected),
                norm_tolerance: of_norm(|check| check.tolerance),
            },
            conditions: None,
        };
        probe.note(&mut sample);
        sample
    }
}

/// Runs what was prepared and takes its time; of what runs in parts, the time of the parts without what lies between.
pub fn timed(kernel: &mut dyn Kernel, probe: &mut dyn Probe) -> (f64, Elapsed) {
    let mut sum = Elapsed {
        run_time_s: 0.0,
        cpu_time_s: 0.0,
    };
    let mut result = f64::NAN;
    for part in 0..kernel.parts() {
        probe.before();
        let (so_far, elapsed) = clock::time(|| kernel.run_part(part));
        probe.after();
        kernel.inspect();
        result = so_far;
        sum.run_time_s += elapsed.run_time_s;
        sum.cpu_time_s += elapsed.cpu_time_s;
    }
    (result, sum)
}

/// A case's kernel of this size with its threads, and how many it uses.
///
/// # Errors
///
/// When the memory or the threads cannot be had.
pub fn kernel(
    case: &CasePlan,
    n: usize,
    plan: &Plan,
) -> Result<(Box<dyn Kernel + Send>, usize), Failure> {
    let failed = |error: anyhow::Error| Failure::new(Exit::System, error);
    // Everything that is shared out is shared out among these threads, and this one is among them.
    let team = Team::new(case.threads, case.placement.cpus.as_deref())
        .map_err(|error| failed(error.into()))?;
    let threads_used = team.size();
    let multiplier =
        Multiplier::with_blas(case.blas, Arc::new(team), plan.driver).map_err(Failure::usage)?;
    let kernel =
        (case.kernel.make)(n, case.dtype, multiplier).map_err(|error| failed(error.into()))?;
    Ok((kernel, threads_used))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Dtype;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// What was called, in order: both write into it.
    #[derive(Clone, Default)]
    struct Log(Rc<RefCell<Vec<&'static str>>>);

    impl Log {
        fn add(&self, word: &'static str) {
            self.0.borrow_mut().push(word);
        }
    }

    impl Kernel for Log {
        fn name(&self) -> &'static str {
            "log"
        }

        fn dtype(&self) -> Dtype {
            Dtype::F64
        }

        fn matrix_bytes(&self) -> u64 {
            0
        }

        fn flop(&self) -> f64 {
            0.0
        }

        fn prepare(&mut self, _seed: u64) {}

        fn parts(&self) -> usize {
            2
        }

        fn run(&mut self) -> f64 {
            unreachable!("it runs in parts")
        }

        fn run_part(&mut self, part: usize) -> f64 {
            self.add("run");
            part as f64
        }

        fn inspect(&mut self) {
            self.add("inspect");
        }

        fn verify(&self, _result: f64) -> kernels::Verification {
            unreachable!("nothing is verified here")
        }

        fn damage(&mut self) {}
    }

    impl Probe for Log {
        fn before(&mut self) {
            self.add("before");
        }

        fn after(&mut self) {
            self.add("after");
        }
    }

    #[test]
    fn each_part_is_seen_by_itself_and_its_proof_is_not() {
        let log = Log::default();
        let (result, _) = timed(&mut log.clone(), &mut log.clone());
        assert!((result - 1.0).abs() < f64::EPSILON);
        let part = ["before", "run", "after", "inspect"];
        assert_eq!(*log.0.borrow(), [part, part].concat());
    }
}
