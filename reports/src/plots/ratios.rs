//! Comparisons in turns as a forest: the ratio of the two sides in each case with its interval, and the band that was asked about.
//!
//! The axis is that of the ratio's logarithm with 1 in its middle, so that twice as fast is as far from it as half as fast. It spans what
//! most cases need; what lies beyond is drawn at the edge as a triangle that points outwards, with its figure beside it.

mod scale;

use plotters::style::RGBColor;
use results::comparison::{CaseOutcome, Comparison, Verdict};
use results::paired::Ratio;
use results::verdict::{Difference, GateVerdict};

use self::scale::Scale;
use super::hint::Hint;
use super::layout::beyond;
use super::names::told;
use super::points::size;
use super::sheet::{MARGIN, SMALL_SIZE, Sheet, WIDTH};
use crate::comparison_text::{share, times};
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::{counted, percent};
use crate::plot::labels::Labels;
use crate::plot::scene::{Anchor, Mark, Point, Scene, Text};
use crate::plot::{font, palette};
use crate::slugs::named_apart;

/// Pictures, of the newest comparisons, and rows of each.
const FIGURES_MAX: usize = 12;
const ROWS_MAX: usize = 40;
/// Rows of its table.
const TABLE_MAX: usize = 200;

/// The most room for labels, where the lanes end, and where the figures and the verdicts begin or end.
const LABEL_ROOM: i32 = 156;
const LANE_RIGHT: i32 = 470;
const RATIO_RIGHT: i32 = 522;
const VERDICT_LEFT: i32 = 534;
const ROW: i32 = 34;
const MARK_WIDTH: i32 = 16;

/// A picture for each comparison in which cases were told apart, the newest first.
///
/// # Errors
///
/// [`Missing`] when there is no comparison with cases.
pub fn figures(comparisons: &[Comparison]) -> Figures {
    let mut told: Vec<&Comparison> = comparisons
        .iter()
        .filter(|comparison| comparison.cases.iter().any(is_judged))
        .collect();
    if told.is_empty() {
        return Err(Missing(
            "no comparison in turns was kept (bench ab --output, bench check --output)".to_owned(),
        ));
    }
    told.sort_by(|a, b| b.started_utc.cmp(&a.started_utc));
    let left_out = told.len().saturating_sub(FIGURES_MAX);
    told.truncate(FIGURES_MAX);
    let last = told.len() - 1;
    let figures = told.iter().enumerate().map(|(index, comparison)| {
        let left_out = if index == last { left_out } else { 0 };
        figure(comparison, left_out)
    });
    Ok(named_apart(figures.collect()))
}

fn is_judged(case: &CaseOutcome) -> bool {
    case.difference.is_some() || case.gate.is_some()
}

fn figure(comparison: &Comparison, comparisons_left_out: usize) -> Figure {
    let cases: Vec<&CaseOutcome> = comparison.cases.iter().filter(|it| is_judged(it)).collect();
    let shown = &cases[..cases.len().min(ROWS_MAX)];
    let attributes: Vec<[String; 4]> = shown.iter().map(|case| attributes(case)).collect();
    let labels = Labels::of(&attributes, "Nothing was compared");
    let mut sheet = Sheet::titled(&title(comparison), &labels.title);
    let [a, b] = ["A", "B"];
    for (letter, side) in [(a, &comparison.baseline), (b, &comparison.candidate)] {
        let given = font::clean(&side.given);
        let words = font::shortened(
            &format!("{letter}: {given}"),
            SMALL_SIZE,
            WIDTH - 2 * MARGIN,
        );
        sheet.words(&words, SMALL_SIZE, palette::GREY, 1);
    }
    sheet.y += 8;
    let scale = Scale::of(comparison, shown, lane(&labels.rows));
    head(&mut sheet, scale.middle());
    let (top, bottom) = (
        sheet.y,
        sheet.y + ROW * i32::try_from(shown.len()).unwrap_or(0),
    );
    bands(&mut sheet.scene, comparison, shown, &scale, top);
    scale.grid(&mut sheet.scene, (top, bottom));
    for (case, label) in shown.iter().zip(&labels.rows) {
        let y = sheet.y + ROW / 2;
        draw_row(&mut sheet.scene, y, label, case, &scale);
        let x = usable(case).map_or(scale.middle(), |ratio| scale.clamped(ratio.estimate));
        let hint = hint(comparison, case);
        sheet.scene.hint((x, y), hint.sentence());
        sheet.y += ROW;
    }
    scale.axis(&mut sheet);
    for line in captions(comparison, shown, &scale) {
        sheet.caption(&line);
    }
    if cases.len() > shown.len() {
        let more = counted(cases.len() - shown.len(), "more case");
        sheet.caption(&format!("{more} not drawn: the table goes on."));
    }
    if comparisons_left_out > 0 {
        let more = counted(comparisons_left_out, "older comparison");
        sheet.caption(&format!("{more} not drawn."));
    }
    let day: String = comparison.started_utc.chars().take(10).collect();
    sheet.finish(
        ["ratios", &comparison.command, &day].join(" "),
        &description(comparison, &cases),
        table(comparison, &cases),
    )
}

fn title(comparison: &Comparison) -> String {
    let day: String = comparison.started_utc.chars().take(10).collect();
    let what = match (comparison.command.as_str(), comparison.verdict) {
        ("check", verdict) => format!("Check of B against A: {}", verdict.name()),
        (_, Verdict::Told) => "B against A".to_owned(),
        (_, verdict) => format!("B against A: {}", verdict.name()),
    };
    format!("{what}, {day}")
}

/// Everything by which cases can differ.
fn attributes(case: &CaseOutcome) -> [String; 4] {
    let threads = match case.threads {
        [a, b] if a == b => counted(a, "thread"),
        [a, b] => format!("{a} and {b} threads"),
    };
    [
        case.kernel.clone(),
        format!("n={}", case.n),
        case.dtype.clone(),
        threads,
    ]
}

/// Where the lanes begin, after the longest label, and where they end.
fn lane(labels: &[String]) -> (i32, i32) {
    let widths = labels.iter().flat_map(|label| {
        let lines = font::wrapped(&font::clean(label), SMALL_SIZE, LABEL_ROOM, 2);
        lines.into_iter().map(|line| font::width(&line, SMALL_SIZE))
    });
    let widest = widths.max().unwrap_or(0).min(LABEL_ROOM);
    (MARGIN + widest + 14, LANE_RIGHT)
}

/// What is shaded: between which ratios there is no difference that matters (`ab`), or which slowdowns pass (`check`).
fn band(comparison: &Comparison, case: &CaseOutcome) -> Option<(f64, f64)> {
    let is_ratio = |(low, high): &(f64, f64)| *low > 0.0 && low <= high && high.is_finite();
    let band = if let Some(gate) = &case.gate {
        let share = gate.threshold_percent? / 100.0;
        (gate.expected * (1.0 - share), gate.expected)
    } else {
        let share = comparison.settings.threshold_percent? / 100.0;
        (1.0 - share, 1.0 + share)
    };
    Some(band).filter(is_ratio)
}

/// The difference that counts, or that matters.
fn threshold_percent(comparison: &Comparison, case: &CaseOutcome) -> Option<f64> {
    match &case.gate {
        Some(gate) => gate.threshold_percent,
        None => comparison.settings.threshold_percent,
    }
}

fn bands(
    scene: &mut Scene,
    comparison: &Comparison,
    cases: &[&CaseOutcome],
    scale: &Scale,
    mut top: i32,
) {
    for case in cases {
        let bottom = top + ROW;
        if let Some((low, high)) = band(comparison, case) {
            let (left, right) = (scale.clamped(low), scale.clamped(high));
            scene.marks.push(Mark::Rect {
                from: (left, top),
                to: (right, bottom),
                color: palette::BAND,
            });
            // The edge that counts stands out from the band.
            let edges = if case.gate.is_some() { 1 } else { 2 };
            for x in [left, right].into_iter().take(edges) {
                scene.line((x, top), (x, bottom), 1, palette::BLUE);
            }
        }
        top = bottom;
    }
}

/// Which way is which.
fn head(sheet: &mut Sheet, middle: i32) {
    let y = sheet.y + SMALL_SIZE / 2;
    let scene = &mut sheet.scene;
    let slower = Text::new("◂ B is slower", (middle - 14, y), SMALL_SIZE);
    scene.text(slower.anchored(Anchor::End));
    scene.text(Text::new("B is faster ▸", (middle + 14, y), SMALL_SIZE));
    let ratio = Text::new("B / A", (RATIO_RIGHT, y), SMALL_SIZE);
    scene.text(ratio.anchored(Anchor::End));
    sheet.y += 20;
}

fn draw_row(scene: &mut Scene, y: i32, label: &str, case: &CaseOutcome, scale: &Scale) {
    let label = font::clean(label);
    let lines = font::wrapped(&label, SMALL_SIZE, LABEL_ROOM, 2);
    let first = y - 8 * (i32::try_from(lines.len()).unwrap_or(1) - 1);
    for (index, line) in lines.into_iter().enumerate() {
        let at = (MARGIN, first + 16 * i32::try_from(index).unwrap_or(0));
        scene.text(Text::new(line, at, SMALL_SIZE).colored(palette::INK));
    }
    let told = Told::of(case);
    let verdict = Text::new(told.word, (VERDICT_LEFT, y), SMALL_SIZE);
    scene.text(verdict.colored(told.text));
    let Some(ratio) = usable(case) else {
        let middle = scale.middle();
        let words = without_ratio(case);
        let half = font::width(&words, SMALL_SIZE) / 2 + 4;
        scene.marks.push(Mark::Rect {
            from: (middle - half, y - 9),
            to: (middle + half, y + 9),
            color: palette::WHITE,
        });
        scene.text(Text::new(words, (middle, y), SMALL_SIZE).anchored(Anchor::Middle));
        return;
    };
    let mut figure = times(&ratio, ratio.estimate);
    if font::width(&figure, SMALL_SIZE) > RATIO_RIGHT - LANE_RIGHT - 8 {
        figure = format!("{:.0e}", ratio.estimate);
    }
    let figure = Text::new(figure, (RATIO_RIGHT, y), SMALL_SIZE).colored(palette::INK);
    scene.text(figure.anchored(Anchor::End));
    let (from, to) = (scale.clamped(ratio.low), scale.clamped(ratio.high));
    scene.line((from, y), (to, y), 2, told.color);
    for (end, x) in [(ratio.low, from), (ratio.high, to)] {
        match scale.x(end) {
            // Ends that the mark hides would only blur it.
            Some(_) if to - from > MARK_WIDTH => scene.line((x, y - 5), (x, y + 5), 2, told.color),
            Some(_) => {}
            None => beyond(scene, (x, y), x > scale.middle(), told.color),
        }
    }
    if let Some(x) = scale.x(ratio.estimate) {
        told.mark(scene, (x, y));
    }
}

/// The ratio, if it can be drawn.
fn usable(case: &CaseOutcome) -> Option<Ratio> {
    case.ratio.filter(|ratio| ratio.estimate > 0.0)
}

/// Why there is no ratio to be drawn.
fn without_ratio(case: &CaseOutcome) -> String {
    match case.ratio {
        Some(_) => "no usable ratio".to_owned(),
        None => format!("too few blocks ({})", case.first.len()),
    }
}

/// A row in words.
fn hint(comparison: &Comparison, case: &CaseOutcome) -> Hint {
    let [kernel, _, dtype, threads] = attributes(case);
    let n = format!("n = {}", size(case.n));
    let hint = Hint::of(&[&kernel, &n, &dtype, &threads]);
    let hint = match usable(case).filter(|ratio| ratio.estimate.is_finite()) {
        Some(ratio) => {
            let is_interval = ratio.low <= ratio.high && ratio.high.is_finite();
            let ends = (times(&ratio, ratio.low), times(&ratio, ratio.high));
            let estimate = times(&ratio, ratio.estimate);
            hint.value(&estimate, "of A's speed", is_interval.then_some(ends))
        }
        None => hint.also(&without_ratio(case)),
    };
    let blocks = case.ratio.map_or(0, |ratio| ratio.blocks);
    let effort = if blocks > 0 {
        counted(blocks, "block")
    } else {
        String::new()
    };
    let threshold = threshold_percent(comparison, case);
    let threshold = threshold.filter(|percent| (0.0..1000.0).contains(percent));
    let threshold = threshold.map_or_else(String::new, |percent| {
        format!("threshold {}", share(percent))
    });
    hint.also(Told::of(case).word)
        .also(&threshold)
        .also(&effort)
}

/// A verdict's word, its colour and its mark.
struct Told {
    word: &'static str,
    color: RGBColor,
    text: RGBColor,
    shape: Shape,
}

#[derive(Clone, Copy)]
enum Shape {
    Up,
    Down,
    Dot,
    Ring,
}

impl Told {
    fn of(case: &CaseOutcome) -> Told {
        let told = |word, (color, text), shape| Told {
            word,
            color,
            text,
            shape,
        };
        let bad = (palette::VERMILLION, palette::VERMILLION_TEXT);
        let good = (palette::GREEN, palette::GREEN_TEXT);
        let same = (palette::BLUE, palette::BLUE_TEXT);
        let open = (palette::AXIS, palette::GREY);
        match (&case.gate, case.difference) {
            (Some(gate), _) => match gate.verdict {
                GateVerdict::Pass => told("pass", same, Shape::Dot),
                GateVerdict::Regression => told("regression", bad, Shape::Down),
                GateVerdict::Inconclusive => told("inconclusive", open, Shape::Ring),
            },
            (None, Some(Difference::Faster)) => told("faster", good, Shape::Up),
            (None, Some(Difference::Slower)) => told("slower", bad, Shape::Down),
            (None, Some(Difference::NoDifference)) => told("no difference", same, Shape::Dot),
            (None, _) => told("inconclusive", open, Shape::Ring),
        }
    }

    fn mark(&self, scene: &mut Scene, (x, y): Point) {
        let polygon = |tip: i32| Mark::Polygon {
            points: vec![
                (x, y + tip),
                (x - 7, y - tip * 5 / 8),
                (x + 7, y - tip * 5 / 8),
            ],
            color: self.color,
        };
        match self.shape {
            Shape::Up => scene.marks.push(polygon(-8)),
            Shape::Down => scene.marks.push(polygon(8)),
            Shape::Dot => scene.dot((x, y), 5, self.color),
            Shape::Ring => {
                scene.dot((x, y), 6, self.color);
                scene.dot((x, y), 4, palette::WHITE);
            }
        }
    }
}

/// What is drawn, how it was measured and what it says besides.
fn captions(comparison: &Comparison, shown: &[&CaseOutcome], scale: &Scale) -> Vec<String> {
    let mut what = "Marks: the ratio of speeds in turns with its 95 % interval.".to_owned();
    let has_band = shown.iter().any(|case| band(comparison, case).is_some());
    if has_band {
        let shaded = if shown.iter().any(|case| case.gate.is_some()) {
            let thresholds = shown
                .iter()
                .filter_map(|case| case.gate.as_ref()?.threshold_percent);
            let (least, most) = thresholds.fold((f64::INFINITY, 0.0_f64), |(least, most), it| {
                (least.min(it), most.max(it))
            });
            if (most - least).abs() < 0.05 {
                format!("slowdowns up to {}, which pass", share(most))
            } else {
                format!(
                    "slowdowns that pass, up to {} to {} by the case's noise",
                    share(least),
                    share(most)
                )
            }
        } else {
            let within = comparison.settings.threshold_percent.unwrap_or(0.0);
            format!("within {} of 1, no difference that matters", share(within))
        };
        what = format!("{what} Shaded: {shaded}.");
    }
    let is_beyond = |case: &&&CaseOutcome| {
        let usable = case.ratio.filter(|ratio| ratio.estimate > 0.0);
        usable.is_some_and(|ratio| scale.x(ratio.low).is_none() || scale.x(ratio.high).is_none())
    };
    let beyond = shown.iter().filter(is_beyond).count();
    if beyond > 0 {
        what = format!(
            "{what} Triangles at the edge: the interval of {} goes beyond the axis.",
            counted(beyond, "case")
        );
    }
    let expected = shown.iter().filter_map(|case| case.gate.as_ref());
    if expected.filter(|gate| gate.accepted.is_some()).count() > 0 {
        what.push_str(
            " Where a change was accepted before, the band lies at what is expected since.",
        );
    }
    vec![what, effort(comparison)]
}

/// What it took, with what and when.
fn effort(comparison: &Comparison) -> String {
    let settings = &comparison.settings;
    let blocks = comparison.cases.iter().filter_map(|case| case.ratio);
    let blocks = blocks.map(|ratio| ratio.blocks).max().unwrap_or(0);
    let mut parts = vec![format!(
        "{} processes in {:.0} s",
        comparison.processes.len(),
        comparison.elapsed_s
    )];
    if blocks > 0 {
        parts.push(format!("{} of four in turns", counted(blocks, "block")));
    }
    if let Some(repeats) = settings.repeats {
        parts.push(format!(
            "{} of {} each",
            settings.statistic,
            counted(repeats, "repetition")
        ));
    }
    if let Some(host) = &comparison.host {
        parts.push(format!("on {}, {}", host.hostname, host.cpu.model));
    }
    parts.join(", ") + "."
}

fn description(comparison: &Comparison, cases: &[&CaseOutcome]) -> String {
    let sentence = |case: &&CaseOutcome| {
        let label = attributes(case).join(", ");
        let word = Told::of(case).word;
        match &case.ratio {
            Some(ratio) => format!(
                "{label}: {word}, {} ({} to {})",
                times(ratio, ratio.estimate),
                times(ratio, ratio.low),
                times(ratio, ratio.high)
            ),
            None => format!("{label}: {word}, too few blocks"),
        }
    };
    let cases: Vec<String> = cases.iter().take(ROWS_MAX).map(sentence).collect();
    format!(
        "Speed of B ({}) over that of A ({}). {}.",
        told(&comparison.candidate.given),
        told(&comparison.baseline.given),
        cases.join(". ")
    )
}

fn table(comparison: &Comparison, cases: &[&CaseOutcome]) -> Table {
    let mut table = Table::new(&[
        "case",
        "#speed of B / speed of A",
        "95 % interval",
        "#threshold",
        "#noise",
        "#blocks",
        "verdict",
    ]);
    for case in cases.iter().take(TABLE_MAX) {
        let of_ratio =
            |told: &dyn Fn(&Ratio) -> String| case.ratio.as_ref().map_or_else(String::new, told);
        table.row([
            told(&attributes(case).join(", ")),
            of_ratio(&|ratio| times(ratio, ratio.estimate)),
            of_ratio(&|ratio| {
                format!(
                    "{} to {}",
                    times(ratio, ratio.low),
                    times(ratio, ratio.high)
                )
            }),
            threshold_percent(comparison, case).map_or_else(String::new, share),
            of_ratio(&|ratio| format!("±{}", percent(100.0 * ratio.noise_floor))),
            of_ratio(&|ratio| ratio.blocks.to_string()),
            Told::of(case).word.to_owned(),
        ]);
    }
    table
}
