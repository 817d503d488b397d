//! Bars of letters for a terminal: from zero, on one scale, with a mark where the measured peak is.

use results::Record;
use results::record::Case;
use unicode_width::UnicodeWidthStr;

use crate::narrow::shorten;
use crate::plot::labels::Labels;
use crate::text::median;
use crate::{Rate, clean};

/// The letters that bars are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Whole letters, for terminals that know no others.
    Ascii,
    /// Blocks of eighths of a letter.
    Unicode,
}

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// How long it is; none where there is no figure.
    pub value: Option<f64>,
    /// The measured peak, in the same unit, where it is known.
    pub end: Option<f64>,
    /// The value as it is printed beside the bar.
    pub figure: String,
}

/// The narrowest and the widest that lines are made.
const WIDTH: std::ops::RangeInclusive<usize> = 40..=200;

/// The fewest letters of a bar: in shorter ones nothing can be told apart.
const CELLS_MIN: usize = 10;

/// More bars are no picture any more.
const BARS_MAX: usize = 40;

/// The medians of a run's cases, those in GFLOPS and those in GB/s by themselves; nothing where there is only one of a kind and no peak to
/// hold it against. Lines of at most `width` columns, without a newline at the end.
pub fn of_run(record: &Record, style: Style, width: usize) -> Option<String> {
    let labels = Labels::of_cases(&record.cases).rows;
    let mut lines = Vec::new();
    for unit in ["GFLOPS", "GB/s"] {
        let cases = record.cases.iter().zip(&labels);
        let of_unit = cases.filter(|(case, _)| Rate::of(case).unit == unit);
        let bars = of_unit.map(|(case, label)| bar(record, case, label));
        lines.extend(draw(&bars.collect::<Vec<_>>(), unit, style, width));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn bar(record: &Record, case: &Case, label: &str) -> Bar {
    let rate = Rate::of(case);
    let label = if label.is_empty() {
        &case.kernel
    } else {
        label
    };
    let memory = record
        .limits
        .as_ref()
        .and_then(|limits| limits.triad.as_ref());
    let summary = case.summary.as_ref();
    Bar {
        label: clean(label),
        value: summary.map(|summary| rate.value(summary.gflops_median)),
        end: match case.bytes {
            Some(_) => memory
                .filter(|triad| triad.verified)
                .map(|triad| triad.gb_per_s),
            None => case.peak.as_ref().map(|peak| peak.gflops),
        },
        figure: summary.map_or_else(|| "-".to_owned(), |summary| median(summary, rate)),
    }
}

/// A line above them that says what is drawn, and a line for each bar, all on one scale from zero to the largest value or peak. Nothing
/// where there is nothing to compare, or too much.
pub fn draw(bars: &[Bar], unit: &str, style: Style, width: usize) -> Vec<String> {
    let is_figure = |value: &f64| value.is_finite() && *value > 0.0;
    let values = bars.iter().filter_map(|bar| bar.value).filter(is_figure);
    let ends = bars.iter().filter_map(|bar| bar.end).filter(is_figure);
    let (values, ends): (Vec<f64>, Vec<f64>) = (values.collect(), ends.collect());
    if values.is_empty() || values.len() + ends.len() < 2 || bars.len() > BARS_MAX {
        return Vec::new();
    }
    let scale = values.iter().chain(&ends).copied().fold(0.0, f64::max);
    let width = width.clamp(*WIDTH.start(), *WIDTH.end());
    let widest = |texts: &[String]| texts.iter().map(|text| text.width()).max().unwrap_or(0);
    let figures: Vec<String> = bars.iter().map(|bar| bar.figure.clone()).collect();
    let mut labels: Vec<String> = bars.iter().map(|bar| bar.label.clone()).collect();
    // Two columns before, between and after the label, the bar and the figure.
    let for_both = width.saturating_sub(6 + widest(&figures));
    if for_both < 2 * CELLS_MIN {
        return Vec::new();
    }
    let for_labels = for_both.saturating_sub(CELLS_MIN).min(width / 2);
    if widest(&labels) > for_labels {
        shorten(&mut labels, for_labels);
    }
    let label_width = widest(&labels);
    let cells = for_both.saturating_sub(label_width);
    let (letter, mark) = match style {
        Style::Ascii => ("#", "|"),
        Style::Unicode => ("█", "│"),
    };
    let peak = if ends.is_empty() {
        String::new()
    } else {
        format!(", {mark} the measured peak")
    };
    let mut lines = vec![format!("  {letter} {unit}, from 0{peak}")];
    for ((bar, label), figure) in bars.iter().zip(&labels).zip(&figures) {
        let value = bar.value.filter(is_figure).unwrap_or(0.0) / scale;
        let end = bar.end.filter(is_figure).map(|end| end / scale);
        let padding = " ".repeat(label_width - label.width());
        let drawn = match style {
            Style::Ascii => whole(value, cells),
            Style::Unicode => eighths(value, cells),
        };
        let drawn = marked(&drawn, end, cells, mark);
        let space = " ".repeat(widest(&figures) - figure.width());
        lines.push(format!("  {label}{padding}  {drawn}  {space}{figure}"));
    }
    lines
}

/// A bar of whole letters: at least one for what is more than nothing.
fn whole(share: f64, cells: usize) -> String {
    let count = (share * cells as f64).round() as usize;
    let least = usize::from(share > 0.0);
    "#".repeat(count.clamp(least, cells))
}

/// A bar of eighths of letters: at least one for what is more than nothing.
fn eighths(share: f64, cells: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let count = (share * (8 * cells) as f64).round() as usize;
    let count = count.clamp(usize::from(share > 0.0), 8 * cells);
    format!("{}{}", "█".repeat(count / 8), PARTS[count % 8])
}

/// The bar, filled up to all cells, with a mark in the cell where the peak lies; none where the bar reaches that.
fn marked(bar: &str, end: Option<f64>, cells: usize, mark: &str) -> String {
    let rest = cells - bar.width();
    let at = end.map(|end| ((end * cells as f64).ceil() as usize).clamp(1, cells) - 1);
    match at.and_then(|at| at.checked_sub(bar.width())) {
        Some(gap) => format!(
            "{bar}{}{mark}{}",
            " ".repeat(gap),
            " ".repeat(rest - gap - 1)
        ),
        None => format!("{bar}{}", " ".repeat(rest)),
    }
}
