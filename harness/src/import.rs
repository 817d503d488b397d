//! `bench import`: another program's output as a record, so that it can stand in a table beside ours.
//!
//! Such a record claims no more than is known: the product was not verified, only the norm's value is checked against its
//! expectation, as `kernels::verify` does; whatever else the source does not say is empty, or is named as derived.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use kernels::verify::{expected_norm, norm_tolerance};
use kernels::{Dtype, matmul_norm};
use results::exchange::seed::{self, Order, SeedLine};
use results::imported::Imported;
use results::record::{
    self, Blas, Case, Record, SCHEMA_VERSION, Sample, Settings, Software, Threads, Verification,
};
use results::statistics::summarize;
use results::{grade, samples_digest, store};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::ImportArgs;
use crate::exit::{Exit, Failure};
use crate::output::{print_line, print_text};
use crate::size::Size;
use crate::{cgroup, grid, host, memory, topology};

/// The script's times have five decimals.
const TIME_RESOLUTION_S: f64 = 1e-5;

/// How far beside its expectation a norm in f32 may be for its own rounding: numpy sums the squares in f32, and was found off by up to
/// 0.3 % at n = 10000.
const F32_NORM_ERROR: f64 = 0.01;

/// Carries out `bench import`.
///
/// # Errors
///
/// When the input cannot be read, is not what it should be, or leaves open what n is.
pub fn run(args: &ImportArgs) -> Result<Exit, Failure> {
    let source = Source::read(&args.file)?;
    let record = import(args, &source).map_err(|reason| {
        Failure::usage(anyhow::anyhow!("cannot import {}: {reason}", source.name))
    })?;
    for warning in &record.warnings {
        eprintln!("bench: warning: {warning}");
    }
    let destination = args
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    if let Some(directory) = destination {
        let failed = |error| Failure::new(Exit::CannotCreate, error);
        store::prepare_directory(directory).map_err(failed)?;
        let stored = store::write_record(directory, &record).map_err(failed)?;
        print_line(&format!("wrote {}", stored.json.display()))?;
    } else {
        let text = serde_json::to_string_pretty(&record).expect("a record is always JSON");
        print_text(&(text + "\n"))?;
    }
    Ok(if record.is_valid() {
        Exit::Pass
    } else {
        Exit::Invalid
    })
}

/// What is imported.
struct Source {
    name: String,
    text: Vec<u8>,
    /// The file's time; now for standard input.
    time: SystemTime,
    time_is_of: &'static str,
}

/// Larger files are not the lines of a few repetitions.
const SIZE_MAX_BYTES: u64 = 64 << 20;

impl Source {
    fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::usage(anyhow::anyhow!(
                "cannot read {}: {} (name a file with the program's output, or -)",
                path.display(),
                store::reason(&error)
            ))
        };
        if path == Path::new("-") {
            let text = store::read_bounded(std::io::stdin(), SIZE_MAX_BYTES).map_err(failed)?;
            return Ok(Self {
                name: "standard input".to_owned(),
                text,
                time: SystemTime::now(),
                time_is_of: "this import",
            });
        }
        let text = fs::File::open(path)
            .and_then(|file| store::read_bounded(file, SIZE_MAX_BYTES))
            .map_err(failed)?;
        let time = fs::metadata(path).and_then(|metadata| metadata.modified());
        Ok(Self {
            name: path.display().to_string(),
            text,
            time: time.unwrap_or_else(|_| SystemTime::now()),
            time_is_of: "the file",
        })
    }
}

/// The record, or why there is none.
fn import(args: &ImportArgs, source: &Source) -> Result<Record, String> {
    let dtype = dtype(&args.dtype)?;
    if args.threads == 0 {
        return Err("--threads 0 is no number of threads (name how many were used)".to_owned());
    }
    for (option, text) in [("--host", &args.host), ("--program", &args.program)] {
        if text.trim().is_empty() {
            return Err(format!("{option} '{text}' is no name (say what it was)"));
        }
    }
    let asked = args.size.as_deref().map(Size::parse).transpose();
    let asked = asked.map_err(|error| error.to_string())?;
    let lines = seed::parse(&source.text).map_err(|error| {
        format!("{error} (only what the numpy script and bench print can be imported)")
    })?;
    let mut derived = Vec::new();
    let orders = orders(&lines, asked.map(|size| size.n), &mut derived)?;
    let started_utc = started(args, source, &mut derived)?;
    let cases = cases(&lines, &orders, args, dtype);
    let mut record = Record {
        schema_version: SCHEMA_VERSION,
        id: identifier(args, source, &started_utc),
        started_utc,
        elapsed_s: cases
            .iter()
            .flat_map(|case| &case.samples)
            .map(|sample| sample.run_time_s)
            .sum(),
        host: described_host(args),
        software: software(args),
        settings: settings(args, &cases),
        cases,
        limits: None,
        stability: None,
        energy: None,
        samples_sha256: None,
        grade: None,
        imported: Some(Imported {
            format: "seed".to_owned(),
            program: args.program.clone(),
            derived,
        }),
        warnings: vec![format!(
            "measured by {}, not by bench: the products were not verified, only the norms' values were checked",
            args.program
        )],
    };
    if let Some(imported) = &record.imported {
        record.warnings.extend(imported.derived.clone());
    }
    record.grade = Some(grade::grade(&record));
    record.samples_sha256 = Some(samples_digest::of(&record));
    Ok(record)
}

fn dtype(text: &str) -> Result<Dtype, String> {
    let dtypes = grid::dtypes(text).map_err(|error| error.to_string())?;
    match dtypes[..] {
        [dtype] => Ok(dtype),
        _ => Err(format!(
            "--dtype {text} names several types (import the lines of each type by themselves)"
        )),
    }
}

/// The n of each line: as asked, where the line's figures allow it, or derived, which is said.
fn orders(
    lines: &[SeedLine],
    asked: Option<usize>,
    derived: &mut Vec<String>,
) -> Result<Vec<usize>, String> {
    let mut orders = Vec::new();
    for line in lines {
        let number = line.number;
        let possible = seed::orders(line);
        let n = match (asked, seed::order(line)) {
            (Some(n), _) if possible.contains(&n) => n,
            (Some(n), _) if possible.is_empty() => {
                return Err(format!(
                    "line {number} is not of n = {n}: its run time and GFLOPS fit no n"
                ));
            }
            (Some(n), _) => {
                return Err(format!(
                    "line {number} is not of n = {n}: its run time and GFLOPS fit n = {} to {} (leave --size out, or correct it)",
                    possible.start(),
                    possible.end()
                ));
            }
            (None, Order::Derived(n)) => n,
            (None, Order::Ambiguous(range)) => {
                return Err(format!(
                    "line {number} may be of any n from {} to {} (say which with --size)",
                    range.start(),
                    range.end()
                ));
            }
            (None, Order::None) => {
                return Err(format!("the run time and GFLOPS of line {number} fit no n"));
            }
        };
        if asked.is_none() && !orders.contains(&n) {
            let only = if possible.start() == possible.end() {
                "the only one".to_owned()
            } else {
                format!(
                    "the only one of the script's sizes among {} to {}",
                    possible.start(),
                    possible.end()
                )
            };
            derived.push(format!(
                "n = {n} is derived from run time and GFLOPS (line {number}): {only} that fits"
            ));
        }
        orders.push(n);
    }
    Ok(orders)
}

fn started(
    args: &ImportArgs,
    source: &Source,
    derived: &mut Vec<String>,
) -> Result<String, String> {
    if let Some(text) = &args.started {
        let time = OffsetDateTime::parse(text, &Rfc3339);
        return time
            .ok()
            .and_then(|time| time.to_offset(time::UtcOffset::UTC).format(&Rfc3339).ok())
            .ok_or_else(|| {
                format!("--started {text} is no time (write it like 2021-10-01T17:03:58Z)")
            });
    }
    derived.push(format!(
        "when it ran is not known: its time is that of {}",
        source.time_is_of
    ));
    let time = OffsetDateTime::from(source.time);
    let time = time.replace_nanosecond(0).unwrap_or(time);
    time.format(&Rfc3339).map_err(|error| error.to_string())
}

/// A case for each n, in the order in which they come.
fn cases(lines: &[SeedLine], orders: &[usize], args: &ImportArgs, dtype: Dtype) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (line, n) in lines.iter().zip(orders) {
        let sample = sample(line, *n, dtype);
        match cases.iter_mut().find(|case| case.n == *n) {
            Some(case) => case.samples.push(sample),
            None => cases.push(case(*n, args.threads, dtype, sample)),
        }
    }
    for case in &mut cases {
        case.summary = summarize(&case.samples);
    }
    cases
}

fn case(n: usize, threads: usize, dtype: Dtype, first: Sample) -> Case {
    let element_bytes = match dtype {
        Dtype::F64 => 8,
        Dtype::F32 => 4,
    };
    Case {
        kernel: matmul_norm::DEFINITION.name.to_owned(),
        kernel_version: Some(matmul_norm::DEFINITION.version),
        n,
        dtype: dtype.to_string(),
        blas: None,
        // The choice that this names is bench's own.
        driver: None,
        isa: None,
        panel_rows: None,
        cpus: None,
        threads_requested: threads,
        threads_used: threads,
        matrix_bytes: 3 * element_bytes * (n as u64).pow(2),
        flop: seed::flop(n),
        bytes: None,
        samples: vec![first],
        warmup_samples: Vec::new(),
        warmup_ended: None,
        stopped_because: None,
        summary: None,
        peak: None,
    }
}

fn sample(line: &SeedLine, n: usize, dtype: Dtype) -> Sample {
    let run_time_s = seed::run_time_s(line, n);
    let expected = expected_norm(n);
    let rounding = match dtype {
        Dtype::F64 => 0.0,
        Dtype::F32 => F32_NORM_ERROR * expected,
    };
    let tolerance = norm_tolerance(n) + rounding;
    Sample {
        // numpy's generator is not seeded by the script.
        seed: 0,
        run_time_s,
        cpu_time_s: f64::NAN,
        gflops: 1e-9 * seed::flop(n) / run_time_s,
        norm: line.norm,
        verification: Verification {
            passed: (line.norm - expected).abs() < tolerance,
            scaled_residual: f64::NAN,
            scaled_residual_bound: f64::NAN,
            norm_error: f64::NAN,
            norm_error_bound: f64::NAN,
            norm_expected: expected,
            norm_tolerance: tolerance,
        },
        conditions: None,
    }
}

/// The same text imported in the same way is the same record, so that importing it twice does not make two runs of it.
fn identifier(args: &ImportArgs, source: &Source, started_utc: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(&source.text);
    let told = [
        &args.host,
        &args.cpu,
        &args.dtype,
        &args.program,
        &args.blas,
    ];
    for text in told.into_iter().map(String::as_str).chain([started_utc]) {
        digest.update([0]);
        digest.update(text);
    }
    digest.update(args.threads.to_le_bytes());
    let digest = digest.finalize();
    let first: [u8; 4] = std::array::from_fn(|index| digest[index]);
    format!("{:08x}", u32::from_be_bytes(first))
}

fn described_host(args: &ImportArgs) -> record::Host {
    if args.host == "this" {
        let limits = cgroup::limits();
        let machine = topology::machine(limits.cpu_quota, host::hypervisor());
        let described = host::describe(&topology::summary(&machine), &memory::available(&limits));
        return record::Host {
            machine: Some(machine),
            ..described
        };
    }
    record::Host {
        hostname: args.host.clone(),
        cpu: record::Cpu {
            model: args.cpu.clone(),
            architecture: "unknown".to_owned(),
            ..record::Cpu::default()
        },
        topology: record::Topology {
            source: "not known".to_owned(),
            ..record::Topology::default()
        },
        os: record::Os {
            kernel: "unknown".to_owned(),
            ..record::Os::default()
        },
        ..record::Host::default()
    }
}

/// The version is that of the bench that made the record; nothing of it ran.
fn software(args: &ImportArgs) -> Software {
    Software {
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        blas: Blas {
            name: args.blas.clone(),
            threading: "unknown".to_owned(),
            ..Blas::default()
        },
        ..Software::default()
    }
}

fn settings(args: &ImportArgs, cases: &[Case]) -> Settings {
    let repeats = cases.iter().map(|case| case.samples.len());
    Settings {
        command_line: vec![args.program.clone()],
        repeats: repeats.max().unwrap_or(0),
        threads: Threads {
            count: args.threads,
            source: "--threads".to_owned(),
        },
        clock_resolution_s: TIME_RESOLUTION_S,
        ..Settings::default()
    }
}
