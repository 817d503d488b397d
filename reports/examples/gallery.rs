//! Draws the pictures of all the tests' records into a directory, for people to look at:
//! `cargo run -p reports --example gallery -- DIRECTORY`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use reports::{run_plot, text};

#[path = "../tests/fixtures/mod.rs"]
mod fixtures;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("name a directory")?);
    fs::create_dir_all(&directory)?;
    for (name, record) in fixtures::gallery() {
        println!("{name}");
        for case in &record.cases {
            println!("  {}", text::case_summary(case));
        }
        fs::write(
            directory.join(name).with_extension("svg"),
            run_plot::svg(&record)?,
        )?;
        fs::write(
            directory.join(name).with_extension("png"),
            run_plot::png(&record)?,
        )?;
    }
    Ok(())
}
