//! How well change points are found in synthetic series with planted changes, by our method and by published ones.
//!
//! `cargo run --release -p results --example change_points [-- --series N] [--dump FILE]`

mod published;
mod series;

use std::time::Instant;

use results::change_points::{Settings, change_points};

use self::published::{Reach, hunter, t_threshold};
use self::series::{LAYOUTS, Layout, NOISES, Noise, Random, Series, series};

/// The settings of our method were chosen on other series, with seeds from 0 and 7,000,000,000.
const SEED: u64 = 11_000_000_000;
/// Runs between a planted change and the one that was found for it, at the most.
const TOLERANCE: usize = 5;
const LENGTHS: [usize; 3] = [60, 120, 250];
const SCALES: [f64; 4] = [0.005, 0.01, 0.02, 0.04];
const SIZES: [f64; 5] = [0.01, 0.02, 0.05, 0.10, 0.20];

type Method = (&'static str, fn(&[f64]) -> Vec<usize>);

const METHODS: [Method; 4] = [
    ("bench history", ours),
    ("Hunter (published)", |values| hunter(values, Reach::End)),
    ("Hunter (Otava 2025)", |values| hunter(values, Reach::Any)),
    ("t > 7, 12 runs", t_threshold),
];

fn ours(values: &[f64]) -> Vec<usize> {
    change_points(values, Settings::default())
        .changes
        .iter()
        .map(|change| change.index)
        .collect()
}

/// What a method found of what there was.
#[derive(Clone, Copy, Default)]
struct Score {
    found: usize,
    missed: usize,
    false_alarms: usize,
    distance: usize,
    series: usize,
    series_with_false_alarm: usize,
}

impl Score {
    /// Each planted change takes the nearest find that no other has, in their order.
    fn add(&mut self, truth: &[usize], finds: &[usize]) {
        let mut rest = finds.to_vec();
        for place in truth {
            let nearest = rest
                .iter()
                .enumerate()
                .map(|(at, find)| (find.abs_diff(*place), at))
                .min();
            match nearest {
                Some((distance, at)) if distance <= TOLERANCE => {
                    rest.remove(at);
                    self.found += 1;
                    self.distance += distance;
                }
                _ => self.missed += 1,
            }
        }
        self.false_alarms += rest.len();
        self.series += 1;
        self.series_with_false_alarm += usize::from(!rest.is_empty());
    }

    fn recall(&self) -> f64 {
        self.found as f64 / (self.found + self.missed).max(1) as f64
    }

    fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.false_alarms).max(1) as f64
    }

    fn f1(&self) -> f64 {
        2.0 * self.found as f64 / (2 * self.found + self.missed + self.false_alarms).max(1) as f64
    }
}

/// One series of the set and how it was made.
struct Planted {
    noise: Noise,
    layout: Layout,
    /// The changes' size in scales of the noise.
    contrast: f64,
    series: Series,
}

fn set(repetitions: usize) -> Vec<Planted> {
    let mut set = Vec::new();
    for noise in NOISES {
        for (scale_at, scale) in SCALES.into_iter().enumerate() {
            for (size_at, size) in SIZES.into_iter().enumerate() {
                for repetition in 0..repetitions {
                    for layout in LAYOUTS {
                        let mut random = Random::new(
                            SEED + ((noise as u64 * 10 + layout as u64) * 10 + scale_at as u64)
                                * 1_000_000
                                + size_at as u64 * 100_000
                                + repetition as u64,
                        );
                        let len = LENGTHS[repetition % LENGTHS.len()];
                        set.push(Planted {
                            noise,
                            layout,
                            contrast: size / scale,
                            series: series(&mut random, len, (noise, scale), (layout, size)),
                        });
                    }
                }
            }
        }
    }
    set
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let repetitions = option("--series")
        .and_then(|word| word.parse().ok())
        .unwrap_or(6);
    let set = set(repetitions);
    if let Some(path) = option("--dump") {
        dump(&path, &set);
        return;
    }
    let planted: usize = set.iter().map(|it| it.series.changes.len()).sum();
    println!(
        "{} series of {LENGTHS:?} runs, {planted} changes of 1 to 20 %, noise of 0.5 to 4 %; a find within {TOLERANCE} runs counts\n",
        set.len()
    );
    let finds: Vec<(&str, Vec<Vec<usize>>)> = METHODS
        .iter()
        .map(|(name, method)| {
            let started = Instant::now();
            let finds = set.iter().map(|it| method(&it.series.values)).collect();
            eprintln!("{name}: {:.1} s", started.elapsed().as_secs_f64());
            (*name, finds)
        })
        .collect();
    let table = |title: &str, chosen: &dyn Fn(&Planted) -> bool| {
        println!(
            "| {title} | recall | precision | F1 | mean distance | series with a false alarm |"
        );
        println!("| --- | --- | --- | --- | --- | --- |");
        for (name, finds) in &finds {
            let mut score = Score::default();
            for (it, finds) in set.iter().zip(finds) {
                if chosen(it) {
                    score.add(&it.series.changes, finds);
                }
            }
            println!(
                "| {name} | {:.3} | {:.3} | {:.3} | {:.2} | {:.1} % |",
                score.recall(),
                score.precision(),
                score.f1(),
                score.distance as f64 / score.found.max(1) as f64,
                100.0 * score.series_with_false_alarm as f64 / score.series.max(1) as f64,
            );
        }
        println!();
    };
    table("all", &|_| true);
    table("all but Drift", &|it| it.noise != Noise::Drift);
    for noise in NOISES {
        table(&format!("{noise:?}"), &|it| it.noise == noise);
    }
    for layout in LAYOUTS {
        table(&format!("{layout:?}"), &|it| it.layout == layout);
    }
    for (low, high) in [(0.0, 0.6), (0.6, 1.3), (1.3, 2.6), (2.6, 5.1), (5.1, 99.0)] {
        table(
            &format!("changes of {low} to {high} scales of the noise"),
            &|it| it.layout != Layout::Constant && it.contrast > low && it.contrast <= high,
        );
    }
    covered(&set);
    duration();
}

/// How often the planted change is among the runs that are said to be plausible, and its ratio in the interval.
fn covered(set: &[Planted]) {
    let (mut count, mut hit, mut width) = (0_usize, 0_usize, 0);
    for it in set.iter().filter(|it| it.noise == Noise::Normal) {
        for change in change_points(&it.series.values, Settings::default()).changes {
            let near = it
                .series
                .changes
                .iter()
                .min_by_key(|place| place.abs_diff(change.index));
            if let Some(place) = near
                && place.abs_diff(change.index) <= 15
            {
                count += 1;
                hit += usize::from(change.plausible.contains(place));
                width += change.plausible.len();
            }
        }
    }
    println!(
        "plausible runs (normal noise): {:.1} % of {count} hold the planted change; {:.1} runs on average",
        100.0 * hit as f64 / count.max(1) as f64,
        width as f64 / count.max(1) as f64,
    );
}

fn duration() {
    for len in [1000, 10_000, 100_000] {
        let mut random = Random::new(1);
        let mut values = Vec::new();
        while values.len() < len {
            values.extend(
                series(
                    &mut random,
                    1000.min(len),
                    (Noise::Normal, 0.01),
                    (Layout::Several, 0.1),
                )
                .values,
            );
        }
        let started = Instant::now();
        let found = ours(&values).len();
        println!(
            "{len} runs: {:.3} s, {found} change points",
            started.elapsed().as_secs_f64()
        );
    }
}

/// The series and all finds as lines of JSON, to be compared with other programs.
fn dump(path: &str, set: &[Planted]) {
    let mut text = String::new();
    for it in set {
        let line = serde_json::json!({
            "values": it.series.values,
            "changes": it.series.changes,
            "finds": METHODS.map(|(name, method)| (name, method(&it.series.values))),
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    std::fs::write(path, text).expect("the file can be written");
}
