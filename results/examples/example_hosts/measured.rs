//! Records of machines that were never measured.

use std::collections::BTreeSet;

use results::conditions::{Conditions, UsedCpus};
use results::energy::{self, Energy};
use results::limits::{Clock, FmaPeak, LibraryIsa, Limits, NominalPeak, Triad};
use results::record::{
    Blas, Case, Cpu, Host, Memory, Os, Record, SCHEMA_VERSION, Sample, Settings, Software, Threads,
    Verification, Virtualization,
};
use results::sampling::{Sampling, StoppedBecause, WarmupEnd, WarmupSample};
use results::stability::{Finding, Severity, Stability};
use results::statistics::summarize;
use results::{grade, samples_digest, shared_cores};

use crate::machine::{Build, Speed};
use crate::noise::Noise;

/// A host, and what can be read on it.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) hostname: &'static str,
    pub(crate) build: Build,
    pub(crate) speed: Speed,
    pub(crate) cpu: Cpu,
    pub(crate) os: Os,
    pub(crate) container: Option<&'static str>,
    pub(crate) blas: Blas,
    /// The instruction set of the library's kernels.
    pub(crate) isa: &'static str,
    /// Who tells the clock of samples.
    pub(crate) clock_source: Option<&'static str>,
    /// The processor's temperature at rest and after a long time at work.
    pub(crate) temperature_c: Option<[f64; 2]>,
    /// What the processor takes at rest, and with all cores at work.
    pub(crate) power_w: Option<[f64; 2]>,
    /// What is to be known of the host's state.
    pub(crate) findings: Vec<Finding>,
}

/// What is measured in one case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) kernel: &'static str,
    pub(crate) n: usize,
    pub(crate) dtype: &'static str,
    pub(crate) threads: usize,
}

/// One run, and what went wrong in it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: &'static str,
    pub(crate) started_utc: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) command_line: &'static str,
    pub(crate) threads_source: &'static str,
    pub(crate) repeats: usize,
    /// How much faster all of it is than the machine's speed says.
    pub(crate) factor: f64,
    /// The share of the cores' time that the hypervisor gave to others.
    pub(crate) steal: f64,
    /// The sample whose product is wrong: of which case, and which.
    pub(crate) failed: Option<[usize; 2]>,
    /// The size and seed of matrices that were damaged before they were multiplied.
    pub(crate) damaged: Option<(usize, u64)>,
}

/// The record of a run.
pub(crate) fn record(setup: &Setup, run: &Run, wanted: &[Wanted]) -> Record {
    let mut noise = Noise::new(u64::from_str_radix(run.id, 16).unwrap_or(1));
    let limits = limits(setup, run, wanted, &mut noise);
    let mut elapsed_s = 3.0;
    let cases: Vec<Case> = (0..)
        .zip(wanted)
        .map(|(index, wanted)| {
            let failed = run.failed.filter(|[case, _]| *case == index);
            let mut case = case(
                setup,
                run,
                wanted,
                failed.map(|[_, sample]| sample),
                &mut elapsed_s,
                &mut noise,
            );
            limits.rate(&mut case);
            case
        })
        .collect();
    let warnings = setup.findings.iter();
    let warnings = warnings.filter(|finding| finding.severity == Severity::Warning);
    let mut record = Record {
        schema_version: SCHEMA_VERSION,
        id: run.id.to_owned(),
        started_utc: run.started_utc.to_owned(),
        elapsed_s,
        host: host(setup),
        software: Software {
            bench_version: "0.1.0".to_owned(),
            bench_commit: Some(run.commit.to_owned()),
            bundle: None,
            blas: setup.blas.clone(),
            libraries: Vec::new(),
        },
        settings: settings(run, wanted),
        cases,
        limits: Some(limits),
        stability: Some(Stability {
            before: setup.findings.clone(),
            after: Vec::new(),
        }),
        energy: setup.power_w.map(|_| Energy {
            source: "RAPL of 1 package".to_owned(),
            meaning: energy::MEANING.to_owned(),
        }),
        grade: None,
        imported: None,
        warnings: warnings.map(|finding| finding.text.clone()).collect(),
        samples_sha256: None,
    };
    record.warnings.extend(shared_cores::warning(&record));
    record.grade = Some(grade::grade(&record));
    record.samples_sha256 = Some(samples_digest::of(&record));
    record
}

fn host(setup: &Setup) -> Host {
    Host {
        hostname: setup.hostname.to_owned(),
        cpu: setup.cpu.clone(),
        topology: setup.build.topology(),
        memory: Memory {
            total_bytes: Some(setup.build.memory_bytes),
            available_bytes: Some(setup.build.memory_bytes / 10 * 9),
            cgroup_limit_bytes: None,
        },
        os: setup.os.clone(),
        virtualization: Virtualization {
            hypervisor: setup.build.hypervisor.map(str::to_owned),
            container: setup.container.map(str::to_owned),
        },
        machine: Some(setup.build.machine()),
    }
}

fn settings(run: &Run, wanted: &[Wanted]) -> Settings {
    Settings {
        command_line: run.command_line.split(' ').map(str::to_owned).collect(),
        repeats: run.repeats,
        warmup: 10,
        seed: 1,
        threads: Threads {
            count: wanted.iter().map(|case| case.threads).max().unwrap_or(1),
            source: run.threads_source.to_owned(),
        },
        sampling: Some(Sampling {
            order: "sequential".to_owned(),
            order_seed: None,
            warmup: "auto".to_owned(),
            until_percent: None,
            max_time_s: None,
            resumed_utc: Vec::new(),
        }),
        clock_resolution_s: 2e-8,
    }
}

fn limits(setup: &Setup, run: &Run, wanted: &[Wanted], noise: &mut Noise) -> Limits {
    let Setup { build, speed, .. } = setup;
    let kinds: BTreeSet<(&str, usize)> = wanted
        .iter()
        .map(|case| (case.dtype, case.threads))
        .collect();
    let mut fma_peaks = Vec::new();
    for when in ["before", "after"] {
        for (dtype, threads) in &kinds {
            let held_back = held_back(build, *threads);
            let peak = speed.peak_gflops(build, *threads, dtype) / held_back;
            fma_peaks.push(FmaPeak {
                when: when.to_owned(),
                dtype: (*dtype).to_owned(),
                isa: setup.isa.to_owned(),
                threads: *threads,
                gflops: peak * (1.0 - run.steal / 3.0) * (1.0 - 0.003 * noise.normal().abs()),
                verified: true,
                clock: Some(Clock {
                    clock_mhz: speed.clock_mhz(build, *threads),
                    source: setup.clock_source.unwrap_or("calibrated loop").to_owned(),
                }),
            });
        }
    }
    let threads = wanted.iter().map(|case| case.threads).max().unwrap_or(1);
    let l3_bytes = build.cache_bytes[2] * (build.cores() / build.cores_per_l3).max(1) as u64;
    Limits {
        blas_isa: setup.isa.to_owned(),
        library_isas: vec![LibraryIsa {
            blas: None,
            isa: setup.isa.to_owned(),
            core: Some(setup.blas.core.clone()),
        }],
        best_isa: setup.isa.to_owned(),
        fma_peaks,
        triad: Some(Triad {
            threads: threads.min(build.cores()),
            gb_per_s: speed.bandwidth_gb_per_s(build, threads),
            array_bytes: 4 * l3_bytes,
            cache_bytes: Some(l3_bytes),
            verified: true,
        }),
        nominal_peaks: nominal_peaks(setup, threads),
        elapsed_s: 0.61,
    }
}

fn nominal_peaks(setup: &Setup, threads: usize) -> Vec<NominalPeak> {
    let cores = threads.min(setup.build.cores());
    let peak = |[_, clock_mhz_max]: [f64; 2]| {
        let flop_per_cycle = setup.speed.flop_per_cycle;
        [("f64", flop_per_cycle), ("f32", 2.0 * flop_per_cycle)].map(|(dtype, flop_per_cycle)| {
            NominalPeak {
                dtype: dtype.to_owned(),
                cores,
                flop_per_cycle,
                clock_mhz_max,
                gflops: 1e-3 * cores as f64 * flop_per_cycle * clock_mhz_max,
            }
        })
    };
    setup
        .build
        .clock_mhz
        .map(peak)
        .into_iter()
        .flatten()
        .collect()
}

/// How many times longer threads take because of the control group's quota.
fn held_back(build: &Build, threads: usize) -> f64 {
    let quota = build.cpu_quota.unwrap_or(f64::INFINITY);
    (threads as f64 / quota).max(1.0)
}

fn case(
    setup: &Setup,
    run: &Run,
    wanted: &Wanted,
    failed: Option<usize>,
    elapsed_s: &mut f64,
    noise: &mut Noise,
) -> Case {
    let Wanted {
        kernel,
        n,
        dtype,
        threads,
    } = *wanted;
    let element_bytes = if dtype == "f32" { 4.0 } else { 8.0 };
    let square = (n as f64).powi(2);
    let bytes = (kernel == "triad").then_some(3.0 * element_bytes * square);
    let flop = match kernel {
        "triad" => 2.0 * square,
        "lu-solve" => square * (2.0 / 3.0 * n as f64 + 1.5),
        "gemm" => 2.0 * square * n as f64,
        _ => 2.0 * square * (n as f64 + 1.0),
    };
    let best_s = 1e-9 * bytes.unwrap_or(flop) / rate(setup, wanted) / run.factor;
    let samples: Vec<Sample> = (0..run.repeats)
        .map(|index| {
            let lost = (run.steal * (1.0 + 0.5 * noise.normal())).clamp(0.0, 0.8);
            let slowdown = noise.slowdown(setup.speed.noise) / (1.0 - lost);
            // As a clock tells it: whole nanoseconds.
            let run_time_s = (1e9 * best_s * slowdown).round() * 1e-9;
            *elapsed_s += 1.4 * run_time_s;
            let seed = 1 + index as u64;
            Sample {
                seed,
                run_time_s,
                cpu_time_s: threads as f64 * run_time_s * (1.0 - lost)
                    / held_back(&setup.build, threads),
                gflops: 1e-9 * flop / run_time_s,
                norm: norm(run, wanted, seed),
                verification: verification(wanted, failed == Some(index), noise),
                conditions: Some(conditions(setup, threads, run_time_s, lost, *elapsed_s)),
            }
        })
        .collect();
    let warmup = |longer: &f64| WarmupSample {
        before_sample: 0,
        run_time_s: longer * best_s,
        cpu_time_s: longer * best_s * threads as f64,
    };
    Case {
        kernel: kernel.to_owned(),
        kernel_version: Some(1),
        n,
        dtype: dtype.to_owned(),
        blas: None,
        isa: Some(setup.isa.to_owned()),
        driver: Some("team".to_owned()),
        panel_rows: None,
        cpus: Some(setup.build.placement(threads)),
        threads_requested: threads,
        threads_used: threads,
        matrix_bytes: (3.0 * element_bytes * square) as u64,
        flop,
        bytes,
        summary: summarize(&samples),
        samples,
        warmup_samples: [1.3, 1.02, 1.01].iter().map(warmup).collect(),
        warmup_ended: Some(WarmupEnd::Settled),
        stopped_because: Some(StoppedBecause::Repeats),
        peak: None,
    }
}

/// 10⁹ operations or bytes a second, without noise.
fn rate(setup: &Setup, wanted: &Wanted) -> f64 {
    let Setup { build, speed, .. } = setup;
    let Wanted {
        kernel,
        n,
        dtype,
        threads,
    } = *wanted;
    let product = speed.product_gflops(build, threads, n, dtype);
    let rate = match kernel {
        "triad" => {
            let array_bytes = 24 * (n as u64).pow(2);
            let l3_bytes = build.cache_bytes[2];
            let cached = if array_bytes < l3_bytes { 3.0 } else { 1.0 };
            cached * speed.bandwidth_gb_per_s(build, threads)
        }
        // Its panels wait for each other.
        "lu-solve" => product * 0.8 * n as f64 / (n as f64 + 900.0),
        "gemm" => 1.01 * product,
        _ => product,
    };
    rate / held_back(build, threads)
}

/// The norm, which the same seed gives on every host; NaN for kernels that compute none.
fn norm(run: &Run, wanted: &Wanted, seed: u64) -> f64 {
    let Wanted {
        kernel, n, dtype, ..
    } = *wanted;
    if kernel != "matmul-norm" {
        return f64::NAN;
    }
    let is_damaged = run.damaged == Some((n, seed));
    let damage = if is_damaged { 1.0 + 3.1e-7 } else { 1.0 };
    // In f32 the sums round otherwise.
    let rounding = if dtype == "f32" { 1.0 - 1.2e-7 } else { 1.0 };
    norm_of_seed(n, seed) * damage * rounding
}

/// The norm of a product of matrices uniform on [0, 1), drawn from its distribution (`kernels::verify` derives it); of the sizes
/// that [`crate::norms::NORMS`] has, the right one.
fn norm_of_seed(n: usize, seed: u64) -> f64 {
    let known = crate::norms::NORMS.iter().find(|(size, _)| *size == n);
    let of_seed = known.and_then(|(_, norms)| norms.get(seed as usize - 1));
    let mut noise = Noise::new(1000 * n as u64 + seed);
    let drawn = expected_norm(n) + norm_deviation(n) * noise.normal();
    of_seed.copied().unwrap_or(drawn)
}

fn expected_norm(n: usize) -> f64 {
    let n = n as f64;
    n * (n * n / 16.0 + 7.0 * n / 144.0).sqrt()
}

fn norm_deviation(n: usize) -> f64 {
    let n = n as f64;
    (n * n / 24.0 + n / 144.0).sqrt()
}

fn verification(wanted: &Wanted, is_wrong: bool, noise: &mut Noise) -> Verification {
    let has_norm = wanted.kernel == "matmul-norm";
    let when_normed = |value: f64| if has_norm { value } else { f64::NAN };
    let n = wanted.n as f64;
    let residual = if is_wrong { 4.1e9 } else { 0.015 };
    Verification {
        passed: !is_wrong,
        scaled_residual: residual * (1.0 + 0.1 * noise.normal().abs()),
        scaled_residual_bound: match wanted.kernel {
            "lu-solve" => 16.0,
            "triad" => 3.0,
            _ => 4.0,
        },
        norm_error: when_normed(2.3e-16),
        norm_error_bound: when_normed(f64::EPSILON / 2.0 * n),
        norm_expected: when_normed(expected_norm(wanted.n)),
        norm_tolerance: when_normed(6.0 * norm_deviation(wanted.n)),
    }
}

fn conditions(
    setup: &Setup,
    threads: usize,
    run_time_s: f64,
    lost: f64,
    elapsed_s: f64,
) -> Conditions {
    let Setup { build, speed, .. } = setup;
    let cores_s = threads as f64 * run_time_s;
    let heat = 1.0 - (-elapsed_s / 25.0).exp();
    let quota = build.cpu_quota;
    let held_back = held_back(build, threads);
    // What is hot is a little slower.
    let clock_mhz = speed.clock_mhz(build, threads) * (1.0 - 0.02 * heat);
    let own_s = cores_s * (1.0 - lost) / held_back;
    let busy = threads.min(build.cores()) as f64 / build.cores() as f64;
    let observed_s = run_time_s + 2.1e-5;
    Conditions {
        observed_s,
        steal_s: Some(cores_s * lost),
        foreign_cpu_s: Some(0.0),
        used_cpus: Some(UsedCpus {
            busy_s: own_s,
            own_s,
            steal_s: cores_s * lost,
        }),
        context_switches_voluntary: Some(threads as u64),
        context_switches_involuntary: Some((20.0 * run_time_s) as u64),
        page_faults_minor: Some(0),
        page_faults_major: Some(0),
        clock_mhz: setup.clock_source.map(|_| clock_mhz.round()),
        clock_source: setup.clock_source.map(str::to_owned),
        temperature_c: setup
            .temperature_c
            .map(|[cold, hot]| (cold + (hot - cold) * heat * (0.3 + 0.7 * busy)).round()),
        thermal_throttles: setup.temperature_c.map(|_| 0),
        quota_throttled_periods: quota.map(|_| {
            let periods = if held_back > 1.0 {
                10.0 * run_time_s
            } else {
                0.0
            };
            periods.ceil() as u64
        }),
        quota_throttled_s: quota.map(|_| cores_s * (1.0 - 1.0 / held_back)),
        energy_j: setup
            .power_w
            .filter(|_| run_time_s >= energy::SAMPLE_MIN_S)
            .map(|[idle, all]| (idle + (all - idle) * busy.powf(0.8)) * observed_s),
    }
}
