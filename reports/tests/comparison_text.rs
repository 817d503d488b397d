//! What is printed of comparisons.

use expect_test::{Expect, expect};
use reports::comparison_text::{ab, check, markdown};
use results::comparison::{
    CaseOutcome, Comparison, GateOutcome, Process, Settings, SideRecord, Stage, Verdict,
};
use results::paired::{Block, Order, Ratio, Side};
use results::verdict::{Difference, GateVerdict, ThresholdFrom};

fn ratio(estimate: f64) -> Ratio {
    Ratio {
        blocks: 12,
        estimate,
        low: estimate - 0.008,
        high: estimate + 0.009,
        confidence: 0.95,
        of_medians: estimate,
        of_medians_low: estimate - 0.005,
        of_medians_high: estimate + 0.005,
        noise_floor: 0.011,
    }
}

fn case(n: usize, estimate: f64) -> CaseOutcome {
    let block = Block {
        order: Order::Abba,
        rates: [100.0, 95.0, 95.0, 100.0],
    };
    CaseOutcome {
        kernel: "matmul-norm".to_owned(),
        n,
        dtype: "f64".to_owned(),
        threads: [2, 2],
        first: vec![block; 6],
        ratio: Some(ratio(estimate)),
        ..CaseOutcome::default()
    }
}

fn comparison(command: &str, verdict: Verdict, cases: Vec<CaseOutcome>) -> Comparison {
    let side = |given: &str| SideRecord {
        given: given.to_owned(),
        ..SideRecord::default()
    };
    let process = |stage, side| Process {
        stage,
        block: 0,
        side,
        begin_s: 0.0,
        elapsed_s: 0.4,
        gflops: vec![vec![100.0; 10]; cases.len()],
    };
    Comparison {
        comparison_schema_version: 1,
        command: command.to_owned(),
        started_utc: "2026-01-01T00:00:00Z".to_owned(),
        elapsed_s: 23.6,
        host: None,
        baseline: side("./main.run"),
        candidate: side("./branch_<b>.run"),
        settings: Settings {
            statistic: "best".to_owned(),
            threshold_percent: Some(1.0),
            ..Settings::default()
        },
        processes: vec![
            process(Stage::Warmup, Side::A),
            process(Stage::First, Side::B),
        ],
        cases,
        verdict,
        reasons: Vec::new(),
        warnings: vec!["the host is <busy>".to_owned()],
    }
}

fn gate(verdict: GateVerdict, fresh: bool) -> GateOutcome {
    GateOutcome {
        verdict,
        threshold_percent: Some(1.65),
        threshold_from: Some(ThresholdFrom::Noise),
        expected: 1.0,
        accepted: None,
        p_regression: 0.0005,
        p_confirmation: fresh.then_some(0.0156),
    }
}

fn judged(estimate: f64, verdict: GateVerdict) -> CaseOutcome {
    let first = case(1000, estimate);
    let is_fresh = verdict != GateVerdict::Pass;
    let fresh = if is_fresh {
        first.first.clone()
    } else {
        Vec::new()
    };
    CaseOutcome {
        gate: Some(gate(verdict, is_fresh)),
        fresh,
        ..first
    }
}

fn check_text(text: &str, expected: &Expect) {
    expected.assert_eq(text);
}

#[test]
fn two_sides() {
    let told = |n, estimate, difference| CaseOutcome {
        difference: Some(difference),
        ..case(n, estimate)
    };
    let cases = vec![
        told(1000, 0.951, Difference::Slower),
        told(2000, 1.001, Difference::NoDifference),
        told(5000, 1.02, Difference::Inconclusive),
        CaseOutcome {
            ratio: None,
            ..told(100, 1.0, Difference::Inconclusive)
        },
    ];
    check_text(
        &ab(&comparison("ab", Verdict::Inconclusive, cases)),
        &expect![[r"
            A: ./main.run
            B: ./branch_<b>.run
            matmul-norm n=1000 f64, 2 threads: B is slower by more than 1.0 %: 0.951 times A's speed (95 % interval 0.943 to 0.960 from 12 blocks, noise ±1.1 %)
            matmul-norm n=2000 f64, 2 threads: no difference beyond 1.0 %: 1.001 times A's speed (95 % interval 0.993 to 1.010 from 12 blocks, noise ±1.1 %)
            matmul-norm n=5000 f64, 2 threads: inconclusive: B seems faster, and whether by more than 1.0 % cannot be told: 1.020 times A's speed (95 % interval 1.012 to 1.029 from 12 blocks, noise ±1.1 %)
            matmul-norm n=100 f64, 2 threads: inconclusive: too few blocks (6)
            warning: the host is <busy>
            24 s: 2 processes, best of 10 repetitions each, the first 1 to warm up"]],
    );
}

#[test]
fn the_gate() {
    let cases = vec![
        judged(0.951, GateVerdict::Regression),
        judged(1.0, GateVerdict::Pass),
    ];
    check_text(
        &check(&comparison("check", Verdict::Regression, cases)),
        &expect![[r"
            regression: slower beyond the threshold, and confirmed, in 1 of 2 cases
              matmul-norm n=1000 f64, 2 threads: regression, 0.951 times the baseline's speed (95 % interval 0.943 to 0.960 from 12 blocks; threshold 1.6 % (1.5 times the noise), noise ±1.1 %)
                beyond the threshold by chance p = 0.0005, slower in 6 fresh blocks alone p = 0.0156
              matmul-norm n=1000 f64, 2 threads: pass, 1.000 times the baseline's speed (95 % interval 0.992 to 1.009 from 12 blocks; threshold 1.6 % (1.5 times the noise), noise ±1.1 %)
              baseline: ./main.run
              candidate: ./branch_<b>.run
              warning: the host is <busy>
              24 s: 2 processes, best of 10 repetitions each, the first 1 to warm up"]],
    );
    let cases = vec![judged(1.0, GateVerdict::Pass)];
    let text = check(&comparison("check", Verdict::Pass, cases));
    check_text(
        text.lines().next().unwrap(),
        &expect!["pass: no slowdown beyond 1.6 % in 1 case"],
    );
}

/// Nothing is said of cases that were not judged, and what there is to say stays readable.
#[test]
fn only_what_is_true() {
    let mut comparison = comparison("check", Verdict::NotComparable, vec![case(1000, 1.0)]);
    comparison.reasons = vec!["the sides measure different things: n 1 against 2".to_owned()];
    comparison.processes.clear();
    for text in [ab(&comparison), check(&comparison), markdown(&comparison)] {
        assert!(text.contains("not comparable"), "{text}");
        assert!(
            !text.contains("inconclusive") && !text.contains("too few"),
            "{text}"
        );
        assert!(text.ends_with("24 s: no process came to its end"), "{text}");
    }
    let mut case = judged(1e300, GateVerdict::Regression);
    let gate = case.gate.as_mut().unwrap();
    (gate.p_regression, gate.threshold_percent) = (1e-9, Some(0.0001));
    comparison.verdict = Verdict::Regression;
    comparison.cases = vec![case];
    comparison.reasons = vec!["word ".repeat(100)];
    let text = check(&comparison);
    for part in [
        "threshold 0.0001 %",
        "by chance p < 0.0001,",
        "1.00e300 times",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 240),
        "{text}"
    );
}

/// Whoever names a side or a host marks nothing up.
#[test]
fn the_gate_for_ci() {
    let cases = vec![judged(0.951, GateVerdict::Regression)];
    check_text(
        &markdown(&comparison("check", Verdict::Regression, cases)),
        &expect![[r"
            ### bench check: regression

            | case | verdict | candidate / baseline | 95 % interval | threshold | noise |
            | --- | --- | --- | --- | --- | --- |
            | matmul-norm n=1000 f64, 2 threads | regression | 0.951 | 0.943 to 0.960 | 1.6 % (1.5 times the noise) | ±1.1 % |

            baseline: ./main.run  
            candidate: ./branch\_&lt;b&gt;.run  
            warning: the host is &lt;busy&gt;  
            24 s: 2 processes, best of 10 repetitions each, the first 1 to warm up"]],
    );
}
