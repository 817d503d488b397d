//! What a comparison in turns found, as text for a terminal and as Markdown for a CI job's summary.

use std::fmt::Write;

use results::comparison::{CaseOutcome, Comparison, GateOutcome, SideRecord, Stage, Verdict};
use results::paired::Ratio;
use results::verdict::{Difference, GateVerdict};

use crate::figures::{counted, percent};

/// `bench ab` in a few lines: the sides, one line for each case, what it took.
pub fn ab(comparison: &Comparison) -> String {
    let mut lines = vec![
        format!("A: {}", side(&comparison.baseline)),
        format!("B: {}", side(&comparison.candidate)),
    ];
    let within = comparison.settings.threshold_percent.unwrap_or(0.0);
    for case in &comparison.cases {
        lines.push(format!("{}: {}", label(case), difference(case, within)));
    }
    lines.extend(remarks(comparison));
    lines.push(effort(comparison));
    lines.join("\n")
}

/// `bench check` in a few lines: the verdict first.
pub fn check(comparison: &Comparison) -> String {
    let mut lines = vec![headline(comparison)];
    for case in &comparison.cases {
        lines.push(format!("  {}: {}", label(case), gate(case)));
    }
    lines.push(format!("  baseline: {}", side(&comparison.baseline)));
    lines.push(format!("  candidate: {}", side(&comparison.candidate)));
    lines.extend(
        remarks(comparison)
            .into_iter()
            .map(|line| format!("  {line}")),
    );
    lines.push(format!("  {}", effort(comparison)));
    lines.join("\n")
}

/// `bench check` as Markdown: a heading, a table with one row for each case, the sides.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("### bench check: {}\n\n", comparison.verdict.name());
    text.push_str(
        "| case | verdict | candidate / baseline | 95 % interval | threshold | noise |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for case in &comparison.cases {
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
        let threshold = gate
            .and_then(|gate| gate.threshold_percent)
            .map_or_else(String::new, percent);
        let verdict = gate.map_or("", |gate| gate_name(gate.verdict));
        let _ = writeln!(
            text,
            "| {} | {verdict} | {ratio} | {interval} | {threshold} | {noise} |",
            escaped(&label(case))
        );
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

/// What is marked up in Markdown or HTML, taken literally.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
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
                        percent(threshold)
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
fn side(side: &SideRecord) -> String {
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

fn label(case: &CaseOutcome) -> String {
    let [a, b] = case.threads;
    let threads = if a == b {
        counted(a, "thread")
    } else {
        format!("{a} and {b} threads")
    };
    format!("{} n={} {}, {threads}", case.kernel, case.n, case.dtype)
}

fn difference(case: &CaseOutcome, within: f64) -> String {
    let within = percent(within);
    let verdict = match case.difference {
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
    };
    match &case.ratio {
        Some(ratio) => format!(
            "{verdict}: {} times A's speed ({}, noise ±{})",
            times(ratio, ratio.estimate),
            interval(case, ratio),
            percent(100.0 * ratio.noise_floor)
        ),
        None => format!("{verdict}, too few blocks ({})", case.first.len()),
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
    let mut parts = vec![interval(case, ratio), threshold(outcome, ratio)];
    parts.extend(evidence(case, outcome));
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
fn evidence(case: &CaseOutcome, outcome: &GateOutcome) -> Option<String> {
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
        "beyond the threshold by chance p = {:.4}, slower in {again} alone p = {p_confirmation:.4}",
        outcome.p_regression
    ))
}

fn threshold(outcome: &GateOutcome, ratio: &Ratio) -> String {
    let threshold = outcome
        .threshold_percent
        .map_or_else(|| "not known".to_owned(), percent);
    format!(
        "threshold {threshold}, noise ±{}",
        percent(100.0 * ratio.noise_floor)
    )
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
fn times(ratio: &Ratio, value: f64) -> String {
    let decimals = if ratio.high - ratio.low < 0.004 { 4 } else { 3 };
    format!("{value:.decimals$}")
}

fn remarks(comparison: &Comparison) -> Vec<String> {
    let warnings = comparison
        .warnings
        .iter()
        .map(|warning| format!("warning: {warning}"));
    comparison.reasons.iter().cloned().chain(warnings).collect()
}

/// What it took, for example `24 s: 56 processes, best of 10 repetitions each, the first 4 to warm up`.
fn effort(comparison: &Comparison) -> String {
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
    let noun = if processes.len() == 1 {
        "process"
    } else {
        "processes"
    };
    format!(
        "{:.0} s: {} {noun}, {} of {} each{to_warm_up}",
        comparison.elapsed_s,
        processes.len(),
        comparison.settings.statistic,
        counted(repetitions, "repetition"),
    )
}
