//! A comparison in turns, as `bench ab --output` keeps it.

use results::comparison::{
    CaseOutcome, Comparison, Process, SCHEMA_VERSION, Settings, SideRecord, Stage, Verdict,
};
use results::paired::{self, Block, Order};
use results::statistics::random::SplitMix64;
use results::verdict;

use crate::hosts;
use crate::noise::Noise;

/// What matters.
const WITHIN: f64 = 0.01;

/// What each case is: kernel, n, type, the baseline's rate, the ratio, and the noise of a process.
const CASES: [(&str, usize, &str, f64, f64, f64); 4] = [
    ("matmul-norm", 1000, "f64", 431.0, 1.062, 0.006),
    ("matmul-norm", 2000, "f64", 498.0, 1.001, 0.004),
    ("matmul-norm", 2000, "f32", 985.0, 0.957, 0.006),
    ("triad", 5000, "f64", 71.0, 1.004, 0.022),
];

const BLOCKS: usize = 12;

/// The desktop's two libraries: one case each of faster, no difference, slower and inconclusive.
pub(crate) fn comparison() -> Comparison {
    let desktop = hosts::desktop();
    let mut noise = Noise::new(77);
    let mut coin = SplitMix64::new(1);
    let orders: Vec<Order> = (0..BLOCKS).map(|_| Order::draw(&mut coin)).collect();
    let mut cases: Vec<CaseOutcome> = CASES
        .iter()
        .map(|&(kernel, n, dtype, rate, ratio, sigma)| {
            let block = |order: &Order| Block {
                order: *order,
                rates: order.sides().map(|side| {
                    let factor = match side {
                        paired::Side::A => 1.0,
                        paired::Side::B => ratio,
                    };
                    factor * rate * (1.0 + sigma * noise.normal())
                }),
            };
            let first: Vec<Block> = orders.iter().map(block).collect();
            CaseOutcome {
                kernel: kernel.to_owned(),
                n,
                dtype: dtype.to_owned(),
                threads: [24, 24],
                ratio: paired::ratio(&first),
                first,
                ..CaseOutcome::default()
            }
        })
        .collect();
    let blocks: Vec<Vec<Block>> = cases.iter().map(|case| case.first.clone()).collect();
    for (case, difference) in cases.iter_mut().zip(verdict::differences(&blocks, WITHIN)) {
        case.difference = Some(difference);
    }
    let is_told = !cases
        .iter()
        .any(|case| case.difference == Some(verdict::Difference::Inconclusive));
    let software = |version: &str| {
        let mut software = desktop.software.clone();
        version.clone_into(&mut software.blas.version);
        Some(software)
    };
    let side = |given: &str, digest: char, version: &str| SideRecord {
        given: given.to_owned(),
        command_line: ["bench", given, "--size", "1000,2000"]
            .map(str::to_owned)
            .to_vec(),
        content: Some(digest.to_string().repeat(64)),
        software: software(version),
    };
    Comparison {
        comparison_schema_version: SCHEMA_VERSION,
        command: "ab".to_owned(),
        started_utc: "2026-11-20T18:30:00Z".to_owned(),
        elapsed_s: 119.3,
        host: Some(desktop.host.clone()),
        baseline: side("--blas bundled", 'a', "0.3.28"),
        candidate: side("--blas newest", 'b', "0.3.30"),
        settings: Settings {
            statistic: "best".to_owned(),
            repeats: Some(5),
            order_seed: 1,
            threshold_percent: Some(100.0 * WITHIN),
            until_percent: 50.0 * WITHIN,
            max_time_s: 120.0,
            warmup_blocks: 1,
        },
        processes: processes(&orders, &cases),
        cases,
        verdict: if is_told {
            Verdict::Told
        } else {
            Verdict::Inconclusive
        },
        reasons: Vec::new(),
        warnings: Vec::new(),
    }
}

fn processes(orders: &[Order], cases: &[CaseOutcome]) -> Vec<Process> {
    let mut begin_s = 9.6;
    let mut processes = Vec::new();
    for (block, order) in orders.iter().enumerate() {
        for (place, side) in order.sides().into_iter().enumerate() {
            // The best of five; the others are a little slower.
            let repetitions = |case: &CaseOutcome| {
                let best = case.first[block].rates[place];
                [0.985, 0.993, 1.0, 0.991, 0.988]
                    .map(|share| share * best)
                    .to_vec()
            };
            processes.push(Process {
                stage: Stage::First,
                block,
                side,
                begin_s,
                elapsed_s: 2.25,
                gflops: cases.iter().map(repetitions).collect(),
            });
            begin_s += 2.28;
        }
    }
    processes
}
