//! Records made for these tests, and the program over them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use results::record::{
    Blas, Case, Cpu, Host, Os, Record, SCHEMA_VERSION, Sample, Settings, Software, Threads,
    Topology, Verification,
};
use results::{samples_digest, statistics, store};

/// A record of a host with one case of n = 1000, with these GFLOPS.
pub(crate) fn record(id: u32, hostname: &str, gflops: &[f64]) -> Record {
    sealed(Record {
        schema_version: SCHEMA_VERSION,
        id: format!("{id:08x}"),
        started_utc: "2026-01-02T03:04:05Z".to_owned(),
        elapsed_s: 1.0,
        host: Host {
            hostname: hostname.to_owned(),
            cpu: Cpu {
                model: "AMD EPYC 7302".to_owned(),
                architecture: "x86_64".to_owned(),
                microcode: Some("0x8301034".to_owned()),
                ..Cpu::default()
            },
            topology: Topology {
                source: "hwloc".to_owned(),
                physical_cores: 16,
                logical_cpus: 32,
                usable_physical_cores: 16,
                usable_logical_cpus: 32,
                ..Topology::default()
            },
            os: Os {
                kernel: "Linux 6.1.0".to_owned(),
                distribution: None,
            },
            ..Host::default()
        },
        software: Software {
            bench_version: "0.1.0".to_owned(),
            blas: Blas {
                name: "OpenBLAS".to_owned(),
                version: "0.3.21".to_owned(),
                config: "OpenBLAS 0.3.21 DYNAMIC_ARCH Zen MAX_THREADS=64".to_owned(),
                core: "Zen".to_owned(),
                threading: "pthreads".to_owned(),
                threads_max: 64,
                file: None,
            },
            ..Software::default()
        },
        settings: Settings {
            repeats: gflops.len(),
            seed: 1,
            threads: Threads {
                count: 16,
                source: "physical cores".to_owned(),
            },
            clock_resolution_s: 2e-8,
            ..Settings::default()
        },
        cases: vec![case(1000, gflops)],
        limits: None,
        stability: None,
        energy: None,
        grade: None,
        imported: None,
        warnings: Vec::new(),
        samples_sha256: None,
    })
}

/// A case of verified samples of the seeds 1, 2, ...
pub(crate) fn case(n: usize, gflops: &[f64]) -> Case {
    let size = n as f64;
    let flop = 2.0 * (size.powi(3) + size.powi(2));
    let sample = |(index, gflops): (usize, &f64)| Sample {
        seed: index as u64 + 1,
        run_time_s: if *gflops > 0.0 {
            1e-9 * flop / gflops
        } else {
            1.0
        },
        cpu_time_s: 1.0,
        gflops: *gflops,
        norm: size * size / 4.0 + index as f64,
        verification: Verification {
            passed: true,
            scaled_residual: 0.0031,
            scaled_residual_bound: 4.0,
            norm_error: 2e-15,
            norm_error_bound: 1.11e-16 * size,
            norm_expected: size * size / 4.0,
            norm_tolerance: 1.225 * size,
        },
        conditions: None,
    };
    let samples: Vec<Sample> = gflops.iter().enumerate().map(sample).collect();
    Case {
        kernel: "matmul-norm".to_owned(),
        kernel_version: Some(1),
        n,
        dtype: "f64".to_owned(),
        blas: None,
        isa: Some("AVX2".to_owned()),
        driver: Some("team".to_owned()),
        panel_rows: None,
        cpus: None,
        threads_requested: 16,
        threads_used: 16,
        matrix_bytes: 24 * (n * n) as u64,
        flop,
        bytes: None,
        summary: statistics::summarize(&samples),
        samples,
        warmup_samples: Vec::new(),
        warmup_ended: None,
        stopped_because: None,
        peak: None,
    }
}

/// The record with a digest that fits it.
pub(crate) fn sealed(mut record: Record) -> Record {
    record.samples_sha256 = Some(samples_digest::of(&record));
    record
}

/// Two hosts of which the second is a tenth slower.
pub(crate) fn two_hosts(directory: &Path) -> [PathBuf; 2] {
    [
        record(1, "fast", &[500.0, 501.0, 502.0, 503.0, 504.0, 505.0]),
        record(2, "slow", &[450.0, 451.0, 452.0, 453.0, 454.0, 455.0]),
    ]
    .map(|record| write(directory, &record))
}

/// Keeps a record as `bench run` does.
pub(crate) fn write(directory: &Path, record: &Record) -> PathBuf {
    store::write_record(directory, record).unwrap().json
}

/// Keeps any text.
pub(crate) fn write_text(directory: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// What `bench compare` does in this directory.
pub(crate) struct Compared {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    /// Without the name of the directory.
    pub(crate) stderr: String,
}

pub(crate) fn compare(directory: &Path, words: &[&str]) -> Compared {
    let output = command(directory, words).output().unwrap();
    compared(directory, &output)
}

pub(crate) fn command(directory: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command
        .arg("compare")
        .args(words)
        .current_dir(directory)
        .stdin(Stdio::null());
    command
}

pub(crate) fn compared(directory: &Path, output: &Output) -> Compared {
    let directory = format!("{}/", directory.display());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&directory, "");
    let stderr = text(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    Compared {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr,
    }
}
