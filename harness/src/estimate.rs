//! What a plan will take: the times of one small run for each kernel, type and number of threads, scaled to each case.

use std::fmt::Write;
use std::time::{Duration, Instant};

use kernels::{Definition, Dtype};
use reports::counted;

use crate::exit::Failure;
use crate::measure::{self, NoProbe, timed};
use crate::plan::{CasePlan, Plan, gigabytes};
use crate::warmup::{TIME_MAX_S, Warmup};

/// The largest run that finds out what others will take: the operations of a product of n = 1000, and its memory.
const PROBE_FLOP_MAX: f64 = 2.1e9;
const PROBE_BYTES_MAX: u64 = 32 << 20;

/// What starting threads and keeping a line of the journal take, for each visit.
const VISIT_S: f64 = 0.003;

/// The repetitions that warming up usually takes where they are short.
const WARMUPS: f64 = 4.0;

/// The times of one small run.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// What ran.
    pub kernel: &'static Definition,
    /// The type of the elements.
    pub dtype: Dtype,
    /// Which library multiplied.
    pub blas_name: Option<String>,
    /// How many threads computed.
    pub threads: usize,
    /// The order of the matrices.
    pub n: usize,
    /// The timed region.
    pub run_s: f64,
    /// Making the input.
    pub prepare_s: f64,
    /// Proving the result.
    pub verify_s: f64,
}

/// What a case will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// One timed region.
    pub run_s: f64,
    /// The whole case.
    pub case_s: f64,
    /// Memory.
    pub needed_bytes: u64,
}

/// Runs every kernel once with every type and number of threads of the plan, small.
///
/// # Errors
///
/// When memory or threads cannot be had.
pub fn calibrate(plan: &Plan) -> Result<Vec<Calibration>, Failure> {
    let mut found: Vec<Calibration> = Vec::new();
    for case in &plan.cases {
        if find(&found, case).is_none() {
            let alike = plan.cases.iter().filter(|other| is_alike(case, other));
            let largest = alike.map(|case| case.size.n).max().unwrap_or(1);
            found.push(calibrate_one(case, probe_n(case, largest), plan)?);
        }
    }
    Ok(found)
}

fn is_alike(case: &CasePlan, other: &CasePlan) -> bool {
    let key = |case: &'_ CasePlan| (case.kernel, case.dtype, case.threads);
    key(case) == key(other) && case.blas_name == other.blas_name
}

/// The largest n up to a case's that is still a small run.
fn probe_n(case: &CasePlan, largest: usize) -> usize {
    let is_small = |n: usize| {
        let bytes = (case.kernel.matrix_bytes)(n, case.dtype).unwrap_or(u64::MAX);
        (case.kernel.flop)(n, case.threads) <= PROBE_FLOP_MAX && bytes <= PROBE_BYTES_MAX
    };
    let steps = std::iter::successors(Some(largest), |n| Some(n * 4 / 5));
    steps
        .take_while(|n| *n > 1)
        .find(|n| is_small(*n))
        .unwrap_or(1)
}

fn calibrate_one(case: &CasePlan, n: usize, plan: &Plan) -> Result<Calibration, Failure> {
    let (mut kernel, _) = measure::kernel(case, n, plan)?;
    kernel.prepare(0);
    timed(kernel.as_mut(), &mut NoProbe);
    let begun = Instant::now();
    kernel.prepare(0);
    let prepare_s = begun.elapsed().as_secs_f64();
    let (norm, elapsed) = timed(kernel.as_mut(), &mut NoProbe);
    let begun = Instant::now();
    kernel.verify(norm);
    Ok(Calibration {
        kernel: case.kernel,
        dtype: case.dtype,
        blas_name: case.blas_name.clone(),
        threads: case.threads,
        n,
        run_s: elapsed.run_time_s,
        prepare_s,
        verify_s: begun.elapsed().as_secs_f64(),
    })
}

fn find<'a>(calibrations: &'a [Calibration], case: &CasePlan) -> Option<&'a Calibration> {
    calibrations.iter().find(|found| {
        (found.kernel, found.dtype, found.threads) == (case.kernel, case.dtype, case.threads)
            && found.blas_name == case.blas_name
    })
}

/// What a case will take: the run as its operations, the rest as its memory.
pub fn estimate(case: &CasePlan, plan: &Plan, calibration: &Calibration) -> Estimate {
    let flop = |n| (case.kernel.flop)(n, case.threads);
    let bytes = |n| (case.kernel.matrix_bytes)(n, case.dtype).unwrap_or(0) as f64;
    let scale = flop(case.size.n) / flop(calibration.n);
    let run_s = calibration.run_s * scale;
    // What takes no memory takes no time to set up.
    let scale = bytes(case.size.n) / bytes(calibration.n).max(1.0);
    let prepare_s = calibration.prepare_s * scale;
    let verify_s = calibration.verify_s * scale;
    let repetition_s = prepare_s + run_s;
    let warmups = match plan.warmup {
        Warmup::Fixed(count) => count as f64,
        Warmup::Auto => (TIME_MAX_S / repetition_s).ceil().clamp(1.0, WARMUPS),
    };
    let (mut visits, mut taken) = (0u32, 0);
    while taken < plan.target.repeats {
        taken += plan.target.batch(taken);
        visits += 1;
    }
    let opened = if plan.order == crate::order::Order::Sequential {
        1
    } else {
        visits
    };
    let warmed_again = f64::from(opened - 1) * plan.warmup.again(run_s) as f64;
    let measuring_s = plan.target.repeats as f64 * (repetition_s + verify_s)
        + (warmups + warmed_again) * repetition_s
        + f64::from(opened) * (VISIT_S + prepare_s);
    let least_s = warmups * repetition_s + repetition_s + verify_s;
    let limit_s = |max_s: f64| measuring_s.min(max_s.max(least_s));
    Estimate {
        run_s,
        case_s: plan.target.max_time_s.map_or(measuring_s, limit_s),
        needed_bytes: case.needed_bytes(),
    }
}

/// The plan in words: a line for all, then one for each case, as many as there may be.
pub fn text(plan: &Plan, calibrations: &[Calibration], lines_max: usize) -> String {
    let estimates: Vec<Option<Estimate>> = plan
        .cases
        .iter()
        .map(|case| Some(estimate(case, plan, find(calibrations, case)?)))
        .collect();
    let known = || estimates.iter().flatten();
    let total_s: f64 = known().map(|estimate| estimate.case_s).sum();
    let needed_bytes = plan.cases.iter().map(CasePlan::needed_bytes).max();
    let mut text = format!(
        "plan: {}, {}, {} {}, {} of memory",
        match plan.cases.len() {
            1 => "1 case".to_owned(),
            cases => format!("{cases} cases in {} order", plan.order.name()),
        },
        repeats(plan),
        if plan.target.until.is_some() {
            "at least"
        } else {
            "about"
        },
        seconds(duration(total_s)),
        gigabytes(needed_bytes.unwrap_or(0)),
    );
    let rows: Vec<[String; 4]> = plan
        .cases
        .iter()
        .zip(&estimates)
        .take(lines_max)
        .map(|(case, estimate)| {
            let time = |time_s: fn(&Estimate) -> f64| {
                estimate
                    .as_ref()
                    .map_or_else(String::new, |it| seconds(duration(time_s(it))))
            };
            [
                case.to_string(),
                time(|it| it.run_s),
                time(|it| it.case_s),
                gigabytes(case.needed_bytes()),
            ]
        })
        .collect();
    let heading = ["case", "a repeat", "in all", "memory"].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&heading]);
        cells
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    for row in std::iter::once(&heading).chain(&rows) {
        let _ = write!(text, "\n  {:<w$}", row[0], w = widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
    }
    if plan.cases.len() > lines_max {
        let _ = write!(
            text,
            "\n  and {} more (see all with --plan)",
            plan.cases.len() - lines_max
        );
    }
    text
}

fn repeats(plan: &Plan) -> String {
    let target = &plan.target;
    let repeats = format!("{} each", counted(target.repeats, "repeat"));
    let limit = target.max_time_s.map_or_else(String::new, |max_s| {
        format!(" or {} each", seconds(duration(max_s)))
    });
    match target.until {
        Some(until) => format!(
            "at least {repeats} until the median is known within {} %{limit}",
            // Without the noise of a division and a multiplication by 100.
            (until * 1e8).round() / 1e6
        ),
        None => format!("{repeats}{limit}"),
    }
}

fn duration(time_s: f64) -> Duration {
    Duration::try_from_secs_f64(time_s).unwrap_or(Duration::MAX)
}

/// A time with the unit and the digits that a reader wants.
pub fn seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    match s {
        ..0.00001 => format!("{:.0} ns", s * 1e9),
        ..0.001 => format!("{:.1} µs", s * 1e6),
        ..0.1 => format!("{:.1} ms", s * 1e3),
        ..10.0 => format!("{s:.1} s"),
        ..120.0 => format!("{s:.0} s"),
        ..7200.0 => format!("{:.0} min", s / 60.0),
        ..172_800.0 => format!("{:.1} h", s / 3600.0),
        _ => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{LimitedBy, Memory};
    use crate::order::Order;
    use crate::plan::{Destination, Verbosity};
    use crate::precision::Target;
    use crate::size::Size;
    use expect_test::{Expect, expect};

    fn plan(sizes: &str, order: Order, target: Target) -> Plan {
        let sizes = Size::parse_list(sizes).unwrap();
        let cases = sizes.into_iter().flat_map(|size| {
            [1, 16].map(|threads| CasePlan {
                kernel: kernels::registry::KERNELS[0],
                size: size.clone(),
                dtype: Dtype::F64,
                threads,
                blas: kernels::Blas::bundled(),
                blas_name: None,
                placement: crate::placement::Placement::default(),
            })
        });
        Plan {
            cases: cases.collect(),
            libraries: Vec::new(),
            driver: kernels::Driver::Team,
            order,
            target,
            warmup: Warmup::Auto,
            seed: 1,
            threads: results::record::Threads::default(),
            destination: Destination::Stdout,
            plot: false,
            verbosity: Verbosity::Normal,
            bars: crate::bars::Bars::None,
            topology: results::record::Topology::default(),
            machine: results::machine::Machine::default(),
            memory: Memory {
                total_bytes: None,
                available_bytes: None,
                cgroup_limit_bytes: None,
                limited_by: LimitedBy::Host,
            },
            warnings: Vec::new(),
            peak: false,
            inject_fault: false,
        }
    }

    fn calibrations() -> Vec<Calibration> {
        [1, 16]
            .map(|threads| Calibration {
                kernel: kernels::registry::KERNELS[0],
                dtype: Dtype::F64,
                blas_name: None,
                threads,
                n: 1000,
                run_s: 0.040 / threads as f64,
                prepare_s: 0.002,
                verify_s: 0.003,
            })
            .to_vec()
    }

    fn check(plan: &Plan, lines_max: usize, expected: &Expect) {
        expected.assert_eq(&text(plan, &calibrations(), lines_max));
    }

    #[test]
    fn a_plan_says_what_it_will_take() {
        let target = Target::new(3, None, None).unwrap();
        let sizes = "test,1000..10000:3000";
        check(
            &plan(sizes, Order::Interleaved, target),
            99,
            &expect![[r"
                plan: 10 cases in interleaved order, 3 repeats each, about 4 min, 3.0 GB of memory
                  case                             a repeat   in all  memory
                  test (n = 100), f64, 1 thread     40.4 µs   9.7 ms  0.1 GB
                  test (n = 100), f64, 16 threads   2522 ns   9.4 ms  0.6 GB
                  n = 1000, f64, 1 thread           40.0 ms    0.4 s  0.1 GB
                  n = 1000, f64, 16 threads          2.5 ms  64.5 ms  0.6 GB
                  n = 4000, f64, 1 thread             2.6 s     11 s  0.5 GB
                  n = 4000, f64, 16 threads           0.2 s    2.0 s  1.0 GB
                  n = 7000, f64, 1 thread              14 s     56 s  1.2 GB
                  n = 7000, f64, 16 threads           0.9 s    7.4 s  1.7 GB
                  n = 10000, f64, 1 thread             40 s    3 min  2.5 GB
                  n = 10000, f64, 16 threads          2.5 s     12 s  3.0 GB"]],
        );
        check(
            &plan("small", Order::Sequential, target),
            1,
            &expect![[r"
            plan: 2 cases in sequential order, 3 repeats each, about 3 min, 3.0 GB of memory
              case                              a repeat  in all  memory
              small (n = 10000), f64, 1 thread      40 s   3 min  2.5 GB
              and 1 more (see all with --plan)"]],
        );
        let until = Target::new(3, Some("0.5%"), Some("20s")).unwrap();
        check(
            &plan("small", Order::Random(1), until),
            99,
            &expect![[r"
                plan: 2 cases in random order, at least 6 repeats each until the median is known within 0.5 % or 20 s each, at least 101 s, 3.0 GB of memory
                  case                                a repeat  in all  memory
                  small (n = 10000), f64, 1 thread        40 s    81 s  2.5 GB
                  small (n = 10000), f64, 16 threads     2.5 s    20 s  3.0 GB"]],
        );
    }

    /// For ten thousand cases of any size: nothing overflows.
    #[test]
    fn the_largest_case_takes_long() {
        let target = Target::new(1_000_000, None, None).unwrap();
        let plan = plan("2147483647", Order::Sequential, target);
        let estimate = estimate(&plan.cases[0], &plan, &calibrations()[0]);
        assert!(estimate.case_s > 1e15 && estimate.case_s.is_finite());
        assert!(text(&plan, &calibrations(), 9).contains("days"));
    }
}
