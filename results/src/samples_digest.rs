//! A digest of what a record's figures rest upon, kept inside the record, so that one that was edited by hand is noticed.
//!
//! It is no signature: who wants to deceive can compute it anew. It covers the cases and their samples, not the description of
//! the host, so that a host's name may be removed before a record is shown to others.
//!
//! It is the SHA-256, in lower-case hexadecimal, of these fields one after the other. An *integer* is 8 bytes, little-endian. A
//! *text* is its length in bytes as an integer, then its bytes in UTF-8. A *number* is the 8 bytes of an IEEE 754 double,
//! little-endian; whatever is not finite (`null` in JSON) counts as the double with the bits `7ff8000000000000`. What is absent or
//! `null` although it is no number is the byte 0, what may be absent and is there the byte 1 and then its value.
//!
//! - the text `benchrun samples 1`
//! - of the record: text `id`, text `started_utc`, integer: how many cases there are
//! - of each case, in order: text `kernel`, optional integer `kernel_version`, integer `n`, text `dtype`, optional text `blas`,
//!   optional text `isa`, optional text `driver`, optional integer `panel_rows`, integer `threads_requested`, integer `threads_used`,
//!   number `flop`, optional number `bytes`, optional number `peak.gflops`, integer: how many samples there are
//! - of each of its samples, in order: integer `seed`, numbers `run_time_s`, `cpu_time_s`, `gflops` and `norm`; of its
//!   `verification` the byte 1 if `passed` and else 0, numbers `scaled_residual`, `scaled_residual_bound`, `norm_error`,
//!   `norm_error_bound`, `norm_expected`, `norm_tolerance`
//!
//! `harness/benches/many_records.py` computes it in a few lines of Python.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::record::{Case, Record, Sample};

/// What the digest says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seal {
    /// There is one, and it fits.
    Fits,
    /// There is none: the record is from before it was taken, or from another program.
    Absent,
    /// There is one, and it does not fit: something that it covers was changed after measuring.
    Broken,
}

/// The digest of a record's cases and samples, as the module's text defines it.
pub fn of(record: &Record) -> String {
    let mut fields = Fields(Vec::new());
    fields.text("benchrun samples 1");
    fields.text(&record.id);
    fields.text(&record.started_utc);
    fields.integer(record.cases.len() as u64);
    for case in &record.cases {
        add_case(&mut fields, case);
    }
    Sha256::digest(&fields.0)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Whether the record is what was measured.
pub fn check(record: &Record) -> Seal {
    match &record.samples_sha256 {
        None => Seal::Absent,
        Some(digest) if *digest == of(record) => Seal::Fits,
        Some(_) => Seal::Broken,
    }
}

fn add_case(fields: &mut Fields, case: &Case) {
    fields.text(&case.kernel);
    fields.optional(case.kernel_version, |fields, version| {
        fields.integer(u64::from(version));
    });
    fields.integer(case.n as u64);
    fields.text(&case.dtype);
    for text in [&case.blas, &case.isa, &case.driver] {
        fields.optional(text.as_deref(), Fields::text);
    }
    fields.optional(case.panel_rows, |fields, rows| fields.integer(rows as u64));
    fields.integer(case.threads_requested as u64);
    fields.integer(case.threads_used as u64);
    fields.number(case.flop);
    fields.optional(case.bytes, Fields::number);
    fields.optional(case.peak.as_ref().map(|peak| peak.gflops), Fields::number);
    fields.integer(case.samples.len() as u64);
    for sample in &case.samples {
        add_sample(fields, sample);
    }
}

fn add_sample(fields: &mut Fields, sample: &Sample) {
    let check = &sample.verification;
    fields.integer(sample.seed);
    for number in [
        sample.run_time_s,
        sample.cpu_time_s,
        sample.gflops,
        sample.norm,
    ] {
        fields.number(number);
    }
    fields.0.push(u8::from(check.passed));
    for number in [
        check.scaled_residual,
        check.scaled_residual_bound,
        check.norm_error,
        check.norm_error_bound,
        check.norm_expected,
        check.norm_tolerance,
    ] {
        fields.number(number);
    }
}

/// The bytes that are digested.
struct Fields(Vec<u8>);

impl Fields {
    fn integer(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    fn number(&mut self, value: f64) {
        // Not `f64::NAN`, whose bits are not promised.
        let bits = if value.is_finite() {
            value.to_bits()
        } else {
            0x7ff8_0000_0000_0000
        };
        self.0.extend(bits.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.integer(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn optional<T>(&mut self, value: Option<T>, add: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            add(self, value);
        }
    }
}
