//! The rules of grades, one by one, and as properties.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use results::conditions::{Conditions, UsedCpus};
use results::grade::{Grade, grade};
use results::record::{Case, Record, Sample};
use results::sampling::WarmupSample;
use results::statistics::summarize;

mod common;

/// A run of one case with this many quiet samples of 0.2 s each.
fn quiet(samples: usize) -> Record {
    let mut record = common::article();
    let case = &mut record.cases[0];
    let sample = Sample {
        run_time_s: 0.2,
        gflops: 1000.0,
        conditions: Some(Conditions {
            observed_s: 0.2,
            steal_s: Some(0.0),
            foreign_cpu_s: Some(0.0),
            page_faults_major: Some(0),
            ..Conditions::default()
        }),
        ..case.samples[0].clone()
    };
    case.samples = vec![sample; samples];
    case.warmup_samples = vec![WarmupSample {
        before_sample: 0,
        run_time_s: 0.3,
        cpu_time_s: 3.0,
    }];
    case.summary = summarize(&case.samples);
    record
}

fn check(samples: usize, change: impl Fn(&mut Case), expected: &Expect) {
    let mut record = quiet(samples);
    let case = &mut record.cases[0];
    change(case);
    case.summary = summarize(&case.samples);
    check_record(&record, expected);
}

fn check_record(record: &Record, expected: &Expect) {
    let graded = grade(record);
    let reasons = graded.reasons.join("\n");
    expected.assert_eq(format!("{}\n{reasons}", graded.grade).trim_end());
}

fn disturb(case: &mut Case, count: usize, change: impl Fn(&mut Conditions)) {
    for sample in &mut case.samples[..count] {
        change(sample.conditions.as_mut().unwrap());
    }
}

#[test]
fn a_quiet_run_is_valid() {
    check(10, |_| {}, &expect!["VALID"]);
    check(5, |_| {}, &expect!["VALID"]);
}

#[test]
fn what_is_quick() {
    check(
        3,
        |_| {},
        &expect![[r"
        QUICK
        3 samples, 5 are needed (try --repeats 5)"]],
    );
    check(
        7,
        |case| case.warmup_samples.clear(),
        &expect![[r"
        QUICK
        no warm-up (try --warmup auto)"]],
    );
    check(
        7,
        |case| {
            for sample in &mut case.samples {
                sample.run_time_s = 1e-4;
                sample.conditions.as_mut().unwrap().observed_s = 1e-4;
            }
        },
        &expect![[r"
            QUICK
            0.7 ms timed in all, 100 ms are needed (try more --repeats)"]],
    );
    check(
        5,
        |case| case.samples[0].gflops = 800.0,
        &expect![[r"
            QUICK
            samples spread over 20.0 %, 10 % is the most (try --until 5%)"]],
    );
    check(
        6,
        |case| case.samples[0].gflops = 800.0,
        &expect![[r"
            QUICK
            the median is known to 10.0 % only, 5 % is needed (try --until 5%)"]],
    );
    // With more samples the same one is an outlier that the median does not see.
    check(12, |case| case.samples[0].gflops = 800.0, &expect!["VALID"]);
}

#[test]
fn what_is_invalid() {
    check(
        7,
        |case| case.samples[2].verification.passed = false,
        &expect![[r"
            INVALID
            1 of 7 samples failed verification"]],
    );
    check(
        7,
        |case| case.threads_used = 1,
        &expect![[r"
        INVALID
        1 thread used where 18 were to be"]],
    );
    check(
        8,
        |case| {
            disturb(case, 3, |conditions| {
                conditions.quota_throttled_s = Some(0.05);
            });
        },
        &expect![[r"
            INVALID
            the control group's CPU quota held threads back in 3 of 8 samples (try fewer --threads, or a larger quota)"]],
    );
    check(
        8,
        |case| {
            disturb(case, 3, |conditions| {
                conditions.thermal_throttles = Some(1);
            });
        },
        &expect![[r"
            INVALID
            the processor was too hot and slowed down in 3 of 8 samples (try better cooling, or a pause)"]],
    );
    check(
        8,
        |case| {
            disturb(case, 8, |conditions| {
                conditions.foreign_cpu_s = Some(0.5);
                conditions.steal_s = Some(0.1);
            });
        },
        &expect![[r"
            INVALID
            steal took 3 % and other processes took 14 % of the cores' time (try an idle host)"]],
    );
    check(
        0,
        |_| {},
        &expect![[r"
            INVALID
            there are no samples"]],
    );
}

#[test]
fn what_disturbs_few_samples_is_quick_and_what_disturbs_hardly_any_is_nothing() {
    let fault = |case: &mut Case| {
        disturb(case, 1, |conditions| conditions.page_faults_major = Some(1));
    };
    check(
        3,
        fault,
        &expect![[r"
        INVALID
        pages were read from a disk in 1 of 3 samples (try to free memory)
        3 samples, 5 are needed (try --repeats 5)"]],
    );
    check(
        8,
        fault,
        &expect![[r"
        QUICK
        pages were read from a disk in 1 of 8 samples (try to free memory)"]],
    );
    check(20, fault, &expect!["VALID"]);
    let little = |conditions: &mut Conditions| conditions.quota_throttled_s = Some(0.001);
    check(8, |case| disturb(case, 8, little), &expect!["VALID"]);
}

#[test]
fn idle_cores_take_other_processes() {
    // 18 cores; two threads leave sixteen for others, sixteen threads leave two.
    let others = |threads: usize| {
        move |case: &mut Case| {
            case.threads_requested = threads;
            case.threads_used = threads;
            disturb(case, 8, |conditions| {
                conditions.foreign_cpu_s = Some(5.0 * conditions.observed_s);
            });
        }
    };
    check(8, others(2), &expect!["VALID"]);
    check(
        8,
        others(16),
        &expect![[r"
        INVALID
        steal took 0 % and other processes took 19 % of the cores' time (try an idle host)"]],
    );
}

/// One thread on a machine of 18 cores, and this much of others' work in each second on the CPUs used and on all.
fn beside(cpus: Option<Vec<usize>>, on_used: f64, on_all: f64) -> impl Fn(&mut Case) {
    move |case: &mut Case| {
        case.threads_requested = 1;
        case.threads_used = 1;
        case.cpus.clone_from(&cpus);
        disturb(case, 8, |conditions| {
            let observed_s = conditions.observed_s;
            conditions.foreign_cpu_s = Some(on_all * observed_s);
            conditions.used_cpus = Some(UsedCpus {
                busy_s: (1.0 + on_used) * observed_s,
                own_s: observed_s,
                steal_s: 0.0,
            });
        });
    }
}

#[test]
fn idle_cores_do_not_excuse_who_works_on_a_cpu_in_use() {
    check(
        8,
        beside(Some(vec![3]), 0.5, 0.5),
        &expect![[r"
            INVALID
            steal took 0 % and other processes took 50 % of the cores' time (try an idle host)"]],
    );
    check(8, beside(Some(vec![3]), 0.0, 5.0), &expect!["VALID"]);
    // An unbound thread moves out of the way.
    check(8, beside(None, 0.5, 0.5), &expect!["VALID"]);
    check(
        8,
        beside(None, 17.5, 17.5),
        &expect![[r"
            INVALID
            steal took 0 % and other processes took 50 % of the cores' time (try an idle host)"]],
    );
}

/// Samples of 3 ms, of which every third meets a step of 10 ms: the kernel's counting, and nobody's work.
#[test]
fn steps_of_counting_are_nobodys_work() {
    for (samples, grade) in [(300, Grade::Valid), (3000, Grade::Valid)] {
        let graded = short(samples, 0);
        assert_eq!(graded.grade, grade, "{graded:?}");
    }
    // As much again by others is seen in the end.
    let graded = short(3000, 1);
    assert_eq!(graded.grade, Grade::Invalid, "{graded:?}");
}

/// Grades samples of 3 ms beside others' work of this many times as much.
fn short(samples: usize, times: usize) -> results::grade::Graded {
    let mut record = quiet(samples);
    let case = &mut record.cases[0];
    (case.threads_requested, case.threads_used) = (1, 1);
    case.cpus = Some(vec![0]);
    for (index, sample) in case.samples.iter_mut().enumerate() {
        let conditions = sample.conditions.as_mut().unwrap();
        let observed_s = 3e-3 * (1 + times) as f64;
        conditions.observed_s = observed_s;
        let steps = |index: usize| (index as f64 * observed_s / 0.01).floor();
        conditions.used_cpus = Some(UsedCpus {
            busy_s: 0.01 * (steps(index + 1) - steps(index)),
            own_s: 3e-3,
            steal_s: 0.0,
        });
    }
    grade(&record)
}

#[test]
fn what_cannot_be_read_is_not_taken_for_quiet() {
    check(
        8,
        |case| {
            disturb(case, 8, |conditions| {
                conditions.steal_s = None;
                conditions.foreign_cpu_s = None;
            });
        },
        &expect![[r"
            QUICK
            whether others used the processor is not known: /proc/stat cannot be read"]],
    );
}

#[test]
fn a_reason_is_said_once_for_all_cases() {
    let mut record = quiet(3);
    let mut other = record.cases[0].clone();
    other.n = 500;
    record.cases.push(other.clone());
    check_record(
        &record,
        &expect![[r"
        QUICK
        3 samples in 2 of 2 cases (n = 10000 first), 5 are needed (try --repeats 5)"]],
    );
    other.samples.extend(other.samples.clone());
    record.cases[1] = other;
    check_record(
        &record,
        &expect![[r"
        QUICK
        3 samples in 1 of 2 cases (n = 10000), 5 are needed (try --repeats 5)"]],
    );
}

proptest! {
    /// More of a disturbance never makes a grade better, and every grade but VALID has a reason.
    #[test]
    fn grades_are_monotonous(samples in 1usize..40, less in 0usize..40, more in 0usize..40, times in 0u64..3) {
        let [less, more] = [less.min(more).min(samples), less.max(more).min(samples)];
        let graded = |count: usize| {
            let mut record = quiet(samples);
            disturb(&mut record.cases[0], count, |conditions| {
                conditions.thermal_throttles = Some(times);
                conditions.steal_s = Some(times as f64);
            });
            grade(&record)
        };
        let (few, many) = (graded(less), graded(more));
        prop_assert!(few.grade <= many.grade);
        prop_assert_eq!(few.reasons.is_empty(), few.grade == Grade::Valid);
    }
}
