//! Samples as strip and box: how the samples of each case lie around their median.
//!
//! The picture beside a record ([`crate::run_plot`]) says how fast it was, on an axis from zero, on which one percent is less than a dot. This one
//! says how sure that is: its axis is the distance from each case's median in percent, the same for all cases, so that quiet cases and noisy
//! ones can be told apart whatever their speed. Samples that lie far outside of the others are triangles at the edge.

mod scale;

use results::Record;
use results::record::{Case, Sample};
use results::statistics::{median, median_interval};

use self::scale::Scale;
use super::hint::{HINTS_MAX, Hint, from_median};
use super::layout::beyond;
use super::names::told;
use super::sheet::{MARGIN, SMALL_SIZE, Sheet, TEXT_SIZE, WIDTH};
use crate::Rate;
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::{beside, counted, difference, grouped, percent};
use crate::plot::labels::Labels;
use crate::plot::scene::{Anchor, Mark, Point, Scene, Text};
use crate::plot::{font, palette};
use crate::run_plot::caption;
use crate::slugs::named_apart;

/// Pictures, and cases of each.
const FIGURES_MAX: usize = 20;
const CASES_MAX: usize = 20;
/// Dots of a case; of more samples every second, third, … is drawn.
const DOTS_MAX: usize = 400;

/// Where the edges of the axis are.
const LANE: (i32, i32) = (MARGIN + 14, WIDTH - MARGIN - 14);
const HEADING: i32 = 22;
/// The strip, in which samples go down in their order, and the box below it.
const STRIP: i32 = 34;
const BOX: i32 = 14;
const GAP: i32 = 16;

/// A picture for each record that has a case with several samples.
///
/// # Errors
///
/// [`Missing`] when no case has two samples.
pub fn figures(records: &[Record]) -> Figures {
    let figures: Vec<Figure> = records
        .iter()
        .filter_map(figure)
        .take(FIGURES_MAX)
        .collect();
    if figures.is_empty() {
        return Err(Missing("no case has more than one sample".to_owned()));
    }
    Ok(named_apart(figures))
}

fn figure(record: &Record) -> Option<Figure> {
    let cases: Vec<Case> = record
        .cases
        .iter()
        .filter(|it| it.samples.len() > 1)
        .cloned()
        .collect();
    if cases.is_empty() {
        return None;
    }
    let shown = &cases[..cases.len().min(CASES_MAX)];
    let labels = Labels::of_cases(shown);
    let strips: Vec<Strip> = shown.iter().map(Strip::of).collect();
    let scale = Scale::of(&strips);
    let host = font::shortened(&font::clean(&record.host.hostname), SMALL_SIZE, 300);
    let subtitle = match shown {
        [_] => format!("{}: around their median", labels.title),
        _ => format!("{}: each case around its own median", labels.title),
    };
    let mut sheet = Sheet::titled(&format!("Samples on {host}"), &subtitle);
    legend(&mut sheet, &strips);
    let samples: usize = shown.iter().map(|case| case.samples.len()).sum();
    for (strip, label) in strips.iter().zip(&labels.rows) {
        let places = draw(&mut sheet, strip, label, &scale);
        tell(
            &mut sheet.scene,
            strip,
            label,
            &places,
            samples <= HINTS_MAX,
        );
    }
    scale.axis(&mut sheet);
    let beyond = strips.iter().map(|strip| scale.beyond(strip)).sum();
    if beyond > 0 {
        let samples = counted(beyond, "sample");
        sheet.caption(&format!("Triangles at the edges: {samples} beyond."));
    }
    let thinned = strips.iter().map(Strip::stride).max().unwrap_or(1);
    if thinned > 1 {
        let most = grouped(&DOTS_MAX.to_string());
        sheet.caption(&format!(
            "Of more than {most} samples only so many are drawn, evenly chosen."
        ));
    }
    if cases.len() > shown.len() {
        let more = counted(cases.len() - shown.len(), "more case");
        sheet.caption(&format!("{more} not drawn: the table goes on."));
    }
    for line in caption::lines(record).into_iter().skip(1) {
        sheet.words(&line, SMALL_SIZE, palette::GREY, 2);
    }
    let all: Vec<Strip> = cases.iter().map(Strip::of).collect();
    Some(sheet.finish(
        ["samples", &record.host.hostname, &record.id].join(" "),
        &description(record, &cases, &all),
        table(&cases, &all),
    ))
}

/// A case's samples as distances from their median.
struct Strip<'a> {
    case: &'a Case,
    rate: Rate,
    /// The median of the samples that were verified, in the rate's unit.
    median: Option<f64>,
    /// The quartiles, in percent of the median from it.
    quartiles: Option<(f64, f64)>,
    /// The median's interval, likewise.
    interval: Option<(f64, f64)>,
}

impl<'a> Strip<'a> {
    fn of(case: &'a Case) -> Strip<'a> {
        let rate = Rate::of(case);
        let mut values: Vec<f64> = case
            .samples
            .iter()
            .filter(|sample| sample.verification.passed)
            .map(|sample| rate.of_sample(sample))
            .filter(|value| value.is_finite() && *value > 0.0)
            .collect();
        values.sort_by(f64::total_cmp);
        let median = median(&values).filter(|median| median.is_normal());
        let distance = |value: f64| median.map(|median| percent_from(value, median));
        let quartiles = (values.len() >= 4).then(|| {
            Some((
                distance(quantile(&values, 0.25))?,
                distance(quantile(&values, 0.75))?,
            ))
        });
        let interval = median_interval(&values)
            .and_then(|interval| Some((distance(interval.low)?, distance(interval.high)?)));
        Strip {
            case,
            rate,
            median,
            quartiles: quartiles.flatten(),
            interval,
        }
    }

    /// How far a sample is from the median, in percent of it; `None` for what is no number.
    fn distance(&self, sample: &Sample) -> Option<f64> {
        let distance = percent_from(self.rate.of_sample(sample), self.median?);
        distance.is_finite().then_some(distance)
    }

    /// Every so manyth sample is drawn.
    fn stride(&self) -> usize {
        self.case.samples.len().div_ceil(DOTS_MAX).max(1)
    }

    fn failed(&self) -> usize {
        let samples = self.case.samples.iter();
        samples.filter(|sample| !sample.verification.passed).count()
    }

    /// A figure of the case with the digits that its interval leaves it.
    fn figure(&self, value: f64) -> String {
        let Some(median) = self.median else {
            return String::new();
        };
        let ends = self.interval.or(self.quartiles).unwrap_or((0.0, 0.0));
        let width = (ends.1 - ends.0) / 100.0 * median;
        grouped(&beside(value, median, width))
    }

    /// The figure that lies so many percent from the median.
    fn figure_at(&self, distance: f64) -> String {
        let median = self.median.unwrap_or(0.0);
        self.figure(median * (1.0 + distance / 100.0))
    }
}

fn percent_from(value: f64, median: f64) -> f64 {
    100.0 * (value / median - 1.0)
}

/// The value below which this share of the sorted ones lies, between two of them where that is needed (type 7 of Hyndman and Fan).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len().saturating_sub(1)) as f64;
    let below = at.floor() as usize;
    let get = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let (low, high) = (get(below), get(at.ceil() as usize));
    low + (at - below as f64) * (high - low)
}

/// What the marks mean, only those that there are.
fn legend(sheet: &mut Sheet, strips: &[Strip]) {
    let y = sheet.y + SMALL_SIZE / 2;
    let mut x = MARGIN + 6;
    let mut entry = |scene: &mut Scene, width: i32, words: &str| {
        let text = Text::new(words, (x + width, y), SMALL_SIZE);
        let at = (x, y);
        x = text.extent().1 + 22;
        scene.text(text);
        at
    };
    let scene = &mut sheet.scene;
    let at = entry(scene, 12, "a sample, the first on top");
    scene.dot(at, 3, palette::BLUE);
    if strips.iter().any(|strip| strip.quartiles.is_some()) {
        let (x, y) = entry(scene, 30, "middle half");
        scene.marks.push(Mark::Rect {
            from: (x - 4, y - 5),
            to: (x + 22, y + 5),
            color: palette::PALE_BLUE,
        });
    }
    if strips.iter().any(|strip| strip.interval.is_some()) {
        let (x, y) = entry(scene, 30, "median's 95 % interval");
        scene.line((x - 4, y), (x + 22, y), 4, palette::INK);
    }
    if strips.iter().any(|strip| strip.failed() > 0) {
        let at = entry(scene, 12, "INVALID");
        scene.cross(at, 4, palette::VERMILLION);
    }
    sheet.y += 26;
}

/// Where the marks of a strip are.
struct Places {
    /// Of the samples that are drawn, by their indices.
    samples: Vec<(usize, Point)>,
    /// Of the median in the box.
    median: Point,
}

fn draw(sheet: &mut Sheet, strip: &Strip, label: &str, scale: &Scale) -> Places {
    heading(sheet, strip, label);
    let scene = &mut sheet.scene;
    let top = sheet.y;
    let box_y = top + STRIP + 4 + BOX / 2;
    scene.marks.extend(scale.grid((top, box_y + BOX / 2 + 4)));
    let samples = draw_samples(scene, strip, top, scale);
    if let Some((low, high)) = strip.quartiles {
        scene.marks.push(Mark::Rect {
            from: (scale.clamped(low), box_y - BOX / 2),
            to: (scale.clamped(high), box_y + BOX / 2),
            color: palette::PALE_BLUE,
        });
    }
    if let Some((low, high)) = strip.interval {
        let ends = (scale.clamped(low), scale.clamped(high));
        scene.line((ends.0, box_y), (ends.1, box_y), 4, palette::INK);
    }
    let x = scale.clamped(0.0);
    if strip.median.is_some() {
        scene.line(
            (x, box_y - BOX / 2 - 2),
            (x, box_y + BOX / 2 + 2),
            3,
            palette::INK,
        );
    }
    sheet.y = box_y + BOX / 2 + GAP;
    Places {
        samples,
        median: (x, box_y),
    }
}

/// What the box says and, where there are not too many, what each sample does.
fn tell(scene: &mut Scene, strip: &Strip, label: &str, places: &Places, with_samples: bool) {
    let unit = strip.rate.unit;
    let count = strip.case.samples.len();
    for (index, place) in places.samples.iter().filter(|_| with_samples) {
        let sample = &strip.case.samples[*index];
        let hint = Hint::of(&[label, &format!("sample {} of {count}", index + 1)]);
        let hint = match strip.distance(sample) {
            Some(distance) => hint
                .value(&strip.figure(strip.rate.of_sample(sample)), unit, None)
                .also(&from_median(distance)),
            None => hint,
        };
        let hint = if sample.verification.passed {
            hint
        } else {
            hint.also("INVALID")
        };
        scene.hint(*place, hint.sentence());
    }
    let Some(median) = strip.median else { return };
    let ends = strip
        .interval
        .map(|(low, high)| (strip.figure_at(low), strip.figure_at(high)));
    let quartiles = strip.quartiles.map_or_else(String::new, |(low, high)| {
        format!(
            "middle half {} to {}",
            strip.figure_at(low),
            strip.figure_at(high)
        )
    });
    let failed = match strip.failed() {
        0 => String::new(),
        failed => format!("{failed} INVALID"),
    };
    let hint = Hint::of(&[label, &format!("median of {}", counted(count, "sample"))])
        .value(&strip.figure(median), unit, ends)
        .also(&quartiles)
        .also(&failed);
    scene.hint(places.median, hint.sentence());
}

/// What the case is, and its median.
fn heading(sheet: &mut Sheet, strip: &Strip, label: &str) {
    let y = sheet.y + HEADING / 2;
    let unit = strip.rate.unit;
    let mut figures = match strip.median {
        Some(median) => format!("median {} {unit}", strip.figure(median)),
        None => "no median".to_owned(),
    };
    if let Some((low, high)) = strip.quartiles {
        figures = format!("{figures}, middle half {} wide", percent(high - low));
    }
    let count = strip.case.samples.len();
    figures = format!("{figures}, {}", counted(count, "sample"));
    if strip.failed() > 0 {
        figures = format!("{figures}, {} INVALID", strip.failed());
    }
    let color = if strip.failed() > 0 {
        palette::VERMILLION_TEXT
    } else {
        palette::GREY
    };
    let room = WIDTH - 2 * MARGIN;
    let figures = font::ellipsized(&figures, SMALL_SIZE, room);
    let label = font::clean(label);
    let taken = font::width(&label, TEXT_SIZE) + font::width(&figures, SMALL_SIZE) + 14;
    if !label.is_empty() {
        let label = font::shortened(&label, TEXT_SIZE, room);
        let text = Text::new(label, (MARGIN, y), TEXT_SIZE);
        sheet.scene.text(text.colored(palette::INK));
    }
    let text = if label.is_empty() {
        Text::new(figures, (MARGIN, y), SMALL_SIZE)
    } else if taken <= room {
        Text::new(figures, (WIDTH - MARGIN, y), SMALL_SIZE).anchored(Anchor::End)
    } else {
        // Below it: a label that is cut would not tell the cases apart.
        sheet.y += HEADING;
        Text::new(figures, (MARGIN, y + HEADING), SMALL_SIZE)
    };
    sheet.scene.text(text.colored(color));
    sheet.y += HEADING;
}

/// The samples from the top down in their order: what drifts leans to one side. Returns where they are.
fn draw_samples(scene: &mut Scene, strip: &Strip, top: i32, scale: &Scale) -> Vec<(usize, Point)> {
    let mut places = Vec::new();
    let samples = &strip.case.samples;
    let stride = strip.stride();
    let radius = if samples.len() <= 60 { 3 } else { 2 };
    let last = samples.len().saturating_sub(1).max(1);
    for (index, sample) in samples.iter().enumerate() {
        let has_failed = !sample.verification.passed;
        if !index.is_multiple_of(stride) && !has_failed {
            continue;
        }
        let y = top + 3 + (index as f64 / last as f64 * f64::from(STRIP - 6)).round() as i32;
        let color = if has_failed {
            palette::VERMILLION
        } else {
            palette::BLUE
        };
        let x = match strip.distance(sample) {
            Some(distance) => {
                let x = scale.clamped(distance);
                match scale.x(distance) {
                    Some(_) if has_failed => scene.cross((x, y), 4, color),
                    Some(_) => scene.dot((x, y), radius, color),
                    None => beyond(scene, (x, y), distance > 0.0, color),
                }
                x
            }
            None if has_failed => {
                scene.cross((LANE.0, y), 4, color);
                LANE.0
            }
            None => continue,
        };
        places.push((index, (x, y)));
    }
    places
}

fn description(record: &Record, cases: &[Case], strips: &[Strip]) -> String {
    const TOLD_MAX: usize = 20;
    let labels = cases.iter().map(case_title);
    let sentences = labels.zip(strips).take(TOLD_MAX).map(|(label, strip)| {
        let figures = strip.median.map_or_else(
            || "no median".to_owned(),
            |median| format!("median {} {}", strip.figure(median), strip.rate.unit),
        );
        let middle = strip.quartiles.map_or_else(String::new, |(low, high)| {
            let [low, high] = [low, high].map(difference);
            format!(", the middle half from {low} % to {high} %")
        });
        let failed = match strip.failed() {
            0 => String::new(),
            failed => format!(", {failed} INVALID"),
        };
        let samples = counted(strip.case.samples.len(), "sample");
        format!("{label}: {figures}{middle}, {samples}{failed}")
    });
    let sentences: Vec<String> = sentences.collect();
    format!(
        "Samples on {}. {}.",
        told(&record.host.hostname),
        sentences.join(". ")
    )
}

fn case_title(case: &Case) -> String {
    let threads = crate::text::threads(case);
    let n = grouped(&case.n.to_string());
    let blas = case
        .blas
        .as_ref()
        .map_or_else(String::new, |blas| format!(", {blas}"));
    told(&format!(
        "{}, n = {n}, {}, {threads}{blas}",
        case.kernel, case.dtype
    ))
}

fn table(cases: &[Case], strips: &[Strip]) -> Table {
    const ROWS_MAX: usize = 200;
    let mut table = Table::new(&[
        "case",
        "unit",
        "#median",
        "95 % interval",
        "#lower quartile",
        "#upper quartile",
        "#slowest",
        "#fastest",
        "#samples",
        "#INVALID",
    ]);
    for (case, strip) in cases.iter().zip(strips).take(ROWS_MAX) {
        let passed = || {
            case.samples
                .iter()
                .filter(|sample| sample.verification.passed)
        };
        let rates = || {
            passed()
                .map(|sample| strip.rate.of_sample(sample))
                .filter(|it| it.is_finite())
        };
        let figure =
            |value: Option<f64>| value.map_or_else(String::new, |value| strip.figure(value));
        let [lower, upper] = [|ends: (f64, f64)| ends.0, |ends: (f64, f64)| ends.1].map(|end| {
            strip
                .quartiles
                .map_or_else(String::new, |ends| strip.figure_at(end(ends)))
        });
        table.row([
            case_title(case),
            strip.rate.unit.to_owned(),
            figure(strip.median),
            strip.interval.map_or_else(String::new, |(low, high)| {
                format!("{} to {}", strip.figure_at(low), strip.figure_at(high))
            }),
            lower,
            upper,
            figure(rates().reduce(f64::min)),
            figure(rates().reduce(f64::max)),
            case.samples.len().to_string(),
            strip.failed().to_string(),
        ]);
    }
    table
}
