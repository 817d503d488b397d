//! Writes the synthetic hosts of `reports/tests/hosts`: `example_hosts DIRECTORY`.
//!
//! Nothing here was measured. Processors, clocks and bandwidths are near to what data sheets say, noise is drawn from a fixed seed, and what
//! can be computed from samples (summaries, shares of peaks, grades, digests) is computed by this crate, as `bench run` does it. So the
//! same files come out each time.

mod commits;
mod hosts;
mod machine;
mod measured;
mod noise;
mod norms;
mod turns;

use std::path::Path;
use std::process::ExitCode;

use results::store;

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        eprintln!("cannot write the hosts: no directory is named (try reports/tests/hosts)");
        return ExitCode::from(2);
    };
    match write(Path::new(&directory)) {
        Ok(count) => {
            println!("{count} records and a comparison in {directory}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(73)
        }
    }
}

fn write(directory: &Path) -> Result<usize, store::StoreError> {
    let records = hosts::records();
    for record in &records {
        store::write_record(directory, record)?;
    }
    let mut comparison =
        serde_json::to_vec_pretty(&turns::comparison()).expect("a comparison is always JSON");
    comparison.push(b'\n');
    store::write_whole(&directory.join("ab-desktop.json"), &comparison)?;
    Ok(records.len())
}
