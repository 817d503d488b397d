//! The example hosts of `reports/tests/hosts` say what their samples say.

use std::path::Path;

use results::load;
use results::samples_digest::Seal;
use results::{Record, grade, statistics};

fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/tests/hosts")
}

#[test]
fn all_are_sealed_and_summed_up_and_graded() {
    let loaded = load::load(&[directory()], |record: Record| record).unwrap();
    let skipped: Vec<_> = loaded.skipped.iter().map(|file| &file.path).collect();
    assert_eq!(skipped, [&directory().join("ab-desktop.json")]);
    let mut hosts = Vec::new();
    for file in &loaded.records {
        let record = &file.record;
        let path = file.path.display();
        if record.imported.is_none() {
            assert_eq!(file.seal, Seal::Fits, "{path}");
            assert_eq!(record.grade, Some(grade::grade(record)), "{path}");
        }
        for case in &record.cases {
            let summary = statistics::summarize(&case.samples);
            let median = |summary: Option<&results::record::Summary>| {
                summary.map(|summary| (summary.valid_samples, summary.gflops_median.to_bits()))
            };
            assert_eq!(
                median(case.summary.as_ref()),
                median(summary.as_ref()),
                "{path}"
            );
        }
        hosts.push(&record.host.hostname);
    }
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts.len(), 11, "{hosts:?}");
}

#[test]
fn the_comparison_is_one() {
    let text = std::fs::read_to_string(directory().join("ab-desktop.json")).unwrap();
    let comparison: results::comparison::Comparison = serde_json::from_str(&text).unwrap();
    assert_eq!(comparison.cases.len(), 4);
}
