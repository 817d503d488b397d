//! Changes of a history that are intended: those that `bench check --accept` has put down.

use std::cmp::Reverse;

use super::series::{Acceptance, History, Series};
use crate::accepted::{Accepted, AcceptedFile};

impl History {
    /// Marks what was accepted. Each acceptance belongs to the newest change of its case before it, and covers that change if the new
    /// level is not surely lower than what was accepted.
    pub fn accept(&mut self, file: &AcceptedFile) {
        for series in &mut self.series {
            let mut accepted = vec![None; series.segmentation.changes.len()];
            for acceptance in &file.changes {
                if let Some(at) = covered(series, acceptance) {
                    accepted[at] = Some(Acceptance {
                        reason: acceptance.reason.clone(),
                        accepted_utc: acceptance.accepted_utc.clone(),
                    });
                }
            }
            series.accepted = accepted;
        }
    }
}

/// The place of the change that this covers.
fn covered(series: &Series, acceptance: &Accepted) -> Option<usize> {
    let key = &series.key;
    let is_case = (
        acceptance.kernel.as_str(),
        acceptance.n,
        acceptance.dtype.as_str(),
    ) == (key.kernel.as_str(), key.n, key.dtype.as_str())
        && acceptance.threads[1] == key.threads
        && acceptance.blas == key.blas
        && acceptance.driver.as_deref().unwrap_or("team") == key.driver;
    let ratio = acceptance.ratio / acceptance.ratio_before;
    let changes = series.changes().enumerate();
    let (at, change) = changes
        .filter(|(_, change)| is_case && change.good.started_utc <= acceptance.accepted_utc)
        .min_by_key(|(at, _)| Reverse(*at))?;
    (ratio <= change.at.ratio_high).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::series::history;
    use crate::history::series::tests::{options, run};

    fn accepted(ratio: f64, accepted_utc: &str) -> AcceptedFile {
        AcceptedFile {
            changes: vec![Accepted {
                reason: "checks bounds now".to_owned(),
                accepted_utc: accepted_utc.to_owned(),
                kernel: "gemm".to_owned(),
                n: 100,
                dtype: "f64".to_owned(),
                blas: None,
                driver: None,
                affinity: None,
                threads: [2, 2],
                ratio_before: 1.0,
                ratio,
                ratio_interval: [ratio - 0.01, ratio + 0.01],
                baseline: "abc".to_owned(),
                candidate: "def".to_owned(),
            }],
            ..AcceptedFile::default()
        }
    }

    #[test]
    fn a_regression_that_was_accepted_is_none() {
        let runs: Vec<_> = (0..24)
            .map(|id| {
                let level = if id < 12 { 100.0 } else { 90.0 };
                run(id, None, "A", level + (id % 3) as f64 * 0.4)
            })
            .collect();
        let mut history = history(&runs, options());
        for (file, is_accepted) in [
            (accepted(0.9, "2026-01-14T00:00:00Z"), true),
            (accepted(0.8, "2026-01-14T00:00:00Z"), true),
            // Less was accepted than has become of it; accepted before it happened; of another case.
            (accepted(0.97, "2026-01-14T00:00:00Z"), false),
            (accepted(0.9, "2026-01-10T00:00:00Z"), false),
            (AcceptedFile::default(), false),
        ] {
            history.accept(&file);
            let series = &history.series[0];
            assert_eq!(series.ends_in_a_regression(), !is_accepted, "{file:?}");
            let reason = series.changes().next().unwrap().accepted;
            assert_eq!(reason.is_some(), is_accepted);
        }
    }
}
