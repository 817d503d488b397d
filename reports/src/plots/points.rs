//! The figures of a survey as points of pictures: only what can be drawn, in the unit of its kernel.

use std::collections::BTreeMap;

use results::comparability::Means;
use results::compare::{Basis, Group, Row};
use results::grade::Grade;
use results::survey::Survey;

use super::hint::{self, Hint};
use super::names::told;
use crate::Rate;
use crate::figures::{beside, counted, grouped};
use crate::plot::scene;
use crate::text::three_digits;

/// What is drawn lies between this and its reciprocal.
const DRAWABLE_MAX: f64 = 1e300;

/// One figure of one side.
#[derive(Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) group: &'a Group,
    pub(super) row: &'a Row,
    /// The median, in the unit of its kernel.
    pub(super) value: f64,
    rate: Rate,
}

/// What figures are of, whatever their size: one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject<'a> {
    pub(super) kernel: &'a str,
    pub(super) dtype: &'a str,
    version: u32,
    panel_rows: Option<usize>,
    pub(super) unit: &'static str,
}

impl<'a> Point<'a> {
    fn new(group: &'a Group, row: &'a Row) -> Option<Self> {
        let rate = Rate::new(group.flop, group.bytes);
        let value = drawable(rate.value(row.median?))?;
        Some(Self {
            group,
            row,
            value,
            rate,
        })
    }

    pub(super) fn n(&self) -> usize {
        self.group.work.n
    }

    pub(super) fn threads(&self) -> usize {
        self.row.means.threads
    }

    pub(super) fn is_invalid(&self) -> bool {
        self.row.grade == Grade::Invalid
    }

    /// How far the value is known, in its unit.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        let interval = self.row.interval?;
        let low = drawable(self.rate.value(interval.low))?;
        let high = drawable(self.rate.value(interval.high))?;
        (low <= high).then_some((low, high))
    }

    /// What the host can do at best by this measure and with as many threads, as it was measured beside it: multiply-adds in
    /// registers, or the triad's bandwidth where bytes are the measure.
    pub(super) fn peak(&self, survey: &Survey) -> Option<f64> {
        if self.group.bytes.is_none() {
            return drawable(self.row.peak_gflops?);
        }
        let limits = survey.hosts.get(self.row.side)?.limits.as_ref()?;
        let triad = limits.triad.as_ref()?;
        let is_same = triad.verified && triad.threads == self.threads();
        drawable(triad.gb_per_s).filter(|_| is_same)
    }

    /// The rate for each watt, in the unit of its kernel.
    pub(super) fn per_watt(&self) -> Option<f64> {
        drawable(self.rate.value(self.row.gflops_per_watt?))
    }

    /// The figure with all that is known of it, of the point that is called so.
    fn hint(&self, survey: &Survey, name: &[&str]) -> Hint {
        let interval = self.interval();
        let figure = |value: f64| grouped(&exact(value, interval));
        let ends = interval.map(|(low, high)| (figure(low), figure(high)));
        let share = self.peak(survey).map(|peak| 100.0 * (self.value / peak));
        Hint::of(name)
            .value(&figure(self.value), self.rate.unit, ends)
            .share(share, "of peak")
            .of_row(self.row)
    }

    pub(super) fn subject(&self) -> Subject<'a> {
        let work = &self.group.work;
        Subject {
            kernel: &work.kernel,
            dtype: &work.dtype,
            version: work.kernel_version,
            panel_rows: work.panel_rows,
            unit: self.rate.unit,
        }
    }
}

impl Subject<'_> {
    /// For example `matmul-norm, f64`.
    pub(super) fn title(&self) -> String {
        self.described(&format!("{}, {}", told(self.kernel), told(self.dtype)))
    }

    /// The same without the type.
    pub(super) fn kernel_title(&self) -> String {
        self.described(&told(self.kernel))
    }

    fn described(&self, name: &str) -> String {
        let mut title = name.to_owned();
        if self.version != 1 {
            title = format!("{title}, version {}", self.version);
        }
        if let Some(rows) = self.panel_rows {
            title = format!("{title}, panels of {rows} rows");
        }
        title
    }

    /// What is on an axis of these figures.
    pub(super) fn axis_title(&self) -> &'static str {
        if self.unit == "GB/s" {
            "GB/s (10⁹ bytes per second)"
        } else {
            "GFLOPS (10⁹ floating-point operations per second)"
        }
    }

    /// What a size is.
    pub(super) fn size_meaning(&self) -> &'static str {
        match self.kernel {
            "triad" => "n, of arrays of n² elements",
            "fma-peak" => "n, of n blocks in each thread",
            _ => "n, of n × n matrices",
        }
    }

    /// What the measured limit of these figures is.
    pub(super) fn peak_meaning(&self) -> &'static str {
        if self.unit == "GB/s" {
            "the measured memory bandwidth (triad)"
        } else {
            "the measured peak (multiply-adds in registers, same threads and instruction set)"
        }
    }
}

/// A value that is positive and can be drawn.
pub(super) fn drawable(value: f64) -> Option<f64> {
    (DRAWABLE_MAX.recip()..=DRAWABLE_MAX)
        .contains(&value)
        .then_some(value)
}

/// All figures that can be drawn.
pub(super) fn points(survey: &Survey) -> Vec<Point<'_>> {
    let groups = survey.comparison.groups.iter();
    let rows = groups.flat_map(|group| group.rows.iter().map(move |row| (group, row)));
    let is_known = |point: &Point| point.row.side < survey.comparison.sides.len();
    rows.filter_map(|(group, row)| Point::new(group, row))
        .filter(is_known)
        .collect()
}

/// The same, by what they are of.
pub(super) fn by_subject<'a>(points: &[Point<'a>]) -> BTreeMap<Subject<'a>, Vec<Point<'a>>> {
    let mut subjects: BTreeMap<Subject, Vec<Point>> = BTreeMap::new();
    for point in points {
        subjects.entry(point.subject()).or_default().push(*point);
    }
    subjects
}

/// What an axis of these points must reach: their values, and the upper ends of their intervals as far as these are not so high
/// that the values would lie flat at the foot.
pub(super) fn highest<'a>(points: impl Iterator<Item = &'a Point<'a>> + Clone) -> f64 {
    const ENDS_MAX: f64 = 1.5;
    let values = points.clone().map(|point| point.value);
    let highest = values.fold(0.0, f64::max);
    let ends = points
        .filter_map(Point::interval)
        .map(|interval| interval.1);
    ends.fold(highest, f64::max).min(ENDS_MAX * highest)
}

/// Neighbouring points of a line in words: one by its figure, several by the range of theirs. `line` tells the lines of a picture apart,
/// `place` the points of one.
pub(super) fn hint(
    survey: &Survey,
    line: [&str; 2],
    place: impl Fn(&Point) -> String,
    points: &[(scene::Point, &Point)],
) -> Hint {
    let [one, other] = line;
    match points {
        [] => Hint::default(),
        [(_, point)] => point.hint(survey, &[one, other, &place(point)]),
        [(_, first), .., (_, last)] => {
            let values = points.iter().map(|(_, point)| point.value);
            let (low, high) = hint::ends(values).unwrap_or_default();
            let places = format!("{} to {}", place(first), place(last));
            Hint::of(&[one, other, &places])
                .range((&figure(low), &figure(high)), first.rate.unit)
                .also(&counted(points.len(), "point"))
        }
    }
}

/// The name of a side.
pub(super) fn side_name(survey: &Survey, side: usize) -> String {
    let side = survey.comparison.sides.get(side);
    match side.map(|side| told(&side.label)) {
        Some(label) if !label.is_empty() => label,
        _ => "unnamed host".to_owned(),
    }
}

/// A figure of about three digits.
pub(super) fn figure(value: f64) -> String {
    grouped(&three_digits(value))
}

/// A figure with the digits that its interval leaves it.
pub(super) fn exact(value: f64, interval: Option<(f64, f64)>) -> String {
    let spread = interval.map_or(0.0, |(low, high)| high - low);
    beside(value, value, spread)
}

/// A size of matrices.
pub(super) fn size(n: usize) -> String {
    if n < 100_000_000 {
        grouped(&n.to_string())
    } else {
        format!("{:.1e}", n as f64)
    }
}

/// What differs between means, in words, for each; and what they have in common.
pub(super) fn means_in_words(means: &[&Means]) -> (Vec<String>, String) {
    const DRIVER: usize = 3;
    let threads = |count: usize| {
        if count == 1 {
            "1 thread".to_owned()
        } else {
            format!("{count} threads")
        }
    };
    let facts = |means: &Means| {
        [
            threads(means.threads),
            told(&means.blas),
            told(&means.isa),
            told(&format!("driver {}", means.driver)),
        ]
    };
    let facts: Vec<[String; 4]> = means.iter().map(|means| facts(means)).collect();
    let Some(first) = facts.first() else {
        return (Vec::new(), String::new());
    };
    let is_common = |at: &usize| facts.iter().all(|facts| facts[*at] == first[*at]);
    let (common, differing): (Vec<usize>, Vec<usize>) = (0..first.len()).partition(is_common);
    let join = |facts: &[String; 4], at: &[usize]| {
        let facts = at.iter().map(|at| facts[*at].as_str());
        facts
            .filter(|fact| !fact.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let labels = facts.iter().map(|facts| join(facts, &differing)).collect();
    // Who shares the product out says something only where it differs.
    let common: Vec<usize> = common.into_iter().filter(|at| *at != DRIVER).collect();
    (labels, join(first, &common))
}

/// What the intervals of these points say; empty when there are none.
pub(super) fn intervals_in_words<'a>(points: impl Iterator<Item = &'a Point<'a>>) -> String {
    let mut bases: Vec<Basis> = points
        .filter(|point| point.interval().is_some())
        .filter_map(|point| Some(point.row.interval?.basis))
        .collect();
    bases.sort_unstable();
    bases.dedup();
    let words: Vec<&str> = bases.into_iter().map(basis_in_words).collect();
    if words.is_empty() {
        String::new()
    } else {
        format!("Thin bars: {}.", words.join("; "))
    }
}

/// What an interval says.
pub(super) fn basis_in_words(basis: Basis) -> &'static str {
    match basis {
        Basis::Samples => "95 % interval of the median of one run's samples",
        Basis::Range => "from the lowest run to the highest, of 2 to 5",
        Basis::Runs => "95 % interval of the median of the runs' medians",
    }
}

/// A warning of the figures that cannot be relied upon.
pub(super) fn invalid_in_words<'a>(
    survey: &Survey,
    points: impl Iterator<Item = &'a Point<'a>>,
) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for point in points.filter(|point| point.is_invalid()) {
        let name = side_name(survey, point.row.side);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let list = super::names::list(&names);
    (!names.is_empty()).then(|| format!("Crosses: graded INVALID, not to be relied upon ({list})."))
}

/// What there is of these, separated by commas.
pub(super) fn listed(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}
