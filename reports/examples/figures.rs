//! Draws the pictures of a report from the tests' data into a directory, for people to look at:
//! `cargo run -p reports --example figures -- DIRECTORY`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use reports::Figures;
use reports::plots::{heat_map, hosts, ratios, samples, trace};

#[path = "../tests/fixtures/mod.rs"]
mod fixtures;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("name a directory")?);
    fs::create_dir_all(&directory)?;
    for (name, survey) in fixtures::plotted::surveys() {
        write(&directory, "hosts", name, &hosts::figures(&survey))?;
        write(&directory, "heat-map", name, &heat_map::figures(&survey))?;
    }
    for (name, record) in fixtures::traced::records() {
        let records = [record];
        write(&directory, "samples", name, &samples::figures(&records))?;
        write(&directory, "trace", name, &trace::figures(&records))?;
    }
    for (name, comparison) in fixtures::compared::comparisons() {
        write(&directory, "ratios", name, &ratios::figures(&[comparison]))?;
    }
    Ok(())
}

fn write(
    directory: &Path,
    kind: &str,
    name: &str,
    figures: &Figures,
) -> Result<(), Box<dyn Error>> {
    match figures {
        Err(missing) => println!("{kind} of {name}: {}", missing.0),
        Ok(figures) => {
            for figure in figures {
                println!(
                    "{kind} of {name}: {}: {}",
                    figure.name,
                    figure.description()
                );
                let path = directory.join(format!("{kind}--{name}--{}", figure.name));
                fs::write(path.with_extension("svg"), figure.svg()?)?;
                fs::write(path.with_extension("png"), figure.png()?)?;
            }
        }
    }
    Ok(())
}
