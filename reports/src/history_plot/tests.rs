use super::labels::labels;
use super::*;
use crate::plot::boxes::assert_texts_are_apart;
use results::accepted::{Accepted, AcceptedFile};
use results::change_points::Settings;
use results::history::series::{Options, PointOf, history};
use results::history::{CaseKey, Machine, Run, RunCase};

/// Runs at these levels, with noise that is the same in every run.
fn runs(levels: &[(usize, f64)], n: usize, with_commits: bool) -> Vec<Run> {
    let mut runs = Vec::new();
    for (count, level) in levels {
        for _ in 0..*count {
            let id = runs.len();
            let noise = ((id * id * 7919 + id * 31 + n) % 101) as f64 / 101.0 - 0.5;
            runs.push(Run {
                file: format!("{id}-{n}.json"),
                id: format!("{id}-{n}"),
                started_utc: format!(
                    "{}-{:02}-{:02}T00:00:00Z",
                    2026 + id / 336,
                    1 + id / 28 % 12,
                    1 + id % 28
                ),
                commit: with_commits
                    .then(|| format!("{:012x}", 0x00ab_cdef_1234_u64 * (id as u64 + 1))),
                hostname: "<host>&co".to_owned(),
                machine: Machine {
                    cpu:
                        "Intel(R) Xeon(R) Platinum 8480+ with a name that goes on for ever and ever"
                            .to_owned(),
                    family_model_stepping: None,
                    architecture: "x86_64".to_owned(),
                    logical_cpus: 112,
                    hypervisor: None,
                },
                cases: vec![RunCase {
                    key: CaseKey {
                        kernel: "matmul-norm".to_owned(),
                        kernel_version: 1,
                        n,
                        dtype: "f64".to_owned(),
                        threads: 56,
                        blas: None,
                        driver: "team".to_owned(),
                        panel_rows: None,
                    },
                    rate: level * (1.0 + 0.03 * noise),
                    low: None,
                    high: None,
                    samples: 5,
                    is_bytes: false,
                }],
            });
        }
    }
    runs
}

fn of(runs: &[Run]) -> History {
    let options = Options {
        point_of: PointOf::Auto,
        commits: None,
        split_hosts: false,
        settings: Settings::default(),
    };
    history(runs, options)
}

fn histories() -> Vec<(&'static str, History)> {
    let mut two = runs(&[(40, 812.0), (9, 730.0), (30, 815.0)], 1000, true);
    two.extend(runs(&[(60, 100.0)], 2000, true));
    let many: Vec<(usize, f64)> = (0..12)
        .map(|at| (10, if at % 2 == 0 { 100.0 } else { 80.0 }))
        .collect();
    vec![
        ("none", of(&[])),
        ("one run", of(&runs(&[(1, 5.0)], 100, false))),
        ("two series", of(&two)),
        (
            "change at the end",
            of(&runs(&[(50, 12_345.0), (6, 14_000.0)], 100, true)),
        ),
        ("many changes", of(&runs(&many, 100, true))),
        (
            "crowded",
            of(&runs(
                &(0..60)
                    .map(|at| (6, if at % 2 == 0 { 100.0 } else { 80.0 }))
                    .collect::<Vec<_>>(),
                100,
                true,
            )),
        ),
        (
            "more changes than columns",
            of(&runs(
                &(0..600)
                    .map(|at| (6, if at % 2 == 0 { 100.0 } else { 80.0 }))
                    .collect::<Vec<_>>(),
                100,
                false,
            )),
        ),
        (
            "many points",
            of(&runs(&[(2000, 10.0), (1500, 8.0)], 100, false)),
        ),
    ]
}

fn named(name: &str) -> History {
    let mut histories = histories().into_iter();
    histories.find(|(of, _)| *of == name).unwrap().1
}

#[test]
fn no_text_overlaps_another_or_leaves_the_picture() {
    for (name, history) in histories() {
        assert_texts_are_apart(name, &scene(&history));
    }
}

/// The picture that is committed: what a change of the drawing changes shows in the difference.
#[test]
fn svg_is_as_committed() {
    let history = named("change at the end");
    let document = svg(&history).unwrap();
    assert_eq!(document, svg(&history).unwrap());
    expect_test::expect_file!["../../tests/golden/history.svg"].assert_eq(&document);
}

/// Changes are bounded by what can be seen of them: in marks, and in words.
#[test]
fn many_changes_make_no_large_picture() {
    let history = named("more changes than columns");
    assert!(history.series[0].changes().count() > 500);
    let scene = scene(&history);
    let drawn = scene.marks.len() - scene.hints().count();
    assert!(drawn < 2000, "{drawn}");
    let told = scene.description.matches(" slower").count();
    assert!(told <= DESCRIBED_MAX, "{told}");
    assert!(scene.description.contains("changes before these"));
}

/// What has become slower is seen first, however old it is.
#[test]
fn series_that_changed_come_first() {
    let mut all = runs(&[(40, 100.0)], 500, false);
    all.extend(runs(&[(15, 90.0), (20, 110.0)], 1000, false));
    all.extend(runs(&[(15, 110.0), (15, 90.0)], 2000, false));
    let figures = super::figures(&of(&all)).unwrap();
    let titles: Vec<&str> = figures.iter().map(Figure::title).collect();
    let title = |n| format!("History of matmul-norm n={n} f64, 56 threads");
    assert_eq!(titles, [title(2000), title(1000), title(500)]);
}

/// Two runs are no reason to say where 95 of 100 lie.
#[test]
fn a_band_takes_some_points() {
    for (count, has_band) in [(2, false), (BAND_MIN - 1, false), (BAND_MIN, true)] {
        let history = of(&runs(&[(count, 100.0)], 500, false));
        assert_eq!(band(&history.series[0], 0).is_some(), has_band, "{count}");
        let marks = format!("{:?}", scene(&history).marks);
        assert_eq!(marks.contains("shaded"), has_band, "{count}");
    }
}

/// On a page each series has a picture of its own.
#[test]
fn each_series_has_a_figure_with_its_points() {
    for (name, mut history) in histories() {
        history.accept(&accepted());
        let Ok(figures) = super::figures(&history) else {
            assert!(
                history.series.iter().all(|series| series.points.len() < 2),
                "{name}"
            );
            continue;
        };
        assert_eq!(figures.len(), history.series.len(), "{name}");
        for figure in &figures {
            assert_texts_are_apart(name, &figure.scene);
            assert!(!figure.table.rows.is_empty(), "{name}");
            let columns = figure.table.columns.len();
            assert!(
                figure.table.rows.iter().all(|row| row.len() == columns),
                "{name}"
            );
            if let Ok(directory) = std::env::var("HISTORY_GALLERY") {
                let path = std::path::Path::new(&directory).join(&figure.name);
                let path = format!("{}-{}.png", path.display(), name.replace(' ', "-"));
                std::fs::write(path, figure.png().unwrap()).unwrap();
            }
        }
    }
}

/// An accepted change begins an epoch: its line is not dashed, and what was before it is paler.
#[test]
fn an_accepted_change_begins_an_epoch() {
    let mut history = histories().swap_remove(2).1;
    let count = |history: &History, color: RGBColor| {
        let scene = scene(history);
        let dots = scene
            .marks
            .iter()
            .filter(|mark| matches!(mark, Mark::Dot { color: c, .. } if *c == color));
        dots.count()
    };
    assert_eq!(count(&history, palette::SKY), 0);
    let all = count(&history, palette::BLUE);
    history.accept(&accepted());
    let change = history.series[0].changes().next().unwrap();
    assert!(change.accepted.is_some());
    assert_eq!(count(&history, palette::SKY), change.at.index);
    assert_eq!(count(&history, palette::BLUE), all - change.at.index);
    let words: Vec<String> = labels(&history.series[0])
        .0
        .into_iter()
        .map(|it| it.text)
        .collect();
    assert!(
        words[0].contains("slower, accepted: checks bounds"),
        "{words:?}"
    );
}

fn accepted() -> AcceptedFile {
    AcceptedFile {
        changes: vec![Accepted {
            reason: "checks bounds now".to_owned(),
            accepted_utc: "2026-02-18T00:00:00Z".to_owned(),
            kernel: "matmul-norm".to_owned(),
            n: 1000,
            dtype: "f64".to_owned(),
            blas: None,
            driver: None,
            affinity: None,
            threads: [56, 56],
            ratio_before: 1.0,
            ratio: 0.8,
            ratio_interval: [0.79, 0.81],
            baseline: "abc".to_owned(),
            candidate: "def".to_owned(),
        }],
        ..AcceptedFile::default()
    }
}

#[test]
fn every_picture_can_be_drawn_and_escapes_what_records_say() {
    for (name, history) in histories() {
        let svg = svg(&history).unwrap();
        assert!(
            svg.contains("role=\"img\"") && svg.contains("<title>"),
            "{name}"
        );
        assert!(!svg.contains("<host>"), "{name}");
        assert!(!png(&history).unwrap().is_empty(), "{name}");
        // For looking at: `HISTORY_GALLERY=DIR cargo test -p reports history_plot`.
        if let Ok(directory) = std::env::var("HISTORY_GALLERY") {
            let path = std::path::Path::new(&directory).join(name.replace(' ', "-"));
            std::fs::write(path.with_extension("png"), png(&history).unwrap()).unwrap();
        }
    }
}

#[test]
fn a_change_is_drawn_with_its_commits() {
    let history = &histories()[2].1;
    let labels: Vec<String> = labels(&history.series[0])
        .0
        .into_iter()
        .map(|label| label.text)
        .collect();
    assert_eq!(labels.len(), 2);
    assert!(
        labels[0].starts_with("▼ 9.6 % slower, ") && labels[0].contains(".."),
        "{labels:?}"
    );
    assert!(
        labels[1].starts_with("11 % faster, ") && labels[1].ends_with('▲'),
        "{labels:?}"
    );
}

/// Each point with its day, its commit and its figure, where a level begins by how much it changed; of thousands each few together.
#[test]
fn points_are_told_with_day_and_commit() {
    let hints = |index: usize| -> Vec<String> {
        let scene = scene(&histories()[index].1);
        scene.hints().map(|(_, text)| text.to_owned()).collect()
    };
    let history = &histories()[3].1;
    let series = &history.series[0];
    let told = hints(3);
    assert_eq!(told.len(), series.points.len());
    let begin = series.changes().next().unwrap().at.index;
    for (index, (hint, point)) in told.iter().zip(&series.points).enumerate() {
        let commit: String = point.commit.as_ref().unwrap().chars().take(12).collect();
        let day = &point.started_utc[..10];
        let rate = figures::grouped(&figure(series, point.rate));
        let change = if index == begin {
            ", from here on 13 % faster"
        } else {
            ""
        };
        assert_eq!(
            *hint,
            format!("{day} 00:00, commit {commit}: {rate} GFLOPS{change}")
        );
    }

    let many = hints(7);
    assert!((150..=200).contains(&many.len()), "{}", many.len());
    let expected = "2026-01-01 00:00 to 2026-01-18 00:00: from 9.859 to 10.147 GFLOPS, 18 points";
    assert_eq!(many[0], expected);
    let changed = many
        .iter()
        .filter(|hint| hint.ends_with(", 18 points, 1 change"));
    assert_eq!(changed.count(), 1);
}
