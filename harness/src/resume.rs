//! Going on with a run that was interrupted: with the same plan, on the same machine, with the same program, or not at all.

use std::path::{Path, PathBuf};

use clap::Parser;
use results::journal::{self, Contents, Header, Journal, PlannedCase};
use results::record::{Host, Record, Settings, Software};

use crate::cli::{Cli, Command, RunArgs};
use crate::exit::{Exit, Failure};
use crate::plan::{Destination, Plan};

/// An interrupted run.
#[derive(Debug)]
pub struct Interrupted {
    /// Its journal, held against others.
    pub journal: Journal,
    /// What it had found.
    pub contents: Contents,
    /// What it was asked for, with what this command line says about printing.
    pub args: RunArgs,
}

/// Opens the journal that the command line names, or the only one in the output directory.
///
/// # Errors
///
/// When there is none, more than one to choose from, or none that can be used.
pub fn open(file: Option<&Path>, args: &RunArgs) -> Result<Interrupted, Failure> {
    let path = match file {
        Some(file) => file.to_owned(),
        None => the_only_one(&args.output)?,
    };
    let (journal, contents) = Journal::open(&path).map_err(Failure::usage)?;
    let args = original_args(&path, &contents.header, args)?;
    Ok(Interrupted {
        journal,
        contents,
        args,
    })
}

fn the_only_one(directory: &Path) -> Result<PathBuf, Failure> {
    let mut found = journal::find(directory);
    let shown = directory.display();
    match found.len() {
        0 => Err(Failure::usage(anyhow::anyhow!(
            "cannot resume: there is no interrupted run in {shown} (name its journal: --resume FILE)"
        ))),
        1 => Ok(found.remove(0)),
        count => Err(Failure::usage(anyhow::anyhow!(
            "cannot resume: there are {count} interrupted runs in {shown} (name one: --resume {})",
            found[0].display()
        ))),
    }
}

/// The words that began the run, read again. The record goes where the journal is.
fn original_args(path: &Path, header: &Header, now: &RunArgs) -> Result<RunArgs, Failure> {
    let words = &header.record.settings.command_line;
    let cli = Cli::try_parse_from(words).map_err(|_| {
        Failure::usage(anyhow::anyhow!(
            "cannot resume {}: this bench does not know its command line (use the bench that began it)",
            path.display()
        ))
    })?;
    let args = match cli.command {
        None => cli.run,
        Some(Command::Run(args)) => *args,
        Some(_) => {
            return Err(Failure::usage(anyhow::anyhow!(
                "cannot resume {}: it does not come from measuring",
                path.display()
            )));
        }
    };
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    Ok(RunArgs {
        output: directory.to_owned(),
        quiet: args.quiet || now.quiet,
        json: args.json || now.json,
        no_plot: args.no_plot || now.no_plot,
        bars: now.bars,
        plan: false,
        ..args
    })
}

/// The cases of a plan as a journal names them.
pub fn planned(plan: &Plan) -> Vec<PlannedCase> {
    let planned = plan.cases.iter().map(|case| PlannedCase {
        kernel: case.kernel.name.to_owned(),
        blas: case.blas_name.clone(),
        driver: plan.driver.to_string(),
        n: case.size.n,
        dtype: case.dtype.to_string(),
        threads: case.threads,
        cpus: case.placement.cpus.clone(),
    });
    planned.collect()
}

/// Refuses to go on with what would not be the same run.
///
/// # Errors
///
/// A usage failure that names what differs.
pub fn check(path: &Path, header: &Header, plan: &Plan, now: &Record) -> Result<(), Failure> {
    let differences = differences(header, &planned(plan), now);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        anyhow::anyhow!(
            "cannot resume {}: {} (resume it as it was begun, or remove it and measure again)",
            path.display(),
            differences.join("; ")
        ),
    ))
}

/// The directory that a run's journal is in; `None` for a run that leaves none: of a single case, or without files.
pub fn journal_directory(plan: &Plan) -> Option<&Path> {
    match &plan.destination {
        Destination::Directory(directory) if plan.cases.len() > 1 => Some(directory),
        _ => None,
    }
}

/// What differs between an interrupted run and this one, in words, with what it was and what it is.
fn differences(header: &Header, planned: &[PlannedCase], now: &Record) -> Vec<String> {
    let was = &header.record;
    let mut facts = Vec::new();
    facts.extend(
        software(&was.software)
            .into_iter()
            .zip(software(&now.software)),
    );
    facts.extend(host(&was.host).into_iter().zip(host(&now.host)));
    facts.extend(
        settings(&was.settings)
            .into_iter()
            .zip(settings(&now.settings)),
    );
    let mut found: Vec<String> = facts
        .into_iter()
        .filter(|((_, was), (_, is))| was != is)
        .map(|((what, was), (_, is))| format!("{what} was {was} and is {is}"))
        .collect();
    if header.planned != planned {
        found.push("its cases would be others".to_owned());
    }
    found
}

type Fact = (&'static str, String);

/// The libraries' names and files.
fn libraries(software: &Software) -> String {
    let of = |blas: &results::record::Blas| {
        let sum = blas.file.as_ref().map_or("linked", |file| &file.sha256);
        format!("{} {} ({sum})", blas.name, blas.version)
    };
    let others = software.libraries.iter().map(|library| of(&library.blas));
    let all: Vec<String> = std::iter::once(of(&software.blas)).chain(others).collect();
    all.join(", ")
}

fn software(software: &Software) -> Vec<Fact> {
    let blas = &software.blas;
    let bundle = software.bundle.as_ref().map(|bundle| &bundle.digest);
    let commit = software.bench_commit.as_ref();
    let or_none = |text: Option<&String>| text.map_or_else(|| "none".to_owned(), String::clone);
    vec![
        ("the version of bench", software.bench_version.clone()),
        ("the commit of bench", or_none(commit)),
        ("the bundle", or_none(bundle)),
        ("the BLAS", format!("{} {}", blas.name, blas.version)),
        ("the BLAS's core", blas.core.clone()),
        ("the BLAS's build", format!("'{}'", blas.config)),
        ("the set of libraries", libraries(software)),
    ]
}

fn host(host: &Host) -> Vec<Fact> {
    let topology = &host.topology;
    vec![
        ("the host", host.hostname.clone()),
        ("the processor", host.cpu.model.clone()),
        ("the kernel", host.os.kernel.clone()),
        (
            "the number of cores",
            topology.usable_physical_cores.to_string(),
        ),
        (
            "the number of CPUs",
            topology.usable_logical_cpus.to_string(),
        ),
        ("the quota of CPUs", format!("{:?}", topology.cpu_quota)),
        (
            "the host's memory",
            format!("{:?} bytes", host.memory.total_bytes),
        ),
    ]
}

fn settings(settings: &Settings) -> Vec<Fact> {
    vec![
        ("the threads' source", settings.threads.source.clone()),
        ("the number of threads", settings.threads.count.to_string()),
        ("the number of repeats", settings.repeats.to_string()),
        ("the seed", settings.seed.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use results::record::{Bundle, Threads};

    fn record() -> Record {
        Record {
            schema_version: 1,
            id: "5d0c2f71".to_owned(),
            started_utc: "2026-01-02T03:04:05Z".to_owned(),
            elapsed_s: 0.0,
            host: Host {
                hostname: "i9".to_owned(),
                ..Host::default()
            },
            software: Software {
                bench_version: "0.1.0".to_owned(),
                ..Software::default()
            },
            settings: Settings {
                repeats: 3,
                threads: Threads {
                    count: 2,
                    source: "--threads".to_owned(),
                },
                ..Settings::default()
            },
            cases: Vec::new(),
            limits: None,
            stability: None,
            energy: None,
            grade: None,
            imported: None,
            warnings: Vec::new(),
            samples_sha256: None,
        }
    }

    fn planned(n: usize) -> Vec<PlannedCase> {
        vec![PlannedCase {
            kernel: "matmul-norm".to_owned(),
            blas: None,
            driver: "team".to_owned(),
            n,
            dtype: "f64".to_owned(),
            threads: 2,
            cpus: None,
        }]
    }

    fn check(change: fn(&mut Record), expected: &[&str]) {
        let header = Header::new(record(), planned(100));
        let mut now = record();
        change(&mut now);
        assert_eq!(differences(&header, &planned(100), &now), expected);
    }

    #[test]
    fn what_differs_is_named() {
        check(|_| {}, &[]);
        check(
            |now| now.host.hostname = "i7".to_owned(),
            &["the host was i9 and is i7"],
        );
        check(
            |now| {
                now.software.bundle = Some(Bundle {
                    digest: "9f86".to_owned(),
                    path: None,
                    rung: None,
                });
                now.software.blas.core = "Zen".to_owned();
            },
            &[
                "the bundle was none and is 9f86",
                "the BLAS's core was  and is Zen",
            ],
        );
        check(
            |now| now.settings.threads.count = 1,
            &["the number of threads was 2 and is 1"],
        );
        let header = Header::new(record(), planned(100));
        assert_eq!(
            differences(&header, &planned(200), &record()),
            ["its cases would be others"]
        );
    }

    #[test]
    fn what_changes_by_itself_is_no_difference() {
        check(
            |now| {
                now.id = "00000000".to_owned();
                now.started_utc.clear();
                now.host.memory.available_bytes = Some(1);
                now.settings.command_line = vec!["bench".to_owned()];
                now.settings.clock_resolution_s = 1.0;
                now.warnings = vec!["another".to_owned()];
            },
            &[],
        );
    }
}
