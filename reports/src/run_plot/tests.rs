use super::*;
use crate::fixtures::{case, gallery, record};
use crate::plot::boxes::{assert_marks_are_inside, assert_texts_are_apart, boxes};

#[test]
fn no_text_overlaps_another_or_leaves_the_picture() {
    for (name, record) in gallery() {
        assert_texts_are_apart(name, &scene(&record));
    }
}

#[test]
fn no_mark_leaves_the_picture() {
    for (name, record) in gallery() {
        assert_marks_are_inside(name, &scene(&record));
    }
}

#[test]
fn compact_medians_keep_off_the_marks() {
    for (name, record) in gallery() {
        let scene = scene(&record);
        let medians = boxes(&scene)
            .into_iter()
            .filter(|(text, _)| text.starts_with("median "));
        for (text, [left, top, right, bottom]) in medians {
            for mark in &scene.marks {
                if let Mark::Dot {
                    center: (x, y),
                    radius,
                    ..
                } = mark
                {
                    let is_apart = x + radius <= left
                        || right <= x - radius
                        || y + radius <= top
                        || bottom <= y - radius;
                    assert!(is_apart, "{name}: {text:?} lies on a mark at {x}, {y}");
                }
            }
        }
    }
}

#[test]
fn what_cases_share_is_the_title_and_what_differs_their_label() {
    let mut cases = vec![case(100, &[1.0]), case(1000, &[2.0])];
    let labels = Labels::of_cases(&cases);
    assert_eq!(labels.title, "matmul-norm, f64, 18 threads");
    assert_eq!(labels.rows, ["n = 100", "n = 1000"]);

    cases[1].n = 100;
    assert_eq!(Labels::of_cases(&cases).rows, ["case 1", "case 2"]);

    cases[1].dtype = "f32".to_owned();
    cases[1].threads_used = 16;
    let labels = Labels::of_cases(&cases);
    assert_eq!(labels.title, "matmul-norm, n = 100");
    assert_eq!(
        labels.rows,
        ["f64, 18 threads", "f32, 18 threads requested, 16 used"]
    );
}

#[test]
fn the_caption_says_on_what_with_what_and_when() {
    let mut record = record(vec![case(100, &[1.0])]);
    record.host.topology.usable_logical_cpus = 4;
    record.host.topology.cpu_quota = Some(2.5);
    record.software.bench_commit = Some("81ec3430c1f0a9b8-dirty".to_owned());
    record.software.bundle = None;
    record.host.hostname = " ".to_owned();
    record.started_utc = "yesterday".to_owned();
    let expected = expect_test::expect![[r#"
        [
            "Host unknown",
            "CPU Intel(R) Xeon(R) W-2295 CPU @ 3.00GHz",
            "18 cores, 36 logical CPUs, 4 CPUs usable, quota 2.5 CPUs; 18 threads (OMP_NUM_THREADS)",
            "OpenBLAS 0.3.21, core SkylakeX, pthreads",
            "bench 0.1.0 (81ec3430c1f0-dirty), no bundle",
            "yesterday, run 5d0c2f71, seed 42",
        ]
    "#]];
    expected.assert_debug_eq(&caption::lines(&record));
}

/// Cases of a sweep are told apart by all that differs, and by nothing that does not.
#[test]
fn rows_of_a_sweep_say_size_type_and_threads() {
    let (_, sweep) = gallery()
        .into_iter()
        .find(|(name, _)| *name == "sizes-types-threads")
        .unwrap();
    let labels = Labels::of_cases(&sweep.cases);
    assert_eq!(labels.title, "matmul-norm");
    assert_eq!(labels.rows[0], "n = 500, f64, 1 thread");
    assert_eq!(labels.rows[7], "n = 1000, f32, 2 threads");
    let distinct: std::collections::BTreeSet<&String> = labels.rows.iter().collect();
    assert_eq!(distinct.len(), sweep.cases.len());
    let lines = caption::lines(&sweep);
    assert!(
        lines.iter().any(|line| line.contains("; 1, 2 threads (")),
        "{lines:?}"
    );
}
