//! `bench check`: the gate. In turns with a baseline that can be run again, or against records of earlier runs.

mod accept;
mod records;

use results::comparison::{Comparison, GateOutcome, SCHEMA_VERSION, Stage, Verdict};
use results::paired;
use results::verdict::{self, GateCase, GateVerdict, Judgement, ThresholdFrom};

use crate::cli::{CheckArgs, CheckFormat as Format};
use crate::comparing::{self, Bar, Plan};
use crate::exit::{Exit, Failure};
use crate::output::check_file;
use crate::run::now_utc;
use crate::turns::{Enough, SideCommand, Stop, Turns};

/// No look takes more blocks.
const BLOCKS_MAX: usize = 200;

/// Carries out `bench check`.
///
/// # Errors
///
/// With the exit code of what went wrong. Verdicts are no failures of this function.
pub fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let asked = comparing::optional_share("--threshold", args.threshold.as_deref())?;
    let candidate = match &args.candidate {
        Some(given) => SideCommand::parse(given)?,
        None => SideCommand::this()?,
    };
    let accepting = accept::Accepting::new(args)?;
    check_file(args.comparing.output.as_deref())?;
    let interrupt = comparing::listen()?;
    let mut comparison = if let Some(path) = records::named(&args.against) {
        records::compare(&path, candidate, args, asked, &accepting, &interrupt)?
    } else {
        let sides = [SideCommand::parse(&args.against)?, candidate];
        let plan = Plan::new(sides, &args.measured, &args.comparing)?;
        in_turns(&plan, asked, &accepting, &interrupt)?
    };
    // What was found is printed even where it cannot be put down as accepted.
    let accepted = accepting.accept(&mut comparison);
    let text = match args.format {
        Format::Markdown => reports::comparison_text::markdown(&comparison),
        Format::Text | Format::Json => reports::comparison_text::check(&comparison),
    };
    let exit = comparing::finish(
        &comparison,
        &text,
        args.comparing.json || args.format == Format::Json,
        args.comparing.output.as_deref(),
        interrupt.signal(),
    )?;
    accepted.map(|()| exit)
}

/// Runs both sides in turns: half of the time for the first look, half for the second.
fn in_turns(
    plan: &Plan,
    asked: Option<f64>,
    accepting: &accept::Accepting,
    interrupt: &crate::interrupt::Interrupt,
) -> Result<Comparison, Failure> {
    let started_utc = now_utc();
    let noise_wanted = verdict::noise_wanted(asked);
    let bar = Bar::new(plan.max_time_s);
    let mut turns = Turns::new(plan.request.clone(), interrupt);
    let mut gate: Vec<GateCase> = Vec::new();
    let stop = look_twice(&mut turns, plan.max_time_s, noise_wanted, &bar, |turns| {
        gate = first_look(turns, asked, accepting);
        gate.iter().all(GateCase::is_clear)
    });
    bar.finish();
    // What is known when it was stopped early, too.
    if gate.is_empty() {
        gate = first_look(&turns, asked, accepting);
    }
    for (gate, case) in gate.iter_mut().zip(&turns.cases) {
        gate.fresh.clone_from(&case.fresh);
    }
    let [baseline, candidate] = turns.sides();
    let mut comparison = Comparison {
        comparison_schema_version: SCHEMA_VERSION,
        command: "check".to_owned(),
        started_utc,
        elapsed_s: turns.elapsed_s(),
        host: turns.host(),
        baseline,
        candidate,
        settings: plan.settings(&turns, asked, noise_wanted),
        warnings: turns.warnings(),
        cases: turns.cases,
        verdict: Verdict::Pass,
        reasons: Vec::new(),
        processes: turns.processes,
    };
    for (case, gate) in comparison.cases.iter_mut().zip(&gate) {
        case.ratio = paired::ratio(&gate.all());
    }
    let thresholds = gate.iter().map(|case| {
        let threshold = case.threshold()?;
        let limits = [verdict::THRESHOLD_MIN, verdict::THRESHOLD_MAX];
        Some((threshold, ThresholdFrom::of(asked, threshold, limits)))
    });
    let judgements = verdict::judge(&gate);
    put_down(
        &mut comparison,
        &judgements,
        &thresholds.collect::<Vec<_>>(),
        accepting,
    );
    match stop {
        Err(stop) => comparing::take_in(stop, &mut comparison)?,
        Ok(()) => comparison.reasons.extend(why_inconclusive(&comparison)),
    }
    Ok(comparison)
}

/// Warms up, looks, and looks again unless `is_enough` says after the first look that it is.
fn look_twice(
    turns: &mut Turns,
    max_time_s: f64,
    noise_wanted: f64,
    bar: &Bar,
    is_enough: impl FnOnce(&Turns) -> bool,
) -> Result<(), Stop> {
    let observe = &mut |doing| bar.show(doing);
    turns.warm_up(max_time_s / 2.0, observe)?;
    let blocks_min = verdict::blocks_min(turns.cases.len());
    let first = Enough {
        blocks_min,
        blocks_max: BLOCKS_MAX,
        noise: noise_wanted,
        until_s: max_time_s / 2.0,
    };
    turns.look(Stage::First, first, observe)?;
    if is_enough(turns) {
        return Ok(());
    }
    let taken = turns.cases.iter().map(|case| case.first.len()).max();
    let taken = taken.unwrap_or(0);
    if taken < blocks_min {
        return Ok(());
    }
    let second = Enough {
        blocks_min: taken,
        blocks_max: taken,
        noise: 0.0,
        until_s: max_time_s,
    };
    turns.look(Stage::Fresh, second, observe)
}

/// The cases of the gate as the first look leaves them, with the thresholds that follow from it.
fn first_look(turns: &Turns, asked: Option<f64>, accepting: &accept::Accepting) -> Vec<GateCase> {
    let [baseline, _] = turns.sides();
    let cases = turns.cases.iter();
    cases
        .map(|case| GateCase {
            first: case.first.clone(),
            fresh: Vec::new(),
            expected: accepting.expected(&baseline, case),
            asked,
        })
        .collect()
}

/// Puts the judgements into the comparison, and the verdict over all of them.
fn put_down(
    comparison: &mut Comparison,
    judgements: &[Judgement],
    thresholds: &[Option<(f64, ThresholdFrom)>],
    accepting: &accept::Accepting,
) {
    let baseline = comparison.baseline.clone();
    for (case, (judgement, threshold)) in comparison
        .cases
        .iter_mut()
        .zip(judgements.iter().zip(thresholds))
    {
        case.gate = Some(GateOutcome {
            verdict: judgement.verdict,
            threshold_percent: threshold.map(|(share, _)| 100.0 * share),
            threshold_from: threshold.map(|(_, from)| from),
            expected: accepting.expected(&baseline, case),
            accepted: accepting.before(&baseline, case).cloned(),
            p_regression: judgement.p_regression,
            p_confirmation: judgement.p_confirmation,
        });
    }
    let remarks = accepting.remarks(comparison);
    comparison.reasons.extend(remarks);
    let worst = judgements.iter().map(|judgement| judgement.verdict).max();
    comparison.verdict = match worst {
        Some(GateVerdict::Pass) => Verdict::Pass,
        Some(GateVerdict::Regression) => Verdict::Regression,
        Some(GateVerdict::Inconclusive) | None => Verdict::Inconclusive,
    };
}

fn why_inconclusive(comparison: &Comparison) -> Option<String> {
    if comparison.verdict != Verdict::Inconclusive {
        return None;
    }
    let least = verdict::blocks_min(comparison.cases.len());
    let is_short = |blocks: usize| blocks < least;
    let first = comparison.cases.iter().map(|case| case.first.len()).min();
    let fresh = comparison.cases.iter().map(|case| case.fresh.len()).min();
    Some(if first.is_none_or(is_short) {
        format!(
            "half of the time held fewer than {least} blocks of four processes (try a longer --max-time or a smaller --size)"
        )
    } else if fresh.is_none_or(is_short) {
        "the time was over before it could be confirmed (try a longer --max-time)".to_owned()
    } else {
        "a slowdown beyond the threshold can be neither shown nor excluded (try a longer --max-time or a wider --threshold)".to_owned()
    })
}
