//! What no measurement can have written, whoever wrote it: the rules by which [`crate::load`] refuses what has the form of a record.
//!
//! A digest tells that a record is as it was written, not that it was measured, and a record of before there were digests, or of
//! another program, has none. So, whatever the digest says:
//!
//! - **When.** `started_utc` is a time of RFC 3339 in UTC, from 1970 (where clocks begin that were never set) to 2099.
//! - **Something.** There is a sample in it, in any case. A case without samples beside others is none that was measured: it has no figure
//!   anywhere.
//! - **The work.** `n` is 1 or more, `flop` a finite number above 0, and so is `bytes` where it is there.
//! - **The time.** `run_time_s` is a finite number above 0, of every sample, and at most [`RUN_TIME_MAX_S`].
//! - **The rate.** `gflops` is `flop / run_time_s` but for rounding ([`RATE_ROUNDING`]; programs may print four digits), or
//!   `flop / clock_resolution_s` where the time is below what the clock can see. A sample that failed its verification may have `null`. The
//!   rate, in operations and in bytes, is at most [`RATE_MAX`].
//!
//! All that `bench` has ever written keeps these rules: kernels that count bytes have `flop`, too, panels change no count, and imports derive
//! what they were not told.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::record::{Case, Record, Sample};

/// The longest time of a sample: thirty years.
pub const RUN_TIME_MAX_S: f64 = 1e9;

/// The highest rate, in 10⁹ operations or bytes a second: a thousand times that of the fastest hosts of 2025.
pub const RATE_MAX: f64 = 1e9;

/// How far a rate may be from what its time says, relative.
pub const RATE_ROUNDING: f64 = 1e-3;

/// The years in which a run may have begun.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2099;

/// What is wrong with a record. Cases and samples count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// It did not begin at a time.
    #[error("it began at '{0}', which is no time of a run: RFC 3339 in UTC, 1970 to 2099")]
    Start(String),
    /// It is of nothing.
    #[error("nothing was measured: it has no sample")]
    Nothing,
    /// A case is of no work that there is.
    #[error("case {case} has {what}")]
    Work {
        /// Which.
        case: usize,
        /// Of what it has an impossible value.
        what: String,
    },
    /// A sample's figures are none, or contradict each other.
    #[error("sample {sample} of case {case} has {what}")]
    Sample {
        /// The case.
        case: usize,
        /// The sample in it.
        sample: usize,
        /// Of what it has an impossible value.
        what: String,
    },
}

/// Checks a record by the rules of the module's text.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn check(record: &Record) -> Result<(), Impossible> {
    if !is_start(&record.started_utc) {
        let shown = record.started_utc.chars().take(TEXT_MAX).collect();
        return Err(Impossible::Start(shown));
    }
    if record.cases.iter().all(|case| case.samples.is_empty()) {
        return Err(Impossible::Nothing);
    }
    for (index, case) in record.cases.iter().enumerate() {
        if let Some(what) = wrong_work(case) {
            return Err(Impossible::Work {
                case: index + 1,
                what,
            });
        }
        for (at, sample) in case.samples.iter().enumerate() {
            if let Some(what) = wrong_figure(case, sample, record.settings.clock_resolution_s) {
                return Err(Impossible::Sample {
                    case: index + 1,
                    sample: at + 1,
                    what,
                });
            }
        }
    }
    Ok(())
}

/// Characters of a record's text that are shown.
const TEXT_MAX: usize = 40;

fn is_start(text: &str) -> bool {
    OffsetDateTime::parse(text, &Rfc3339)
        .is_ok_and(|time| time.offset() == UtcOffset::UTC && YEARS.contains(&time.year()))
}

fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn wrong_work(case: &Case) -> Option<String> {
    if case.n == 0 {
        return Some("n = 0".to_owned());
    }
    if !is_positive(case.flop) {
        return Some(format!("{} operations in a sample", short(case.flop)));
    }
    let bytes = case.bytes.filter(|bytes| !is_positive(*bytes))?;
    Some(format!("{} bytes moved in a sample", short(bytes)))
}

fn wrong_figure(case: &Case, sample: &Sample, clock_resolution_s: f64) -> Option<String> {
    let run_time_s = sample.run_time_s;
    if !is_positive(run_time_s) || run_time_s > RUN_TIME_MAX_S {
        return Some(format!("a run time of {} s", short(run_time_s)));
    }
    if !sample.gflops.is_finite() {
        let is_verified = sample.verification.passed;
        return is_verified.then(|| "no rate although it passed its verification".to_owned());
    }
    let rate = 1e-9 * case.flop / run_time_s;
    let is_near =
        |rate: f64| (sample.gflops - rate).abs() <= RATE_ROUNDING * rate && rate.is_finite();
    if !is_near(rate) && !is_near(1e-9 * case.flop / run_time_s.max(clock_resolution_s)) {
        return Some(format!(
            "{} GFLOPS, and {} operations in {} s are {}",
            short(sample.gflops),
            short(case.flop),
            short(run_time_s),
            short(rate)
        ));
    }
    let bytes_rate = case.bytes.map_or(0.0, |bytes| 1e-9 * bytes / run_time_s);
    if sample.gflops > RATE_MAX {
        return Some(format!(
            "{} GFLOPS, which no host reaches",
            short(sample.gflops)
        ));
    }
    (bytes_rate > RATE_MAX).then(|| format!("{} GB/s, which no host reaches", short(bytes_rate)))
}

/// A number in a few letters.
fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn article() -> Record {
        serde_json::from_str(include_str!("../tests/golden/record-v1.json")).unwrap()
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Record), reason: &str) {
        let mut record = article();
        change(&mut record);
        let error = check(&record).unwrap_err();
        assert_eq!(error.to_string(), reason);
    }

    #[track_caller]
    fn passes(change: impl FnOnce(&mut Record)) {
        let mut record = article();
        change(&mut record);
        assert_eq!(check(&record), Ok(()));
    }

    #[test]
    fn times_that_are_none() {
        for text in [
            "",
            "yesterday",
            "9999-12-31T23:59:59Z",
            "1969-12-31T23:59:59Z",
            "2026-02-30T00:00:00Z",
            "2026-02-03T00:00:00+01:00",
        ] {
            let reason = format!(
                "it began at '{text}', which is no time of a run: RFC 3339 in UTC, 1970 to 2099"
            );
            refused(|record| text.clone_into(&mut record.started_utc), &reason);
        }
        passes(|record| "1970-01-01T00:00:07Z".clone_into(&mut record.started_utc));
        passes(|record| "2026-02-03T00:00:00+00:00".clone_into(&mut record.started_utc));
        let mut record = article();
        record.started_utc = "x".repeat(10_000);
        assert!(check(&record).unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn nothing_is_no_measurement() {
        let reason = "nothing was measured: it has no sample";
        refused(|record| record.cases.clear(), reason);
        refused(|record| record.cases[0].samples.clear(), reason);
        passes(|record| {
            let mut empty = record.cases[0].clone();
            empty.samples.clear();
            record.cases.push(empty);
        });
    }

    #[test]
    fn work_that_there_is_not() {
        refused(|record| record.cases[0].n = 0, "case 1 has n = 0");
        for (flop, shown) in [
            (-1.0, "-1"),
            (0.0, "0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            let reason = format!("case 1 has {shown} operations in a sample");
            refused(|record| record.cases[0].flop = flop, &reason);
        }
        refused(
            |record| record.cases[0].bytes = Some(-3e20),
            "case 1 has -3.000e20 bytes moved in a sample",
        );
    }

    #[test]
    fn times_that_nothing_takes() {
        for (time_s, shown) in [
            (0.0, "0"),
            (-1.5, "-1.5"),
            (f64::NAN, "NaN"),
            (1e300, "1.000e300"),
        ] {
            let reason = format!("sample 2 of case 1 has a run time of {shown} s");
            refused(
                |record| record.cases[0].samples[1].run_time_s = time_s,
                &reason,
            );
        }
    }

    #[test]
    fn rates_are_those_of_the_times() {
        refused(
            |record| record.cases[0].samples[0].gflops = 2000.0,
            "sample 1 of case 1 has 2000 GFLOPS, and 2.000e12 operations in 1.9452 s are 1028.2959",
        );
        refused(
            |record| record.cases[0].samples[0].gflops *= -1.0,
            "sample 1 of case 1 has -1028.2959 GFLOPS, and 2.000e12 operations in 1.9452 s are 1028.2959",
        );
        // Four digits are enough.
        passes(|record| record.cases[0].samples[0].gflops = 1028.0);
        refused(
            |record| record.cases[0].samples[0].gflops = f64::NAN,
            "sample 1 of case 1 has no rate although it passed its verification",
        );
        passes(|record| {
            let sample = &mut record.cases[0].samples[0];
            sample.gflops = f64::NAN;
            sample.verification.passed = false;
        });
        // Faster than the clock can see: the rate is the least that it may be.
        passes(|record| {
            record.settings.clock_resolution_s = 1e-3;
            let sample = &mut record.cases[0].samples[0];
            (sample.run_time_s, sample.gflops) = (1e-5, 1e-9 * 2.0002e12 / 1e-3);
        });
    }

    #[test]
    fn rates_that_no_host_reaches() {
        refused(
            |record| {
                record.cases[0].flop = 1e308;
                for sample in &mut record.cases[0].samples {
                    sample.gflops = 1e-9 * 1e308 / sample.run_time_s;
                }
            },
            "sample 1 of case 1 has 5.141e298 GFLOPS, which no host reaches",
        );
        refused(
            |record| record.cases[0].bytes = Some(1e300),
            "sample 1 of case 1 has 5.141e290 GB/s, which no host reaches",
        );
    }

    proptest! {
        /// Whatever passes has figures that can be drawn and divided by.
        #[test]
        fn what_passes_are_figures(flop in any::<f64>(), bytes in any::<Option<f64>>(), run_time_s in any::<f64>(), gflops in any::<f64>(), fits in any::<bool>()) {
            let mut record = article();
            let case = &mut record.cases[0];
            (case.flop, case.bytes) = (flop, bytes);
            case.samples.truncate(1);
            case.samples[0].run_time_s = run_time_s;
            case.samples[0].gflops = if fits { 1e-9 * flop / run_time_s } else { gflops };
            if check(&record).is_ok() {
                let sample = &record.cases[0].samples[0];
                prop_assert!(sample.gflops.is_finite() && sample.gflops >= 0.0 && sample.gflops <= RATE_MAX);
                prop_assert!(sample.run_time_s > 0.0 && flop > 0.0);
            }
        }
    }
}
