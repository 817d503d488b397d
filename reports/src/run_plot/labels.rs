//! What all cases have in common goes into the title; what differs, into each row's label.

use results::record::Case;

use crate::text::{panels, threads};

/// The title, and a label for each case.
pub(crate) struct Labels {
    pub(crate) title: String,
    /// Empty for a case on its own: the title says it all.
    pub(crate) rows: Vec<String>,
}

impl Labels {
    pub(crate) fn of(cases: &[Case]) -> Labels {
        let described: Vec<[String; 6]> = cases.iter().map(attributes).collect();
        let Some(first) = described.first() else {
            return Labels {
                title: "Nothing was measured".to_owned(),
                rows: Vec::new(),
            };
        };
        let common = |index: usize| described.iter().all(|case| case[index] == first[index]);
        let (shared, varying): (Vec<usize>, Vec<usize>) =
            (0..first.len()).partition(|i| common(*i));
        let title = join(first, &shared);
        let rows = described.iter().enumerate().map(|(index, case)| {
            if cases.len() > 1 && varying.is_empty() {
                format!("case {}", index + 1)
            } else {
                join(case, &varying)
            }
        });
        Labels {
            title: if title.is_empty() {
                "Benchmark".to_owned()
            } else {
                title
            },
            rows: rows.collect(),
        }
    }
}

/// Everything by which cases can differ.
fn attributes(case: &Case) -> [String; 6] {
    [
        case.kernel.clone(),
        format!("n = {}", case.n),
        case.dtype.clone(),
        threads(case),
        case.blas.clone().unwrap_or_default(),
        panels(case),
    ]
}

fn join(attributes: &[String; 6], picked: &[usize]) -> String {
    let picked: Vec<&str> = picked
        .iter()
        .map(|index| attributes[*index].as_str())
        .filter(|attribute| !attribute.is_empty())
        .collect();
    picked.join(", ")
}
