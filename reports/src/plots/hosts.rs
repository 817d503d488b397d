//! Hosts ranked: the figure of each with its interval, on an axis that begins at zero, so that twice as long is twice as fast.
//!
//! One picture for each work that several hosts have done. A host stands there once, with its fastest setting. A pale bar reaches to the peak
//! that was measured beside the figure: what is left of it is what the host did not make of itself.

use std::cmp::Reverse;
use std::collections::HashMap;

use results::comparability::{Means, Work};
use results::grade::Grade;
use results::survey::Survey;

use super::best::{Best, by_work, interval_kinds, work_title};
use super::hint::share_in_words;
use super::host_names::HostNames;
use super::layout::{beyond, tick_labels, whisker, within};
use super::names::{brief, told};
use super::points::side_name;
use super::sheet::{MARGIN, SMALL_SIZE, Sheet, TEXT_SIZE, WIDTH};
use crate::compare::means_in_words;
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::counted;
use crate::plot::axis::Axis;
use crate::plot::scene::{Anchor, Mark, Point, Scene, Text};
use crate::plot::{font, palette};
use crate::slugs::named_apart;

/// Pictures, of the works that most hosts have done.
const FIGURES_MAX: usize = 6;
/// Hosts in a picture: more are a list.
const HOSTS_MAX: usize = 30;
/// Hosts in its table.
const TABLE_MAX: usize = 200;

/// Where names begin and how much room they have at the most.
const NAME_X: i32 = MARGIN + 22;
const NAME_ROOM: i32 = 196;
/// The columns of figures at the right.
const SHARE_RIGHT: i32 = WIDTH - MARGIN;
const SHARE_WIDTH: i32 = 74;
const VALUE_WIDTH: i32 = 76;
const REFERENCE: &str = "reference";

/// One picture for each work that at least two hosts have done, those with the most hosts first.
///
/// # Errors
///
/// [`Missing`] when no two hosts have done the same work.
pub fn figures(survey: &Survey) -> Figures {
    let mut works: Vec<(&Work, Vec<Best>)> = by_work(survey)
        .into_iter()
        .filter(|(_, hosts)| hosts.len() > 1)
        .collect();
    if works.is_empty() {
        return Err(Missing(
            "no two hosts have a verified figure for the same kernel, size and type".to_owned(),
        ));
    }
    // Among works of as many hosts the larger ones come first, since they say most about a machine, but first one of each kernel and type.
    works.sort_by_key(|(work, hosts)| (Reverse(hosts.len()), Reverse(work.n)));
    let mut seen: HashMap<(usize, &str, &str), usize> = HashMap::new();
    let mut turns = Vec::new();
    for (work, hosts) in works {
        let turn = seen
            .entry((hosts.len(), &work.kernel, &work.dtype))
            .or_insert(0);
        turns.push((*turn, work, hosts));
        *turn += 1;
    }
    turns.sort_by_key(|(turn, _, hosts)| (Reverse(hosts.len()), *turn));
    let mut works: Vec<(&Work, Vec<Best>)> = turns
        .into_iter()
        .map(|(_, work, hosts)| (work, hosts))
        .collect();
    let left_out = works.len().saturating_sub(FIGURES_MAX);
    works.truncate(FIGURES_MAX);
    let last = works.len() - 1;
    let figures = works.iter().enumerate().map(|(index, (work, hosts))| {
        let left_out = if index == last { left_out } else { 0 };
        figure(survey, work, hosts, left_out)
    });
    Ok(named_apart(figures.collect()))
}

fn figure(survey: &Survey, work: &Work, hosts: &[Best], works_left_out: usize) -> Figure {
    let shown = shown(survey, hosts);
    let common = common_means(&shown);
    let subtitle = match common {
        Some(means) => format!("all with {}", means_in_words(means)),
        None => "each host with its fastest setting".to_owned(),
    };
    let mut sheet = Sheet::titled(&format!("Hosts at {}", work_title(work)), &subtitle);
    let sides: Vec<usize> = shown.iter().map(|(_, best)| best.row.side).collect();
    let names = HostNames::of(survey, &sides);
    let reference = survey.comparison.reference;
    let lane = Lane::of(
        &shown,
        name_room(&names, &shown, common.is_none(), reference),
    );
    lane.header(&mut sheet);
    let top = sheet.y;
    let height = if common.is_some() { 27 } else { 42 };
    let bottom = top + height * i32::try_from(shown.len()).unwrap_or(0);
    lane.grid(&mut sheet.scene, (top, bottom));
    for (rank, best) in &shown {
        let y = sheet.y + 13;
        let name = names.name(best.row.side);
        draw_name(
            &mut sheet.scene,
            y,
            (*rank, name, best.row.side == reference),
            lane.name_room(),
        );
        if common.is_none() {
            draw_means(&mut sheet.scene, y + 17, best, lane.name_room());
        }
        let at = lane.draw(&mut sheet.scene, y, best);
        let hint = best.hint(&[&side_name(survey, best.row.side)]);
        sheet.scene.hint(at, hint.sentence());
        sheet.y += height;
    }
    lane.axis(&mut sheet);
    caption(&mut sheet, &names, &shown);
    if hosts.len() > shown.len() {
        let more = counted(hosts.len() - shown.len(), "more host");
        sheet.caption(&format!("{more} not drawn: the table goes on."));
    }
    if works_left_out > 0 {
        let cases = counted(works_left_out, "more case");
        sheet.caption(&format!("{cases} of several hosts not drawn."));
    }
    let n = work.n.to_string();
    sheet.finish(
        ["hosts", &work.kernel, &n, &work.dtype].join(" "),
        &description(survey, work, hosts),
        table(survey, hosts),
    )
}

/// The hosts that find room, each with its rank, the reference always among them. INVALID figures have no rank.
fn shown<'a>(survey: &Survey, hosts: &[Best<'a>]) -> Vec<(Option<usize>, Best<'a>)> {
    let ranked = hosts.iter().enumerate().map(|(index, best)| {
        let rank = (!best.is_invalid()).then_some(index + 1);
        (rank, *best)
    });
    let mut shown: Vec<(Option<usize>, Best)> = ranked.collect();
    let is_reference =
        |(_, best): &(Option<usize>, Best)| best.row.side == survey.comparison.reference;
    let reference = shown.iter().skip(HOSTS_MAX).find(|it| is_reference(it));
    let reference = reference.copied();
    shown.truncate(HOSTS_MAX);
    if let (Some(reference), Some(last)) = (reference, shown.last_mut()) {
        *last = reference;
    }
    shown
}

/// By what all of them computed it.
fn common_means<'a>(shown: &[(Option<usize>, Best<'a>)]) -> Option<&'a Means> {
    let first = &shown.first()?.1.row.means;
    let is_common = shown
        .iter()
        .all(|(_, best)| means_in_words(&best.row.means) == means_in_words(first));
    is_common.then_some(first)
}

/// The room that names, and where they are told the settings, take.
fn name_room(
    names: &HostNames,
    shown: &[(Option<usize>, Best)],
    with_settings: bool,
    reference: usize,
) -> i32 {
    let sign = font::width(REFERENCE, SMALL_SIZE) + 8;
    let of_reference = font::width(names.name(reference), TEXT_SIZE) + sign;
    let settings = shown.iter().filter(|_| with_settings).map(|(_, best)| {
        font::width(
            &font::shortened(&setting(&best.row.means), SMALL_SIZE, NAME_ROOM),
            SMALL_SIZE,
        )
    });
    let room = settings.max().unwrap_or(0);
    room.max(of_reference)
        .max(names.width(TEXT_SIZE, NAME_ROOM))
        .min(NAME_ROOM)
}

/// A host's rank, its name, and whether it is the reference.
fn draw_name(scene: &mut Scene, y: i32, host: (Option<usize>, &str, bool), room: i32) {
    let (rank, name, is_reference) = host;
    if let Some(rank) = rank {
        let at = (NAME_X - 6, y);
        scene.text(Text::new(rank.to_string(), at, SMALL_SIZE).anchored(Anchor::End));
    }
    let room = if is_reference {
        room - font::width(REFERENCE, SMALL_SIZE) - 8
    } else {
        room
    };
    let name = font::shortened(name, TEXT_SIZE, room);
    let text = Text::new(name, (NAME_X, y), TEXT_SIZE).colored(palette::INK);
    let end = text.extent().1;
    scene.text(text);
    if is_reference {
        let text = Text::new(REFERENCE, (end + 8, y), SMALL_SIZE);
        scene.text(text.colored(palette::BLUE_TEXT));
    }
}

fn draw_means(scene: &mut Scene, y: i32, best: &Best, room: i32) {
    let words = font::shortened(&setting(&best.row.means), SMALL_SIZE, room);
    scene.text(Text::new(words, (NAME_X, y), SMALL_SIZE));
}

/// What people choose of the means; the table has the rest.
fn setting(means: &Means) -> String {
    let threads = counted(means.threads, "thread");
    font::clean(&format!("{threads}, {}", means.blas))
}

/// What the lanes of all hosts share: one axis, and whether there is a column for the share of the peak.
struct Lane {
    axis: Axis,
    unit: &'static str,
    has_shares: bool,
    /// Where zero and the last tick are.
    x: (i32, i32),
}

impl Lane {
    fn of(shown: &[(Option<usize>, Best)], name_room: i32) -> Lane {
        let values = shown.iter().flat_map(|(_, best)| {
            let interval = best.interval().map(|(_, high)| high);
            [Some(best.value), interval, best.peak()]
        });
        let has_shares = shown
            .iter()
            .any(|(_, best)| best.row.percent_of_peak.is_some());
        let figures = VALUE_WIDTH + if has_shares { SHARE_WIDTH } else { 0 };
        Lane {
            axis: Axis::from_zero(values.flatten()),
            unit: shown.first().map_or("GFLOPS", |(_, best)| best.rate.unit),
            has_shares,
            x: (NAME_X + name_room + 12, WIDTH - MARGIN - figures - 14),
        }
    }

    fn name_room(&self) -> i32 {
        self.x.0 - 12 - NAME_X
    }

    fn value_right(&self) -> i32 {
        SHARE_RIGHT - if self.has_shares { SHARE_WIDTH } else { 0 }
    }

    /// What the columns of figures hold.
    fn header(&self, sheet: &mut Sheet) {
        let y = sheet.y + SMALL_SIZE / 2;
        let title = |x: i32, text: &str| Text::new(text, (x, y), SMALL_SIZE).anchored(Anchor::End);
        sheet.scene.text(title(self.value_right(), self.unit));
        if self.has_shares {
            sheet.scene.text(title(SHARE_RIGHT, "of peak"));
        }
        sheet.y += 20;
    }

    fn grid(&self, scene: &mut Scene, (top, bottom): (i32, i32)) {
        for (value, _) in &self.axis.ticks {
            if let Some(x) = self.axis.position(*value, self.x) {
                let color = if *value == 0.0 {
                    palette::AXIS
                } else {
                    palette::GRID
                };
                scene.line((x, top), (x, bottom), 1, color);
            }
        }
    }

    /// Draws a host's figures. Returns where its mark is.
    fn draw(&self, scene: &mut Scene, y: i32, best: &Best) -> Point {
        let position = |value: f64| self.axis.position(value, self.x);
        if let Some(x) = best.peak().and_then(position) {
            scene.marks.push(Mark::Rect {
                from: (self.x.0, y - 5),
                to: (x, y + 5),
                color: palette::BAND,
            });
            scene.line((x, y - 8), (x, y + 8), 2, palette::AXIS);
        }
        let mark = position(best.value);
        if let Some(x) = mark {
            scene.line((self.x.0, y), (x, y), 1, palette::BLUE);
            let ends = best
                .interval()
                .and_then(|(low, high)| Some((position(low)?, position(high)?)));
            // An interval that is hidden by its dot is not drawn.
            if let Some(ends) = ends.filter(|(from, to)| to - from > 8) {
                whisker(scene, ends, y, palette::BLUE);
            }
            graded(scene, (x, y), best.row.grade);
        } else {
            beyond(scene, (self.x.1, y), true, palette::BLUE);
        }
        let figure = within(best.figure(best.value), best.value, TEXT_SIZE, VALUE_WIDTH);
        let figure = Text::new(figure, (self.value_right(), y), TEXT_SIZE);
        scene.text(figure.colored(palette::INK).anchored(Anchor::End));
        if let Some(share) = best.row.percent_of_peak {
            let text = Text::new(share_in_words(share), (SHARE_RIGHT, y), TEXT_SIZE);
            scene.text(text.anchored(Anchor::End));
        }
        (mark.unwrap_or(self.x.1), y)
    }

    fn axis(&self, sheet: &mut Sheet) {
        let y = sheet.y;
        let scene = &mut sheet.scene;
        scene.line((self.x.0, y), (self.x.1, y), 1, palette::AXIS);
        let ticks = self.axis.ticks.iter().filter_map(|(value, label)| {
            Some((self.axis.position(*value, self.x)?, label.clone()))
        });
        let ticks: Vec<(i32, String)> = ticks.collect();
        for (x, _) in &ticks {
            scene.line((*x, y), (*x, y + 5), 1, palette::AXIS);
        }
        tick_labels(scene, y + 15, &ticks);
        let unit = Text::new(self.unit, (self.x.1 + 14, y + 15), SMALL_SIZE);
        // The last label may reach beyond the lane.
        let after_labels = ticks
            .last()
            .map_or(0, |(x, label)| x + font::width(label, SMALL_SIZE) / 2 + 10);
        let at = (unit.at.0.max(after_labels), unit.at.1);
        scene.text(Text { at, ..unit });
        sheet.y = y + 34;
    }
}

/// A mark that says by its shape how far the figure can be relied upon.
fn graded(scene: &mut Scene, (x, y): Point, grade: Grade) {
    match grade {
        Grade::Valid => {
            scene.dot((x, y), 6, palette::WHITE);
            scene.dot((x, y), 5, palette::BLUE);
        }
        Grade::Quick => {
            scene.dot((x, y), 6, palette::BLUE);
            scene.dot((x, y), 3, palette::WHITE);
        }
        Grade::Invalid => scene.cross((x, y), 5, palette::VERMILLION),
    }
}

/// What the marks mean, only those that there are.
fn caption(sheet: &mut Sheet, names: &HostNames, shown: &[(Option<usize>, Best)]) {
    let has = |grade: Grade| shown.iter().any(|(_, best)| best.row.grade == grade);
    let mut x = MARGIN + 6;
    let y = sheet.y + SMALL_SIZE / 2;
    let entries = [
        (Grade::Valid, "VALID"),
        (Grade::Quick, "QUICK: not sure to be found again"),
        (Grade::Invalid, "INVALID: not what it does, no rank"),
    ];
    let all_valid = shown.iter().all(|(_, best)| best.row.grade == Grade::Valid);
    let entries = entries
        .into_iter()
        .filter(|(grade, _)| has(*grade) && !all_valid);
    for (grade, words) in entries {
        graded(&mut sheet.scene, (x, y), grade);
        let text = Text::new(words, (x + 12, y), SMALL_SIZE);
        x = text.extent().1 + 24;
        sheet.scene.text(text);
    }
    if !all_valid {
        sheet.y += SMALL_SIZE + 8;
    }
    let best: Vec<Best> = shown.iter().map(|(_, best)| *best).collect();
    let mut words = "Median of each host's runs.".to_owned();
    let kinds = interval_kinds(&best);
    if !kinds.is_empty() {
        words = format!("{words} Intervals: {}.", kinds.join("; "));
    }
    if best.iter().any(|best| best.peak().is_some()) {
        words.push_str(
            " Pale bars end at the peak of multiply-adds that was measured in the same runs.",
        );
    }
    let runs: usize = best.iter().map(|best| best.row.runs).sum();
    let grade = if all_valid { ", all VALID" } else { "" };
    words = format!(
        "{words} {}, {}{grade}.",
        counted(best.len(), "host"),
        counted(runs, "run")
    );
    if !names.domain.is_empty() {
        words = format!("{words} All names end in {}.", brief(&names.domain));
    }
    sheet.caption(&words);
}

fn description(survey: &Survey, work: &Work, hosts: &[Best]) -> String {
    let label = |best: &Best| brief(&survey.comparison.sides[best.row.side].label);
    let told = |best: &Best| {
        let figure = best.figure(best.value);
        let share = best.row.percent_of_peak.map_or_else(String::new, |share| {
            format!(", {} of its peak", share_in_words(share))
        });
        format!("{} with {figure} {}{share}", label(best), best.rate.unit)
    };
    let title = work_title(work);
    let count = counted(hosts.len(), "host");
    let valid: Vec<&Best> = hosts.iter().filter(|best| !best.is_invalid()).collect();
    let invalid = hosts.len() - valid.len();
    let ranking = match valid[..] {
        [] => "none has a figure that can be relied upon".to_owned(),
        [one] => format!("only {} is not INVALID", told(one)),
        [first, .., last] => {
            let times = first.value / last.value;
            // Beyond all reason there is no ratio to tell.
            let times = Some(times).filter(|times| *times < 1e6);
            let times =
                times.map_or_else(String::new, |times| format!("; the ratio is {times:.2}"));
            format!(
                "the fastest is {}; the slowest is {}{times}",
                told(first),
                told(last)
            )
        }
    };
    let invalid = match invalid {
        0 => String::new(),
        count => format!("; {} INVALID", counted(count, "figure")),
    };
    format!("{count} at {title}: {ranking}{invalid}.")
}

fn table(survey: &Survey, hosts: &[Best]) -> Table {
    let unit = hosts.first().map_or("GFLOPS", |best| best.rate.unit);
    let mut table = Table::new(&[
        "#rank",
        "host",
        &format!("#median ({unit})"),
        &format!("interval ({unit})"),
        &format!("#measured peak ({unit})"),
        "#of peak",
        "#runs",
        "grade",
        "threads and library",
    ]);
    for (index, best) in hosts.iter().take(TABLE_MAX).enumerate() {
        let rank = if best.is_invalid() {
            String::new()
        } else {
            (index + 1).to_string()
        };
        table.row([
            rank,
            told(&survey.comparison.sides[best.row.side].label),
            best.figure(best.value),
            best.interval_words(),
            best.peak()
                .map_or_else(String::new, |peak| best.figure(peak)),
            best.row
                .percent_of_peak
                .map_or_else(String::new, share_in_words),
            best.row.runs.to_string(),
            best.row.grade.to_string(),
            told(&means_in_words(&best.row.means)),
        ]);
    }
    table
}
