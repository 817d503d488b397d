//! The lines about how far a run can be relied upon.

use reports::trust::{energy_line, grade_line};
use results::conditions::Conditions;
use results::energy::{Energy, MEANING};
use results::grade::{Grade, Graded};
use results::statistics::summarize;

mod fixtures;

use fixtures::{case, record};

#[test]
fn a_grade_is_one_line() {
    let line = |grade, reasons: &[&str]| {
        grade_line(&Graded {
            grade,
            reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
        })
    };
    assert_eq!(line(Grade::Valid, &[]), "grade: VALID");
    assert_eq!(
        line(Grade::Quick, &["3 samples, 5 are needed", "no warm-up"]),
        "grade: QUICK: 3 samples, 5 are needed; no warm-up"
    );
}

#[test]
fn energy_is_labelled_as_what_it_is() {
    let mut run = record(vec![case(10_000, &[1000.0, 1000.0, 1000.0])]);
    assert_eq!(energy_line(&run), None);
    run.energy = Some(Energy {
        source: "RAPL of 1 package".to_owned(),
        meaning: MEANING.to_owned(),
    });
    assert_eq!(energy_line(&run), None, "no sample has one");
    let case = &mut run.cases[0];
    for (sample, power_w) in case.samples.iter_mut().zip([200.0, 250.0, 400.0]) {
        sample.conditions = Some(Conditions {
            observed_s: sample.run_time_s,
            energy_j: Some(power_w * sample.run_time_s),
            ..Conditions::default()
        });
    }
    case.summary = summarize(&case.samples);
    assert_eq!(
        energy_line(&run).as_deref(),
        Some(
            "energy: 4.000 GFLOPS/W (RAPL of 1 package: package energy as the processor estimates it, not wall power)"
        )
    );
}
