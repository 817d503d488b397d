//! `bench run`: plan, measure, record, plot, print.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

use kernels::Dtype;
use kernels::kernel::Printed;
use results::journal::{Header, Journal, Visit};
use results::record::{Case, Record, SCHEMA_VERSION, Sample, Settings};
use results::sampling::{Sampling, StoppedBecause};
use results::{StoreError, StoredRecord, samples_digest, store};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::RunArgs;
use crate::exit::{Exit, Failure};
use crate::interrupt::{self, Interrupt};
use crate::measure::{Event, Probe};
use crate::output::{Lines, print_line};
use crate::plan::{CasePlan, Destination, INJECT_FAULT, Plan, Verbosity};
use crate::progress::Progress;
use crate::resume::{self, Interrupted};
use crate::sweep::{Keeper, Outcome, Sweep, SweepEvent};
use crate::trust::{self, Trust};
use crate::{clock, estimate, host, libraries, limit, software};

/// How long limits that were measured before the cases hold for these.
const LIMITS_HOLD: Duration = Duration::from_secs(5);

/// Carries out `bench run`.
///
/// # Errors
///
/// With the exit code of what went wrong. Results that failed their verification are no failure of this function: they
/// are printed and recorded, and the exit code says so.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let interrupted = match &args.resume {
        Some(file) => Some(resume::open(file.as_deref(), args)?),
        None => None,
    };
    let args = interrupted.as_ref().map_or(args, |run| &run.args);
    let plan = Plan::new(args)?;
    if args.plan {
        print_line(&plan_text(&plan, usize::MAX)?)?;
        return Ok(Exit::Pass);
    }
    let (trust, mut watch) = Trust::begin(Path::new("/"), args.energy);
    let (mut record, visits, keeper) = begin(&plan, &trust, interrupted)?;
    announce(&plan, &record)?;
    let request = plan.peak.then(|| limit_request(&plan));
    record.limits = request.as_ref().map(limit::before);
    let measuring = Instant::now();
    let mut sweep = Sweep::new(&plan, record.settings.clock_resolution_s, started, keeper);
    let outcome = measure_all(&plan, &mut sweep, &visits, &mut watch);
    let has_samples = sweep.taken().iter().any(|taken| *taken > 0);
    let (journal, journal_error) = sweep.into_journal();
    match outcome {
        Ok(Outcome::Finished { cases, elapsed_s }) => {
            record.cases = cases;
            if let (Some(request), Some(limits)) = (&request, &mut record.limits) {
                // A machine drifts: what was measured long ago says little of now.
                let stale = measuring.elapsed() > LIMITS_HOLD;
                limit::rate(request, limits, &mut record.cases, stale);
            }
            record.elapsed_s = elapsed_s;
        }
        Ok(Outcome::Interrupted { signal, done }) => {
            return Err(interruption(&plan, journal.as_ref(), signal, done));
        }
        Err(failure) => {
            // With nothing measured there is nothing to go on with.
            if let Some(journal) = journal.filter(|_| !has_samples) {
                let _ = journal.remove();
            }
            return Err(failure);
        }
    }
    let unkept = journal_error.map(|error| format!("the run could not have been resumed: {error}"));
    for warning in unkept.into_iter().chain(imprecision(&plan, &record.cases)) {
        eprintln!("bench: warning: {warning}");
        record.warnings.push(warning);
    }
    for warning in trust.end(&mut record) {
        if plan.verbosity == Verbosity::Normal {
            eprintln!("bench: warning: {warning}");
        }
        record.warnings.push(warning);
    }
    trust::grade_record(&mut record);
    // Last: nothing that it covers changes any more.
    record.samples_sha256 = Some(samples_digest::of(&record));
    finish(&plan, &record)?;
    if let Some(journal) = journal {
        journal.remove().map_err(store_failure)?;
    }
    Ok(if record.is_valid() {
        Exit::Pass
    } else {
        Exit::Invalid
    })
}

/// The record that measuring fills, what an interrupted run has found already, and what keeps the rest.
fn begin(
    plan: &Plan,
    trust: &Trust,
    interrupted: Option<Interrupted>,
) -> Result<(Record, Vec<Visit>, Option<Keeper>), Failure> {
    if let Destination::Directory(directory) = &plan.destination {
        store::prepare_directory(directory).map_err(store_failure)?;
    }
    let mut record = empty_record(plan);
    trust.disclose(&mut record);
    if let Some(run) = interrupted {
        let (keeper, visits) = resumed(run, plan, &mut record)?;
        return Ok((record, visits, Some(keeper)));
    }
    let keeper = keeper(plan, &record)?;
    Ok((record, Vec::new(), keeper))
}

/// Says what should be known before measuring: warnings, and to who sits at a terminal what a sweep will take.
fn announce(plan: &Plan, record: &Record) -> Result<(), Failure> {
    if !libraries::is_default(&plan.libraries) {
        for library in &plan.libraries {
            eprintln!("bench: {}", libraries::line(library));
        }
    }
    for warning in &record.warnings {
        // Who wants to see little finds the host's state in the record.
        if plan.verbosity == Verbosity::Normal || !trust::is_found_before(record, warning) {
            eprintln!("bench: warning: {warning}");
        }
    }
    let is_watched = plan.verbosity == Verbosity::Normal && io::stderr().is_terminal();
    if is_watched && plan.cases.len() > 1 {
        eprintln!("{}", plan_text(plan, PLAN_LINES_MAX)?);
    }
    Ok(())
}

fn plan_text(plan: &Plan, lines_max: usize) -> Result<String, Failure> {
    let calibrations = estimate::calibrate(plan)?;
    Ok(estimate::text(plan, &calibrations, lines_max))
}

/// Cases that are listed before they are measured.
const PLAN_LINES_MAX: usize = 24;

/// What keeps a run that may be resumed.
fn keeper(plan: &Plan, record: &Record) -> Result<Option<Keeper>, Failure> {
    let Some(directory) = resume::journal_directory(plan) else {
        return Ok(None);
    };
    let header = Header::new(record.clone(), resume::planned(plan));
    Ok(Some(Keeper {
        journal: Journal::create(directory, header).map_err(store_failure)?,
        interrupt: listen()?,
    }))
}

/// Goes on with the record of an interrupted run.
fn resumed(
    run: Interrupted,
    plan: &Plan,
    record: &mut Record,
) -> Result<(Keeper, Vec<Visit>), Failure> {
    let Interrupted {
        mut journal,
        contents,
        ..
    } = run;
    resume::check(journal.path(), &contents.header, plan, record)?;
    let now = now_utc();
    journal.resumed(&now).map_err(store_failure)?;
    let warnings = std::mem::replace(record, contents.header.record).warnings;
    for warning in warnings {
        if !record.warnings.contains(&warning) {
            record.warnings.push(warning);
        }
    }
    if let Some(sampling) = &mut record.settings.sampling {
        sampling.resumed_utc = contents.resumed_utc;
        sampling.resumed_utc.push(now);
    }
    let keeper = Keeper {
        journal,
        interrupt: listen()?,
    };
    Ok((keeper, contents.visits))
}

fn listen() -> Result<Interrupt, Failure> {
    Interrupt::listen().map_err(|error| {
        Failure::new(
            Exit::System,
            anyhow::anyhow!("cannot listen to signals: {error}"),
        )
    })
}

/// That some medians are not as precise as was asked for.
fn imprecision(plan: &Plan, cases: &[Case]) -> Option<String> {
    plan.target.until?;
    let is_imprecise = |case: &&Case| case.stopped_because != Some(StoppedBecause::Precision);
    match cases.iter().filter(is_imprecise).count() {
        0 => None,
        count => Some(format!(
            "the median of {count} of {} cases is not known as precisely as --until asked for",
            cases.len()
        )),
    }
}

/// Says how to go on, then ends as the signal would have ended the program.
fn interruption(plan: &Plan, journal: Option<&Journal>, signal: i32, done: usize) -> Failure {
    let cases = plan.cases.len();
    let remedy = journal.map_or_else(String::new, |journal| {
        format!(
            "; go on with {} run --resume {}",
            software::as_typed(),
            reports::shell_word(&journal.path().to_string_lossy())
        )
    });
    let failure = Failure::new(
        Exit::System,
        anyhow::anyhow!("interrupted with {done} of {cases} cases done{remedy}"),
    );
    eprintln!("bench: {failure}");
    interrupt::end_by(signal);
    // Only where the signal's own end could not be had.
    failure
}

/// What of the machine's limits matters to this plan.
fn limit_request(plan: &Plan) -> limit::Request {
    let dtypes: Vec<Dtype> = plan.cases.iter().map(|case| case.dtype).collect();
    // One thread says what a core can do, the most of them what the machine can.
    let counts = plan.cases.iter().map(|case| case.threads).chain([1]);
    let counts: BTreeSet<usize> = counts.collect();
    // Each number where a case has it; one thread is the first of them.
    let cpus_of = |threads: usize| {
        let enough = |case: &&CasePlan| case.threads >= threads;
        let cpus = plan.cases.iter().find(enough)?.placement.cpus.as_ref()?;
        Some(cpus[..threads].to_vec())
    };
    let placed = |threads| (threads, cpus_of(threads));
    limit::Request {
        dtypes: [Dtype::F64, Dtype::F32]
            .into_iter()
            .filter(|dtype| dtypes.contains(dtype))
            .collect(),
        threads: counts.into_iter().map(placed).collect(),
        libraries: libraries::isas(&plan.libraries),
        cache_bytes: limit::last_level_bytes(&plan.topology.caches),
        memory_bytes: plan.memory.available_bytes,
    }
}

/// The record of a run that has measured nothing yet.
fn empty_record(plan: &Plan) -> Record {
    let mut warnings = plan.warnings.clone();
    if plan.inject_fault {
        warnings.push(format!(
            "{INJECT_FAULT} is set: every result is spoilt on purpose"
        ));
    }
    Record {
        schema_version: SCHEMA_VERSION,
        id: format!("{:08x}", RandomState::new().build_hasher().finish() as u32),
        started_utc: now_utc(),
        elapsed_s: 0.0,
        host: results::record::Host {
            machine: Some(plan.machine.clone()),
            ..host::describe(&plan.topology, &plan.memory)
        },
        software: software::describe(&plan.libraries),
        settings: Settings {
            command_line: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            repeats: plan.target.repeats,
            warmup: plan.warmup.repetitions_max(),
            seed: plan.seed,
            threads: plan.threads.clone(),
            sampling: Some(Sampling {
                order: plan.order.name().to_owned(),
                order_seed: plan.order.seed(),
                warmup: plan.warmup.name().to_owned(),
                until_percent: plan.target.until.map(|share| 100.0 * share),
                max_time_s: plan.target.max_time_s,
                resumed_utc: Vec::new(),
            }),
            clock_resolution_s: clock::resolution_s(),
        },
        cases: Vec::new(),
        limits: None,
        stability: None,
        energy: None,
        grade: None,
        imported: None,
        warnings,
        samples_sha256: None,
    }
}

/// Now, RFC 3339 in UTC, to the second.
pub(crate) fn now_utc() -> String {
    let now = OffsetDateTime::now_utc();
    let now = now.replace_nanosecond(0).unwrap_or(now);
    now.format(&Rfc3339).unwrap_or_default()
}

/// Measures what is not measured yet, printing the line of each sample and drawing progress.
fn measure_all(
    plan: &Plan,
    sweep: &mut Sweep,
    visits: &[Visit],
    probe: &mut dyn Probe,
) -> Result<Outcome, Failure> {
    let mut lines = Lines::new(plan.cases.len());
    let take = |lines: &mut Lines, event: &SweepEvent| match event {
        SweepEvent::Case {
            case,
            event: Event::Sample(sample),
        } if plan.verbosity != Verbosity::Json => {
            lines.add(*case, repeat_line(&plan.cases[*case], sample));
        }
        SweepEvent::Done { case } => lines.done(*case),
        _ => {}
    };
    sweep.take_over(visits, &mut |event| take(&mut lines, &event));
    let mut progress = Progress::new(plan, sweep.taken());
    let mut printed = Ok(());
    let mut print = |lines: &mut Lines, progress: &Progress| {
        let ready: Vec<String> = std::iter::from_fn(|| lines.next_line()).collect();
        if !ready.is_empty() && printed.is_ok() {
            progress.print_above(|| printed = print_line(&ready.join("\n")));
        }
    };
    print(&mut lines, &progress);
    let outcome = sweep.run(probe, &mut |event| {
        take(&mut lines, &event);
        print(&mut lines, &progress);
        progress.show(&event);
    })?;
    progress.finish();
    printed?;
    Ok(outcome)
}

/// What is printed of one repeat.
fn repeat_line(case: &CasePlan, sample: &Sample) -> String {
    match case.kernel.printed {
        Printed::Norm => reports::text::seed_line(sample),
        Printed::Residual => {
            let n = case.size.n;
            // Operations and bytes stand in the same ratio whatever the number of threads.
            let bytes = case.kernel.bytes.map(|bytes| bytes(n, case.dtype));
            let rate = reports::Rate::new((case.kernel.flop)(n, 1), bytes);
            reports::text::residual_line(sample, rate)
        }
    }
}

/// Stores and plots the record and prints what is to be printed.
fn finish(plan: &Plan, record: &Record) -> Result<(), Failure> {
    let written = match &plan.destination {
        Destination::Directory(directory) => Some(store(plan, directory, record)?),
        Destination::Stdout => None,
    };
    match plan.verbosity {
        Verbosity::Json => {
            let text = serde_json::to_string_pretty(record).expect("a record is always JSON");
            print_line(&text)
        }
        Verbosity::Quiet => Ok(()),
        Verbosity::Normal => {
            let limits = record.limits.as_ref().and_then(reports::text::limits_line);
            if let Some(line) = limits {
                print_line(&line)?;
            }
            for case in &record.cases {
                print_line(&reports::text::case_summary(case))?;
            }
            let drawn = plan.bars.drawn();
            let bars = drawn.and_then(|(style, width)| reports::bars::of_run(record, style, width));
            if let Some(bars) = bars {
                print_line(&bars)?;
            }
            if let Some(line) = reports::trust::energy_line(record) {
                print_line(&line)?;
            }
            if let Some(graded) = &record.grade {
                print_line(&reports::trust::grade_line(graded))?;
            }
            if let Some(stored) = written {
                let plots = if plan.plot { ", .svg, .png" } else { "" };
                print_line(&format!("wrote {}{plots}", stored.json.display()))?;
            }
            Ok(())
        }
    }
}

/// Writes the record and, where it is wanted, its plot.
fn store(plan: &Plan, directory: &Path, record: &Record) -> Result<StoredRecord, Failure> {
    let stored = store::write_record(directory, record).map_err(store_failure)?;
    if plan.plot {
        plot(&stored, record)?;
    }
    Ok(stored)
}

/// Draws the plot beside the record.
fn plot(stored: &StoredRecord, record: &Record) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Software, error);
    let svg = reports::run_plot::svg(record).map_err(failed)?;
    let png = reports::run_plot::png(record).map_err(failed)?;
    for (extension, content) in [("svg", svg.as_bytes()), ("png", &png)] {
        stored
            .write_beside(extension, content)
            .map_err(store_failure)?;
    }
    Ok(())
}

fn store_failure(error: StoreError) -> Failure {
    let exit = match &error {
        StoreError::Directory { .. } => Exit::CannotCreate,
        _ => Exit::InputOutput,
    };
    Failure::new(exit, error)
}
