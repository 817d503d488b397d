//! Whether a run's figures can be relied upon, by stated rules over its record: a pure function, so that any record can be
//! graded again.
//!
//! **INVALID**: the figures are not what the machine does.
//! - a result failed its verification, or a case used other threads than it was to use;
//! - in more than a quarter of the samples ([`MANY`]): the control group's quota held the threads back for more than 1 % of
//!   their time ([`QUOTA_SHARE_MAX`]), or the processor slowed itself down for its temperature, or pages were read from a disk;
//! - in more than a quarter of the spans of half a second or more ([`SPAN_MIN_S`]): the hypervisor (steal) and other processes
//!   took more than 10 % ([`LOST_SHARE_MAX`]) of the CPU time of the cores used.
//!
//! **QUICK**: right, but not sure to be found again.
//! - any of these disturbances in more than a twentieth of the samples ([`SOME`]);
//! - a case with fewer than 5 verified samples ([`SAMPLES_MIN`]), with less than 0.1 s timed in all ([`TIMED_MIN_S`]), or
//!   without warm-up;
//! - a case whose median is not known to 5 % ([`HALF_WIDTH_MAX`]); with too few samples for an interval of the median, one whose
//!   samples spread over more than 10 % ([`SPREAD_MAX_PERCENT`]);
//! - another program measured it ([`crate::imported`]): products were not verified, and nothing is known of the host's state;
//! - steal and other processes' CPU time could not be read although there was time enough to see them.
//!
//! **VALID**: everything else.
//!
//! The share of samples matters because a median does not move by what disturbs a few of them. Other processes are counted on
//! the CPUs that the case's threads are bound to and on these CPUs' siblings; where nothing is bound (or a record does not tell CPUs
//! apart), only as far as cores that the case leaves idle could not take them.
//!
//! Spans are consecutive samples of one case. The kernel counts CPU time in steps of 10 ms, so that each reading of each CPU is
//! off by half a step at most (as a standard deviation): three such deviations are taken off before anybody is accused
//! ([`Span::doubt_s`]), and a span goes on until they are less than what is looked for, or the case ends.
//!
//! How the host is set (its governor, a battery) is disclosed in [`crate::stability`] and changes no grade: that is the machine
//! as it was measured.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conditions::{Conditions, STEP_S, UsedCpus};
use crate::record::{Case, Record, Sample, Topology};
use crate::statistics::relative_half_width;

/// The share of disturbed samples above which a run is INVALID.
pub const MANY: f64 = 0.25;
/// The share of disturbed samples above which a run is QUICK.
pub const SOME: f64 = 0.05;
/// A sample is disturbed when its threads were held back by the quota for a larger share of their time.
pub const QUOTA_SHARE_MAX: f64 = 0.01;
/// A span is disturbed when a larger share of the used cores' time went to others.
pub const LOST_SHARE_MAX: f64 = 0.10;
/// The least length of a span whose CPU times are judged.
pub const SPAN_MIN_S: f64 = 0.5;
/// The least number of verified samples of a case.
pub const SAMPLES_MIN: usize = 5;
/// The least time that the samples of a case take together.
pub const TIMED_MIN_S: f64 = 0.1;
/// The widest that half of the interval of the median may be, relative to the median.
pub const HALF_WIDTH_MAX: f64 = 0.05;
/// The widest spread of samples that are too few for an interval of their median.
pub const SPREAD_MAX_PERCENT: f64 = 10.0;

/// How far figures can be relied upon.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Grade {
    /// They are what this machine does.
    Valid,
    /// They are right but not sure to be found again.
    Quick,
    /// They are not what this machine does.
    Invalid,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "VALID",
            Self::Quick => "QUICK",
            Self::Invalid => "INVALID",
        })
    }
}

/// A grade and why it is not better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Graded {
    /// The worst that any rule says.
    pub grade: Grade,
    /// What each rule that was broken found, the gravest first; empty for VALID.
    pub reasons: Vec<String>,
}

/// Grades a run.
pub fn grade(record: &Record) -> Graded {
    let cases = &record.cases;
    if samples(cases).next().is_none() {
        return Graded {
            grade: Grade::Invalid,
            reasons: vec!["there are no samples".to_owned()],
        };
    }
    let topology = &record.host.topology;
    let mut findings: Vec<(Grade, String)> = Vec::new();
    findings.extend(verification(cases));
    findings.extend(threads(cases));
    findings.extend(lost_time(cases, topology));
    findings.extend(disturbances(cases));
    findings.extend(too_few(cases));
    findings.extend(too_short(cases));
    findings.extend(no_warmup(cases));
    findings.extend(spread(cases));
    findings.extend(imported(record));
    // Stable: within a grade the order of the rules stays.
    findings.sort_by_key(|(grade, _)| std::cmp::Reverse(*grade));
    Graded {
        grade: findings.first().map_or(Grade::Valid, |(grade, _)| *grade),
        reasons: findings.into_iter().map(|(_, reason)| reason).collect(),
    }
}

type Finding = Option<(Grade, String)>;

fn imported(record: &Record) -> Finding {
    record.imported.as_ref()?;
    let reason = "another program measured this: of the products only the norm was checked";
    Some((Grade::Quick, reason.to_owned()))
}

fn verification(cases: &[Case]) -> Finding {
    let all: usize = cases.iter().map(|case| case.samples.len()).sum();
    let failed = samples(cases).filter(|sample| !sample.verification.passed);
    let failed = failed.count();
    (failed > 0).then(|| {
        let reason = format!("{failed} of {} failed verification", counted(all, "sample"));
        (Grade::Invalid, reason)
    })
}

fn threads(cases: &[Case]) -> Finding {
    let (worst, among) = failing(cases, |case| {
        (case.threads_used != case.threads_requested).then_some(())
    })?;
    let reason = format!(
        "{} used where {} were to be{among}",
        counted(worst.0.threads_used, "thread"),
        worst.0.threads_requested
    );
    Some((Grade::Invalid, reason))
}

fn too_few(cases: &[Case]) -> Finding {
    let ((_, count), among) = failing(cases, |case| {
        let valid = case.samples.iter().filter(|s| s.verification.passed);
        let count = valid.count();
        (count < SAMPLES_MIN).then_some(count)
    })?;
    let reason = format!(
        "{}{among}, {SAMPLES_MIN} are needed (try --repeats {SAMPLES_MIN})",
        counted(count, "sample")
    );
    Some((Grade::Quick, reason))
}

fn too_short(cases: &[Case]) -> Finding {
    let ((_, timed_s), among) = failing(cases, |case| {
        let timed_s: f64 = case.samples.iter().map(|sample| sample.run_time_s).sum();
        (timed_s < TIMED_MIN_S).then_some(timed_s)
    })?;
    let reason = format!(
        "{:.1} ms timed in all{among}, {:.0} ms are needed (try more --repeats)",
        1e3 * timed_s,
        1e3 * TIMED_MIN_S
    );
    Some((Grade::Quick, reason))
}

fn no_warmup(cases: &[Case]) -> Finding {
    let (_, among) = failing(cases, |case| case.warmup_samples.is_empty().then_some(()))?;
    let reason = format!("no warm-up{among} (try --warmup auto)");
    Some((Grade::Quick, reason))
}

fn spread(cases: &[Case]) -> Finding {
    let figures = |case: &Case| -> Vec<f64> {
        let valid = case.samples.iter().filter(|s| s.verification.passed);
        valid.map(|sample| sample.gflops).collect()
    };
    let wide = failing(cases, |case| {
        relative_half_width(&figures(case)).filter(|width| *width > HALF_WIDTH_MAX)
    });
    if let Some(((_, width), among)) = wide {
        let reason = format!(
            "the median is known to {:.1} % only{among}, {:.0} % is needed (try --until {:.0}%)",
            100.0 * width,
            100.0 * HALF_WIDTH_MAX,
            100.0 * HALF_WIDTH_MAX
        );
        return Some((Grade::Quick, reason));
    }
    let ((_, percent), among) = failing(cases, |case| {
        let summary = case.summary.as_ref()?;
        let is_rough = relative_half_width(&figures(case)).is_none();
        Some(summary.spread_percent)
            .filter(|percent| is_rough && (*percent > SPREAD_MAX_PERCENT || percent.is_nan()))
    })?;
    let reason = format!(
        "samples spread over {percent:.1} %{among}, {SPREAD_MAX_PERCENT:.0} % is the most (try --until {:.0}%)",
        100.0 * HALF_WIDTH_MAX
    );
    Some((Grade::Quick, reason))
}

/// CPU time that went to other guests of the hypervisor and to other processes.
fn lost_time(cases: &[Case], topology: &Topology) -> Finding {
    let spans: Vec<Span> = cases
        .iter()
        .flat_map(|case| spans(case, topology))
        .collect();
    let shares: Vec<f64> = spans.iter().filter_map(Span::lost_share).collect();
    if shares.is_empty() && !spans.is_empty() {
        let reason = "whether others used the processor is not known: /proc/stat cannot be read";
        return Some((Grade::Quick, reason.to_owned()));
    }
    let lost = shares.iter().filter(|share| **share > LOST_SHARE_MAX);
    let grade = graded(lost.count(), shares.len())?;
    let sum = |part: fn(&Span) -> f64| spans.iter().map(part).sum::<f64>();
    let capacity_s = sum(|span| span.capacity_s);
    let percent = |time_s: f64| format!("{:.0} %", 100.0 * time_s / capacity_s);
    let reason = format!(
        "steal took {} and other processes took {} of the cores' time (try an idle host)",
        percent(sum(|span| span.steal_s.unwrap_or(0.0))),
        percent(sum(|span| span.foreign_s.unwrap_or(0.0))),
    );
    Some((grade, reason))
}

/// Consecutive samples of a case.
#[derive(Debug, Default)]
struct Span {
    observed_s: f64,
    /// The time of all cores used.
    capacity_s: f64,
    samples: usize,
    /// The hypervisor's other guests'.
    steal_s: Option<f64>,
    /// Other processes', as far as it was taken from the case.
    foreign_s: Option<f64>,
}

impl Span {
    /// What the steps of counting may have made up: three standard deviations of the sum over all readings, which are
    /// independent of each other, half a step each.
    fn doubt_s(&self) -> f64 {
        let cpus = self.capacity_s / self.observed_s.max(f64::MIN_POSITIVE);
        1.5 * STEP_S * (self.samples as f64 * cpus).sqrt()
    }

    /// Whether it can be judged.
    fn is_long(&self) -> bool {
        self.observed_s >= SPAN_MIN_S && self.doubt_s() <= LOST_SHARE_MAX * self.capacity_s
    }

    /// The share that was lost for sure; `None` when nothing could be read.
    fn lost_share(&self) -> Option<f64> {
        if self.steal_s.is_none() && self.foreign_s.is_none() {
            return None;
        }
        let lost_s = self.steal_s.unwrap_or(0.0) + self.foreign_s.unwrap_or(0.0);
        Some((lost_s - self.doubt_s()) / self.capacity_s)
    }
}

/// What was seen around some samples.
#[derive(Debug, Default)]
struct Sums {
    observed_s: f64,
    samples: usize,
    steal_s: Option<f64>,
    foreign_s: Option<f64>,
    used: UsedCpus,
    /// Samples of which `used` does not know.
    without_used: usize,
}

impl Sums {
    fn add(&mut self, conditions: &Conditions) {
        self.observed_s += conditions.observed_s;
        self.samples += 1;
        add(&mut self.steal_s, conditions.steal_s);
        add(&mut self.foreign_s, conditions.foreign_cpu_s);
        match conditions.used_cpus {
            Some(used) => self.used = self.used.plus(used),
            None => self.without_used += 1,
        }
    }

    fn span(&self, case: &Case, topology: &Topology) -> Span {
        let are_apart = self.without_used == 0;
        let idle_cores = match (are_apart, &case.cpus) {
            (true, Some(_)) => 0,
            (true, None) => topology
                .usable_physical_cores
                .saturating_sub(case.threads_used),
            (false, _) => topology.physical_cores.saturating_sub(case.threads_used),
        };
        let (steal_s, foreign_s) = if are_apart {
            (Some(self.used.steal_s), Some(self.used.foreign_s()))
        } else {
            (self.steal_s, self.foreign_s)
        };
        let idle_s = self.observed_s * idle_cores as f64;
        Span {
            observed_s: self.observed_s,
            capacity_s: self.observed_s * case.threads_used as f64,
            samples: self.samples,
            steal_s,
            foreign_s: foreign_s.map(|foreign_s| (foreign_s - idle_s).max(0.0)),
        }
    }
}

/// A rest that is too short for a span of its own is left out, unless it is all there is and long enough.
fn spans(case: &Case, topology: &Topology) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut sums = Sums::default();
    for conditions in case.samples.iter().filter_map(conditions) {
        sums.add(conditions);
        let span = sums.span(case, topology);
        if span.is_long() {
            spans.push(span);
            sums = Sums::default();
        }
    }
    if spans.is_empty() && sums.observed_s >= SPAN_MIN_S {
        spans.push(sums.span(case, topology));
    }
    spans
}

fn add(sum: &mut Option<f64>, more: Option<f64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0.0) + more);
    }
}

/// What slowed single samples down.
fn disturbances(cases: &[Case]) -> Vec<(Grade, String)> {
    type IsDisturbed = fn(&Conditions, usize) -> bool;
    let rules: [(IsDisturbed, &str); 3] = [
        (
            |conditions, threads| {
                let share = conditions.quota_throttled_s.unwrap_or(0.0)
                    / (conditions.observed_s * threads as f64);
                share > QUOTA_SHARE_MAX
            },
            "the control group's CPU quota held threads back in {} (try fewer --threads, or a larger quota)",
        ),
        (
            |conditions, _| conditions.thermal_throttles.unwrap_or(0) > 0,
            "the processor was too hot and slowed down in {} (try better cooling, or a pause)",
        ),
        (
            |conditions, _| conditions.page_faults_major.unwrap_or(0) > 0,
            "pages were read from a disk in {} (try to free memory)",
        ),
    ];
    let all = samples(cases).count();
    let found = rules.into_iter().filter_map(|(is_disturbed, text)| {
        let disturbed = cases.iter().flat_map(|case| {
            let of_case = case.samples.iter().filter_map(conditions);
            of_case.filter(|conditions| is_disturbed(conditions, case.threads_used))
        });
        let disturbed = disturbed.count();
        let grade = graded(disturbed, all)?;
        let among = format!("{disturbed} of {}", counted(all, "sample"));
        Some((grade, text.replace("{}", &among)))
    });
    found.collect()
}

/// What a share of disturbed samples means.
fn graded(disturbed: usize, all: usize) -> Option<Grade> {
    let share = disturbed as f64 / all.max(1) as f64;
    if share > MANY {
        Some(Grade::Invalid)
    } else if share > SOME {
        Some(Grade::Quick)
    } else {
        None
    }
}

/// The first case that breaks a rule with what it has instead, and among how many; the text is empty for a run of one case.
fn failing<T>(cases: &[Case], broken: impl Fn(&Case) -> Option<T>) -> Option<((&Case, T), String)> {
    let mut failing = cases.iter().filter_map(|case| Some((case, broken(case)?)));
    let first = failing.next()?;
    let count = 1 + failing.count();
    let among = match cases.len() {
        1 => String::new(),
        all if count == 1 => format!(" in 1 of {all} cases (n = {})", first.0.n),
        all => format!(" in {count} of {all} cases (n = {} first)", first.0.n),
    };
    Some((first, among))
}

fn samples(cases: &[Case]) -> impl Iterator<Item = &Sample> {
    cases.iter().flat_map(|case| &case.samples)
}

fn conditions(sample: &Sample) -> Option<&Conditions> {
    sample.conditions.as_ref()
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
