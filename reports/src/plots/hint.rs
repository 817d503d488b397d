//! What a page tells of a point when somebody points at it: the same sentence in pictures of all kinds.

#[cfg(test)]
mod tests;

use results::compare::Row;
use results::grade::Grade;

use super::names::brief;
use crate::figures::{counted, percent};
use crate::plot::scene::{Point, Scene};

/// Hints of a picture. Those of a hundred pictures are some megabytes of a page, and where there are more points nobody can point at
/// one of them: then a hint stands for several.
pub(crate) const HINTS_MAX: usize = 200;

/// A point in words, for example `i9, n = 2000, 18 threads: 818.2 GFLOPS (815.1 to 822.3), 86 % of peak, median of 5 runs`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hint {
    /// Which point it is.
    point: Vec<String>,
    /// What was measured, and what else is known of it.
    told: Vec<String>,
    /// How far it can be relied upon, where that is not far: said last.
    grade: Option<Grade>,
}

impl Hint {
    /// Of the point with this host, case, number or day, as far as the picture has several of them. Words of records may be any; empty
    /// ones are left out.
    pub(crate) fn of(point: &[&str]) -> Hint {
        let words = point.iter().map(|words| brief(words));
        Hint {
            point: words.filter(|words| !words.is_empty()).collect(),
            ..Hint::default()
        }
    }

    /// The figure, and how far it is known.
    pub(crate) fn value(
        self,
        figure: &str,
        unit: &str,
        interval: Option<(String, String)>,
    ) -> Hint {
        let interval =
            interval.map_or_else(String::new, |(low, high)| format!(" ({low} to {high})"));
        self.also(&format!("{figure} {unit}{interval}"))
    }

    /// The least and the largest figure of several points.
    pub(crate) fn range(self, (low, high): (&str, &str), unit: &str) -> Hint {
        self.also(&format!("from {low} to {high} {unit}"))
    }

    /// Something else; nothing where it is empty.
    pub(crate) fn also(mut self, words: &str) -> Hint {
        let words = brief(words);
        if !words.is_empty() {
            self.told.push(words);
        }
        self
    }

    /// A share in percent of something, where it is known.
    pub(crate) fn share(self, share: Option<f64>, of: &str) -> Hint {
        match share.filter(|share| share.is_finite()) {
            Some(share) => self.also(&format!("{} {of}", share_in_words(share))),
            None => self,
        }
    }

    /// Of how many runs a figure is the median, and whether it can be relied upon.
    pub(crate) fn of_row(mut self, row: &Row) -> Hint {
        self.grade = (row.grade != Grade::Valid).then_some(row.grade);
        self.median_of(row.runs)
    }

    /// That the figure is the median of several runs, if it is.
    pub(crate) fn median_of(self, runs: usize) -> Hint {
        if runs > 1 {
            self.also(&format!("median of {}", counted(runs, "run")))
        } else {
            self
        }
    }

    /// All of it on one line.
    pub(crate) fn sentence(&self) -> String {
        let grade = self.grade.map(|grade| grade.to_string());
        let told: Vec<&str> = self.told.iter().chain(&grade).map(String::as_str).collect();
        let told = told.join(", ");
        if self.point.is_empty() {
            told
        } else {
            format!("{}: {told}", self.point.join(", "))
        }
    }
}

/// A share in percent. One that is beyond all reason is not spelled out.
pub(super) fn share_in_words(share: f64) -> String {
    if share.abs() < 999.5 {
        percent(share)
    } else {
        "> 999 %".to_owned()
    }
}

/// How far something lies from the median, in percent of it: for example `1.3 % below the median`.
pub(super) fn from_median(distance: f64) -> String {
    let side = match distance {
        _ if distance.abs() < 0.05 => return "at the median".to_owned(),
        _ if distance < 0.0 => "below",
        _ => "above",
    };
    format!("{} {side} the median", share_in_words(distance.abs()))
}

/// The least and the largest of some positive values.
pub(crate) fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    (low <= high).then_some((low, high))
}

/// Hints of some points in their order, at most so many: each of its own, or one for each few neighbours, at the place of the middle one.
pub(crate) fn tell<T>(
    scene: &mut Scene,
    points: &[(Point, T)],
    hints_max: usize,
    hint: impl Fn(&[(Point, T)]) -> Hint,
) {
    let neighbours = points.len().div_ceil(hints_max.max(1)).max(1);
    for points in points.chunks(neighbours) {
        let (at, _) = points[points.len() / 2];
        scene.hint(at, hint(points).sentence());
    }
}
