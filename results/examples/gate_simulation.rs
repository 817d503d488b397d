//! Error rates of the gate, simulated: `gate_simulation [GATES] [SERIES.jsonl...]`.
//!
//! Without a series the noise is drawn. A series is what `harness/benches/error_rates.py` keeps, or any file with one
//! `{"rates": [...]}` a line: rates of processes that ran one after the other. They are entered at random places, and the candidate's are
//! multiplied by the ratio; equal runs of a series come up again, so many gates are fewer independent ones.

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use std::process::ExitCode;

use simulated::{Drawn, Machine, Recorded, gates};

const RATIOS: [f64; 6] = [1.0, 0.99, 0.98, 0.97, 0.95, 0.9];
const BLOCKS: [usize; 4] = [6, 8, 12, 24];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let count = words.next().map_or(Ok(10_000), |word| word.parse());
    let Ok(count) = count else {
        eprintln!("cannot read the number of gates: it is not a whole number (try 10000)");
        return ExitCode::from(2);
    };
    println!("SIMULATED, {count} gates each; threshold from the noise floor");
    println!(
        "{:34} {:>6} {:>6} {:>11} {:>13}",
        "noise", "blocks", "ratio", "regression", "inconclusive"
    );
    table("drawn, quiet (own 0.4 %)", count, |seed| {
        Drawn::quiet(seed, 0.004)
    });
    table("drawn, noisy (own 1.2 %)", count, |seed| {
        Drawn::quiet(seed, 0.012)
    });
    table("drawn, shared machine", count, Drawn::shared);
    table("drawn, two threads on one core", count, Drawn::doubled_up);
    for path in words {
        match recorded(&path) {
            Ok(rates) => {
                let name = format!("recorded, {} processes", rates.len());
                table(&name, count, |seed| Recorded::new(&rates, seed));
            }
            Err(reason) => {
                eprintln!("cannot use the series {path}: {reason}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

fn table<M: Machine>(name: &str, count: u64, machine: impl Fn(u64) -> M) {
    for blocks_max in BLOCKS {
        for ratio in RATIOS {
            // Slowdowns need fewer gates to be counted than what should never be.
            let count = if ratio < 1.0 {
                count.div_ceil(10)
            } else {
                count
            };
            let shares = gates(count, &machine, ratio, blocks_max, None);
            println!(
                "{name:34} {blocks_max:6} {ratio:6.2} {:10.2} % {:12.2} %",
                100.0 * shares.regression,
                100.0 * shares.inconclusive
            );
        }
    }
}

fn recorded(path: &str) -> Result<Vec<f64>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut rates = Vec::new();
    for line in text.lines() {
        let value: serde_json::Value =
            serde_json::from_str(line).map_err(|error| error.to_string())?;
        let of_line = value["rates"].as_array().into_iter().flatten();
        rates.extend(of_line.filter_map(serde_json::Value::as_f64));
    }
    if rates.iter().any(|rate| *rate <= 0.0) || rates.len() < 24 {
        return Err("it has no 24 rates, or one that is not above 0".to_owned());
    }
    Ok(rates)
}
