//! The digest of a record's samples: what it is, what it notices, what it lets pass.

use results::Record;
use results::samples_digest::{Seal, check, of};

mod common;

fn sealed() -> Record {
    let mut record = common::article();
    record.samples_sha256 = Some(of(&record));
    record
}

/// The digest that `harness/benches/many_records.py` computes of the golden record, from its JSON.
#[test]
fn it_is_what_another_program_computes() {
    assert_eq!(
        of(&common::article()),
        "059e39338bab9538c0f1f052a1a6e70a11ac31d24d2f70b6f78dde793f24a832"
    );
}

#[test]
fn a_record_without_one_says_so() {
    assert_eq!(check(&common::article()), Seal::Absent);
    assert_eq!(check(&sealed()), Seal::Fits);
}

#[test]
fn every_change_of_a_figure_is_noticed() {
    let changes: [fn(&mut Record); 24] = [
        |record| record.id = "5d0c2f72".to_owned(),
        |record| record.started_utc.push('Z'),
        |record| record.cases.push(record.cases[0].clone()),
        |record| record.cases.clear(),
        |record| record.cases[0].kernel.push('2'),
        |record| record.cases[0].kernel_version = Some(1),
        |record| record.cases[0].n += 1,
        |record| record.cases[0].dtype = "f32".to_owned(),
        |record| record.cases[0].blas = Some("system".to_owned()),
        // What stands in one field is not mistaken for what stands in its neighbour.
        |record| record.cases[0].isa = Some("system".to_owned()),
        |record| record.cases[0].driver = Some("team".to_owned()),
        |record| record.cases[0].panel_rows = Some(2048),
        |record| record.cases[0].threads_used = 1,
        |record| record.cases[0].flop *= 2.0,
        |record| record.cases[0].bytes = Some(1.0),
        |record| record.cases[0].samples.swap(0, 1),
        |record| record.cases[0].samples.truncate(2),
        |record| record.cases[0].samples[1].seed = 1,
        |record| record.cases[0].samples[1].run_time_s *= 0.5,
        |record| record.cases[0].samples[1].gflops = f64::NAN,
        |record| record.cases[0].samples[1].norm = 0.0,
        |record| record.cases[0].samples[1].verification.passed = false,
        |record| record.cases[0].samples[1].verification.norm_error = f64::NAN,
        |record| {
            record.cases[0].samples[2]
                .verification
                .scaled_residual_bound = 1e9;
        },
    ];
    let mut digests = vec![of(&sealed())];
    for (index, change) in changes.into_iter().enumerate() {
        let mut record = sealed();
        change(&mut record);
        assert_eq!(check(&record), Seal::Broken, "change {index}");
        digests.push(of(&record));
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count, "no two changes look the same");
}

#[test]
fn the_host_may_be_made_anonymous() {
    let mut record = sealed();
    record.host.hostname = "host".to_owned();
    record.settings.command_line.clear();
    record.warnings.clear();
    assert_eq!(check(&record), Seal::Fits);
}

/// Infinity is written as `null` and read as NaN: to the digest they are the same.
#[test]
fn it_survives_being_written_and_read() {
    let mut record = common::article();
    let sample = &mut record.cases[0].samples[0];
    sample.gflops = f64::INFINITY;
    sample.norm = -f64::NAN;
    sample.cpu_time_s = -0.0;
    sample.run_time_s = f64::MIN_POSITIVE / 3.0;
    record.samples_sha256 = Some(of(&record));
    let text = serde_json::to_string(&record).unwrap();
    let read: Record = serde_json::from_str(&text).unwrap();
    assert_eq!(check(&read), Seal::Fits);
}
