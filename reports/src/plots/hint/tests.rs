use std::path::PathBuf;

use results::Record;
use results::survey::Survey;

use super::*;
use crate::figure::{Figure, Figures};
use crate::figures::grouped;
use crate::fixtures::{compared, plotted, traced};
use crate::kinds::{self, Material};
use crate::page::{self, PageData};
use crate::plots::{
    by_size, energy, examples, heat_map, hosts, ratios, roofline, samples, scaling, trace,
};

fn hints(figure: &Figure) -> Vec<&str> {
    figure.scene.hints().map(|(_, text)| text).collect()
}

/// A picture with a hint for each of so many points, among them one that begins with this.
fn check(figure: &Figure, count: usize, beginnings: &[String]) {
    let hints = hints(figure);
    assert_eq!(hints.len(), count, "{}: {hints:?}", figure.name);
    for beginning in beginnings {
        let is_told = hints.iter().any(|hint| hint.starts_with(beginning));
        assert!(is_told, "{}: {beginning}: {hints:?}", figure.name);
    }
}

fn named<T>(all: Vec<(&'static str, T)>, name: &str) -> T {
    let (_, found) = all.into_iter().find(|(n, _)| *n == name).unwrap();
    found
}

#[test]
fn a_sentence_says_what_and_how_much() {
    let interval = ("815.1".to_owned(), "822.3".to_owned());
    let hint = Hint::of(&["i9", "", "n = 2000"])
        .value("818.2", "GFLOPS", Some(interval))
        .share(Some(86.2), "of peak")
        .share(Some(f64::NAN), "of nothing")
        .also("")
        .median_of(1)
        .median_of(5);
    assert_eq!(
        hint.sentence(),
        "i9, n = 2000: 818.2 GFLOPS (815.1 to 822.3), 86 % of peak, median of 5 runs"
    );
    assert_eq!(Hint::of(&[]).value("3", "GB/s", None).sentence(), "3 GB/s");
    let long = Hint::of(&[&"x".repeat(10_000), "\u{202e}a\nb\u{0}"]).sentence();
    assert!(long.len() < 80 && long.ends_with("…, a b: "), "{long:?}");
}

#[test]
fn many_points_are_told_by_a_few_neighbours_each() {
    let points: Vec<(Point, usize)> = (0..7).map(|at| ((at, 0), at as usize)).collect();
    for (hints_max, expected) in [
        (7, vec!["0", "1", "2", "3", "4", "5", "6"]),
        (3, vec!["0 to 2", "3 to 5", "6"]),
        (0, vec!["0 to 6"]),
    ] {
        let mut scene = Scene::blank(10, 10);
        tell(&mut scene, &points, hints_max, |points| match points {
            [(_, only)] => Hint::default().also(&only.to_string()),
            _ => Hint::default().also(&format!(
                "{} to {}",
                points[0].1,
                points[points.len() - 1].1
            )),
        });
        let told: Vec<&str> = scene.hints().map(|(_, text)| text).collect();
        assert_eq!(told, expected);
        assert!(told.len() > 1 || scene.hints().next().unwrap().0 == (3, 0));
    }
}

/// Host and size, the median of the table beside the picture, and its share of the peak.
#[test]
fn sizes_are_told_with_host_and_unit() {
    let figure = &by_size::figures(&examples::small()).unwrap()[0];
    let rows = &figure.table.rows;
    let beginnings: Vec<String> = rows
        .iter()
        .map(|row| {
            let n = grouped(&row[1]);
            let ends = format!("{} to {}", grouped(&row[5]), grouped(&row[6]));
            format!(
                "{}, {} threads, n = {n}: {} GFLOPS ({ends})",
                row[0],
                row[2],
                grouped(&row[4])
            )
        })
        .collect();
    check(figure, rows.len(), &beginnings);
    let last = hints(figure)[2];
    assert!(last.ends_with("91 % of peak, QUICK"), "{last}");
}

/// A grey line has no name beside it: its last point tells it.
#[test]
fn grey_lines_are_told_at_their_ends() {
    let host = |at: u32| examples::Example::new(&format!("host-{at}"), 4, 50.0 + f64::from(at));
    let records = (0..9).map(|at| host(at).record(u64::from(at)));
    let figure = &by_size::figures(&examples::survey_of(records.collect())).unwrap()[0];
    check(figure, 7 * 7 + 2, &["host-0, n = 10,000: ".to_owned()]);
}

#[test]
fn threads_are_told_with_their_efficiency() {
    let figure = &scaling::figures(&examples::small()).unwrap()[0];
    let rows = &figure.table.rows;
    let threads = |row: &[String]| counted(row[2].parse().unwrap(), "thread");
    let rates = rows
        .iter()
        .map(|row| format!("{}: {} GFLOPS (", threads(row), grouped(&row[3])));
    check(figure, 2 * rows.len(), &rates.collect::<Vec<_>>());
    for (row, hint) in rows.iter().zip(&hints(figure)[rows.len()..]) {
        let share = hint.strip_prefix(&format!("{}: ", threads(row)));
        let share = share
            .and_then(|it| it.strip_suffix(" % efficiency, QUICK"))
            .unwrap();
        let [told, expected] = [share, &row[6]].map(|it| it.parse::<f64>().unwrap());
        assert!((told - expected).abs() <= 0.55, "{hint}: {expected}");
    }
    let last = hints(figure)[5];
    assert!(
        last.ends_with("72 % of peak, 33 % efficiency, QUICK"),
        "{last}"
    );
}

#[test]
fn rooflines_tell_intensity_and_what_is_attainable() {
    let figure = &roofline::figures(&examples::small()).unwrap()[0];
    let cases: Vec<&Vec<String>> = figure
        .table
        .rows
        .iter()
        .filter(|row| !row[2].is_empty())
        .collect();
    let beginnings = cases
        .iter()
        .map(|row| format!("{}, n = {}: ", row[0], grouped(&row[2])));
    check(figure, cases.len(), &beginnings.collect::<Vec<_>>());
    let text = hints(figure).join("\n");
    for row in cases {
        let share = percent(row[7].parse().unwrap());
        let told = format!("{} flop/byte, {share} of what is attainable", row[4]);
        assert!(text.contains(&told), "{told}: {text}");
    }
}

#[test]
fn bars_of_energy_tell_what_they_are_made_of() {
    let figure = &energy::figures(&examples::small()).unwrap()[0];
    let rows = figure.table.rows.iter().map(|row| {
        let [host, _, threads, _, per_watt, rate, ..] = &row[..] else {
            panic!("{row:?}")
        };
        let rate = grouped(rate);
        format!("{host}, {threads} threads: {per_watt} GFLOPS per watt, {rate} GFLOPS at ")
    });
    check(figure, 2, &rows.collect::<Vec<_>>());
}

#[test]
fn ranked_hosts_and_cells_are_told_in_full() {
    let seven = named(plotted::surveys(), "seven");
    let figure = &hosts::figures(&seven).unwrap()[1];
    let rows = figure.table.rows.iter().map(|row| {
        let [_, host, median, interval, _, share, ..] = &row[..] else {
            panic!("{row:?}")
        };
        format!("{host}: {median} GFLOPS ({interval}), {share} of peak, ")
    });
    check(figure, 7, &rows.collect::<Vec<_>>());
    let last = hints(figure)[6];
    assert!(
        last.starts_with("pi5: ") && last.ends_with(", INVALID"),
        "{last}"
    );

    let figure = &heat_map::figures(&seven).unwrap()[0];
    let cells = figure.table.rows.iter().flat_map(|row| &row[1..]);
    let measured = cells.filter(|cell| !cell.is_empty()).count();
    check(
        figure,
        measured,
        &["epyc-rack3-17, n = 500: 3652 GFLOPS (3648 to 3744), 55 % of peak, ".to_owned()],
    );

    // Where there is no peak the cell shows another share, which is told, too.
    let fast = examples::Example::new("fast", 4, 50.0);
    let mut slow = examples::Example::new("slow", 4, 25.0);
    slow.has_limits = false;
    let survey = examples::survey_of(vec![fast.record(1), slow.record(1)]);
    let figure = &heat_map::figures(&survey).unwrap()[0];
    let told = hints(figure)[7];
    assert!(
        told.starts_with("slow, n = 100: ") && told.contains(", 50 % of the best at this size"),
        "{told}"
    );
}

/// Each sample and the box of each case; of too many samples the boxes alone.
#[test]
fn samples_are_told_one_by_one_or_by_their_box() {
    let sweep = named(traced::records(), "sweep");
    let several = sweep.cases.iter().filter(|case| case.samples.len() > 1);
    let (cases, count) = several.fold((0, 0), |(cases, samples), case| {
        (cases + 1, samples + case.samples.len())
    });
    let figure = &samples::figures(&[sweep]).unwrap()[0];
    let box_ = &figure.table.rows[0];
    let beginnings = [
        "matmul-norm, n = 100, sample 6 of 40: 3.3 GFLOPS, 78 % below the median".to_owned(),
        format!(
            "matmul-norm, n = 100, median of 40 samples: {} GFLOPS ({})",
            box_[2], box_[3]
        ),
    ];
    check(figure, count + cases, &beginnings);

    let many = samples::figures(&[named(traced::records(), "five-thousand")]).unwrap();
    check(
        &many[0],
        1,
        &["median of 5000 samples: 963.7 GFLOPS (963.4 to 964.0)".to_owned()],
    );
}

/// In every panel, with all that was read beside the sample.
#[test]
fn traces_tell_samples_in_all_panels() {
    let one = named(traced::records(), "one");
    let case = &one.cases[0];
    let events = case.samples.len() + case.warmup_samples.len();
    let figure = &trace::figures(std::slice::from_ref(&one)).unwrap()[0];
    let others = hints(figure)
        .iter()
        .filter(|hint| hint.contains(" CPUs by other processes"))
        .count();
    assert!(others > 5, "{:?}", hints(figure));
    let row = &figure.table.rows[4];
    let first = format!(
        "sample 1 of 60: {} GFLOPS, 0.2 % above the median, 4.05 GHz, 56 °C",
        row[1]
    );
    check(
        figure,
        events + 2 * case.samples.len() + others,
        std::slice::from_ref(&first),
    );
    assert_eq!(
        hints(figure).iter().filter(|hint| **hint == first).count(),
        3
    );

    let many = trace::figures(&[named(traced::records(), "five-thousand")]).unwrap();
    let told = hints(&many[0]);
    assert!((100..=4 * 64).contains(&told.len()), "{}", told.len());
    assert!(
        told[1].starts_with("samples 76 to 154: from 849 to 974 GFLOPS, "),
        "{}",
        told[1]
    );
}

#[test]
fn ratios_tell_verdict_and_threshold() {
    let figure = &ratios::figures(&[named(compared::comparisons(), "check")]).unwrap()[0];
    let rows = &figure.table.rows;
    let told = rows.iter().map(|row| {
        let [_, ratio, interval, threshold, _, blocks, verdict] = &row[..] else {
            panic!("{row:?}")
        };
        let threshold = match &threshold[..] {
            "" => String::new(),
            threshold => format!("threshold {threshold}, "),
        };
        format!(": {ratio} of A's speed ({interval}), {verdict}, {threshold}{blocks} blocks")
    });
    for (hint, told) in hints(figure).iter().zip(told) {
        assert!(
            hint.starts_with("matmul-norm, n = ") && hint.ends_with(&told),
            "{told}: {hint}"
        );
    }
    assert_eq!(hints(figure).len(), rows.len());
}

/// Whatever the records say: on one line, of a bearable length, without what is no number, within the picture, and not too many.
#[test]
fn all_hints_can_be_read() {
    let of_survey = |survey: &Survey| {
        [
            by_size::figures(survey),
            scaling::figures(survey),
            roofline::figures(survey),
            energy::figures(survey),
            hosts::figures(survey),
            heat_map::figures(survey),
        ]
    };
    let of_record = |record: Record| {
        let records = [record];
        [samples::figures(&records), trace::figures(&records)]
    };
    let surveys = examples::gallery().into_iter().map(|(_, survey)| survey);
    let surveys = surveys.chain(plotted::surveys().into_iter().map(|(_, survey)| survey));
    let mut all: Vec<Figures> = surveys.flat_map(|survey| of_survey(&survey)).collect();
    let records = traced::records()
        .into_iter()
        .chain(crate::fixtures::gallery());
    all.extend(records.flat_map(|(_, record)| of_record(record)));
    all.extend((0..30).flat_map(|seed| of_record(traced::drawn_record(seed))));
    let comparisons = compared::comparisons().into_iter().map(|(_, it)| it);
    let comparisons = comparisons.chain((0..60).map(compared::drawn_comparison));
    all.extend(comparisons.map(|it| ratios::figures(&[it])));
    let figures: Vec<Figure> = all.into_iter().flatten().flatten().collect();
    assert!(figures.len() > 500, "{}", figures.len());
    // Not all: a roofline may be of roofs alone, which have their labels, and records may have no usable figure.
    let told = figures
        .iter()
        .filter(|figure| figure.scene.hints().next().is_some());
    let told = told.count();
    assert!(told > figures.len() * 9 / 10, "{told}");
    for figure in &figures {
        let scene = &figure.scene;
        // Of cells of a heat map each has one, of traces each panel so many.
        let most = 2 * HINTS_MAX;
        assert!(
            scene.hints().count() <= most,
            "{}: {}",
            figure.name,
            scene.hints().count()
        );
        for ((x, y), text) in scene.hints() {
            let is_inside = (0..=scene.width).contains(&x) && (0..=scene.height).contains(&y);
            let is_number = !text.contains("NaN") && !text.contains("inf ");
            let is_plain = !text.contains(crate::clean::is_harmful) && text.len() < 400;
            assert!(
                is_inside && is_number && is_plain,
                "{}: {text}",
                figure.name
            );
            assert!(!text.ends_with([' ', ':', ',']), "{}: {text}", figure.name);
        }
    }
}

/// A host may call itself as it likes: on the page it is text, with its figure, in pictures of all kinds that tell hosts apart.
#[test]
fn names_are_text_on_the_page() {
    let mut hosts = ["<script>alert(1)</script>", "\"'&</title></svg>"].map(|name| {
        let mut host = examples::Example::new(name, 4, 50.0);
        host.power_w = Some(90.0);
        host.threads = vec![2, 4];
        host
    });
    hosts[1].core_gflops = 40.0;
    let records = hosts.map(|host| host.record(1));
    let survey = examples::survey_of(records.into());
    let kinds = kinds::kinds(&Material {
        side_by_side: &survey,
        newest: &[],
        comparisons: &[],
        history: None,
    });
    let html = page::html(&PageData {
        title: None,
        survey: &survey,
        kinds: &kinds,
        comparisons: &[],
        history: None,
        skipped: &[],
        copies: 0,
        command: &[PathBuf::from("bench").display().to_string()],
        bench_version: "0",
    })
    .unwrap();
    assert!(!html.contains("<script>alert"), "a name is markup");
    let told = html
        .matches("\"><title>&lt;script&gt;alert(1)&lt;/script&gt;, ")
        .count()
        + html
            .matches("\"><title>&lt;script&gt;alert(1)&lt;/script&gt;: ")
            .count();
    // A point for each size in by-size, in the heat map and in hosts ranked, of which there are so many pictures, and a bar.
    assert_eq!(told, 7 + 7 + 6 + 1, "{told}");
}
