//! A comparison's rows as CSV (RFC 4180), one for each side and case.

use results::compare::{Basis, Comparison, Group, Row};

use crate::Rate;
use crate::clean;

/// What the columns are. What is unknown is empty.
const HEADER: &str = "kernel,kernel_version,n,dtype,panel_rows,threads,driver,isa,blas,host,is_reference,unit,median,low,high,interval,ratio,ratio_low,ratio_high,percent_of_peak,runs,runs_left_out,samples_failed,grade,means_differ";

/// The header and one line for each row of each group. Ends without a newline.
pub fn csv(comparison: &Comparison) -> String {
    let mut lines = vec![HEADER.to_owned()];
    for group in &comparison.groups {
        for row in &group.rows {
            let fields = fields(comparison, group, row);
            let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
            lines.push(quoted.join(","));
        }
    }
    lines.join("\n")
}

fn fields(comparison: &Comparison, group: &Group, row: &Row) -> Vec<String> {
    let rate = Rate::new(group.flop, group.bytes);
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let in_unit = |gflops: Option<f64>| number(gflops.map(|gflops| rate.value(gflops)));
    let rows = group.work.panel_rows;
    let ratio = row.ratio;
    let bounds = ratio.and_then(|ratio| ratio.interval);
    let differences: Vec<String> = row
        .differences
        .iter()
        .map(|difference| clean(&difference.to_string()))
        .collect();
    vec![
        clean(&group.work.kernel),
        group.work.kernel_version.to_string(),
        group.work.n.to_string(),
        clean(&group.work.dtype),
        rows.map_or_else(String::new, |rows| rows.to_string()),
        row.means.threads.to_string(),
        clean(&row.means.driver),
        clean(&row.means.isa),
        clean(&row.means.blas),
        clean(&comparison.sides[row.side].label),
        (row.side == comparison.reference).to_string(),
        rate.unit.to_owned(),
        in_unit(row.median),
        in_unit(row.interval.map(|interval| interval.low)),
        in_unit(row.interval.map(|interval| interval.high)),
        row.interval
            .map_or_else(String::new, |it| basis(it.basis).to_owned()),
        number(ratio.map(|ratio| ratio.value)),
        number(bounds.map(|bounds| bounds.0)),
        number(bounds.map(|bounds| bounds.1)),
        number(row.percent_of_peak),
        row.runs.to_string(),
        row.runs_left_out.to_string(),
        row.samples_failed.to_string(),
        row.grade.to_string(),
        differences.join("; "),
    ]
}

/// The word for what an interval says.
pub(super) fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Samples => "samples",
        Basis::Range => "range",
        Basis::Runs => "runs",
    }
}

/// A field, in quotes where it needs them. A spreadsheet takes what begins with these signs for a formula: a quote before it makes
/// it text.
fn quote(field: &str) -> String {
    let is_number = field.parse::<f64>().is_ok();
    let field = match field.chars().next() {
        Some('=' | '+' | '-' | '@') if !is_number => format!("'{field}"),
        _ => field.to_owned(),
    };
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}
