//! Surveys: which states of a host pictures show.

use std::path::PathBuf;

use results::Record;
use results::compare::Request;
use results::limits::Limits;
use results::load::LoadedRecord;
use results::samples_digest::Seal;
use results::survey::{STATES_MAX, Survey, SurveyRun, survey};

/// Two hosts: `often`, measured at so many commits, and `once`.
fn hosts(commits: usize) -> Survey {
    let text = include_str!("golden/record-v1.json");
    let record: Record = serde_json::from_str(text).unwrap();
    let mut records = Vec::new();
    for index in 0..=commits {
        let mut record = record.clone();
        record.id = format!("{index:08x}");
        if index == commits {
            "once".clone_into(&mut record.host.hostname);
        } else {
            "often".clone_into(&mut record.host.hostname);
            record.software.bench_commit = Some(format!("c{index}"));
            // The first named is the newest.
            record.started_utc = format!("2026-01-{:02}T00:00:00Z", 28 - index);
        }
        records.push(LoadedRecord {
            path: PathBuf::from(format!("{index}.json")),
            seal: Seal::Absent,
            record: SurveyRun::of(record),
        });
    }
    survey(records, &Request::default()).unwrap()
}

fn sides(survey: &Survey) -> Vec<usize> {
    let groups = survey.comparison.groups.iter();
    let mut sides: Vec<usize> = groups
        .flat_map(|group| group.rows.iter().map(|row| row.side))
        .collect();
    sides.sort_unstable();
    sides.dedup();
    sides
}

#[test]
fn a_few_states_of_a_host_are_all_shown() {
    let few = hosts(STATES_MAX);
    assert_eq!(few.hosts_of_many_states(), []);
    assert_eq!(few.newest_sides(), [0, STATES_MAX]);
    assert_eq!(*few.newest_states(), few);
}

#[test]
fn of_many_states_the_newest_and_the_reference_are_shown() {
    let mut many = hosts(6);
    assert_eq!(many.hosts_of_many_states(), [("often", 6)]);
    assert_eq!(sides(&many), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(sides(&many.newest_states()), [0, 6]);
    let label = |survey: &Survey| survey.newest_states().comparison.sides[0].label.clone();
    assert_ne!(many.comparison.sides[0].label, "often");
    assert_eq!(label(&many), "often");
    many.comparison.reference = 4;
    assert_eq!(sides(&many.newest_states()), [0, 4, 6]);
    assert_ne!(label(&many), "often");
    let mut nameless = hosts(6);
    for side in &mut nameless.comparison.sides[..6] {
        side.environments[0].hostname.clear();
    }
    assert_eq!(label(&nameless), nameless.comparison.sides[0].label);
    let mut namesakes = hosts(12);
    for host in &mut namesakes.hosts[6..12] {
        "another".clone_into(&mut host.newest.cpu_model);
    }
    assert_eq!(label(&namesakes), namesakes.comparison.sides[0].label);
    let limits: Limits = serde_json::from_str(
        r#"{"blas_isa": "AVX2", "best_isa": "AVX2", "fma_peaks": [], "triad": null, "nominal_peaks": [], "elapsed_s": 1}"#,
    )
    .unwrap();
    for host in &mut many.hosts {
        host.limits = Some(limits.clone());
    }
    let newest = many.newest_states();
    let has_limits = |side: &usize| newest.hosts[*side].limits.is_some();
    assert!((0..7).filter(has_limits).eq([0, 4, 6]));
}

#[test]
fn a_machine_is_a_name_and_a_processor() {
    let mut survey = hosts(4);
    let states = |survey: &Survey| -> Vec<Vec<usize>> {
        let machines = survey.machines();
        machines.iter().map(|it| it.states().to_vec()).collect()
    };
    // The first named is the newest.
    assert_eq!(states(&survey), [vec![0, 1, 2, 3], vec![4]]);
    assert_eq!(survey.machines()[0].newest(), 0);
    assert_eq!(survey.machines()[0].earlier(), [1, 2, 3]);
    "another".clone_into(&mut survey.hosts[1].newest.cpu_model);
    survey.hosts[3].newest.started_utc = "2027".to_owned();
    assert_eq!(states(&survey), [vec![3, 0, 2], vec![1], vec![4]]);
    assert!(survey.hosts_of_many_states().is_empty());
}
