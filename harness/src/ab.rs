//! `bench ab`: two sides in turns, until it is known which is faster.

use results::comparison::{Comparison, SCHEMA_VERSION, Stage, Verdict};
use results::verdict::{self, Difference};
use results::{paired, verdict::differences};

use crate::cli::AbArgs;
use crate::comparing::{self, Bar, Plan};
use crate::exit::{Exit, Failure};
use crate::output::check_file;
use crate::precision::share;
use crate::run::now_utc;
use crate::turns::{Enough, SideCommand, Stop, Turns};

/// No comparison takes more blocks.
const BLOCKS_MAX: usize = 500;

/// Carries out `bench ab`.
///
/// # Errors
///
/// With the exit code of what went wrong. Verdicts are no failures of this function.
pub fn run(args: &AbArgs) -> Result<Exit, Failure> {
    let within = share("--within", &args.within)?;
    let until = comparing::optional_share("--until", args.until.as_deref())?;
    let until = until.unwrap_or(within / 2.0);
    let sides = [
        SideCommand::parse(&args.baseline)?,
        SideCommand::parse(&args.candidate)?,
    ];
    let plan = Plan::new(sides, &args.measured, &args.comparing)?;
    check_file(args.comparing.output.as_deref())?;
    let interrupt = comparing::listen()?;
    let started_utc = now_utc();
    let bar = Bar::new(plan.max_time_s);
    let mut turns = Turns::new(plan.request.clone(), &interrupt);
    let stop = measure(&mut turns, plan.max_time_s, until, &bar).err();
    bar.finish();

    let [baseline, candidate] = turns.sides();
    let mut comparison = Comparison {
        comparison_schema_version: SCHEMA_VERSION,
        command: "ab".to_owned(),
        started_utc,
        elapsed_s: turns.elapsed_s(),
        host: turns.host(),
        baseline,
        candidate,
        settings: plan.settings(&turns, Some(within), until),
        warnings: turns.warnings(),
        cases: turns.cases,
        verdict: Verdict::Told,
        reasons: Vec::new(),
        processes: turns.processes,
    };
    judge(&mut comparison, within);
    match stop {
        Some(stop) => comparing::take_in(stop, &mut comparison)?,
        None => comparison
            .reasons
            .extend(why_inconclusive(&comparison, until)),
    }
    comparing::finish(
        &comparison,
        &reports::comparison_text::ab(&comparison),
        args.comparing.json,
        args.comparing.output.as_deref(),
        interrupt.signal(),
    )
}

fn measure(turns: &mut Turns, max_time_s: f64, until: f64, bar: &Bar) -> Result<(), Stop> {
    let observe = &mut |doing| bar.show(doing);
    turns.warm_up(max_time_s, observe)?;
    let enough = Enough {
        blocks_min: verdict::blocks_min(turns.cases.len()) + 1,
        blocks_max: BLOCKS_MAX,
        noise: until,
        until_s: max_time_s,
    };
    turns.look(Stage::First, enough, observe)
}

/// Tells what the sides are to each other in each case.
fn judge(comparison: &mut Comparison, within: f64) {
    let blocks: Vec<_> = comparison
        .cases
        .iter()
        .map(|case| case.first.clone())
        .collect();
    for (case, difference) in comparison
        .cases
        .iter_mut()
        .zip(differences(&blocks, within))
    {
        case.ratio = paired::ratio(&case.first);
        case.difference = Some(difference);
        if difference == Difference::Inconclusive {
            comparison.verdict = Verdict::Inconclusive;
        }
    }
}

fn why_inconclusive(comparison: &Comparison, until: f64) -> Option<String> {
    if comparison.verdict != Verdict::Inconclusive {
        return None;
    }
    let least = verdict::blocks_min(comparison.cases.len());
    let few = comparison.cases.iter().any(|case| case.first.len() < least);
    let is_quiet = comparison.cases.iter().all(|case| {
        let ratio = case.ratio.as_ref();
        ratio.is_some_and(|ratio| ratio.noise_floor <= until)
    });
    Some(if is_quiet {
        "the noise is as low as was asked for, and the difference is too near to --within to tell (try a lower --until or another --within)".to_owned()
    } else if few {
        format!(
            "the time held fewer than {least} blocks of four processes (try a longer --max-time or a smaller --size)"
        )
    } else {
        "the time was over before the noise was low enough (try a longer --max-time or a wider --within)".to_owned()
    })
}
