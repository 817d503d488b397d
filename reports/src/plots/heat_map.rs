//! Hosts by sizes, with the figures in the cells: which host is good at what, and where something is missing.
//!
//! Lightness says what part of its measured peak a host reached, so that a small machine that is used well is as dark as a large one. Where
//! not every figure has a peak, it says what part of the column's best it is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use plotters::style::RGBColor;
use results::comparability::Work;
use results::survey::Survey;

use super::best::{Best, by_work, variant};
use super::hint::Hint;
use super::host_names::HostNames;
use super::names::{brief, told};
use super::points::side_name;
use super::sheet::{MARGIN, SMALL_SIZE, Sheet, TEXT_SIZE, WIDTH};
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::{counted, grouped, percent};
use crate::plot::scene::{Anchor, Mark, Scene, Text};
use crate::plot::{font, palette};
use crate::slugs::named_apart;

/// Pictures, of the kernels and types that most hosts and sizes have.
const FIGURES_MAX: usize = 8;
/// Columns and rows of a picture.
const SIZES_MAX: usize = 10;
const HOSTS_MAX: usize = 30;
/// Rows of its table.
const TABLE_MAX: usize = 200;

/// Of two lines while the hosts are few.
const ROOMY_MAX: usize = 16;
const CELL_WIDTH_MAX: i32 = 96;
const CELL_WIDTH_MIN: i32 = 47;
/// Names have at least this much room.
const NAME_ROOM_MIN: i32 = 60;

/// From these shares on, in percent, cells are darker.
const LIMITS: [f64; 6] = [40.0, 50.0, 60.0, 70.0, 80.0, 90.0];

/// A picture for each kernel and type: those with the most figures first.
///
/// # Errors
///
/// [`Missing`] when no kernel and type has several hosts and several sizes.
pub fn figures(survey: &Survey) -> Figures {
    let mut tables: BTreeMap<Kind, Grid> = BTreeMap::new();
    for (work, hosts) in by_work(survey) {
        let grid = tables.entry(Kind::of(work)).or_default();
        for best in hosts {
            grid.cells.insert((best.row.side, work.n), best);
        }
    }
    let mut tables: Vec<(Kind, Grid)> = tables
        .into_iter()
        .filter(|(_, grid)| grid.sizes().len() > 1 && grid.sides().len() > 1)
        .collect();
    if tables.is_empty() {
        return Err(Missing(
            "no kernel has verified figures of several hosts at several sizes".to_owned(),
        ));
    }
    tables.sort_by_key(|(_, grid)| Reverse(grid.cells.len()));
    tables.truncate(FIGURES_MAX);
    let figures = tables.iter().map(|(kind, grid)| figure(survey, kind, grid));
    Ok(named_apart(figures.collect()))
}

/// What one picture is of: a work without its size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    kernel: &'a str,
    dtype: &'a str,
    variant: String,
}

impl<'a> Kind<'a> {
    fn of(work: &'a Work) -> Kind<'a> {
        Kind {
            kernel: &work.kernel,
            dtype: &work.dtype,
            variant: variant(work),
        }
    }

    fn title(&self) -> String {
        format!("{}, {}{}", self.kernel, self.dtype, self.variant)
    }
}

/// The figures of one kind, by side and size.
#[derive(Default)]
struct Grid<'a> {
    cells: BTreeMap<(usize, usize), Best<'a>>,
}

impl Grid<'_> {
    fn sizes(&self) -> Vec<usize> {
        let sizes: BTreeSet<usize> = self.cells.keys().map(|(_, n)| *n).collect();
        sizes.into_iter().collect()
    }

    /// The sides, from the one that is fastest at the largest size to the one that is slowest at the smallest.
    fn sides(&self) -> Vec<usize> {
        let sides: BTreeSet<usize> = self.cells.keys().map(|(side, _)| *side).collect();
        let largest = |side: usize| {
            let of_side = self.cells.range((side, 0)..=(side, usize::MAX));
            of_side
                .last()
                .map_or((0, 0.0), |((_, n), best)| (*n, best.value))
        };
        let mut sides: Vec<usize> = sides.into_iter().collect();
        sides.sort_by(|a, b| {
            let (a, b) = (largest(*a), largest(*b));
            b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
        });
        sides
    }

    /// The best figure of a size that is not INVALID.
    fn best_of(&self, n: usize) -> Option<f64> {
        let column = self
            .cells
            .iter()
            .filter(|((_, size), best)| *size == n && !best.is_invalid());
        column.map(|(_, best)| best.value).reduce(f64::max)
    }

    /// Whether every figure has a measured peak to be held against.
    fn has_peaks(&self) -> bool {
        self.cells
            .values()
            .all(|best| best.row.percent_of_peak.is_some())
    }

    /// What a cell's lightness says, in percent.
    fn share(&self, (side, n): (usize, usize)) -> Option<f64> {
        let best = self.cells.get(&(side, n))?;
        if self.has_peaks() {
            best.row.percent_of_peak
        } else {
            let share = 100.0 * (best.value / self.best_of(n)?);
            share.is_finite().then_some(share)
        }
    }
}

/// Figures of one picture in one unit, of three digits each: they have to find room in cells.
struct Scale {
    unit: &'static str,
    factor: f64,
}

impl Scale {
    fn of(grid: &Grid) -> Scale {
        let values = || grid.cells.values().map(|best| best.value);
        let (least, most) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(0.0, f64::max),
        );
        let counts_bytes = grid.cells.values().any(|best| best.rate.unit == "GB/s");
        let (unit, factor) = match (counts_bytes, most >= 9999.5) {
            (false, false) => ("GFLOPS", 1.0),
            (false, true) => ("TFLOPS", 1e-3),
            (true, false) => ("GB/s", 1.0),
            (true, true) => ("TB/s", 1e-3),
        };
        // Small ones keep their digits as long as the large ones find room.
        if most >= 9999.5 && least * factor < 0.01 && most < 99_999.5 {
            let unit = if counts_bytes { "GB/s" } else { "GFLOPS" };
            return Scale { unit, factor: 1.0 };
        }
        Scale { unit, factor }
    }

    fn figure(&self, value: f64) -> String {
        let value = self.factor * value;
        match value {
            _ if value >= 99_999.5 => format!("{value:.0e}"),
            _ if value >= 99.95 => format!("{value:.0}"),
            _ if value >= 9.995 => format!("{value:.1}"),
            _ if value >= 0.0095 => format!("{value:.2}"),
            _ => format!("{value:.0e}"),
        }
    }
}

/// Where things are.
struct Place {
    name_room: i32,
    cell: (i32, i32),
    is_roomy: bool,
}

impl Place {
    fn of(columns: usize, rows: usize, names: &HostNames) -> Place {
        let room = WIDTH - 2 * MARGIN;
        let columns = i32::try_from(columns).unwrap_or(1).max(1);
        let most = room - columns * CELL_WIDTH_MIN;
        let name_room = (names.width(TEXT_SIZE, most) + 14)
            .max(NAME_ROOM_MIN)
            .min(most);
        let width = ((room - name_room) / columns).clamp(CELL_WIDTH_MIN, CELL_WIDTH_MAX);
        let is_roomy = rows <= ROOMY_MAX;
        Place {
            name_room,
            cell: (width, if is_roomy { 42 } else { 24 }),
            is_roomy,
        }
    }

    fn left(&self, column: usize) -> i32 {
        MARGIN + self.name_room + self.cell.0 * i32::try_from(column).unwrap_or(0)
    }
}

fn figure(survey: &Survey, kind: &Kind, grid: &Grid) -> Figure {
    let (all_sizes, all_sides) = (grid.sizes(), grid.sides());
    let sizes = chosen(&all_sizes);
    let sides = &all_sides[..all_sides.len().min(HOSTS_MAX)];
    let scale = Scale::of(grid);
    let names = HostNames::of(survey, sides);
    let place = Place::of(sizes.len(), sides.len(), &names);
    let title = format!("Hosts by sizes: {}", kind.title());
    let subtitle = format!(
        "{} by each host's fastest setting; darker: {}",
        scale.unit,
        if grid.has_peaks() {
            "a larger part of its own measured peak"
        } else {
            "nearer to the best of its column"
        }
    );
    let mut sheet = Sheet::titled(&title, &subtitle);
    head(&mut sheet, &place, &sizes);
    for side in sides {
        let y = sheet.y + place.cell.1 / 2;
        let label = font::shortened(names.name(*side), TEXT_SIZE, place.name_room - 12);
        let text = Text::new(label, (MARGIN, y), TEXT_SIZE);
        sheet.scene.text(text.colored(palette::INK));
        for (column, n) in sizes.iter().enumerate() {
            let at = (place.left(column), sheet.y);
            draw_cell(&mut sheet.scene, &place, at, grid, (*side, *n), &scale);
            if let Some(hint) = hint(survey, grid, (*side, *n)) {
                let middle = (at.0 + place.cell.0 / 2, at.1 + place.cell.1 / 2);
                sheet.scene.hint(middle, hint.sentence());
            }
        }
        sheet.y += place.cell.1;
    }
    sheet.y += 12;
    legend(&mut sheet, grid, &all_sizes, &names.domain);
    left_out(
        &mut sheet,
        (all_sizes.len() - sizes.len(), all_sides.len() - sides.len()),
    );
    sheet.finish(
        ["heat-map", kind.kernel, kind.dtype, &kind.variant].join(" "),
        &description(survey, kind, grid, &all_sides),
        table(survey, grid, &all_sizes, &all_sides),
    )
}

/// A cell in words: its figure in full, and what its lightness says where that is no share of a peak.
fn hint(survey: &Survey, grid: &Grid, (side, n): (usize, usize)) -> Option<Hint> {
    let best = grid.cells.get(&(side, n))?;
    let of_column = grid.share((side, n));
    let of_column = of_column.filter(|_| !grid.has_peaks() && !best.is_invalid());
    let size = format!("n = {}", grouped(&n.to_string()));
    let hint = best.hint(&[&side_name(survey, side), &size]);
    Some(hint.share(of_column, "of the best at this size"))
}

/// So many of the sizes that there is room for, evenly chosen, the smallest and the largest among them.
fn chosen(sizes: &[usize]) -> Vec<usize> {
    if sizes.len() <= SIZES_MAX {
        return sizes.to_vec();
    }
    let last = sizes.len() - 1;
    let chosen = (0..SIZES_MAX).map(|index| sizes[index * last / (SIZES_MAX - 1)]);
    chosen.collect()
}

fn head(sheet: &mut Sheet, place: &Place, sizes: &[usize]) {
    let y = sheet.y + SMALL_SIZE / 2;
    let scene = &mut sheet.scene;
    let before = place.left(0) - 10;
    scene.text(Text::new("n =", (before, y), SMALL_SIZE).anchored(Anchor::End));
    for (column, n) in sizes.iter().enumerate() {
        let middle = place.left(column) + place.cell.0 / 2;
        let n = font::ellipsized(&size_in_words(*n), SMALL_SIZE, place.cell.0 - 2);
        scene.text(Text::new(n, (middle, y), SMALL_SIZE).anchored(Anchor::Middle));
    }
    sheet.y += 20;
}

/// For example `500`, `12.5k`, `2M`: what is not round stays as it is.
fn size_in_words(n: usize) -> String {
    match n {
        0..10_000 => n.to_string(),
        _ if n.is_multiple_of(1_000_000) => format!("{}M", n / 1_000_000),
        _ if n.is_multiple_of(1000) => format!("{}k", n / 1000),
        _ if n.is_multiple_of(100) => format!("{}.{}k", n / 1000, n % 1000 / 100),
        _ => n.to_string(),
    }
}

fn draw_cell(
    scene: &mut Scene,
    place: &Place,
    (left, top): (i32, i32),
    grid: &Grid,
    key: (usize, usize),
    scale: &Scale,
) {
    let (right, bottom) = (left + place.cell.0 - 2, top + place.cell.1 - 2);
    let middle = (i32::midpoint(left, right), i32::midpoint(top, bottom));
    let Some(best) = grid.cells.get(&key) else {
        let dash = Text::new("–", middle, SMALL_SIZE);
        scene.text(dash.anchored(Anchor::Middle));
        return;
    };
    let share = grid.share(key).filter(|_| !best.is_invalid());
    let (fill, letters) = match share {
        Some(share) => shade(share),
        None if best.is_invalid() => (palette::WHITE, palette::VERMILLION_TEXT),
        None => (palette::WHITE, palette::INK),
    };
    scene.marks.push(Mark::Rect {
        from: (left, top),
        to: (right, bottom),
        color: fill,
    });
    if best.is_invalid() {
        frame(scene, (left, top), (right, bottom), palette::VERMILLION);
    } else if grid.best_of(key.1) == Some(best.value) {
        frame(scene, (left, top), (right, bottom), palette::INK);
    }
    let figure = |content: String, y: i32, size: i32| {
        Text::new(content, (middle.0, y), size)
            .colored(letters)
            .anchored(Anchor::Middle)
    };
    let size = if place.cell.0 >= 52 {
        TEXT_SIZE
    } else {
        SMALL_SIZE
    };
    let second = match share {
        Some(share) => Some(short_percent(share)),
        None => best.is_invalid().then(|| "INVALID".to_owned()),
    };
    let second =
        second.filter(|words| place.is_roomy && font::width(words, SMALL_SIZE) <= place.cell.0 - 4);
    match second {
        Some(words) => {
            scene.text(figure(scale.figure(best.value), middle.1 - 9, size));
            scene.text(figure(words, middle.1 + 9, SMALL_SIZE));
        }
        None => scene.text(figure(scale.figure(best.value), middle.1, size)),
    }
}

/// A share in as few letters as a cell has room for.
fn short_percent(share: f64) -> String {
    if share < 999.5 {
        format!("{share:.0} %")
    } else {
        "> 999".to_owned()
    }
}

fn frame(scene: &mut Scene, from: (i32, i32), to: (i32, i32), color: RGBColor) {
    // Within its cell, so that it touches no other frame.
    let (from, to) = ((from.0 + 1, from.1 + 1), (to.0 - 1, to.1 - 1));
    scene.marks.push(Mark::Path {
        points: vec![from, (to.0, from.1), to, (from.0, to.1), from],
        width: 2,
        color,
    });
}

/// A cell's colour and that of its letters.
pub(super) fn shade(share: f64) -> (RGBColor, RGBColor) {
    /// Darker cells have light letters.
    const DARK_FROM: usize = 5;
    let step = LIMITS.iter().filter(|limit| share >= **limit).count();
    let letters = if step >= DARK_FROM {
        palette::HEAT_PAPER
    } else {
        palette::HEAT_INK
    };
    (palette::HEAT[step], letters)
}

/// The steps of lightness, and what else is marked.
fn legend(sheet: &mut Sheet, grid: &Grid, sizes: &[usize], domain: &str) {
    const SWATCH: i32 = 46;
    let y = sheet.y;
    let mut x = MARGIN;
    for (step, color) in palette::HEAT.iter().enumerate() {
        sheet.scene.marks.push(Mark::Rect {
            from: (x, y),
            to: (x + SWATCH - 2, y + 12),
            color: *color,
        });
        if let Some(limit) = step.checked_sub(1).and_then(|at| LIMITS.get(at)) {
            let at = (x - 1, y + 22);
            let text = Text::new(format!("{limit:.0}"), at, SMALL_SIZE);
            sheet.scene.text(text.anchored(Anchor::Middle));
        }
        x += SWATCH;
    }
    let words = if grid.has_peaks() {
        "% of the host's measured peak"
    } else {
        "% of the best of the column"
    };
    sheet
        .scene
        .text(Text::new(words, (x + 6, y + 6), SMALL_SIZE));
    sheet.y += 38;
    let mut words = String::new();
    let is_best = |((_, n), best): (&(usize, usize), &Best)| grid.best_of(*n) == Some(best.value);
    if grid.cells.iter().any(is_best) && grid.sides().len() > 1 {
        words.push_str("Framed: the best of its column. ");
    }
    if grid.cells.values().any(Best::is_invalid) {
        words.push_str("Framed in red: graded INVALID. ");
    }
    if grid.cells.len() < sizes.len() * grid.sides().len() {
        words.push_str("–: not measured. ");
    }
    if !grid.has_peaks() {
        words.push_str("Not every figure has a measured peak to be held against. ");
    }
    if !domain.is_empty() {
        words = format!("{words}All names end in {}.", brief(domain));
    }
    sheet.caption(words.trim_end());
}

fn left_out(sheet: &mut Sheet, (sizes, hosts): (usize, usize)) {
    let mut parts = Vec::new();
    if sizes > 0 {
        parts.push(counted(sizes, "more size"));
    }
    if hosts > 0 {
        parts.push(counted(hosts, "more host"));
    }
    if !parts.is_empty() {
        sheet.caption(&format!(
            "Not drawn: {}; the table goes on.",
            parts.join(", ")
        ));
    }
}

fn description(survey: &Survey, kind: &Kind, grid: &Grid, sides: &[usize]) -> String {
    let sizes = grid.sizes();
    let scale = Scale::of(grid);
    let mut text = format!(
        "{} at {} of {}, {} figures",
        counted(sides.len(), "host"),
        counted(sizes.len(), "size"),
        kind.title(),
        grid.cells.len()
    );
    let valid = || grid.cells.iter().filter(|(_, best)| !best.is_invalid());
    let label = |side: usize| brief(&survey.comparison.sides[side].label);
    if let Some(((side, n), best)) = valid().max_by(|a, b| a.1.value.total_cmp(&b.1.value)) {
        text = format!(
            "{text}. The highest is {} {} by {} at n = {}",
            scale.figure(best.value),
            scale.unit,
            label(*side),
            grouped(&n.to_string())
        );
    }
    if grid.has_peaks() {
        let share = |best: &Best| best.row.percent_of_peak.unwrap_or(0.0);
        let least = valid().min_by(|a, b| share(a.1).total_cmp(&share(b.1)));
        let most = valid().max_by(|a, b| share(a.1).total_cmp(&share(b.1)));
        if let (Some(least), Some(most)) = (least, most) {
            text = format!(
                "{text}. From {} of its peak ({}, n = {}) to {} ({}, n = {})",
                percent(share(least.1)),
                label(least.0.0),
                grouped(&least.0.1.to_string()),
                percent(share(most.1)),
                label(most.0.0),
                grouped(&most.0.1.to_string()),
            );
        }
    }
    text + "."
}

fn table(survey: &Survey, grid: &Grid, sizes: &[usize], sides: &[usize]) -> Table {
    const COLUMNS_MAX: usize = 60;
    let sizes = &sizes[..sizes.len().min(COLUMNS_MAX)];
    let scale = Scale::of(grid);
    let mut table = Table::new(&["host"]);
    for n in sizes {
        let n = grouped(&n.to_string());
        table
            .columns
            .push((format!("n = {n} ({})", scale.unit), true));
    }
    for side in sides.iter().take(TABLE_MAX) {
        let mut row = vec![told(&survey.comparison.sides[*side].label)];
        for n in sizes {
            let Some(best) = grid.cells.get(&(*side, *n)) else {
                row.push(String::new());
                continue;
            };
            let figure = scale.figure(best.value);
            row.push(match best.row.percent_of_peak {
                _ if best.is_invalid() => format!("{figure} INVALID"),
                Some(share) => format!("{figure} ({} of peak)", short_percent(share)),
                None => figure,
            });
        }
        table.rows.push(row);
    }
    table
}
