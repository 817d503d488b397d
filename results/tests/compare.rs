//! How runs are laid side by side, as properties that hold for any runs.

use std::path::PathBuf;

use proptest::prelude::*;
use results::Record;
use results::compare::{By, Comparison, Request, Run, compare};
use results::load::LoadedRecord;
use results::samples_digest::Seal;
use results::statistics::median;

mod common;

/// A run of a host whose samples have these GFLOPS.
fn run(index: usize, host: usize, gflops: &[f64]) -> Record {
    let mut record = common::article();
    record.id = format!("{index:08x}");
    record.host.hostname = format!("host{host}");
    let case = &mut record.cases[0];
    let sample = case.samples[0].clone();
    case.samples.clear();
    for (seed, gflops) in (0..).zip(gflops) {
        let mut sample = sample.clone();
        (sample.seed, sample.gflops) = (seed, *gflops);
        case.samples.push(sample);
    }
    record
}

fn compared(records: &[Record], by: By) -> Comparison {
    let loaded: Vec<LoadedRecord<Run>> = records
        .iter()
        .map(|record| LoadedRecord {
            path: PathBuf::from(&record.id),
            seal: Seal::Absent,
            record: Run::of(record),
        })
        .collect();
    let request = Request {
        by,
        ..Request::default()
    };
    compare(&loaded, &request).unwrap()
}

/// Runs of up to four hosts.
fn runs() -> impl Strategy<Value = Vec<Record>> {
    let gflops = prop::collection::vec(1.0..1000.0, 1..9);
    let all = prop::collection::vec((0..4_usize, gflops), 1..20);
    all.prop_map(|runs| {
        let records = runs.iter().enumerate();
        records
            .map(|(index, (host, gflops))| run(index, *host, gflops))
            .collect()
    })
}

proptest! {
    #[test]
    fn a_host_s_figure_is_the_median_of_its_runs_medians(records in runs()) {
        let comparison = compared(&records, By::Host);
        let runs: usize = comparison.groups[0].rows.iter().map(|row| row.runs).sum();
        prop_assert_eq!(runs, records.len());
        for row in &comparison.groups[0].rows {
            let label = &comparison.sides[row.side].label;
            let medians: Vec<f64> = records
                .iter()
                .filter(|record| record.host.hostname == *label)
                .filter_map(|record| {
                    let samples = record.cases[0].samples.iter();
                    median(&samples.map(|sample| sample.gflops).collect::<Vec<_>>())
                })
                .collect();
            prop_assert_eq!(row.median, median(&medians));
            if let Some(interval) = row.interval {
                prop_assert!(interval.low <= row.median.unwrap() && row.median.unwrap() <= interval.high);
            }
        }
    }

    /// Ratios do not depend on the order of the records, but for which side is the first.
    #[test]
    fn the_order_of_the_others_does_not_matter(records in runs()) {
        let mut turned = records.clone();
        turned[1..].reverse();
        let ratios = |comparison: &Comparison| {
            let mut ratios: Vec<(String, Option<f64>)> = comparison.groups[0]
                .rows
                .iter()
                .map(|row| (comparison.sides[row.side].label.clone(), row.ratio.map(|ratio| ratio.value)))
                .collect();
            ratios.sort_by(|a, b| a.0.cmp(&b.0));
            ratios
        };
        prop_assert_eq!(
            ratios(&compared(&records, By::Host)),
            ratios(&compared(&turned, By::Host))
        );
    }

    /// A ratio lies in its interval, and the reverse comparison has the reciprocal.
    #[test]
    fn the_reverse_comparison_is_the_reciprocal(one in prop::collection::vec(1.0..1000.0, 6..20), other in prop::collection::vec(1.0..1000.0, 6..20)) {
        let records = [run(0, 0, &one), run(1, 1, &other)];
        let forth = compared(&records, By::File);
        let back = compared(&[records[1].clone(), records[0].clone()], By::File);
        let ratio = |comparison: &Comparison| {
            let rows = &comparison.groups[0].rows;
            rows.iter().find_map(|row| row.ratio).unwrap()
        };
        let (forth, back) = (ratio(&forth), ratio(&back));
        prop_assert!((forth.value * back.value - 1.0).abs() < 1e-12);
        let (low, high) = forth.interval.unwrap();
        prop_assert!(low <= forth.value && forth.value <= high);
        prop_assert_eq!(forth.is_open(), back.is_open());
    }

    /// Norms within the bound are the same, and one beyond it is found, whichever of the records it is in.
    #[test]
    fn a_norm_beyond_the_bound_is_found(count in 3..8_usize, wrong in 0..8_usize, relative in 1e-10..1.0) {
        let wrong = wrong % count;
        let mut records: Vec<Record> = (0..count).map(|index| run(index, index, &[500.0; 3])).collect();
        for (index, record) in records.iter_mut().enumerate() {
            record.cases[0].samples[1].norm *= 1.0 + 1e-16 * index as f64;
        }
        prop_assert_eq!(compared(&records, By::Host).mismatches, []);
        records[wrong].cases[0].samples[1].norm *= 1.0 + relative;
        let comparison = compared(&records, By::Host);
        prop_assert_eq!(comparison.mismatches.len(), 1);
        let mismatch = &comparison.mismatches[0];
        prop_assert_eq!(mismatch.side, wrong);
        prop_assert!(mismatch.is_minority);
        prop_assert_eq!((mismatch.count, mismatch.seed), (1, 1));
    }
}
