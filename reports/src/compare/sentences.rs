//! What a comparison has to say beside its tables, each in one line.

use results::comparability::{Difference, Means, Work};
use results::compare::norms::Mismatch;
use results::compare::{Comparison, Group, Refused, Row};
use results::environment::DifferingFact;

use crate::clean;
use crate::figures::{counted, of_check};

/// What a group is of, for example `matmul-norm n=1000 f64, 2 threads, AVX2, OpenBLAS 0.3.21`.
pub(crate) fn title(group: &Group) -> String {
    match &group.means {
        Some(means) => format!("{}, {}", work(&group.work), by(means)),
        None => format!("{}, by different means", work(&group.work)),
    }
}

/// For example `matmul-norm n=1000 f64`.
pub(crate) fn work(work: &Work) -> String {
    let version = match work.kernel_version {
        1 => String::new(),
        version => format!(", version {version}"),
    };
    let panels = work
        .panel_rows
        .map_or_else(String::new, |rows| format!(", panels of {rows} rows"));
    format!(
        "{} n={} {}{version}{panels}",
        clean(&work.kernel),
        work.n,
        clean(&work.dtype)
    )
}

/// For example `2 threads, AVX2, OpenBLAS 0.3.21`.
pub(crate) fn by(means: &Means) -> String {
    let own = if means.driver == "library" {
        "library "
    } else {
        ""
    };
    let threads = counted(means.threads, &format!("{own}thread"));
    let parts = [threads, clean(&means.isa), clean(&means.blas)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

/// For example `threads 64 against 18, ISA AVX2 against AVX512`.
fn differences(differences: &[Difference]) -> String {
    let each: Vec<String> = differences
        .iter()
        .map(|difference| {
            let [one, other] =
                [&difference.one, &difference.other].map(|value| match &*clean(value) {
                    "" => "unknown".to_owned(),
                    value => value.to_owned(),
                });
            format!("{} {one} against {other}", difference.what)
        })
        .collect();
    each.join(", ")
}

/// How a row that is compared all the same differs in its means; nothing for one that does not.
pub(crate) fn all_the_same(comparison: &Comparison, row: &Row) -> Option<String> {
    (!row.differences.is_empty()).then(|| {
        let label = clean(&comparison.sides[row.side].label);
        format!("{label}: {}", differences(&row.differences))
    })
}

/// That something is not compared, and why, for example
/// `epyc: matmul-norm n=1000 f64 (and 2 more): threads 64 against 18`.
pub fn refused(comparison: &Comparison, refused: &Refused) -> String {
    let label = clean(&comparison.sides[refused.side].label);
    let more = match refused.works {
        0 | 1 => String::new(),
        works => format!(" (and {} more)", works - 1),
    };
    format!(
        "{label}: {}{more}: {}",
        work(&refused.work),
        differences(&refused.differences)
    )
}

/// That a side computed something else.
pub fn mismatch(comparison: &Comparison, mismatch: &Mismatch) -> String {
    let label = |side: usize| clean(&comparison.sides[side].label);
    let path = clean(&mismatch.path.to_string_lossy());
    let verdict = if mismatch.is_minority {
        "most others agree with each other, so this host or its program errs silently"
    } else {
        "one of the two errs silently"
    };
    let more = match mismatch.count {
        1 => String::new(),
        count => format!(", the worst of {count} norms"),
    };
    format!(
        "{} computed another norm than {}: {}, seed {}: {} against {}, relative {} where {} is possible{more} ({path}); {verdict}",
        label(mismatch.side),
        label(mismatch.other_side),
        work(&mismatch.work),
        mismatch.seed,
        mismatch.norm,
        mismatch.other_norm,
        of_check(mismatch.difference()),
        of_check(mismatch.tolerance),
    )
}

/// The values of a fact, each with the sides that have it, for example `0x5003102: i9; 0x830107a: epyc1, epyc2 and 3 more`.
pub(crate) fn values(comparison: &Comparison, fact: &DifferingFact) -> String {
    let mut each: Vec<String> = fact
        .values
        .iter()
        .take(VALUES_MAX)
        .map(|(value, sides)| {
            let names: Vec<String> = sides
                .iter()
                .take(SIDES_MAX)
                .map(|side| clean(&comparison.sides[*side].label))
                .collect();
            let more = match sides.len() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let value = match &*clean(value) {
                "" => "unknown".to_owned(),
                value => value.to_owned(),
            };
            format!("{value}: {}{more}", names.join(", "))
        })
        .collect();
    if fact.values.len() > VALUES_MAX {
        each.push(format!(
            "{} more values (--format json has all)",
            fact.values.len() - VALUES_MAX
        ));
    }
    each.join("; ")
}

/// Values of a fact that are listed, and sides of each.
const VALUES_MAX: usize = 6;
const SIDES_MAX: usize = 3;

/// What is to be said below the tables: headings, each with its sentences. Only those with any.
pub(crate) fn sections(comparison: &Comparison) -> Vec<(&'static str, Vec<String>)> {
    let facts = comparison.facts.iter();
    let refusals = comparison.refused.iter();
    let mismatches = comparison.mismatches.iter();
    let all = [
        (
            "What differs between them",
            facts
                .map(|fact| format!("{}: {}", fact.name, values(comparison, fact)))
                .collect::<Vec<String>>(),
        ),
        (
            "Not compared (--anyway compares it all the same)",
            refusals.map(|it| refused(comparison, it)).collect(),
        ),
        (
            "POSSIBLE SILENT DATA CORRUPTION",
            mismatches.map(|it| mismatch(comparison, it)).collect(),
        ),
    ];
    all.into_iter()
        .filter(|(_, sentences)| !sentences.is_empty())
        .collect()
}

/// What is compared, for example `3 hosts, 7 records`.
pub(crate) fn scope(comparison: &Comparison) -> String {
    let records = comparison.sides.iter().map(|side| side.paths.len()).sum();
    format!(
        "{}, {}",
        counted(comparison.sides.len(), "side"),
        counted(records, "record")
    )
}
