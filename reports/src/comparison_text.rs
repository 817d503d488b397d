//! What a comparison in turns found, as text for a terminal and as Markdown for a CI job's summary.

use std::fmt::Write;

use results::comparison::{CaseOutcome, Comparison, GateOutcome, SideRecord, Stage, Verdict};
use results::paired::Ratio;
use results::verdict::{Difference, GateVerdict, THRESHOLD_FLOORS, ThresholdFrom};

use crate::clean;
use crate::figures::{counted, percent};
use crate::markdown::escaped;

/// `bench ab` in a few lines: the sides, one line for each case, what it took.
pub fn ab(comparison: &Comparison) -> String {
    let mut lines = vec![
        format!("A: {}", side(&comparison.baseline)),
        format!("B: {}", side(&comparison.candidate)),
    ];
    let within = comparison.settings.threshold_percent.unwrap_or(0.0);
    if let Verdict::Invalid | Verdict::NotComparable = comparison.verdict {
        lines.push(comparison.verdict.name().to_owned());
    }
    for case in judged(comparison) {
        lines.push(format!("{}: {}", label(case), difference(case, within)));
    }
    lines.extend(remarks(comparison));
    lines.push(effort(comparison));
    broken(&lines)
}

/// `bench check` in a few lines: the verdict first.
pub fn check(comparison: &Comparison) -> String {
    let mut lines = vec![headline(comparison)];
    for case in judged(comparison) {
        lines.push(format!("  {}: {}", label(case), gate(case)));
        lines.extend(evidence(case).map(|evidence| format!("    {evidence}")));
    }
    lines.push(format!("  baseline: {}", side(&comparison.baseline)));
    lines.push(format!("  candidate: {}", side(&comparison.candidate)));
    lines.extend(
        remarks(comparison)
            .into_iter()
            .map(|line| format!("  {line}")),
    );
    lines.push(format!("  {}", effort(comparison)));
    broken(&lines)
}

/// `bench check` as Markdown: a heading, a table with one row for each case, the sides.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("### bench check: {}\n\n", comparison.verdict.name());
    if judged(comparison).next().is_some() {
        text.push_str(&table(comparison));
    }
    let _ = write!(
        text,
        "\nbaseline: {}  \ncandidate: {}  \n",
        escaped(&side(&comparison.baseline)),
        escaped(&side(&comparison.candidate))
    );
    for line in remarks(comparison) {
        let _ = writeln!(text, "{}  ", escaped(&line));
    }
    text.push_str(&escaped(&effort(comparison)));
    text
}

fn table(comparison: &Comparison) -> String {
    let mut text = String::new();
    text.push_str(
        "| case | verdict | candidate / baseline | 95 % interval | threshold | noise |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for case in judged(comparison) {
        let [ratio, interval, noise] = case.ratio.as_ref().map_or_else(
            || ["", "", ""].map(str::to_owned),
            |ratio| {
                [
                    times(ratio, ratio.estimate),
                    format!(
                        "{} to {}",
                        times(ratio, ratio.low),
                        times(ratio, ratio.high)
                    ),
                    format!("±{}", percent(100.0 * ratio.noise_floor)),
                ]
            },
        );
        let gate = case.gate.as_ref();
        let threshold = gate.map_or_else(String::new, |gate| threshold(case, gate));
        let verdict = gate.map_or("", |gate| gate_name(gate.verdict));
        let _ = writeln!(
            text,
            "| {} | {verdict} | {ratio} | {interval} | {threshold} | {noise} |",
            escaped(&label(case))
        );
    }
    text
}

/// The cases about which something is said; none where nothing could be compared.
fn judged(comparison: &Comparison) -> impl Iterator<Item = &CaseOutcome> {
    let cases = comparison.cases.iter();
    cases.filter(|case| case.difference.is_some() || case.gate.is_some())
}

/// Lines of which none is longer than a wide terminal is likely to show in two.
fn broken(lines: &[String]) -> String {
    const LONG: usize = 240;
    const WIDTH: usize = 160;
    let mut text = String::new();
    for line in lines.iter().map(|line| clean(line)) {
        if !text.is_empty() {
            text.push('\n');
        }
        if line.chars().count() <= LONG {
            text.push_str(&line);
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        text.push_str(&line[..indent]);
        let mut column = indent;
        for (index, word) in line.split_whitespace().enumerate() {
            let length = word.chars().count();
            if index > 0 && column + 1 + length > WIDTH {
                text.push('\n');
                text.push_str(&" ".repeat(indent + 2));
                column = indent + 2;
            } else if index > 0 {
                text.push(' ');
                column += 1;
            }
            text.push_str(word);
            column += length;
        }
    }
    text
}

/// What came of it, in a few words.
pub(crate) fn outcome(comparison: &Comparison) -> String {
    let told = comparison.cases.iter().any(|case| case.gate.is_some());
    match comparison.verdict {
        Verdict::Told => counted(comparison.cases.len(), "case"),
        verdict if !told => verdict.name().to_owned(),
        _ => headline(comparison),
    }
}

/// What is said of a case, without its figures.
pub(crate) fn verdict(comparison: &Comparison, case: &CaseOutcome) -> String {
    if let Some(gate) = &case.gate {
        return format!(
            "{}, threshold {}",
            gate_name(gate.verdict),
            threshold(case, gate)
        );
    }
    difference_words(case, comparison.settings.threshold_percent.unwrap_or(0.0))
}

fn headline(comparison: &Comparison) -> String {
    let cases = counted(comparison.cases.len(), "case");
    let expected = comparison.cases.iter().filter(|case| {
        let gate = case.gate.as_ref();
        gate.is_some_and(|gate| gate.accepted.is_some())
    });
    let expected = match expected.count() {
        0 => String::new(),
        count => format!(" ({count} of them against a change that was accepted before)"),
    };
    match comparison.verdict {
        Verdict::Pass | Verdict::Told => {
            let thresholds = comparison
                .cases
                .iter()
                .filter_map(|case| case.gate.as_ref()?.threshold_percent);
            match thresholds.reduce(f64::max) {
                Some(threshold) => {
                    format!(
                        "pass: no slowdown beyond {} in {cases}{expected}",
                        share(threshold)
                    )
                }
                None => format!("pass: no slowdown in {cases}{expected}"),
            }
        }
        Verdict::Accepted => format!("accepted: what was found in {cases} is expected from now on"),
        Verdict::Regression => {
            let slower = comparison.cases.iter().filter(|case| {
                case.gate
                    .as_ref()
                    .is_some_and(|gate| gate.verdict == GateVerdict::Regression)
            });
            format!(
                "regression: slower beyond the threshold, and confirmed, in {} of {cases}",
                slower.count()
            )
        }
        verdict => verdict.name().to_owned(),
    }
}

/// For example `./main.run --blas newest (OpenBLAS 0.3.34 SkylakeX, bundle c98be5998050)`.
pub(crate) fn side(side: &SideRecord) -> String {
    let Some(software) = &side.software else {
        return side.given.clone();
    };
    let blas = &software.blas;
    let mut parts = vec![format!("{} {} {}", blas.name, blas.version, blas.core)];
    if let Some(digest) = side.bundle_digest() {
        parts.push(format!("bundle {}", digest.get(..12).unwrap_or(digest)));
    } else if let Some(commit) = &software.bench_commit {
        parts.push(format!("commit {commit}"));
    }
    format!("{} ({})", side.given, parts.join(", "))
}

pub(crate) fn label(case: &CaseOutcome) -> String {
    let [a, b] = case.threads;
    let threads = if a == b {
        counted(a, "thread")
    } else {
        format!("{a} and {b} threads")
    };
    format!("{} n={} {}, {threads}", case.kernel, case.n, case.dtype)
}

/// Which is faster, as far as that can be told.
fn difference_words(case: &CaseOutcome, within: f64) -> String {
    let within = share(within);
    match case.difference {
        Some(Difference::Faster) => format!("B is faster by more than {within}"),
        Some(Difference::Slower) => format!("B is slower by more than {within}"),
        Some(Difference::NoDifference) => format!("no difference beyond {within}"),
        Some(Difference::Inconclusive) => match &case.ratio {
            Some(ratio) if ratio.low > 1.0 => {
                format!(
                    "inconclusive: B seems faster, and whether by more than {within} cannot be told"
                )
            }
            Some(ratio) if ratio.high < 1.0 => {
                format!(
                    "inconclusive: B seems slower, and whether by more than {within} cannot be told"
                )
            }
            _ => format!(
                "inconclusive: a difference beyond {within} can be neither shown nor excluded"
            ),
        },
        None => "not told".to_owned(),
    }
}

fn difference(case: &CaseOutcome, within: f64) -> String {
    let verdict = difference_words(case, within);
    match &case.ratio {
        Some(ratio) => format!(
            "{verdict}: {} times A's speed ({}, noise ±{})",
            times(ratio, ratio.estimate),
            interval(case, ratio),
            percent(100.0 * ratio.noise_floor)
        ),
        None => format!(
            "{}: too few blocks ({})",
            verdict.split(':').next().unwrap_or_default(),
            case.first.len()
        ),
    }
}

fn gate(case: &CaseOutcome) -> String {
    let Some(outcome) = &case.gate else {
        return "not judged".to_owned();
    };
    let verdict = gate_name(outcome.verdict);
    let Some(ratio) = &case.ratio else {
        let runs = case
            .baseline_runs
            .len()
            .min(case.candidate_runs.len())
            .max(case.first.len());
        return format!("{verdict}, too few to tell ({runs})");
    };
    let parts = [
        interval(case, ratio),
        format!(
            "threshold {}, noise ±{}",
            threshold(case, outcome),
            percent(100.0 * ratio.noise_floor)
        ),
    ];
    format!(
        "{verdict}, {} times the baseline's speed ({})",
        times(ratio, ratio.estimate),
        parts.join("; ")
    )
}

fn gate_name(verdict: GateVerdict) -> &'static str {
    match verdict {
        GateVerdict::Pass => "pass",
        GateVerdict::Inconclusive => "inconclusive",
        GateVerdict::Regression => "regression",
    }
}

/// What speaks for a regression: whether it was seen beyond the threshold, and again in the fresh blocks.
fn evidence(case: &CaseOutcome) -> Option<String> {
    let outcome = case.gate.as_ref()?;
    if outcome.verdict == GateVerdict::Pass {
        return None;
    }
    let p_confirmation = outcome.p_confirmation?;
    let again = if case.fresh.is_empty() {
        "fresh runs".to_owned()
    } else {
        counted(case.fresh.len(), "fresh block")
    };
    Some(format!(
        "beyond the threshold by chance {}, slower in {again} alone {}",
        p_value(outcome.p_regression),
        p_value(p_confirmation)
    ))
}

fn p_value(p: f64) -> String {
    if p < 1e-4 {
        "p < 0.0001".to_owned()
    } else {
        format!("p = {p:.4}")
    }
}

/// For example `1.7 % (1.5 times the noise)`.
fn threshold(case: &CaseOutcome, outcome: &GateOutcome) -> String {
    let Some(threshold) = outcome.threshold_percent else {
        return "not known".to_owned();
    };
    let threshold = share(threshold);
    match outcome.threshold_from {
        None => threshold,
        Some(ThresholdFrom::Asked) => format!("{threshold} (asked for)"),
        Some(ThresholdFrom::Least) => {
            format!("{threshold} (the least, {THRESHOLD_FLOORS} times the noise is less)")
        }
        Some(ThresholdFrom::Most) => {
            format!("{threshold} (the most, {THRESHOLD_FLOORS} times the noise is more)")
        }
        Some(ThresholdFrom::Noise) if case.baseline_runs.is_empty() => {
            format!("{threshold} ({THRESHOLD_FLOORS} times the noise)")
        }
        Some(ThresholdFrom::Noise) => {
            format!("{threshold} ({THRESHOLD_FLOORS} times the noise of the first look)")
        }
    }
}

/// A share that somebody asked for, in percent: however small, it is not 0.
pub(crate) fn share(value: f64) -> String {
    if value > 0.0 && value < 0.095 {
        let decimals = (-value.log10()).ceil().clamp(1.0, 300.0) as usize;
        format!("{value:.decimals$} %")
    } else {
        percent(value)
    }
}

/// For example `95 % interval 0.943 to 0.958 from 14 blocks`.
fn interval(case: &CaseOutcome, ratio: &Ratio) -> String {
    let from = if case.baseline_runs.is_empty() {
        counted(ratio.blocks, "block")
    } else {
        let [before, now] = [&case.baseline_runs, &case.candidate_runs].map(Vec::len);
        format!("{before} runs then and {now} now")
    };
    format!(
        "95 % interval {} to {} from {from}",
        times(ratio, ratio.low),
        times(ratio, ratio.high),
    )
}

/// A ratio with the digits that its interval leaves it.
pub(crate) fn times(ratio: &Ratio, value: f64) -> String {
    if !(0.001..1e4).contains(&value) {
        return format!("{value:.2e}");
    }
    let decimals = if ratio.high - ratio.low < 0.004 { 4 } else { 3 };
    format!("{value:.decimals$}")
}

pub(crate) fn remarks(comparison: &Comparison) -> Vec<String> {
    let warnings = comparison
        .warnings
        .iter()
        .map(|warning| format!("warning: {warning}"));
    comparison.reasons.iter().cloned().chain(warnings).collect()
}

/// What it took, for example `24 s: 56 processes, best of 10 repetitions each, the first 4 to warm up`.
pub(crate) fn effort(comparison: &Comparison) -> String {
    let processes = &comparison.processes;
    let warmups = processes
        .iter()
        .filter(|process| process.stage == Stage::Warmup)
        .count();
    let repetitions = processes
        .last()
        .and_then(|process| process.gflops.first())
        .map_or(0, Vec::len);
    let to_warm_up = match warmups {
        0 => String::new(),
        count => format!(", the first {count} to warm up"),
    };
    let noun = match processes.len() {
        0 => return format!("{:.0} s: no process came to its end", comparison.elapsed_s),
        1 => "process",
        _ => "processes",
    };
    let of_each = match repetitions {
        0 => String::new(),
        count => format!(
            ", {} of {} each",
            comparison.settings.statistic,
            counted(count, "repetition")
        ),
    };
    format!(
        "{:.0} s: {} {noun}{of_each}{to_warm_up}",
        comparison.elapsed_s,
        processes.len(),
    )
}
