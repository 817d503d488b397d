//! Whether all sides computed the same.
//!
//! The same seed gives the same matrices, bit for bit, on every host. So the norm of their product must be the same, too, but for
//! rounding, and a host on which it is not has computed something else: from a memory or a processor that errs silently, a
//! library that errs, or another program. A run's own verification cannot see that when the matrices themselves were damaged
//! before they were multiplied.
//!
//! How far two right norms can be apart: let the computed product be C = A·B + E. By the bound that each run was verified with
//! (blaspp's, see `kernels::verify`), ‖E‖_F ≤ bound·u·√(n+2)·‖A‖_F·‖B‖_F. For A and B uniform on [0, 1), ‖A‖_F·‖B‖_F ≈ n²/3 and
//! ‖A·B‖_F ≈ n²/4, hence relative to the norm of the exact product
//!
//! tolerance = bound·u·√(n+2)·4/3 + (bound of the norm's own error),
//!
//! with u the unit roundoff of the elements' type and both bounds as the sample's verification has them. Two norms may differ by
//! the sum of their tolerances. That is 2.3e-13 at n = 1000 in f64, where a change of one element of A by 1e-7 shows, and 1e-5 in
//! f32, where one has to change by more than 2.
//!
//! Of several norms of one seed the middle one is taken for right.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Run;
use crate::comparability::Work;
use crate::load::LoadedRecord;

/// A side that computed something else than the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The index of the side.
    pub side: usize,
    /// The index of a side with the norm that it is held against; the same side when runs of one side disagree.
    pub other_side: usize,
    /// The record.
    pub path: PathBuf,
    /// What was computed.
    pub work: Work,
    /// How many norms of this record and work are too far from the others.
    pub count: usize,
    /// The seed of the worst of them.
    pub seed: u64,
    /// The worst of them.
    pub norm: f64,
    /// The norm that it is held against.
    pub other_norm: f64,
    /// How far they may be apart, relative.
    pub tolerance: f64,
    /// Whether most norms of this seed agree with each other, so that this one is the one that is wrong.
    pub is_minority: bool,
}

impl Mismatch {
    /// How far the norms are apart, relative to the one that it is held against.
    pub fn difference(&self) -> f64 {
        ((self.norm - self.other_norm) / self.other_norm).abs()
    }
}

/// One norm with where it is from.
#[derive(Clone, Copy)]
struct Entry {
    /// The work's index.
    work: usize,
    seed: u64,
    norm: f64,
    tolerance: f64,
    run: usize,
}

/// Finds the sides that computed something else. `side_of` says for each run which side it is of.
pub(super) fn mismatches<R: Borrow<Run>>(
    runs: &[LoadedRecord<R>],
    side_of: &[usize],
) -> Vec<Mismatch> {
    let mut works: BTreeMap<&Work, usize> = BTreeMap::new();
    let mut entries: Vec<Entry> = Vec::new();
    for (run, loaded) in runs.iter().enumerate() {
        for case in &loaded.record.borrow().cases {
            let next = works.len();
            let work = *works.entry(&case.key.work).or_insert(next);
            entries.extend(case.norms.iter().map(|norm| Entry {
                work,
                seed: norm.seed,
                norm: norm.norm,
                tolerance: norm.tolerance,
                run,
            }));
        }
    }
    entries.sort_unstable_by(|a, b| {
        (a.work, a.seed)
            .cmp(&(b.work, b.seed))
            .then(a.norm.total_cmp(&b.norm))
    });
    let mut found: BTreeMap<(usize, usize), Mismatch> = BTreeMap::new();
    let works: BTreeMap<usize, &Work> = works.into_iter().map(|(work, i)| (i, work)).collect();
    for same in entries.chunk_by(|a, b| (a.work, a.seed) == (b.work, b.seed)) {
        let middle = same[(same.len() - 1) / 2];
        let wrong: Vec<&Entry> = same.iter().filter(|it| !agree(it, &middle)).collect();
        let is_minority = wrong.len() * 2 < same.len();
        for entry in wrong {
            let mismatch = Mismatch {
                side: side_of[entry.run],
                other_side: side_of[middle.run],
                path: runs[entry.run].path.clone(),
                work: works[&entry.work].clone(),
                count: 1,
                seed: entry.seed,
                norm: entry.norm,
                other_norm: middle.norm,
                tolerance: entry.tolerance + middle.tolerance,
                is_minority,
            };
            found
                .entry((entry.run, entry.work))
                .and_modify(|worst| {
                    let count = worst.count + 1;
                    if mismatch.difference() > worst.difference() {
                        *worst = mismatch.clone();
                    }
                    worst.count = count;
                })
                .or_insert(mismatch);
        }
    }
    found.into_values().collect()
}

fn agree(one: &Entry, other: &Entry) -> bool {
    (one.norm - other.norm).abs() <= (one.tolerance + other.tolerance) * other.norm.abs()
}
