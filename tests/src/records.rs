//! Records that anybody may have written: the entry point of the fuzz target `record`, and of the test that replays its corpus.

use results::compare::{By, Request, Run, compare};
use results::load::{LoadedRecord, read_sealed};
use results::samples_digest::Seal;
use results::store::parse_record;

/// Reads a record; what is one survives being written and read again, can be compared with itself, and prints nothing that a
/// terminal would act upon.
pub fn record(bytes: &[u8]) {
    // An edited record is read all the same, since hardly any change of bytes would come with a digest that fits.
    let Ok(record) = parse_record(bytes) else {
        assert!(read_sealed(bytes).is_err());
        return;
    };
    if let Ok((_, seal)) = read_sealed(bytes) {
        assert_ne!(seal, Seal::Broken);
    }
    let text = serde_json::to_vec(&record).expect("a record is always JSON");
    let again = parse_record(&text).expect("a record that was written");
    assert_eq!(serde_json::to_vec(&again).expect("JSON"), text);

    let run = |path: &str| LoadedRecord {
        path: path.into(),
        seal: Seal::Absent,
        record: Run::of(&record),
    };
    let request = Request {
        by: By::File,
        anyway: true,
        ..Request::default()
    };
    let comparison = compare(&[run("one"), run("two")], &request).expect("a first record");
    for printed in [
        reports::compare::text(&comparison, None),
        reports::compare::text(&comparison, Some(40)),
        reports::compare::markdown(&comparison),
        reports::compare::csv(&comparison),
        reports::compare::json(&comparison),
    ] {
        assert!(!printed.contains(|c: char| c.is_control() && c != '\n'));
    }
}
