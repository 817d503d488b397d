//! What all rows of a picture have in common goes into its title; what differs, into each row's label.

use results::record::Case;

use crate::text::{panels, threads};

/// The title, and a label for each row.
pub(crate) struct Labels {
    pub(crate) title: String,
    /// Empty for a row on its own: the title says it all.
    pub(crate) rows: Vec<String>,
}

impl Labels {
    /// For rows that are described by these attributes; without rows the title is `nothing`, and it is empty when they share nothing.
    pub(crate) fn of<const N: usize>(described: &[[String; N]], nothing: &str) -> Labels {
        let Some(first) = described.first() else {
            return Labels {
                title: nothing.to_owned(),
                rows: Vec::new(),
            };
        };
        let common = |index: usize| described.iter().all(|row| row[index] == first[index]);
        let (shared, varying): (Vec<usize>, Vec<usize>) = (0..N).partition(|i| common(*i));
        let title = join(first, &shared);
        let rows = described.iter().enumerate().map(|(index, row)| {
            if described.len() > 1 && varying.is_empty() {
                format!("case {}", index + 1)
            } else {
                join(row, &varying)
            }
        });
        Labels {
            title,
            rows: rows.collect(),
        }
    }

    /// For the cases of a record.
    pub(crate) fn of_cases(cases: &[Case]) -> Labels {
        let described: Vec<[String; 6]> = cases.iter().map(attributes).collect();
        let mut labels = Labels::of(&described, "Nothing was measured");
        if labels.title.is_empty() {
            "Benchmark".clone_into(&mut labels.title);
        }
        labels
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

fn join(attributes: &[String], picked: &[usize]) -> String {
    let picked: Vec<&str> = picked
        .iter()
        .map(|index| attributes[*index].as_str())
        .filter(|attribute| !attribute.is_empty())
        .collect();
    picked.join(", ")
}
