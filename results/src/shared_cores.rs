//! Virtual CPUs that share a core at times: what no counter of the guest shows, and its samples do.
//!
//! A hypervisor may run two virtual CPUs on the two hardware threads of one core. Then threads that multiply run all the time, nobody takes
//! any from them, no steal is counted, and they do half of what they do on cores of their own. One thread never is that slow.

use crate::record::{Case, Record, Sample};

/// A sample is slow when it takes this many times the shortest: between that and 2, the threads shared a core for a part of it.
const SLOW_FROM: f64 = 1.4;

/// The threads of such a sample ran for at least this share of its time.
const RUNNING_MIN: f64 = 0.9;

/// Others had at most this share of the threads' time.
const LOST_MAX: f64 = 0.1;

/// From this share of the samples on it is told, and from two samples on.
const TOLD_FROM: f64 = 0.05;

/// One line when samples of a guest of a hypervisor show that its CPUs share cores at times; the case where it was most frequent.
pub fn warning(record: &Record) -> Option<String> {
    record.host.virtualization.hypervisor.as_ref()?;
    let (case, slow) = record
        .cases
        .iter()
        .map(|case| (case, slow_samples(case)))
        .filter(|(case, slow)| *slow >= 2 && share(case, *slow) >= TOLD_FROM)
        .max_by(|a, b| share(a.0, a.1).total_cmp(&share(b.0, b.1)))?;
    Some(format!(
        "in {slow} of {} samples (n={}, {}, {} threads) all threads ran all the time and did about half as much: virtual CPUs that \
         share a core at times do that, and cannot see it (try a host with cores of its own)",
        case.samples.len(),
        case.n,
        case.dtype,
        case.threads_used
    ))
}

fn share(case: &Case, slow: usize) -> f64 {
    slow as f64 / case.samples.len() as f64
}

/// How many samples took far longer than the shortest although their threads had the CPUs.
fn slow_samples(case: &Case) -> usize {
    let run_times_s = case.samples.iter().map(|sample| sample.run_time_s);
    let shortest_s = run_times_s.fold(f64::INFINITY, f64::min);
    let threads = case.threads_used as f64;
    let is_slow = |sample: &&Sample| {
        let had_s = threads * sample.run_time_s;
        let lost_s = sample.conditions.as_ref().map_or(0.0, |conditions| {
            conditions.steal_s.unwrap_or(0.0) + conditions.foreign_cpu_s.unwrap_or(0.0)
        });
        sample.run_time_s >= SLOW_FROM * shortest_s
            && sample.cpu_time_s >= RUNNING_MIN * had_s
            && lost_s <= LOST_MAX * had_s
    };
    if case.threads_used < 2 {
        return 0;
    }
    case.samples.iter().filter(is_slow).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verification;

    /// A case of two threads whose samples took these times and had the CPUs for this share of them.
    fn record(threads: usize, samples: &[(f64, f64)]) -> Record {
        let sample = |(run_time_s, running): &(f64, f64)| Sample {
            seed: 1,
            run_time_s: *run_time_s,
            cpu_time_s: running * run_time_s * threads as f64,
            gflops: 2.0 / run_time_s,
            norm: 1.0,
            verification: Verification {
                passed: true,
                scaled_residual: 0.1,
                scaled_residual_bound: 16.0,
                norm_error: 0.0,
                norm_error_bound: 1e-12,
                norm_expected: 1.0,
                norm_tolerance: 0.1,
            },
            conditions: None,
        };
        let mut record: Record =
            serde_json::from_str(include_str!("../tests/golden/record-v1.json")).unwrap();
        record.host.virtualization.hypervisor = Some("kvm".to_owned());
        let mut case = record.cases.remove(0);
        case.threads_used = threads;
        case.samples = samples.iter().map(sample).collect();
        record.cases = vec![case];
        record
    }

    #[test]
    fn samples_of_two_kinds_are_told() {
        let shared = record(
            2,
            &[(0.020, 1.0), (0.0375, 0.99), (0.038, 1.0), (0.021, 1.0)],
        );
        assert!(warning(&shared).unwrap().starts_with("in 2 of 4 samples"));
        let mut bare = shared.clone();
        bare.host.virtualization.hypervisor = None;
        assert_eq!(warning(&bare), None);
    }

    #[test]
    fn other_reasons_for_a_slow_sample_are_not() {
        // One thread waited for a CPU; a spread that any machine has; one sample; one thread.
        for (threads, samples) in [
            (2, [(0.020, 1.0), (0.040, 0.5), (0.040, 0.5)]),
            (2, [(0.020, 1.0), (0.026, 1.0), (0.027, 1.0)]),
            (2, [(0.020, 1.0), (0.038, 1.0), (0.021, 1.0)]),
            (1, [(0.020, 1.0), (0.040, 1.0), (0.040, 1.0)]),
        ] {
            assert_eq!(
                warning(&record(threads, &samples)),
                None,
                "{threads} {samples:?}"
            );
        }
    }
}
