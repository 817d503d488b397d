//! The lines about how far a run can be relied upon, and what its energy was.

use results::Record;
use results::grade::Graded;

/// One line for a grade, for example `grade: QUICK: 3 samples, 5 are needed (try --repeats 5)`.
pub fn grade_line(graded: &Graded) -> String {
    let grade = graded.grade;
    if graded.reasons.is_empty() {
        format!("grade: {grade}")
    } else {
        format!("grade: {grade}: {}", graded.reasons.join("; "))
    }
}

/// One line for the energy of all cases that have one, for example
/// `energy: 1.62 GFLOPS/W (RAPL of 1 package: package energy as the processor estimates it, not wall power)`; `None` when no case
/// has.
pub fn energy_line(record: &Record) -> Option<String> {
    let energy = record.energy.as_ref()?;
    let figures: Vec<String> = record
        .cases
        .iter()
        .filter_map(|case| {
            let figure = case.summary.as_ref()?.gflops_per_watt?;
            Some(match record.cases.len() {
                1 => format!("{figure:.3} GFLOPS/W"),
                _ => format!("n = {} {}: {figure:.3} GFLOPS/W", case.n, case.dtype),
            })
        })
        .collect();
    (!figures.is_empty()).then(|| {
        format!(
            "energy: {} ({}: {})",
            figures.join(", "),
            energy.source,
            energy.meaning
        )
    })
}
