//! A comparison as Markdown, for example for a pull request.

use crate::markdown::escaped;
use results::compare::Comparison;

use super::rows::{COLUMNS, legend};
use super::sentences;

/// The tables and what is to be said beside them. Ends without a newline.
pub fn markdown(comparison: &Comparison) -> String {
    let mut lines = vec![escaped(&sentences::scope(comparison))];
    for group in &comparison.groups {
        lines.push(format!("\n### {}\n", escaped(&sentences::title(group))));
        let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title(group)).collect();
        lines.push(format!("| {} |", titles.join(" | ")));
        let rules: Vec<&str> = COLUMNS
            .iter()
            .map(|column| if column.is_text() { "---" } else { "---:" })
            .collect();
        lines.push(format!("| {} |", rules.join(" | ")));
        for row in &group.rows {
            let cells: Vec<String> = COLUMNS
                .iter()
                .map(|column| escaped(column.cell(comparison, group, row).trim_end()))
                .collect();
            lines.push(format!("| {} |", cells.join(" | ")));
        }
        let rows = group.rows.iter();
        let notes: Vec<String> = rows
            .filter_map(|row| sentences::all_the_same(comparison, row))
            .collect();
        lines.extend(list("", &notes));
    }
    if !comparison.groups.is_empty() {
        lines.extend(list("", &legend(comparison)));
    }
    for (heading, sentences) in sentences::sections(comparison) {
        lines.extend(list(heading, &sentences));
    }
    lines.join("\n")
}

/// A list below a heading; nothing when there is nothing to list.
fn list(heading: &str, sentences: &[String]) -> Vec<String> {
    if sentences.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new()];
    if !heading.is_empty() {
        lines.push(format!("**{heading}**\n"));
    }
    lines.extend(sentences.iter().map(|it| format!("- {}", escaped(it))));
    lines
}
