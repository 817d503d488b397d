//! The gate against records: the runs that were kept against runs of now.

use std::path::{Path, PathBuf};

use results::comparability::{self, Key};
use results::comparison::{
    CaseOutcome, Comparison, SCHEMA_VERSION, Settings, SideRecord, Stage, Verdict,
};
use results::load;
use results::record::{Case, Record};
use results::run_gate::{self, RUNS_MIN, RunCase};
use results::verdict::ThresholdFrom;

use super::accept::Accepting;
use crate::cli::CheckArgs;
use crate::comparing::{self, Bar, Plan};
use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::records::{failure, notes};
use crate::run::now_utc;
use crate::turns::{Doing, Runs, SideCommand, Stop, digest_of, outcome_of};

/// The path of the records when the baseline is some: a directory, or a file that is called `.json`.
pub(super) fn named(given: &str) -> Option<PathBuf> {
    let path = PathBuf::from(given);
    let is_record = path
        .extension()
        .is_some_and(|extension| extension == "json")
        && path.is_file();
    (path.is_dir() || is_record).then_some(path)
}

/// Compares runs of now with the runs that were kept.
pub(super) fn compare(
    path: &Path,
    candidate: SideCommand,
    args: &CheckArgs,
    asked: Option<f64>,
    accepting: &Accepting,
    interrupt: &Interrupt,
) -> Result<Comparison, Failure> {
    let loaded = load::load(&[path.to_owned()], |record| record).map_err(failure)?;
    for note in notes(&loaded) {
        eprintln!("bench: warning: {}", reports::clean(&note));
    }
    let kept: Vec<Record> = loaded
        .records
        .into_iter()
        .map(|loaded| loaded.record)
        .collect();
    let sides = [candidate.clone(), candidate];
    let plan = Plan::new(sides, &args.measured, &args.comparing)?;
    let bar = Bar::new(plan.max_time_s);
    let mut runs = Runs::new(plan.request.clone(), interrupt);
    let mut gate = Gate {
        kept,
        asked,
        accepting,
        baseline: SideRecord {
            given: args.against.clone(),
            ..SideRecord::default()
        },
        cases: Vec::new(),
        outcomes: Vec::new(),
    };
    let started_utc = now_utc();
    let stop = gate.measure(&mut runs, plan.max_time_s, &bar).err();
    bar.finish();
    let mut comparison = Comparison {
        comparison_schema_version: SCHEMA_VERSION,
        command: "check".to_owned(),
        started_utc,
        elapsed_s: runs.elapsed_s(),
        host: runs.host(),
        baseline: gate.baseline,
        candidate: runs.side(),
        settings: Settings {
            statistic: "median".to_owned(),
            repeats: plan.request.repeats,
            order_seed: plan.request.order_seed,
            threshold_percent: asked.map(|share| 100.0 * share),
            until_percent: 0.0,
            max_time_s: plan.max_time_s,
            warmup_blocks: 0,
        },
        cases: gate.outcomes,
        verdict: Verdict::Inconclusive,
        reasons: Vec::new(),
        warnings: [
            "runs of other hours: what the machine did in between counts as a difference (give the bundle itself to run both in turns)".to_owned(),
        ]
        .into_iter()
        .chain(runs.warnings())
        .collect(),
        processes: runs.processes,
    };
    for (outcome, case) in comparison.cases.iter_mut().zip(&gate.cases) {
        outcome.baseline_runs.clone_from(&case.baseline);
        outcome.candidate_runs = [&case.first[..], &case.fresh].concat();
        outcome.ratio = case.ratio();
    }
    let thresholds = gate.cases.iter().map(|case| {
        let limits = [run_gate::THRESHOLD_MIN, run_gate::THRESHOLD_MAX];
        let threshold = case.threshold?;
        Some((threshold, ThresholdFrom::of(asked, threshold, limits)))
    });
    let thresholds: Vec<_> = thresholds.collect();
    let judgements = run_gate::judge(&gate.cases);
    super::put_down(&mut comparison, &judgements, &thresholds, accepting);
    match stop {
        Some(stop) => comparing::take_in(stop, &mut comparison)?,
        None if comparison.verdict == Verdict::Inconclusive => comparison.reasons.push(
            "a slowdown beyond the threshold can be neither shown nor excluded (measure more runs, or give the bundle itself)".to_owned(),
        ),
        None => {}
    }
    Ok(comparison)
}

/// What is compared, as far as it is known.
struct Gate<'a> {
    kept: Vec<Record>,
    asked: Option<f64>,
    accepting: &'a Accepting,
    baseline: SideRecord,
    cases: Vec<RunCase>,
    outcomes: Vec<CaseOutcome>,
}

impl Gate<'_> {
    fn measure(&mut self, runs: &mut Runs, max_time_s: f64, bar: &Bar) -> Result<(), Stop> {
        let repeats = self.kept.iter().flat_map(|record| &record.cases);
        let repeats = repeats
            .map(|case| case.samples.len())
            .min()
            .unwrap_or(1)
            .max(1);
        bar.show(doing(Stage::First, 0, runs));
        let first = runs.run(Stage::First, 0, repeats)?;
        self.match_up(&first)?;
        self.add(&first, Stage::First)?;
        let of_kept = self
            .cases
            .iter()
            .map(|case| case.baseline.len())
            .max()
            .unwrap_or(0);
        let wanted = of_kept.clamp(RUNS_MIN, RUNS_MAX);
        self.look(
            runs,
            Stage::First,
            (1, wanted),
            repeats,
            max_time_s / 2.0,
            bar,
        )?;
        for (case, outcome) in self.cases.iter_mut().zip(&self.outcomes) {
            case.expected = self.accepting.expected(&self.baseline, outcome);
            case.threshold = case.threshold(self.asked);
        }
        if self.cases.iter().all(RunCase::is_clear) {
            return Ok(());
        }
        self.look(runs, Stage::Fresh, (0, wanted), repeats, max_time_s, bar)
    }

    fn look(
        &mut self,
        runs: &mut Runs,
        stage: Stage,
        (from, wanted): (usize, usize),
        repeats: usize,
        until_s: f64,
        bar: &Bar,
    ) -> Result<(), Stop> {
        for index in from..wanted {
            if runs.elapsed_s() + runs.last_s() > until_s {
                break;
            }
            bar.show(doing(stage, index, runs));
            let record = runs.run(stage, index, repeats)?;
            self.add(&record, stage)?;
        }
        Ok(())
    }

    /// Finds the kept runs of each case of the candidate's first run, on this hardware.
    fn match_up(&mut self, first: &Record) -> Result<(), Stop> {
        let here = comparability::hardware(&first.host);
        let all = self.kept.len();
        let mut elsewhere = None;
        self.kept.retain(|record| {
            let differences = here.differences(&comparability::hardware(&record.host));
            let is_here = differences.is_empty();
            elsewhere = elsewhere.take().or_else(|| differences.into_iter().next());
            is_here
        });
        self.kept
            .sort_by(|one, other| one.started_utc.cmp(&other.started_utc));
        let oldest = self.kept.len().saturating_sub(KEPT_MAX);
        self.kept.drain(..oldest);
        if let (true, Some(difference)) = (self.kept.is_empty(), elsewhere) {
            return Err(Stop::NotComparable(format!(
                "the records are of other hardware: {difference} (give the bundle itself: --against FILE.run)"
            )));
        }
        self.baseline.content = Some(content(&self.kept));
        self.baseline.software = self.kept.first().map(|record| record.software.clone());
        for case in &first.cases {
            let key = comparability::key(first, case);
            let kept = self
                .kept
                .iter()
                .filter_map(|record| Some((record, matching(record, &key)?)));
            let kept: Vec<(&Record, &Case)> = kept.collect();
            if kept.len() < RUNS_MIN {
                return Err(Stop::NotComparable(format!(
                    "{} of {all} records have {} n={} {} with {} threads on this hardware, and {RUNS_MIN} runs are needed at least (measure more, or give the bundle itself: --against FILE.run)",
                    kept.len(),
                    case.kernel,
                    case.n,
                    case.dtype,
                    case.threads_used
                )));
            }
            let count = kept
                .iter()
                .map(|(_, case)| case.samples.len())
                .min()
                .unwrap_or(0);
            self.cases.push(RunCase {
                baseline: kept
                    .iter()
                    .filter_map(|(_, case)| rate(case, count))
                    .collect(),
                expected: 1.0,
                ..RunCase::default()
            });
            self.outcomes.push(outcome_of(case));
        }
        Ok(())
    }

    /// Takes in a run of the candidate.
    fn add(&mut self, record: &Record, stage: Stage) -> Result<(), Stop> {
        for (of_gate, case) in self.cases.iter_mut().zip(&record.cases) {
            let key = comparability::key(record, case);
            for kept in &self.kept {
                let Some(matched) = matching(kept, &key) else {
                    continue;
                };
                if let Some((seed, [before, now])) = results::agreement::disagreement(matched, case)
                {
                    return Err(Stop::Invalid(format!(
                        "the norms of the same matrices differ by more than rounding explains: {before} and {now} (n={} {}, seed {seed})",
                        case.n, case.dtype
                    )));
                }
            }
            let rate = rate(case, case.samples.len()).ok_or_else(|| {
                Stop::NotComparable("the candidate has a case without a rate".to_owned())
            })?;
            match stage {
                Stage::Fresh => of_gate.fresh.push(rate),
                _ => of_gate.first.push(rate),
            }
        }
        Ok(())
    }
}

/// More runs than this hardly narrow anything.
const RUNS_MAX: usize = 20;

/// The newest records that are compared with: older ones say less of the machine as it is, and the exact test takes time and memory that
/// grow with their square.
const KEPT_MAX: usize = 100;

/// The case of a record that is the same work by as many threads. The library may be another one: that is what changes with the software.
fn matching<'a>(record: &'a Record, key: &Key) -> Option<&'a Case> {
    record.cases.iter().find(|case| {
        let other = comparability::key(record, case);
        other.work == key.work
            && (other.means.threads, &other.means.driver) == (key.means.threads, &key.means.driver)
    })
}

/// What the records are, in whatever order they were read.
fn content(records: &[Record]) -> String {
    let texts = records.iter().map(serde_json::to_string);
    let mut texts: Vec<String> = texts.filter_map(Result::ok).collect();
    texts.sort_unstable();
    digest_of(texts)
}

/// What stands for a run: the median of its first so many verified repetitions. The best would depend on how many a run has had.
fn rate(case: &Case, count: usize) -> Option<f64> {
    let samples = case.samples.iter().take(count);
    let samples = samples.filter(|sample| sample.verification.passed && sample.gflops > 0.0);
    let rates: Vec<f64> = samples.map(|sample| sample.gflops).collect();
    results::statistics::median(&rates)
}

fn doing(stage: Stage, index: usize, runs: &Runs) -> Doing {
    Doing {
        stage,
        block: index,
        process: 3,
        noise: None,
        elapsed_s: runs.elapsed_s(),
    }
}
