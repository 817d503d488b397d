//! A comparison as JSON, with everything that it has found.

use std::fmt::Write;

use results::comparability::{Difference, Means, Work};
use results::compare::{Comparison, Group, Row};
use serde_json::{Value, json};

use super::csv::basis;
use crate::Rate;
use crate::clean::is_harmful;

/// The version of this layout.
const FORMAT_VERSION: u32 = 1;

/// Everything, indented. Sides are referred to by their names, which are unique. Ends without a newline.
pub fn json(comparison: &Comparison) -> String {
    let label = |side: usize| &comparison.sides[side].label;
    let sides = comparison.sides.iter().map(|side| {
        let paths = side.paths.iter().map(|path| path.to_string_lossy());
        json!({
            "name": side.label,
            "records": paths.collect::<Vec<_>>(),
            "invalid_runs": side.invalid_runs,
        })
    });
    let facts = comparison.facts.iter().map(|fact| {
        let values = fact.values.iter().map(|(value, sides)| {
            let sides: Vec<&String> = sides.iter().map(|side| label(*side)).collect();
            json!({ "value": value, "sides": sides })
        });
        json!({ "fact": fact.name, "values": values.collect::<Value>() })
    });
    let refused = comparison.refused.iter().map(|refused| {
        json!({
            "side": label(refused.side),
            "work": work(&refused.work),
            "works": refused.works,
            "differences": differences(&refused.differences),
        })
    });
    let mismatches = comparison.mismatches.iter().map(|mismatch| {
        json!({
            "side": label(mismatch.side),
            "record": mismatch.path.to_string_lossy(),
            "other_side": label(mismatch.other_side),
            "work": work(&mismatch.work),
            "norms": mismatch.count,
            "seed": mismatch.seed,
            "norm": mismatch.norm,
            "other_norm": mismatch.other_norm,
            "relative_difference": mismatch.difference(),
            "relative_tolerance": mismatch.tolerance,
            "most_others_agree": mismatch.is_minority,
        })
    });
    let groups = comparison
        .groups
        .iter()
        .map(|group| of_group(comparison, group));
    let value = json!({
        "format_version": FORMAT_VERSION,
        "reference": label(comparison.reference),
        "sides": sides.collect::<Value>(),
        "groups": groups.collect::<Value>(),
        "not_compared": refused.collect::<Value>(),
        "environment_differences": facts.collect::<Value>(),
        "norm_mismatches": mismatches.collect::<Value>(),
    });
    escape(&format!("{value:#}"))
}

fn of_group(comparison: &Comparison, group: &Group) -> Value {
    let rows = group.rows.iter().map(|row| of_row(comparison, group, row));
    json!({
        "work": work(&group.work),
        "means": group.means.as_ref().map(means),
        "unit": Rate::new(group.flop, group.bytes).unit,
        "rows": rows.collect::<Value>(),
    })
}

fn of_row(comparison: &Comparison, group: &Group, row: &Row) -> Value {
    let rate = Rate::new(group.flop, group.bytes);
    let interval = row.interval.map(|interval| {
        json!({
            "low": rate.value(interval.low),
            "high": rate.value(interval.high),
            "of": basis(interval.basis),
        })
    });
    let bounds = row.ratio.and_then(|ratio| ratio.interval);
    json!({
        "side": comparison.sides[row.side].label,
        "means": means(&row.means),
        "median": row.median.map(|median| rate.value(median)),
        "interval": interval,
        "ratio": row.ratio.map(|ratio| ratio.value),
        "ratio_low": bounds.map(|bounds| bounds.0),
        "ratio_high": bounds.map(|bounds| bounds.1),
        "percent_of_peak": row.percent_of_peak,
        "runs": row.runs,
        "runs_left_out": row.runs_left_out,
        "samples_failed": row.samples_failed,
        "grade": row.grade.to_string(),
        "means_differ": differences(&row.differences),
    })
}

fn work(work: &Work) -> Value {
    json!({
        "kernel": work.kernel,
        "kernel_version": work.kernel_version,
        "n": work.n,
        "dtype": work.dtype,
        "panel_rows": work.panel_rows,
    })
}

fn means(means: &Means) -> Value {
    json!({
        "threads": means.threads,
        "driver": means.driver,
        "isa": means.isa,
        "blas": means.blas,
        "blas_build": means.blas_build,
        "blas_sha256": means.blas_sha256,
    })
}

fn differences(differences: &[Difference]) -> Value {
    let each = differences.iter().map(|difference| {
        json!({
            "what": difference.what,
            "side": difference.one,
            "reference": difference.other,
        })
    });
    each.collect()
}

/// The same JSON with everything escaped that a terminal would act upon. Such characters stand in strings only; JSON itself
/// demands that for less than all of them.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if c != '\n' && is_harmful(c) {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}
