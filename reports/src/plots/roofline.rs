//! The rooflines of each host whose limits were measured: its cases under what its arithmetic and its memory allow.
//!
//! The formulas and their source are in [`model`].

mod axes;
mod model;
#[cfg(test)]
mod tests;

use results::survey::Survey;

use self::axes::Axes;
use self::model::{Dot, Model, Roof};
use super::hint::{self, HINTS_MAX, Hint};
use super::names::told;
use super::points::{self, Point, drawable, exact, figure};
use super::sheet::{MARGIN, SMALL_SIZE, Sheet, TEXT_SIZE, WIDTH};
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::{counted, grouped, percent};
use crate::plot::placer::{Placer, around};
use crate::plot::scene::{Anchor, Scene, Text};
use crate::plot::series::{SERIES_MAX, Style, style};
use crate::plot::{font, palette};
use crate::slugs::Slugs;

/// More pictures of one kind than this are not looked at.
const FIGURES_MAX: usize = 12;
/// Where the axes are.
const PLOT: (i32, i32) = (72, WIDTH - 20);
/// Room for a label.
const LABEL_ROOM: i32 = 300;
/// Letters of a name in a label.
const NAME_ROOM: i32 = 230;
/// Room for the mark before a name.
const NAME_MARK: i32 = 16;
/// Roofs that are drawn.
const ROOFS_MAX: usize = 6;
/// Cases that a description tells.
const DESCRIBED_MAX: usize = 12;

/// One figure for each host with measured limits and each type of elements, with the cases of as many threads as the fastest has.
///
/// # Errors
///
/// When no record has measured limits.
pub fn figures(survey: &Survey) -> Figures {
    let points = points::points(survey);
    let mut models: Vec<(usize, Model)> = Vec::new();
    let mut of_side: Vec<Vec<Point>> = vec![Vec::new(); survey.hosts.len()];
    for point in points {
        if let Some(own) = of_side.get_mut(point.row.side) {
            own.push(point);
        }
    }
    for (side, (host, own)) in survey.hosts.iter().zip(&of_side).enumerate() {
        let of_host = model::of(host, own).into_iter();
        models.extend(of_host.map(|model| (side, model)));
    }
    if models.is_empty() {
        return Err(Missing(
            "no record has measured limits (bench run measures them unless --no-peak is given)"
                .to_owned(),
        ));
    }
    // Hosts with cases first; of many hosts the fastest.
    let best = |model: &Model| model.dots.first().map_or(0.0, |dot| dot.gflops);
    if models.len() > FIGURES_MAX {
        models.sort_by(|a, b| best(&b.1).total_cmp(&best(&a.1)));
    }
    let mut slugs = Slugs::default();
    let more = models.len().saturating_sub(FIGURES_MAX);
    let last = models.len().min(FIGURES_MAX) - 1;
    let shown = models.iter().take(FIGURES_MAX).enumerate();
    Ok(shown
        .map(|(index, (side, model))| {
            let left_out = if index == last { more } else { 0 };
            of_host(survey, *side, model, left_out, &mut slugs)
        })
        .collect())
}

/// Cases of one kernel: the largest first.
struct Series<'m, 'a> {
    name: String,
    dots: Vec<&'m Dot<'a>>,
}

fn series<'m, 'a>(model: &'m Model<'a>) -> Vec<Series<'m, 'a>> {
    let blas = |dot: &Dot| dot.point.row.means.blas.clone();
    let has_libraries = model
        .dots
        .iter()
        .any(|dot| blas(dot) != blas(&model.dots[0]));
    let name = |dot: &Dot| {
        let title = dot.point.subject().kernel_title();
        if has_libraries {
            format!("{title}, {}", told(&blas(dot)))
        } else {
            title
        }
    };
    let mut all: Vec<Series> = Vec::new();
    // The fastest first: so are the series.
    for dot in &model.dots {
        let name = name(dot);
        match all.iter_mut().find(|series| series.name == name) {
            Some(series) => series.dots.push(dot),
            None => all.push(Series {
                name,
                dots: vec![dot],
            }),
        }
    }
    for series in &mut all {
        series
            .dots
            .sort_by_key(|dot| std::cmp::Reverse(dot.point.n()));
    }
    all
}

fn of_host(
    survey: &Survey,
    side: usize,
    model: &Model,
    left_out: usize,
    slugs: &mut Slugs,
) -> Figure {
    let host = points::side_name(survey, side);
    let threads = counted(model.threads, "thread");
    let dtype = told(&model.dtype);
    let mut sheet = Sheet::new(&format!("Roofline: {dtype}, {threads}, {host}"));
    let series = series(model);
    let drawn = &series[..series.len().min(SERIES_MAX)];
    let all_points: Vec<&Point> = drawn
        .iter()
        .flat_map(|it| &it.dots)
        .map(|dot| &dot.point)
        .collect();
    draw(&mut sheet, model, drawn);

    let blas = model.dots.first().map_or_else(String::new, |dot| {
        format!(", {}", told(&dot.point.row.means.blas))
    });
    let has_libraries = model
        .dots
        .iter()
        .any(|dot| dot.point.row.means.blas != model.dots[0].point.row.means.blas);
    sheet.caption(&format!(
        "{dtype}, {threads}{}, host {host}.",
        if has_libraries { "" } else { &blas }
    ));
    let flat = "Flat: measured multiply-adds in registers";
    sheet.caption(&match model.bandwidth {
        Some(_) => format!(
            "{flat}; slope: measured memory bandwidth (triad, {}). What fits into caches may lie above the slope.",
            counted(model.bandwidth_threads, "thread")
        ),
        None => format!("{flat}. Memory bandwidth was not measured, so there is no slope."),
    });
    sheet.caption(
        "Intensity: operations over the bytes that must move at least (each matrix once). Model: Williams et al. 2009.",
    );
    if model.dots.is_empty() {
        sheet.caption("No case of it has a known intensity.");
    }
    if model.left_out > 0 {
        sheet.caption(&format!(
            "The threads are those of the fastest case; {} with other threads are not drawn.",
            counted(model.left_out, "case")
        ));
    }
    if series.len() > drawn.len() {
        let rest = counted(series.len() - drawn.len(), "slower kernel");
        sheet.caption(&format!("{rest} in the table only."));
    }
    if left_out > 0 {
        sheet.caption(&format!("{left_out} more hosts are not drawn."));
    }
    if let Some(warning) = points::invalid_in_words(survey, all_points.into_iter()) {
        sheet.warning(&warning);
    }
    let description = description(&host, model);
    sheet.finish(
        slugs.take(&format!("roofline {dtype} {host}")),
        &description,
        table(model),
    )
}

fn draw(sheet: &mut Sheet, model: &Model, drawn: &[Series]) {
    let scene = &mut sheet.scene;
    let title = "GFLOPS (10⁹ floating-point operations per second), logarithmic";
    scene.text(Text::new(title, (MARGIN, sheet.y + 8), SMALL_SIZE));
    let axes = Axes::of(model, drawn, sheet.y + 24);
    let end = axes.draw(scene);
    let mut placer = Placer::new([PLOT.0 + 4, axes.top, PLOT.1, axes.bottom - 4]);
    for dot in drawn.iter().flat_map(|series| &series.dots) {
        placer.take(axes.at(dot.intensity, dot.gflops), 6);
    }
    let ridges = draw_roofs(scene, model, &axes, &mut placer);
    for (index, series) in drawn.iter().enumerate() {
        draw_series(scene, series, style(index), &axes, &mut placer);
        let dots = series.dots.iter().copied();
        let told: Vec<_> = places(series, &axes).into_iter().zip(dots).collect();
        hint::tell(scene, &told, HINTS_MAX / drawn.len(), |dots| {
            hint(model, &series.name, dots)
        });
    }
    // A name is wanted more than a size.
    for (index, series) in drawn.iter().enumerate() {
        draw_name(scene, series, style(index), &axes, &mut placer);
    }
    for (index, series) in drawn.iter().enumerate() {
        draw_sizes(scene, series, style(index), &axes, &mut placer);
    }
    for (text, at) in ridges {
        let text = Text::new(text, at, SMALL_SIZE);
        let places = [0, 1, 2, 3].map(|row| {
            let y = axes.bottom - 14 - 18 * row;
            [((at.0 + 6, y), Anchor::Start), ((at.0 - 6, y), Anchor::End)]
        });
        placer.place(scene, &text, 0, places.as_flattened());
    }
    sheet.y = end + 14;
}

/// The roofs with their labels. Returns what is to be written at the ridges.
fn draw_roofs(
    scene: &mut Scene,
    model: &Model,
    axes: &Axes,
    placer: &mut Placer,
) -> Vec<(String, (i32, i32))> {
    let mut ridges = Vec::new();
    let highest = model.roofs.first().and_then(|roof| model.ridge(roof));
    if let Some(bandwidth) = model.bandwidth {
        let end = highest.unwrap_or(axes.ends.1);
        let (from, to) = (
            axes.at(axes.ends.0, bandwidth * axes.ends.0),
            axes.at(end, bandwidth * end),
        );
        scene.line(from, to, 2, palette::INK);
        placer.take_line(from, to);
    }
    let has_one = model.roofs.len() == 1;
    for roof in model.roofs.iter().take(ROOFS_MAX) {
        let begin = model.ridge(roof).unwrap_or(axes.ends.0);
        let (from, to) = (
            axes.at(begin, roof.gflops),
            axes.at(axes.ends.1, roof.gflops),
        );
        scene.line(from, to, 2, palette::INK);
        placer.take_line(from, to);
        if let Some(ridge) = model.ridge(roof) {
            scene.dashed(&[from, (from.0, axes.bottom)], 1, palette::AXIS, &[2, 3]);
            let of = if has_one {
                String::new()
            } else {
                format!(" {}", told(&roof.isa))
            };
            ridges.push((
                format!("ridge{of}: {} flop/byte", figure(ridge)),
                (from.0, axes.bottom),
            ));
        }
    }
    for roof in model.roofs.iter().take(ROOFS_MAX) {
        let y = axes.at(axes.ends.1, roof.gflops).1;
        let label = font::ellipsized(&roof_in_words(roof), SMALL_SIZE, LABEL_ROOM);
        let text = Text::new(label, (0, 0), SMALL_SIZE).colored(palette::INK);
        let places = [
            ((PLOT.1 - 4, y - 11), Anchor::End),
            ((PLOT.1 - 4, y + 12), Anchor::End),
        ];
        placer.place(scene, &text, 0, &places);
    }
    if let Some(bandwidth) = model.bandwidth {
        let text = Text::new(
            format!("memory {} GB/s", figure(bandwidth)),
            (0, 0),
            SMALL_SIZE,
        );
        let end = highest.unwrap_or(axes.ends.1);
        let shares = [0.5, 0.35, 0.65, 0.2, 0.8, 0.1, 0.9];
        let places: Vec<((i32, i32), Anchor)> = shares
            .iter()
            .flat_map(|share: &f64| {
                let at = (axes.ends.0.ln() * (1.0 - share) + end.ln() * share).exp();
                let (x, y) = axes.at(at, bandwidth * at);
                [
                    ((x - 10, y - 8), Anchor::End),
                    ((x + 10, y + 10), Anchor::Start),
                ]
            })
            .collect();
        let text = text.colored(palette::INK);
        // Rather not across the lines of the ridges.
        let mut apart = placer.clone();
        for (_, (x, bottom)) in &ridges {
            apart.take_line((*x, axes.top), (*x, *bottom));
        }
        let placed = apart.place(scene, &text, 0, &places);
        match placed {
            Some(text) => placer.take_text(&text),
            None => {
                placer.place(scene, &text, 0, &places);
            }
        }
    }
    for (_, (x, bottom)) in &ridges {
        placer.take_line((*x, axes.top), (*x, *bottom));
    }
    ridges
}

fn roof_in_words(roof: &Roof) -> String {
    format!("peak, {}: {} GFLOPS", told(&roof.isa), figure(roof.gflops))
}

/// The cases of a kernel, joined.
fn draw_series(scene: &mut Scene, series: &Series, style: Style, axes: &Axes, placer: &mut Placer) {
    let places = places(series, axes);
    scene.styled_line(&places, 1, style);
    for ends in places.windows(2) {
        placer.take_line(ends[0], ends[1]);
    }
    for (dot, place) in series.dots.iter().zip(&places) {
        if dot.point.is_invalid() {
            scene.cross(*place, 5, palette::VERMILLION);
        } else {
            scene.marker(*place, 4, style);
        }
    }
}

fn places(series: &Series, axes: &Axes) -> Vec<(i32, i32)> {
    let dots = series.dots.iter();
    dots.map(|dot| axes.at(dot.intensity, dot.gflops)).collect()
}

/// Neighbouring cases of a kernel in words.
fn hint(model: &Model, name: &str, dots: &[((i32, i32), &Dot)]) -> Hint {
    let size = |dot: &Dot| format!("n = {}", points::size(dot.point.n()));
    match dots {
        [] => Hint::default(),
        [(_, dot)] => {
            let interval = dot.interval();
            let of = |value: f64| grouped(&exact(value, interval));
            let ends = interval.map(|(low, high)| (of(low), of(high)));
            let share = model.attainable(dot);
            let share = share.map(|attainable| 100.0 * (dot.gflops / attainable));
            Hint::of(&[name, &size(dot)])
                .value(&of(dot.gflops), "GFLOPS", ends)
                .also(&format!("{} flop/byte", figure(dot.intensity)))
                .share(share, "of what is attainable")
                .of_row(dot.point.row)
        }
        [(_, first), .., (_, last)] => {
            let rates = dots.iter().map(|(_, dot)| dot.gflops);
            let (low, high) = hint::ends(rates).unwrap_or_default();
            let sizes = format!("{} to {}", size(first), size(last));
            Hint::of(&[name, &sizes])
                .range((&figure(low), &figure(high)), "GFLOPS")
                .also(&counted(dots.len(), "point"))
        }
    }
}

/// The kernel's name at its largest case: beside it, or below the points.
fn draw_name(scene: &mut Scene, series: &Series, style: Style, axes: &Axes, placer: &mut Placer) {
    let (Some(dot), [place, ..]) = (series.dots.first(), &places(series, axes)[..]) else {
        return;
    };
    let name = font::ellipsized(&series.name, TEXT_SIZE, NAME_ROOM);
    let label = format!("{name}, n = {}", points::size(dot.point.n()));
    let text = Text::new(label, *place, TEXT_SIZE).colored(style.text);
    if placer
        .place(scene, &text, 0, &around(*place, 8, TEXT_SIZE))
        .is_some()
    {
        return;
    }
    let mut candidates = Vec::new();
    for row in 1..=12 {
        let y = place.1 + 14 + 18 * row;
        candidates.push(((place.0, y), Anchor::Middle));
        candidates.push(((place.0.max(PLOT.1 - 40) + 36, y), Anchor::End));
        candidates.push(((place.0 + 8, y), Anchor::Start));
    }
    // The mark before it says whose name it is, wherever it stands.
    if let Some(text) = placer.place(scene, &text, NAME_MARK, &candidates) {
        scene.marker((text.extent().0 - NAME_MARK / 2 - 2, text.at.1), 4, style);
    }
}

/// The sizes of the other cases, as far as there is room for them.
fn draw_sizes(scene: &mut Scene, series: &Series, style: Style, axes: &Axes, placer: &mut Placer) {
    /// Nearer to the last one that has a label, nobody could tell whose it is.
    const APART: i32 = 24;
    let places = places(series, axes);
    let mut last = match places.first() {
        Some(first) => *first,
        None => return,
    };
    for (dot, place) in series.dots.iter().zip(&places).skip(1) {
        if (place.0 - last.0).abs() < APART && (place.1 - last.1).abs() < APART {
            continue;
        }
        let text = Text::new(points::size(dot.point.n()), *place, SMALL_SIZE).colored(style.text);
        if placer
            .place(scene, &text, 0, &around(*place, 8, SMALL_SIZE))
            .is_some()
        {
            last = *place;
        }
    }
}

fn description(host: &str, model: &Model) -> String {
    let mut sentences = vec![format!(
        "Roofline of {host} for {} with {}",
        told(&model.dtype),
        counted(model.threads, "thread")
    )];
    sentences.extend(model.roofs.iter().map(roof_in_words));
    match model.bandwidth {
        Some(bandwidth) => sentences.push(format!("Memory bandwidth: {} GB/s", figure(bandwidth))),
        None => sentences.push("Memory bandwidth was not measured".to_owned()),
    }
    for roof in &model.roofs {
        sentences.extend(model.ridge(roof).map(|ridge| {
            format!(
                "Below {} flop/byte {} is limited by memory, above it by arithmetic",
                figure(ridge),
                told(&roof.isa)
            )
        }));
    }
    for dot in model.dots.iter().take(DESCRIBED_MAX) {
        let mut sentence = format!(
            "{}, n = {}: {} GFLOPS at {} flop/byte",
            dot.point.subject().title(),
            points::size(dot.point.n()),
            figure(dot.gflops),
            figure(dot.intensity)
        );
        if let Some(attainable) = model.attainable(dot) {
            let share = percent(100.0 * dot.gflops / attainable);
            sentence = format!("{sentence}, {share} of what is attainable");
        }
        sentences.push(sentence);
    }
    if model.dots.len() > DESCRIBED_MAX {
        sentences.push(format!(
            "{} more are in the table",
            model.dots.len() - DESCRIBED_MAX
        ));
    }
    sentences.join(". ")
}

fn table(model: &Model) -> Table {
    let mut table = Table::new(&[
        "what",
        "type",
        "#n",
        "library or instruction set",
        "#flop/byte",
        "#GFLOPS",
        "#attainable, GFLOPS",
        "#% of attainable",
        "limited by",
    ]);
    let empty = String::new;
    for roof in &model.roofs {
        table.row([
            "measured peak".to_owned(),
            told(&model.dtype),
            empty(),
            told(&roof.isa),
            empty(),
            exact(roof.gflops, None),
            empty(),
            empty(),
            empty(),
        ]);
    }
    if let Some(bandwidth) = model.bandwidth {
        table.row([
            format!("memory bandwidth (triad), {} GB/s", exact(bandwidth, None)),
            empty(),
            empty(),
            empty(),
            empty(),
            empty(),
            empty(),
            empty(),
            empty(),
        ]);
    }
    for dot in &model.dots {
        let work = &dot.point.group.work;
        let attainable = model.attainable(dot);
        let share = attainable.and_then(|attainable| drawable(100.0 * dot.gflops / attainable));
        let ridge = model.roof_of(dot).and_then(|roof| model.ridge(roof));
        let limit = ridge.map(|ridge| {
            if dot.intensity < ridge {
                "memory"
            } else {
                "arithmetic"
            }
        });
        table.row([
            told(&work.kernel),
            told(&work.dtype),
            work.n.to_string(),
            told(&dot.point.row.means.blas),
            figure(dot.intensity),
            exact(dot.gflops, None),
            attainable.map_or_else(empty, |attainable| exact(attainable, None)),
            share.map_or_else(empty, |share| format!("{share:.1}")),
            limit.unwrap_or("").to_owned(),
        ]);
    }
    table
}
