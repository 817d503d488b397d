//! The lines that a run prints.

use expect_test::{Expect, expect};
use reports::Rate;
use reports::text::{case_summary, limits_line, residual_line, seed_line};
use results::limits::{Clock, FmaPeak, Limits, Triad};
use results::record::{Case, Sample};
use results::statistics::summarize;

mod fixtures;

use fixtures::{case, case_of, failed, sample};

/// What `python3 -c "print(f'norm: {r:.2f}\t Run time: {t:.5f} seconds\t GFLOPS: {g:.0f}')"` printed for each.
#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::excessive_precision, reason = "as Python printed them")]
const PRINTED_BY_PYTHON: &[([f64; 3], &str)] = &[
        ([25003427.73, 3.06277, 653.1], "norm: 25003427.73\t Run time: 3.06277 seconds\t GFLOPS: 653"),
        ([25001325.49, 1.94516, 1028.3], "norm: 25001325.49\t Run time: 1.94516 seconds\t GFLOPS: 1028"),
        ([0.5, 0.5, 0.5], "norm: 0.50\t Run time: 0.50000 seconds\t GFLOPS: 0"),
        ([1.5, 1.5, 1.5], "norm: 1.50\t Run time: 1.50000 seconds\t GFLOPS: 2"),
        ([2.5, 2.5, 2.5], "norm: 2.50\t Run time: 2.50000 seconds\t GFLOPS: 2"),
        ([0.005, 5e-06, 652.5], "norm: 0.01\t Run time: 0.00001 seconds\t GFLOPS: 652"),
        ([0.015, 1.5e-05, 653.5], "norm: 0.01\t Run time: 0.00002 seconds\t GFLOPS: 654"),
        ([1.005, 1.000005, 1234567.5], "norm: 1.00\t Run time: 1.00001 seconds\t GFLOPS: 1234568"),
        ([2.675, 2.675, 0.49999999999999994], "norm: 2.67\t Run time: 2.67500 seconds\t GFLOPS: 0"),
        ([-0.001, -0.0, -0.4], "norm: -0.00\t Run time: -0.00000 seconds\t GFLOPS: -0"),
        ([1e+22, 1e-09, 1000000000000000.0], "norm: 10000000000000000000000.00\t Run time: 0.00000 seconds\t GFLOPS: 1000000000000000"),
        ([1e+300, 123456.789, 98765.4321], "norm: 1000000000000000052504760255204420248704468581108159154915854115511802457988908195786371375080447864043704443832883878176942523235360430575644792184786706982848387200926575803737830233794788090059368953234970799945081119038967640880074652742780142494579258788820056842838115669472196386865459400540160.00\t Run time: 123456.78900 seconds\t GFLOPS: 98765"),
        ([f64::NAN, f64::NAN, f64::NAN], "norm: nan\t Run time: nan seconds\t GFLOPS: nan"),
        ([f64::INFINITY, f64::INFINITY, f64::INFINITY], "norm: inf\t Run time: inf seconds\t GFLOPS: inf"),
        ([f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY], "norm: -inf\t Run time: 0.00000 seconds\t GFLOPS: -inf"),
        ([5e-324, 5e-324, 5e-324], "norm: 0.00\t Run time: 0.00000 seconds\t GFLOPS: 0"),
        ([25000972.125, 0.123455, 99.5], "norm: 25000972.12\t Run time: 0.12345 seconds\t GFLOPS: 100"),
        ([0.125, 4.5e-05, 100.5], "norm: 0.12\t Run time: 0.00005 seconds\t GFLOPS: 100"),
        ([0.375, 2.000025, 101.5], "norm: 0.38\t Run time: 2.00002 seconds\t GFLOPS: 102"),
        ([1.7976931348623157e+308, 0.1, 4503599627370498.0], "norm: 179769313486231570814527423731704356798070567525844996598917476803157260780028538760589558632766878171540458953514382464234321326889464182768467546703537516986049910576551282076245490090389328944075868508455133942304583236903222948165808559332123348274797826204144723168738177180919299881250404026184124858368.00\t Run time: 0.10000 seconds\t GFLOPS: 4503599627370498"),
        ([f64::NAN, 0.0, -0.0], "norm: nan\t Run time: 0.00000 seconds\t GFLOPS: -0"),
];

#[test]
fn seed_line_is_what_python_prints() {
    for ([norm, run_time_s, gflops], expected) in PRINTED_BY_PYTHON {
        let sample = Sample {
            norm: *norm,
            run_time_s: *run_time_s,
            gflops: *gflops,
            ..sample(100, 1.0)
        };
        assert_eq!(seed_line(&sample), *expected);
    }
}

fn check(case: &Case, expected: &Expect) {
    expected.assert_eq(&case_summary(case));
}

#[test]
fn what_is_unusual_of_a_case_is_said() {
    let mut unusual = case(10_000, &[1044.0]);
    unusual.driver = Some("library".to_owned());
    unusual.panel_rows = Some(2048);
    unusual.blas = Some("newest".to_owned());
    let line = case_summary(&unusual);
    assert!(
        line.starts_with(
            "matmul-norm n=10000 f64, 18 library threads, newest, panels of 2048 rows: "
        ),
        "{line}"
    );
}

#[test]
fn a_case_is_one_readable_line() {
    let mut usual = case(10_000, &[107.6, 108.2, 109.0]);
    usual.threads_requested = 2;
    usual.threads_used = 2;
    check(
        &usual,
        &expect![
            "matmul-norm n=10000 f64, 2 threads: median 108.2 GFLOPS (best 109.0, spread 1.3 %, 3 of 3 samples verified)"
        ],
    );
    check(
        &case(100, &[2.1, 9.7, 12.4]),
        &expect![
            "matmul-norm n=100 f64, 18 threads: median 9.7 GFLOPS (best 12.4, spread 106 %, 3 of 3 samples verified)"
        ],
    );
    check(
        &case(40_000, &[98_765.0, 98_123.0, 97_650.0]),
        &expect![
            "matmul-norm n=40000 f64, 18 threads: median 98123 GFLOPS (best 98765, spread 1.1 %, 3 of 3 samples verified)"
        ],
    );
    check(
        &case(100, &[0.5, 0.41, 0.49]),
        &expect![
            "matmul-norm n=100 f64, 18 threads: median 0.490 GFLOPS (best 0.500, spread 18 %, 3 of 3 samples verified)"
        ],
    );
    check(
        &case(10_000, &[1044.0]),
        &expect![
            "matmul-norm n=10000 f64, 18 threads: median 1044 GFLOPS (1 of 1 sample verified)"
        ],
    );
    check(
        &case(10_000, &[1e12, 1.1e12]),
        &expect![
            "matmul-norm n=10000 f64, 18 threads: median 1.050e12 GFLOPS (best 1.100e12, spread 9.5 %, 2 of 2 samples verified)"
        ],
    );
    check(
        &case(10_000, &[]),
        &expect!["matmul-norm n=10000 f64, 18 threads: no samples"],
    );
    check(
        &case(
            10_000,
            &[
                107.6, 108.2, 109.0, 108.1, 107.9, 108.3, 108.2, 108.4, 107.7,
            ],
        ),
        &expect![
            "matmul-norm n=10000 f64, 18 threads: median 108.2 GFLOPS (95 % interval 107.7 to 108.4, best 109.0, spread 1.3 %, 9 of 9 samples verified)"
        ],
    );
    check(
        &case(10_000, &[107.6, f64::NAN, 109.0, 108.1, 107.9, 108.3]),
        &expect![
            "matmul-norm n=10000 f64, 18 threads: median 108.2 GFLOPS (best 109.0, spread 1.3 %, 6 of 6 samples verified)"
        ],
    );
    usual.threads_used = 1;
    check(
        &usual,
        &expect![
            "matmul-norm n=10000 f64, 2 threads requested, 1 used: median 108.2 GFLOPS (best 109.0, spread 1.3 %, 3 of 3 samples verified)"
        ],
    );
}

#[test]
fn an_invalid_case_says_which_check_failed_and_by_how_much() {
    let one = case_of(
        10_000,
        vec![
            sample(10_000, 108.2),
            failed(10_000, 300.0),
            sample(10_000, 109.0),
        ],
    );
    check(
        &one,
        &expect![
            "matmul-norm n=10000 f64, 18 threads: INVALID, 1 of 3 samples failed: scaled residual 512 (bound 4.00); median 108.6 GFLOPS (best 109.0, spread 0.7 %, 2 of 3 samples verified)"
        ],
    );

    let mut all = case_of(
        10_000,
        vec![failed(10_000, 108.2), failed(10_000, f64::NAN)],
    );
    check(
        &all,
        &expect![
            "matmul-norm n=10000 f64, 18 threads: INVALID, 2 of 2 samples failed: scaled residual 512 (bound 4.00); no median"
        ],
    );

    all.samples[1].verification.scaled_residual = f64::NAN;
    all.samples[1].verification.norm_error = 3.2e-4;
    all.samples[1].norm = f64::NAN;
    check(
        &all,
        &expect![
            "matmul-norm n=10000 f64, 18 threads: INVALID, 2 of 2 samples failed: scaled residual NaN (bound 4.00), relative error of the norm 3.20e-4 (bound 1.11e-12), norm NaN from its expectation (bound 12250); no median"
        ],
    );

    all.samples[0].verification.scaled_residual = 0.001;
    all.samples[1].verification.scaled_residual = 0.001;
    all.samples[1].verification.norm_error = 0.0;
    all.samples[1].norm = 26e6;
    check(
        &all,
        &expect![
            "matmul-norm n=10000 f64, 18 threads: INVALID, 2 of 2 samples failed: norm 1.00e6 from its expectation (bound 12250); no median"
        ],
    );

    all.samples.truncate(1);
    check(
        &all,
        &expect![
            "matmul-norm n=10000 f64, 18 threads: INVALID, 1 of 1 sample failed: the record does not say which check; no median"
        ],
    );
}

#[test]
fn odd_figures_are_no_trouble() {
    let samples = vec![
        sample(1, f64::NAN),
        sample(1, f64::INFINITY),
        sample(1, 0.0),
        sample(1, -1.0),
    ];
    let mut odd = case_of(1, samples);
    check(
        &odd,
        &expect![
            "matmul-norm n=1 f64, 18 threads: median inf GFLOPS (best inf, spread NaN %, 4 of 4 samples verified)"
        ],
    );
    odd.summary = None;
    check(
        &odd,
        &expect!["matmul-norm n=1 f64, 18 threads: no summary"],
    );
    odd.summary = summarize(&[sample(1, 0.0), sample(1, 0.0)]);
    check(
        &odd,
        &expect![
            "matmul-norm n=1 f64, 18 threads: median 0.000 GFLOPS (best 0.000, spread NaN %, 2 of 4 samples verified)"
        ],
    );
}

/// A kernel without a norm: its checks are not there, rather than wrong.
fn without_norm(gflops: f64) -> Sample {
    let mut sample = sample(1000, gflops);
    sample.norm = f64::NAN;
    let check = &mut sample.verification;
    (check.norm_error, check.norm_error_bound) = (f64::NAN, f64::NAN);
    (check.norm_expected, check.norm_tolerance) = (f64::NAN, f64::NAN);
    sample
}

fn triad_case() -> Case {
    let mut case = case_of(
        1000,
        vec![without_norm(2.9), without_norm(3.0), without_norm(3.1)],
    );
    "triad".clone_into(&mut case.kernel);
    case.flop = 2e6;
    case.bytes = Some(24e6);
    case
}

#[test]
fn bandwidth_is_told_in_bytes() {
    check(
        &triad_case(),
        &expect![
            "triad n=1000 f64, 18 threads: median 36.0 GB/s (best 37.2, spread 6.7 %, 3 of 3 samples verified)"
        ],
    );
    let case = triad_case();
    let line = residual_line(&case.samples[0], Rate::of(&case));
    expect!["residual: 0.00310	 Run time: 0.69034 seconds	 GB/s: 34.8"].assert_eq(&line);
}

#[test]
fn a_failed_kernel_without_a_norm_says_nothing_of_one() {
    let mut case = triad_case();
    "gemm".clone_into(&mut case.kernel);
    case.bytes = None;
    case.samples[1].verification.passed = false;
    case.samples[1].verification.scaled_residual = 512.3;
    check(
        &case,
        &expect![
            "gemm n=1000 f64, 18 threads: INVALID, 1 of 3 samples failed: scaled residual 512 (bound 4.00); median 3.00 GFLOPS (best 3.10, spread 6.7 %, 3 of 3 samples verified)"
        ],
    );
    let line = residual_line(&case.samples[1], Rate::of(&case));
    expect!["residual: 512	 Run time: 0.66733 seconds	 GFLOPS: 3.0"].assert_eq(&line);
}

fn peak(isa: &str, threads: usize, gflops: f64) -> FmaPeak {
    FmaPeak {
        when: "before".to_owned(),
        dtype: "f64".to_owned(),
        isa: isa.to_owned(),
        threads,
        gflops,
        verified: true,
        clock: Some(Clock {
            clock_mhz: 3581.7,
            source: "calibrated loop".to_owned(),
        }),
    }
}

#[test]
fn a_case_says_what_part_of_the_peak_it_is() {
    let mut limits = Limits {
        blas_isa: "AVX2".to_owned(),
        best_isa: "AVX-512".to_owned(),
        fma_peaks: vec![peak("AVX2", 18, 1148.7)],
        ..Limits::default()
    };
    let mut usual = case(10_000, &[1028.3, 1025.0, 1031.2]);
    limits.rate(&mut usual);
    check(
        &usual,
        &expect![
            "matmul-norm n=10000 f64, 18 threads: median 1028 GFLOPS, 90 % of the measured peak 1149 GFLOPS at 3.58 GHz (best 1031, spread 0.6 %, 3 of 3 samples verified)"
        ],
    );
    limits.fma_peaks[0].clock = None;
    limits.rate(&mut usual);
    usual.samples.truncate(1);
    usual.summary.as_mut().unwrap().valid_samples = 1;
    check(
        &usual,
        &expect![
            "matmul-norm n=10000 f64, 18 threads: median 1028 GFLOPS, 90 % of the measured peak 1149 GFLOPS (1 of 1 sample verified)"
        ],
    );
}

#[test]
fn limits_are_one_line() {
    let mut limits = Limits {
        fma_peaks: vec![
            peak("AVX2", 1, 57.24),
            peak("AVX2", 18, 1148.7),
            peak("AVX-512", 18, 2010.0),
            peak("AVX2", 18, 1150.2),
        ],
        triad: Some(Triad {
            threads: 18,
            gb_per_s: 38.123,
            array_bytes: 1 << 30,
            cache_bytes: Some(1 << 25),
            verified: true,
        }),
        ..Limits::default()
    };
    expect!["measured limits: 57.2 GFLOPS on 1 thread, 1150 GFLOPS on 18 threads (f64, AVX2, 3.58 GHz by calibrated loop); 2010 GFLOPS on 18 threads (f64, AVX-512, 3.58 GHz by calibrated loop); memory 38.1 GB/s"].assert_eq(&limits_line(&limits).unwrap());
    limits.fma_peaks.clear();
    expect!["measured limits: memory 38.1 GB/s"].assert_eq(&limits_line(&limits).unwrap());
    limits.triad = None;
    assert_eq!(limits_line(&limits), None);
}
