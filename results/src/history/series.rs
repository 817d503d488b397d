//! Series of points that may be compared: one machine, one kind of case, in one order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{CaseKey, Machine, Run, RunCase};
use crate::change_points::{ChangePoint, Segmentation, Settings, change_points};
use crate::statistics::median;

/// What is a point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointOf {
    /// All runs of one commit; a run whose commit is not known is one by itself.
    Commit,
    /// Each run.
    Run,
    /// Commits where a series has several, else runs.
    Auto,
}

/// How runs become series.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What a point is.
    pub point_of: PointOf,
    /// Commits from the oldest to the newest, as full hashes: then points are in this order. `None`: in the order of time.
    pub commits: Option<&'a [String]>,
    /// Hosts of the same kind of machine are apart by their names.
    pub split_hosts: bool,
    /// How change points are looked for.
    pub settings: Settings,
}

/// All series of some runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The series, by machine and case.
    pub series: Vec<Series>,
    /// Files whose record is that of an earlier file: copies, which do not count.
    pub duplicates: Vec<String>,
    /// Pairs of files whose records have the same identifier and start and are not the same: one of them is wrong.
    pub conflicts: Vec<(String, String)>,
    /// Files whose commit is not known or not among the commits that give the order.
    pub not_in_order: Vec<String>,
}

/// The points of one machine and kind of case.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The hardware.
    pub machine: Machine,
    /// The names of the hosts that it was measured on, sorted.
    pub hostnames: Vec<String>,
    /// What was measured.
    pub key: CaseKey,
    /// Whether the rates count bytes.
    pub is_bytes: bool,
    /// The points in their order.
    pub points: Vec<Point>,
    /// The points cut at their change points.
    pub segmentation: Segmentation,
    /// For each change point whether it is intended, see [`History::accept`].
    pub accepted: Vec<Option<Acceptance>>,
}

/// Why a change is intended.
#[derive(Clone, Debug, PartialEq)]
pub struct Acceptance {
    /// The reason that was given.
    pub reason: String,
    /// When, RFC 3339 in UTC.
    pub accepted_utc: String,
}

/// A run, or the runs of one commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The median of the runs' medians, in 10⁹ operations (or bytes) a second.
    pub rate: f64,
    /// The interval of the run's median, where there is one run and it has one.
    pub interval: Option<(f64, f64)>,
    /// How many runs there are.
    pub runs: usize,
    /// When the first of them began.
    pub started_utc: String,
    /// Their commit.
    pub commit: Option<String>,
    /// The place of the commit in the given order.
    pub place: Option<usize>,
    /// The records' files.
    pub files: Vec<String>,
}

/// A change point with the points that it lies between.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The change.
    pub at: &'a ChangePoint,
    /// The level before, in the points' unit.
    pub from: f64,
    /// The level after.
    pub to: f64,
    /// The last point that surely has the old level.
    pub good: &'a Point,
    /// The first point that surely has the new one.
    pub bad: &'a Point,
    /// Why it is intended, if it is.
    pub accepted: Option<&'a Acceptance>,
}

impl Change<'_> {
    /// Whether it became slower, surely.
    pub fn is_regression(&self) -> bool {
        self.at.ratio_high < 1.0
    }

    /// Commits after `good` up to and with `bad`, where the order of commits is known: one of them made the change.
    pub fn commits_between(&self) -> Option<usize> {
        self.bad.place?.checked_sub(self.good.place?)
    }
}

impl Series {
    /// The change points, from the oldest to the newest.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = Change<'_>> {
        let segments = &self.segmentation.segments;
        self.segmentation
            .changes
            .iter()
            .enumerate()
            .map(|(at, change)| Change {
                at: change,
                from: segments[at].level,
                to: segments[at + 1].level,
                good: &self.points[change.plausible.start - 1],
                bad: &self.points[change.plausible.end - 1],
                accepted: self.accepted.get(at).and_then(Option::as_ref),
            })
    }

    /// Whether the newest level is lower than the one before, and nobody has accepted that.
    pub fn ends_in_a_regression(&self) -> bool {
        self.changes()
            .next_back()
            .is_some_and(|it| it.is_regression() && it.accepted.is_none())
    }

    /// The newest level, in the points' unit.
    pub fn level(&self) -> Option<f64> {
        self.segmentation.segments.last().map(|it| it.level)
    }
}

/// Makes series of runs and finds their change points.
pub fn history(runs: &[Run], options: Options) -> History {
    let mut history = History::default();
    let order = options.commits.map(Commits::new);
    let mut known: HashMap<(&str, &str), &Run> = HashMap::new();
    let mut groups: BTreeMap<(&Machine, Option<&str>, &CaseKey, bool), Vec<Part>> = BTreeMap::new();
    for run in runs {
        let earlier = *known
            .entry((run.id.as_str(), run.started_utc.as_str()))
            .or_insert(run);
        if earlier.file != run.file {
            if is_copy(earlier, run) {
                history.duplicates.push(run.file.clone());
            } else {
                let files = (earlier.file.clone(), run.file.clone());
                history.conflicts.push(files);
            }
            continue;
        }
        let place = match &order {
            None => None,
            Some(order) => {
                let place = run.commit.as_deref().and_then(|commit| order.place(commit));
                if place.is_none() {
                    history.not_in_order.push(run.file.clone());
                    continue;
                }
                place
            }
        };
        let hostname = options.split_hosts.then_some(run.hostname.as_str());
        for case in &run.cases {
            groups
                .entry((&run.machine, hostname, &case.key, case.is_bytes))
                .or_default()
                .push(Part { run, case, place });
        }
    }
    history.series = groups
        .into_values()
        .map(|parts| series(&parts, options))
        .collect();
    history
}

fn is_copy(one: &Run, other: &Run) -> bool {
    let other = Run {
        file: one.file.clone(),
        ..other.clone()
    };
    *one == other
}

/// A case of a run on its way into a series.
#[derive(Clone, Copy)]
struct Part<'a> {
    run: &'a Run,
    case: &'a RunCase,
    place: Option<usize>,
}

fn series(parts: &[Part], options: Options) -> Series {
    let first = parts[0];
    let hostnames: BTreeSet<&str> = parts
        .iter()
        .map(|part| part.run.hostname.as_str())
        .collect();
    let points = points(parts, options.point_of);
    let rates: Vec<f64> = points.iter().map(|point| point.rate).collect();
    Series {
        machine: first.run.machine.clone(),
        hostnames: hostnames.into_iter().map(str::to_owned).collect(),
        key: first.case.key.clone(),
        is_bytes: first.case.is_bytes,
        segmentation: change_points(&rates, options.settings),
        points,
        accepted: Vec::new(),
    }
}

fn points(parts: &[Part], point_of: PointOf) -> Vec<Point> {
    let mut parts = parts.to_vec();
    parts.sort_by(|a, b| {
        let key = |part: &Part| {
            (
                part.place,
                part.run.started_utc.clone(),
                part.run.id.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    let commits: BTreeSet<&str> = parts
        .iter()
        .filter_map(|part| part.run.commit.as_deref())
        .collect();
    let by_commit = match point_of {
        PointOf::Commit => true,
        PointOf::Run => false,
        PointOf::Auto => commits.len() > 1,
    };
    let mut groups: Vec<Vec<Part>> = Vec::new();
    let mut group_of: HashMap<&str, usize> = HashMap::new();
    for part in parts {
        match part.run.commit.as_deref().filter(|_| by_commit) {
            None => groups.push(vec![part]),
            Some(commit) => {
                let at = *group_of.entry(commit).or_insert(groups.len());
                match groups.get_mut(at) {
                    Some(group) => group.push(part),
                    None => groups.push(vec![part]),
                }
            }
        }
    }
    groups.iter().map(|group| point(group)).collect()
}

fn point(parts: &[Part]) -> Point {
    let rates: Vec<f64> = parts.iter().map(|part| part.case.rate).collect();
    let first = parts[0];
    Point {
        rate: median(&rates).unwrap_or(f64::NAN),
        interval: match parts {
            [part] => part.case.low.zip(part.case.high),
            _ => None,
        },
        runs: parts.len(),
        started_utc: first.run.started_utc.clone(),
        commit: first.run.commit.clone(),
        place: first.place,
        files: parts.iter().map(|part| part.run.file.clone()).collect(),
    }
}

/// Commits in their order, to be found by any beginning of their hashes.
struct Commits<'a> {
    sorted: Vec<(&'a str, usize)>,
}

impl<'a> Commits<'a> {
    fn new(commits: &'a [String]) -> Self {
        let mut sorted: Vec<(&str, usize)> = commits
            .iter()
            .enumerate()
            .map(|(place, commit)| (commit.as_str(), place))
            .collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// The place of the one commit that begins like this; a build from a changed tree (`-dirty`) is none of them.
    fn place(&self, commit: &str) -> Option<usize> {
        const SHORTEST: usize = 7;
        if commit.len() < SHORTEST {
            return None;
        }
        let at = self.sorted.partition_point(|(hash, _)| *hash < commit);
        let begins = |at: usize| self.sorted.get(at).filter(|it| it.0.starts_with(commit));
        match (begins(at), begins(at + 1)) {
            (Some((_, place)), None) => Some(*place),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::history) fn run(id: usize, commit: Option<&str>, cpu: &str, rate: f64) -> Run {
        Run {
            file: format!("{id}.json"),
            id: format!("{id:08x}"),
            started_utc: format!("2026-01-{:02}T00:00:00Z", id + 1),
            commit: commit.map(str::to_owned),
            hostname: format!("host{}", id % 2),
            machine: Machine {
                cpu: cpu.to_owned(),
                family_model_stepping: None,
                architecture: "x86_64".to_owned(),
                logical_cpus: 2,
                hypervisor: None,
            },
            cases: vec![RunCase {
                key: CaseKey {
                    kernel: "gemm".to_owned(),
                    kernel_version: 1,
                    n: 100,
                    dtype: "f64".to_owned(),
                    threads: 2,
                    blas: None,
                    driver: "team".to_owned(),
                    panel_rows: None,
                },
                rate,
                low: None,
                high: None,
                samples: 3,
                is_bytes: false,
            }],
        }
    }

    pub(in crate::history) fn options<'a>() -> Options<'a> {
        Options {
            point_of: PointOf::Auto,
            commits: None,
            split_hosts: false,
            settings: Settings::default(),
        }
    }

    fn rates(history: &History) -> Vec<Vec<f64>> {
        let of = |series: &Series| series.points.iter().map(|point| point.rate).collect();
        history.series.iter().map(of).collect()
    }

    #[test]
    fn machines_are_apart_and_hosts_when_asked_for() {
        let runs = [
            run(0, None, "A", 1.0),
            run(1, None, "B", 2.0),
            run(2, None, "A", 3.0),
            run(3, None, "A", 4.0),
        ];
        assert_eq!(
            rates(&history(&runs, options())),
            [vec![1.0, 3.0, 4.0], vec![2.0]]
        );
        let split = Options {
            split_hosts: true,
            ..options()
        };
        assert_eq!(
            rates(&history(&runs, split)),
            [vec![1.0, 3.0], vec![4.0], vec![2.0]]
        );
    }

    #[test]
    fn runs_of_a_commit_are_one_point_unless_there_is_one_commit_only() {
        let runs = [
            run(0, Some("aaaaaaa"), "A", 1.0),
            run(1, Some("bbbbbbb"), "A", 2.0),
            run(2, Some("aaaaaaa"), "A", 3.0),
            run(3, Some("aaaaaaa"), "A", 9.0),
            run(4, None, "A", 5.0),
        ];
        assert_eq!(rates(&history(&runs, options())), [vec![3.0, 2.0, 5.0]]);
        assert_eq!(rates(&history(&runs[2..4], options())), [vec![3.0, 9.0]]);
        let by_run = Options {
            point_of: PointOf::Run,
            ..options()
        };
        assert_eq!(
            rates(&history(&runs, by_run)),
            [vec![1.0, 2.0, 3.0, 9.0, 5.0]]
        );
    }

    #[test]
    fn commits_give_the_order_and_others_are_left_out() {
        let runs = [
            run(0, Some("bbbbbbbb"), "A", 1.0),
            run(1, Some("aaaaaaaaaa"), "A", 2.0),
            run(2, Some("bbbbbbbb-dirty"), "A", 3.0),
            run(3, None, "A", 4.0),
        ];
        let commits = ["aaaaaaaaaa00".to_owned(), "bbbbbbbb0000".to_owned()];
        let ordered = Options {
            commits: Some(&commits),
            ..options()
        };
        let history = history(&runs, ordered);
        assert_eq!(rates(&history), [vec![2.0, 1.0]]);
        assert_eq!(history.not_in_order, ["2.json", "3.json"]);
        let commits = ["bbbbbbbb1".to_owned(), "bbbbbbbb2".to_owned()];
        assert_eq!(Commits::new(&commits).place("bbbbbbbb"), None, "ambiguous");
    }

    #[test]
    fn copies_count_once() {
        let mut runs = vec![run(0, None, "A", 1.0), run(1, None, "A", 2.0)];
        runs.push(Run {
            file: "copy.json".to_owned(),
            ..runs[0].clone()
        });
        let history = history(&runs, options());
        assert_eq!(rates(&history), [vec![1.0, 2.0]]);
        assert_eq!(history.duplicates, ["copy.json"]);
        runs[2].cases[0].rate = 7.0;
        let conflicts = super::history(&runs, options()).conflicts;
        assert_eq!(conflicts, [("0.json".to_owned(), "copy.json".to_owned())]);
    }

    #[test]
    fn a_change_names_the_points_around_it() {
        let runs: Vec<Run> = (0..24)
            .map(|id| {
                let level = if id < 12 { 100.0 } else { 90.0 };
                run(id, None, "A", level + (id % 3) as f64 * 0.4)
            })
            .collect();
        let history = history(&runs, options());
        let series = &history.series[0];
        let changes: Vec<Change> = series.changes().collect();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].good.files, ["11.json"]);
        assert_eq!(changes[0].bad.files, ["12.json"]);
        assert!(changes[0].is_regression() && series.ends_in_a_regression());
    }
}
