//! Whether a page is what it should be, whatever its records say.

use std::collections::HashSet;
use std::path::PathBuf;

use results::Record;
use results::compare::Request;
use results::load::{LoadedRecord, Refusal, Skipped};
use results::samples_digest::Seal;
use results::store::NoRecord;
use results::survey::{Survey, SurveyRun, survey};
use scraper::{ElementRef, Html, Selector};

use super::{PageData, html};
use crate::figure::Missing;
use crate::fixtures::{case, record};
use crate::kinds::{self, Kind, Material};

/// What somebody might write into a record.
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror='alert(2)'>\"' & </style></svg> javascript:alert(3)\u{202e}\u{0}";

fn survey_of(records: Vec<Record>) -> Survey {
    let loaded = |(index, record): (usize, Record)| LoadedRecord {
        path: PathBuf::from(format!("results/{index}.json")),
        seal: Seal::Absent,
        record: SurveyRun::of(record),
    };
    let records = records.into_iter().enumerate().map(loaded).collect();
    survey(records, &Request::default()).unwrap()
}

fn named(hostname: &str, id: usize, gflops: &[f64]) -> Record {
    let mut made = record(vec![case(1000, gflops), case(2000, gflops)]);
    hostname.clone_into(&mut made.host.hostname);
    made.id = format!("{id:08x}");
    made.started_utc = format!("2026-01-{:02}T00:00:00Z", 1 + id % 28);
    made
}

fn page_with(survey: &Survey, kinds: &[Kind], skipped: &[Skipped]) -> String {
    let command = ["bench", "report", "results"].map(str::to_owned);
    html(&PageData {
        title: None,
        survey,
        kinds,
        comparisons: &[],
        history: None,
        skipped,
        copies: 0,
        command: &command,
        bench_version: "0.1.0",
    })
    .unwrap()
}

/// The page of these records with all pictures that they make.
fn page(records: Vec<Record>) -> String {
    let newest: Vec<Record> = records.iter().take(2).cloned().collect();
    let survey = survey_of(records);
    let kinds = kinds::kinds(&Material {
        side_by_side: &survey.newest_states(),
        newest: &newest,
        comparisons: &[],
        history: None,
    });
    page_with(&survey, &kinds, &[])
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: ElementRef) -> String {
    element.text().collect::<String>().trim().to_owned()
}

/// What holds for every page.
fn check(text: &str) -> Html {
    let page = Html::parse_document(text);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    let mut ids = HashSet::new();
    for element in all(&page, "[id]") {
        let id = element.attr("id").unwrap();
        assert!(ids.insert(id), "{id} is there twice");
        assert!(
            id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "{id}"
        );
    }
    for link in all(&page, "a[href]") {
        let target = link.attr("href").unwrap();
        assert!(ids.contains(target.trim_start_matches('#')), "{target}");
    }
    for attribute in ["aria-labelledby", "aria-describedby", "for"] {
        for element in all(&page, &format!("[{attribute}]")) {
            for id in element.attr(attribute).unwrap().split_whitespace() {
                assert!(ids.contains(id), "{attribute}={id}");
            }
        }
    }
    let mut labels = HashSet::new();
    for region in all(&page, "[role=region]") {
        let label = region.attr("aria-label").unwrap();
        assert!(labels.insert(label), "two regions are called {label}");
    }
    // One script and one style, both ours; nothing that a policy would not let in, or that loads anything.
    assert_eq!(all(&page, "script").len(), 1);
    assert_eq!(all(&page, "style").len(), 1);
    assert!(
        all(
            &page,
            "[style], iframe, object, embed, base, form, img, link[rel=stylesheet]"
        )
        .is_empty()
    );
    for element in all(&page, "*") {
        for (name, value) in element.value().attrs() {
            assert!(!name.starts_with("on"), "{name}={value}");
            assert!(
                name != "src" && !value.trim().starts_with("javascript:"),
                "{name}={value}"
            );
        }
    }
    for table in all(&page, "table") {
        let columns = table.select(&Selector::parse("thead th").unwrap()).count();
        for row in table.select(&Selector::parse("tbody tr").unwrap()) {
            let spans = row.child_elements().map(|cell| {
                let span = cell.attr("colspan");
                span.map_or(1, |span| span.parse::<usize>().unwrap())
            });
            assert_eq!(spans.sum::<usize>(), columns);
        }
    }
    page
}

#[test]
fn a_page_has_all_of_its_parts() {
    let page = check(&page(vec![
        named("i9", 1, &[100.0, 101.0, 99.0]),
        named("epyc", 2, &[250.0, 251.0, 249.0]),
        named("epyc", 3, &[252.0, 251.0, 249.0]),
    ]));
    let titles: Vec<String> = all(&page, "h2").into_iter().map(text).collect();
    let expected = [
        "Summary",
        "Hosts",
        "Cases",
        "Changes",
        "Environments",
        "Warnings",
        "Provenance",
        "How to run it again",
        "What was left out",
    ];
    let parts: Vec<&str> = titles
        .iter()
        .map(String::as_str)
        .filter(|title| *title != "Samples")
        .collect();
    assert_eq!(parts, expected);
    let fastest: Vec<String> = all(&page, ".card .host").into_iter().map(text).collect();
    assert_eq!(fastest, ["epyc"]);
    assert_eq!(
        text(all(&page, ".lead")[0]),
        "2 hosts, 3 runs from 2026-01-02 to 2026-01-04"
    );
    let medians: Vec<&str> = all(&page, "#cases .case-table td:nth-child(2)")
        .iter()
        .filter_map(|cell| cell.attr("data-value"))
        .collect();
    assert_eq!(medians, ["250.5", "100", "250.5", "100"]);
}

#[test]
fn what_records_say_stays_text() {
    let mut hostile = named(HOSTILE, 1, &[100.0, 101.0, 99.0]);
    for field in [
        &mut hostile.id,
        &mut hostile.started_utc,
        &mut hostile.host.cpu.model,
        &mut hostile.host.cpu.architecture,
        &mut hostile.host.os.kernel,
        &mut hostile.software.bench_version,
        &mut hostile.software.blas.name,
        &mut hostile.software.blas.version,
        &mut hostile.software.blas.core,
        &mut hostile.settings.threads.source,
    ] {
        HOSTILE.clone_into(field);
    }
    HOSTILE.clone_into(&mut hostile.cases[0].kernel);
    HOSTILE.clone_into(&mut hostile.cases[1].dtype);
    hostile.software.bundle.as_mut().unwrap().digest = HOSTILE.to_owned();
    hostile.samples_sha256 = Some(HOSTILE.to_owned());
    hostile.settings.command_line = vec!["bench".to_owned(), HOSTILE.to_owned()];
    hostile.warnings = vec![HOSTILE.to_owned()];
    let mut second = hostile.clone();
    second.id = "other".to_owned();
    second.host.hostname = format!("{HOSTILE} 2");
    let text = page(vec![hostile, second]);
    let page = check(&text);
    assert!(!text.contains('\u{202e}') && !text.contains('\u{0}'));
    let shown: String = all(&page, "#hosts td.name")
        .into_iter()
        .map(|it| it.text().collect::<String>())
        .collect();
    assert!(shown.contains("<script>alert(1)</script>"), "{shown}");
}

#[test]
fn figures_that_are_none_are_no_trouble() {
    let mut records = Vec::new();
    for (id, gflops) in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e308, 5e-324]
        .into_iter()
        .enumerate()
    {
        let mut made = named(&format!("host{id}"), id, &[gflops, gflops]);
        made.cases[0].flop = gflops;
        made.cases[1].bytes = Some(gflops);
        made.cases[1].n = usize::MAX;
        made.host.topology.cpu_quota = Some(gflops);
        made.started_utc = String::new();
        made.host.hostname = "long ".repeat(2000 * (id % 2));
        records.push(made);
    }
    records.push(record(Vec::new()));
    let text = page(records);
    check(&text);
    assert!(!text.contains("data-value=\"NaN\"") && !text.contains("data-value=\"inf\""));
}

#[test]
fn no_records_are_a_page_too() {
    let survey = survey_of(Vec::new());
    let kinds = [Kind {
        name: "hosts",
        title: "Hosts ranked",
        figures: Err(Missing("there are no hosts".to_owned())),
    }];
    let skipped = [
        Skipped {
            path: PathBuf::from("notes.json"),
            refusal: Refusal::NoRecord(NoRecord::Foreign("it is no JSON".to_owned())),
        },
        Skipped {
            path: PathBuf::from("edited.json"),
            refusal: Refusal::Edited,
        },
    ];
    let page = check(&page_with(&survey, &kinds, &skipped));
    let listed: Vec<String> = all(&page, "#left-out li").into_iter().map(text).collect();
    assert_eq!(listed.len(), 3);
    assert!(
        listed[0].starts_with("edited.json: it was edited by hand"),
        "{listed:?}"
    );
    assert!(listed[1].starts_with("notes.json: "), "{listed:?}");
    assert_eq!(listed[2], "Hosts ranked: there are no hosts");
}

#[test]
fn many_hosts_are_cut_with_a_sentence() {
    let records = (0..1200).map(|id| named(&format!("node{id}"), id, &[100.0 + id as f64, 99.0]));
    let survey = survey_of(records.collect());
    let html = page_with(&survey, &[], &[]);
    let page = check(&html);
    assert!(html.len() < 3_000_000, "{}", html.len());
    assert_eq!(all(&page, "#hosts tbody tr").len(), 1000);
    let notes: Vec<String> = all(&page, "#hosts .note").into_iter().map(text).collect();
    assert!(
        notes[0].starts_with("Shown are 1000 of 1200 hosts"),
        "{notes:?}"
    );
}

/// A host that was measured at so many commits, each a little faster than the one before, and another one.
fn of_commits(commits: usize) -> Vec<Record> {
    let mut records: Vec<Record> = (0..commits)
        .map(|id| {
            let gflops = 100.0 + id as f64;
            let mut made = named("ci", id, &[gflops, gflops + 1.0, gflops - 1.0]);
            made.software.bench_commit = Some(format!("c0ffee{id:02}"));
            made.started_utc = format!("2026-02-01T{id:02}:00:00Z");
            made
        })
        .collect();
    records.push(named("epyc", commits, &[250.0, 251.0, 249.0]));
    records
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    all(page, selector).into_iter().map(text).collect()
}

#[test]
fn earlier_states_are_folded_below_the_newest() {
    let page = check(&page(of_commits(20)));
    assert_eq!(texts(&page, "#hosts table td.name"), ["ci", "epyc"]);
    let figures = texts(&page, "#table-of-hosts td:nth-child(4)");
    assert_eq!(figures, ["119.0", "250.0"]);
    let summaries = texts(&page, "#table-of-hosts summary");
    assert_eq!(summaries, ["and 19 earlier states of ci"]);
    let items = texts(&page, "#table-of-hosts li");
    assert_eq!(items.len(), 20);
    assert_eq!(items[0], "above: ci (commit c0ffee19)");
    assert!(
        items[1].starts_with("2026-02-01 · 118.0 GFLOPS at n=")
            && items[1].ends_with("commit c0ffee18"),
        "{items:?}"
    );
    // Nothing else tells the states one by one, but for what is folded.
    let text = |selector: &str| texts(&page, selector).join(" ");
    for part in ["#summary", "#environments", "#again", "#warnings"] {
        assert!(!text(part).contains("c0ffee01"), "{part}: {}", text(part));
    }
    assert!(text("#environments").contains("19 other values"));
    let rows = texts(&page, "#cases .case-table td.name");
    assert_eq!(rows, ["epyc", "ci", "ci (commit c0ffee00)"].repeat(2));
    let folded = texts(&page, "#cases .case-table summary");
    assert!(
        folded[0].starts_with("and 18 earlier states: 101"),
        "{folded:?}"
    );
    let provenance = texts(&page, "#provenance summary");
    assert!(provenance[0].starts_with("and 19 earlier builds"));
    assert!(provenance[1].starts_with("and 19 earlier records"));
}

#[test]
fn a_long_history_makes_a_short_page() {
    let rows = |commits: usize| {
        let page = check(&page(of_commits(commits)));
        all(&page, "section > .scroll tr, .case-table tr").len()
    };
    assert_eq!(rows(8), rows(20));
}

#[test]
fn a_few_states_are_one_row_of_hosts_and_several_of_cases() {
    let page = check(&page(of_commits(3)));
    assert_eq!(texts(&page, "#hosts table td.name"), ["ci", "epyc"]);
    assert_eq!(texts(&page, "#cases .case-table td.name").len(), 8);
    assert!(all(&page, "#cases .case-table summary").is_empty());
}

#[test]
fn machines_of_one_name_are_several() {
    let mut records = of_commits(8);
    for record in records.iter_mut().skip(4) {
        "another processor".clone_into(&mut record.host.cpu.model);
    }
    let page = check(&page(records));
    let names = texts(&page, "#hosts table td.name");
    assert_eq!(names.len(), 3);
    assert!(names[0].starts_with("ci ("), "{names:?}");
    assert_eq!(names[1..], ["ci (another processor)", "epyc"]);
    let summaries = texts(&page, "#table-of-hosts summary");
    assert!(
        summaries
            .iter()
            .all(|it| it.starts_with("and 3 earlier states of ci ("))
    );
}

#[test]
fn many_earlier_states_are_cut_with_a_sentence() {
    let mut records = of_commits(23);
    for minute in 0..60 {
        let mut made = records[0].clone();
        made.id = format!("{minute:08}");
        made.software.bench_commit = Some(format!("beef{minute}"));
        made.started_utc = format!("2025-01-01T00:{minute:02}:00Z");
        records.push(made);
    }
    let page = check(&page(records));
    let summaries = texts(&page, "#table-of-hosts summary");
    assert_eq!(summaries, ["and 82 earlier states (50 listed) of ci"]);
    assert_eq!(texts(&page, "#table-of-hosts li").len(), 51);
}

#[test]
fn what_no_digest_names_is_no_suspicion_and_samples_without_one_are() {
    let sealed = |seal: Seal| {
        let mut made = named("i9", 1, &[100.0, 101.0, 99.0]);
        made.warnings.clear();
        made.software.bundle = None;
        made.samples_sha256 = Some("ab".repeat(32));
        let loaded = LoadedRecord {
            path: PathBuf::from("results/1.json"),
            seal,
            record: SurveyRun::of(made),
        };
        let survey = survey(vec![loaded], &Request::default()).unwrap();
        check(&page_with(&survey, &[], &[]))
    };
    let page = sealed(Seal::Fits);
    let alarms = texts(&page, ".alarm li");
    assert!(!alarms.iter().any(|it| it.contains("digest")), "{alarms:?}");
    let software = texts(&page, "#table-of-software td:nth-child(4)");
    assert_eq!(software, ["none: a build that no digest names"]);
    let alarms = texts(&sealed(Seal::Absent), ".alarm li");
    assert!(
        alarms.iter().any(|it| it
            == "1 record of 1 without a digest of the samples, so that an edit by hand would go unnoticed: i9"),
        "{alarms:?}"
    );
}

#[test]
fn the_same_records_make_the_same_page() {
    let records = || vec![named("a", 1, &[1.0, 2.0]), named("b", 2, &[2.0, 3.0])];
    assert_eq!(page(records()), page(records()));
}
