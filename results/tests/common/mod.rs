//! The record that the tests share.

use results::Record;
use results::record::{
    Blas, Bundle, Cache, Case, Cpu, Host, Memory, Os, Sample, Settings, Software, Threads,
    Topology, Verification, Virtualization,
};
use results::statistics::summarize;

/// The article's run with `OMP_NUM_THREADS=18` on its Xeon W-2295: norms and run times are the article's, what it does
/// not tell is what such a machine would have.
pub(crate) fn article() -> Record {
    Record {
        schema_version: 1,
        id: "5d0c2f71".to_owned(),
        started_utc: "2021-10-01T17:03:58.123456789Z".to_owned(),
        elapsed_s: 21.734_512,
        host: host(),
        software: software(),
        settings: Settings {
            command_line: ["bench", "--size", "small"].map(str::to_owned).to_vec(),
            repeats: 3,
            warmup: 1,
            seed: 18_446_744_073_709_551_615,
            threads: Threads {
                count: 18,
                source: "OMP_NUM_THREADS".to_owned(),
            },
            sampling: None,
            clock_resolution_s: 2.1e-8,
        },
        cases: vec![case()],
        limits: None,
        stability: None,
        energy: None,
        grade: None,
        imported: None,
        warnings: vec!["the host is not idle: its load was 2.1 when the run began".to_owned()],
        samples_sha256: None,
    }
}

fn host() -> Host {
    let cache = |level, size_bytes, count| Cache {
        level,
        size_bytes,
        count,
    };
    Host {
        hostname: "i9".to_owned(),
        cpu: Cpu {
            model: "Intel(R) Xeon(R) W-2295 CPU @ 3.00GHz".to_owned(),
            vendor: Some("GenuineIntel".to_owned()),
            architecture: "x86_64".to_owned(),
            family_model_stepping: Some("6/85/7".to_owned()),
            microcode: Some("0x5003102".to_owned()),
            vector_extensions: [
                "avx", "avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl",
            ]
            .map(str::to_owned)
            .to_vec(),
        },
        topology: Topology {
            source: "hwloc".to_owned(),
            packages: Some(1),
            numa_nodes: Some(1),
            physical_cores: 18,
            logical_cpus: 36,
            usable_physical_cores: 18,
            usable_logical_cpus: 36,
            cpu_quota: None,
            caches: vec![
                cache(1, 32 << 10, 18),
                cache(2, 1 << 20, 18),
                cache(3, 25_344 << 10, 1),
            ],
        },
        memory: Memory {
            total_bytes: Some(134_794_776_576),
            available_bytes: Some(121_034_563_584),
            cgroup_limit_bytes: None,
        },
        os: Os {
            kernel: "Linux 5.4.0-88-generic".to_owned(),
            distribution: Some("Ubuntu 20.04.3 LTS".to_owned()),
        },
        virtualization: Virtualization {
            hypervisor: None,
            container: Some("enroot".to_owned()),
        },
        machine: None,
    }
}

fn software() -> Software {
    Software {
        bench_version: "0.1.0".to_owned(),
        bench_commit: Some("81ec3430c1f0a9b8d7e6f5a4b3c2d1e0f9a8b7c6".to_owned()),
        bundle: Some(Bundle {
            digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
            path: Some("/home/kinghorn/bench.run".to_owned()),
            rung: Some("user-namespace".to_owned()),
        }),
        blas: Blas {
            name: "OpenBLAS".to_owned(),
            version: "0.3.21".to_owned(),
            config: "OpenBLAS 0.3.21 NO_AFFINITY USE64BITINT=0 SkylakeX MAX_THREADS=128".to_owned(),
            core: "SkylakeX".to_owned(),
            threading: "pthreads".to_owned(),
            threads_max: 128,
            file: None,
        },
        libraries: Vec::new(),
    }
}

fn case() -> Case {
    let samples = vec![
        sample(1, 25_001_325.49, 1.945_16),
        sample(2, 25_004_158.39, 1.951_38),
        sample(3, 25_001_399.35, 1.939_77),
    ];
    Case {
        kernel: "matmul-norm".to_owned(),
        kernel_version: None,
        isa: None,
        n: 10_000,
        dtype: "f64".to_owned(),
        driver: None,
        panel_rows: None,
        cpus: None,
        blas: None,
        threads_requested: 18,
        threads_used: 18,
        matrix_bytes: 2_400_000_000,
        flop: 2.0 * (1e12 + 1e8),
        bytes: None,
        warmup_samples: Vec::new(),
        warmup_ended: None,
        stopped_because: None,
        summary: summarize(&samples),
        peak: None,
        samples,
    }
}

fn sample(seed: u64, norm: f64, run_time_s: f64) -> Sample {
    Sample {
        seed,
        run_time_s,
        cpu_time_s: 18.0 * run_time_s,
        gflops: 2e-9 * (1e12 + 1e8) / run_time_s,
        norm,
        verification: Verification {
            passed: true,
            scaled_residual: 0.003_1,
            scaled_residual_bound: 4.0,
            norm_error: 2.3e-15,
            norm_error_bound: 1.110_223_024_625_156_5e-12,
            norm_expected: 25_000_972.203_321_21,
            norm_tolerance: 12_247.595_682_425_3,
        },
        conditions: None,
    }
}
