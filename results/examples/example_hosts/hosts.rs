//! The hosts: of each kind that people have one, and some with which something is wrong.

use results::Record;
use results::record::{Blas, Cpu, Os};
use results::stability::{Finding, Severity};

use crate::commits;
use crate::machine::{Build, Speed};
use crate::measured::{Run, Setup, Wanted, record};

pub(crate) const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const COMMIT: &str = "a7506b0df639";

/// All records, host by host.
pub(crate) fn records() -> Vec<Record> {
    let mut records = vec![xeon(), epyc(), arm(), desktop(), script(), wrong_norm()];
    records.extend(container());
    records.extend(old_vm());
    records.extend(commits::records());
    records
}

pub(crate) fn run(id: &'static str, started_utc: &'static str, command_line: &'static str) -> Run {
    Run {
        id,
        started_utc,
        commit: COMMIT,
        command_line,
        threads_source: "--threads",
        repeats: 5,
        factor: 1.0,
        steal: 0.0,
        failed: None,
        damaged: None,
    }
}

pub(crate) fn sizes(dtype: &'static str, threads: usize, sizes: &[usize]) -> Vec<Wanted> {
    let case = |n: &usize| Wanted {
        kernel: "matmul-norm",
        n: *n,
        dtype,
        threads,
    };
    sizes.iter().map(case).collect()
}

fn threads(n: usize, threads: &[usize]) -> Vec<Wanted> {
    let case = |threads: &usize| sizes("f64", *threads, &[n]).remove(0);
    threads.iter().map(case).collect()
}

fn kernel(kernel: &'static str, n: usize, threads: usize) -> Wanted {
    Wanted {
        kernel,
        n,
        dtype: "f64",
        threads,
    }
}

pub(crate) fn cpu(
    model: &str,
    vendor: &str,
    family_model_stepping: &str,
    extensions: &[&str],
) -> Cpu {
    Cpu {
        model: model.to_owned(),
        vendor: Some(vendor.to_owned()),
        architecture: "x86_64".to_owned(),
        family_model_stepping: Some(family_model_stepping.to_owned()),
        microcode: None,
        vector_extensions: extensions.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn os(kernel: &str, distribution: &str) -> Os {
    Os {
        kernel: kernel.to_owned(),
        distribution: Some(distribution.to_owned()),
    }
}

fn openblas(version: &str, core: &str) -> Blas {
    Blas {
        name: "OpenBLAS".to_owned(),
        version: version.to_owned(),
        config: format!(
            "OpenBLAS {version} NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY {core} MAX_THREADS=128"
        ),
        core: core.to_owned(),
        threading: "pthreads".to_owned(),
        threads_max: 128,
        file: None,
    }
}

fn finding(check: &str, severity: Severity, text: &str) -> Finding {
    Finding {
        check: check.to_owned(),
        severity,
        text: text.to_owned(),
    }
}

fn turbo() -> Finding {
    finding(
        "turbo",
        Severity::Note,
        "turbo is on: clocks depend on temperature and on how many cores work (turn it off to compare cores, leave it on to compare machines)",
    )
}

/// Two packages with SMT.
fn xeon() -> Record {
    let setup = Setup {
        hostname: "xeon-2s",
        build: Build {
            packages: 2,
            cores_per_package: 28,
            smt: 2,
            numa_per_package: 1,
            efficiency_cores: 0,
            cache_bytes: [48 << 10, 1280 << 10, 42 * MIB],
            cores_per_l3: 28,
            memory_bytes: 512 * GIB,
            hypervisor: None,
            cpu_quota: None,
            clock_mhz: Some([800.0, 3500.0]),
        },
        speed: Speed {
            flop_per_cycle: 32.0,
            efficiency_flop_per_cycle: 0.0,
            clock_mhz: [3300.0, 2500.0],
            gb_per_s: [13.5, 302.0],
            efficiency: 0.9,
            half_size: 45.0,
            noise: 0.008,
        },
        cpu: cpu(
            "Intel(R) Xeon(R) Gold 6348 CPU @ 2.60GHz",
            "GenuineIntel",
            "6/106/6",
            &["avx", "fma", "avx2", "avx512f", "avx512vl"],
        ),
        os: os("Linux 5.14.0-427.el9.x86_64", "Rocky Linux 9.4 (Blue Onyx)"),
        container: None,
        blas: openblas("0.3.21", "SkylakeX"),
        isa: "AVX-512",
        clock_source: Some("APERF/MPERF"),
        temperature_c: Some([41.0, 74.0]),
        power_w: None,
        findings: vec![
            turbo(),
            finding(
                "smt",
                Severity::Note,
                "cores run two hardware threads each: other processes may share a core with the benchmark (echo off > /sys/devices/system/cpu/smt/control)",
            ),
            finding(
                "numa-balancing",
                Severity::Note,
                "the kernel moves pages between NUMA nodes while measuring (sysctl kernel.numa_balancing=0)",
            ),
        ],
    };
    let mut wanted = sizes("f64", 56, &[500, 1000, 2000, 5000, 10_000]);
    wanted.extend(sizes("f32", 56, &[1000, 2000, 5000]));
    wanted.extend(threads(5000, &[1, 2, 4, 8, 14, 28, 112]));
    wanted.push(kernel("lu-solve", 5000, 56));
    wanted.push(kernel("triad", 10_000, 56));
    let run = run(
        "10a1c0de",
        "2026-11-18T09:12:40Z",
        "bench --size 500,1000,2000,5000,10000 --threads 1,2,4,8,14,28,56,112 --repeats 5",
    );
    record(&setup, &run, &wanted)
}

/// Eight NUMA nodes.
fn epyc() -> Record {
    let setup = Setup {
        hostname: "epyc-8numa",
        build: Build {
            packages: 2,
            cores_per_package: 64,
            smt: 1,
            numa_per_package: 4,
            efficiency_cores: 0,
            cache_bytes: [32 << 10, 512 << 10, 32 * MIB],
            cores_per_l3: 8,
            memory_bytes: 1024 * GIB,
            hypervisor: None,
            cpu_quota: None,
            clock_mhz: Some([1500.0, 3530.0]),
        },
        speed: Speed {
            flop_per_cycle: 16.0,
            efficiency_flop_per_cycle: 0.0,
            clock_mhz: [3500.0, 2850.0],
            gb_per_s: [22.0, 338.0],
            efficiency: 0.93,
            half_size: 38.0,
            noise: 0.012,
        },
        cpu: cpu(
            "AMD EPYC 7763 64-Core Processor",
            "AuthenticAMD",
            "25/1/1",
            &["avx", "fma", "avx2"],
        ),
        os: os("Linux 6.1.0-28-amd64", "Debian GNU/Linux 12 (bookworm)"),
        container: None,
        blas: openblas("0.3.21", "Zen"),
        isa: "AVX2",
        clock_source: Some("cpufreq"),
        temperature_c: Some([38.0, 69.0]),
        power_w: None,
        findings: vec![finding(
            "governor",
            Severity::Note,
            "the frequency governor is schedutil: clocks rise with a delay (try cpupower frequency-set -g performance)",
        )],
    };
    let mut wanted = sizes("f64", 128, &[4000, 5000, 7000, 10_000]);
    wanted.extend(sizes("f32", 128, &[7000, 10_000]));
    wanted.extend(threads(5000, &[1, 4, 16, 32, 64]));
    wanted.push(kernel("triad", 20_000, 128));
    let run = run(
        "20e9c0de",
        "2026-11-18T10:40:02Z",
        "bench --size 4000,5000,7000,10000 --threads 1,4,16,32,64,128 --repeats 5",
    );
    record(&setup, &run, &wanted)
}

/// A server of another architecture, in a cloud that tells neither clock nor temperature.
fn arm() -> Record {
    let setup = Setup {
        hostname: "arm-sve",
        build: Build {
            packages: 1,
            cores_per_package: 64,
            smt: 1,
            numa_per_package: 1,
            efficiency_cores: 0,
            cache_bytes: [64 << 10, MIB, 32 * MIB],
            cores_per_l3: 64,
            memory_bytes: 128 * GIB,
            hypervisor: Some("KVM"),
            cpu_quota: None,
            clock_mhz: None,
        },
        speed: Speed {
            flop_per_cycle: 16.0,
            efficiency_flop_per_cycle: 0.0,
            clock_mhz: [2600.0, 2600.0],
            gb_per_s: [24.0, 252.0],
            efficiency: 0.91,
            half_size: 40.0,
            noise: 0.004,
        },
        cpu: Cpu {
            model: "Neoverse-V1".to_owned(),
            vendor: Some("ARM".to_owned()),
            architecture: "aarch64".to_owned(),
            family_model_stepping: None,
            microcode: None,
            vector_extensions: vec!["neon".to_owned(), "sve".to_owned()],
        },
        os: os("Linux 6.8.0-1018-aws", "Ubuntu 24.04.1 LTS"),
        container: None,
        blas: openblas("0.3.26", "NEOVERSEV1"),
        isa: "NEON",
        clock_source: None,
        temperature_c: None,
        power_w: None,
        findings: vec![finding(
            "virtual-machine",
            Severity::Note,
            "this is a virtual machine (KVM): others may take its processors away without its seeing it (repeat at another hour)",
        )],
    };
    let mut wanted = sizes("f64", 64, &[3000, 5000, 7000, 10_000]);
    wanted.extend(sizes("f32", 64, &[5000, 10_000]));
    wanted.extend(threads(5000, &[1, 8, 16, 32]));
    wanted.push(kernel("triad", 20_000, 64));
    let run = run(
        "30a20001",
        "2026-11-19T14:03:11Z",
        "bench --size 3000,5000,7000,10000 --threads 1,8,16,32,64 --repeats 5",
    );
    record(&setup, &run, &wanted)
}

/// Cores of two kinds, and a processor that tells its energy.
pub(crate) fn desktop() -> Record {
    let setup = Setup {
        hostname: "desktop",
        build: Build {
            packages: 1,
            cores_per_package: 8,
            smt: 2,
            numa_per_package: 1,
            efficiency_cores: 8,
            cache_bytes: [48 << 10, 2 * MIB, 30 * MIB],
            cores_per_l3: 16,
            memory_bytes: 32 * GIB,
            hypervisor: None,
            cpu_quota: None,
            clock_mhz: Some([800.0, 5400.0]),
        },
        speed: Speed {
            flop_per_cycle: 16.0,
            efficiency_flop_per_cycle: 8.0,
            clock_mhz: [5350.0, 4700.0],
            gb_per_s: [34.0, 74.0],
            efficiency: 0.88,
            half_size: 36.0,
            noise: 0.01,
        },
        cpu: cpu(
            "13th Gen Intel(R) Core(TM) i7-13700K",
            "GenuineIntel",
            "6/183/1",
            &["avx", "fma", "avx2"],
        ),
        os: os("Linux 6.11.5-arch1-1", "Arch Linux"),
        container: None,
        blas: openblas("0.3.28", "Haswell"),
        isa: "AVX2",
        clock_source: Some("APERF/MPERF"),
        temperature_c: Some([36.0, 88.0]),
        power_w: Some([14.0, 228.0]),
        findings: vec![turbo()],
    };
    let mut wanted = sizes("f64", 16, &[2000, 3000, 5000, 7000, 10_000]);
    wanted.extend(sizes("f32", 16, &[3000, 5000, 7000]));
    wanted.extend(threads(5000, &[1, 2, 4, 8, 24]));
    wanted.push(kernel("gemm", 2000, 16));
    wanted.push(kernel("lu-solve", 5000, 16));
    wanted.push(kernel("triad", 10_000, 16));
    let run = Run {
        repeats: 7,
        ..run(
            "40de5c70",
            "2026-11-20T17:55:09Z",
            "bench --size 2000,3000,5000,7000,10000 --threads 1,2,4,8,16,24 --repeats 7 --energy",
        )
    };
    record(&setup, &run, &wanted)
}

pub(crate) fn workstation(hostname: &'static str) -> Setup {
    Setup {
        hostname,
        build: Build {
            packages: 1,
            cores_per_package: 16,
            smt: 2,
            numa_per_package: 1,
            efficiency_cores: 0,
            cache_bytes: [32 << 10, 512 << 10, 32 * MIB],
            cores_per_l3: 8,
            memory_bytes: 64 * GIB,
            hypervisor: None,
            cpu_quota: None,
            clock_mhz: Some([2200.0, 5083.0]),
        },
        speed: Speed {
            flop_per_cycle: 16.0,
            efficiency_flop_per_cycle: 0.0,
            clock_mhz: [4950.0, 3950.0],
            gb_per_s: [31.0, 44.0],
            efficiency: 0.92,
            half_size: 38.0,
            noise: 0.006,
        },
        cpu: cpu(
            "AMD Ryzen 9 5950X 16-Core Processor",
            "AuthenticAMD",
            "25/33/0",
            &["avx", "fma", "avx2"],
        ),
        os: os("Linux 6.8.0-48-generic", "Ubuntu 24.04.1 LTS"),
        container: None,
        blas: openblas("0.3.26", "Zen"),
        isa: "AVX2",
        clock_source: Some("cpufreq"),
        temperature_c: Some([43.0, 81.0]),
        power_w: Some([32.0, 141.0]),
        findings: vec![turbo()],
    }
}

/// A host whose name is a program.
fn script() -> Record {
    let setup = workstation("<script>alert(1)</script>");
    let mut wanted = sizes("f64", 16, &[500, 1000, 2000, 5000]);
    wanted.extend(sizes("f32", 16, &[2000]));
    wanted.push(kernel("triad", 10_000, 16));
    let run = run(
        "505c2197",
        "2026-11-21T08:20:55Z",
        "bench --size 500,1000,2000,5000 --repeats 5",
    );
    record(&setup, &run, &wanted)
}

/// A host with a bit of memory that does not hold what is written to it. Its own verification passes: the matrices were damaged
/// before they were multiplied.
fn wrong_norm() -> Record {
    let setup = Setup {
        power_w: None,
        ..workstation("node17-bad-memory")
    };
    let run = Run {
        damaged: Some((2000, 3)),
        repeats: 7,
        ..run(
            "60bad17a",
            "2026-11-21T22:47:31Z",
            "bench --size 2000,3000 --threads 16 --repeats 7",
        )
    };
    record(&setup, &run, &sizes("f64", 16, &[2000, 3000]))
}

/// One core and a quota: first with the plan that fits it, then with one that does not.
fn container() -> [Record; 2] {
    let setup = Setup {
        hostname: "container-1.5cpu",
        build: Build {
            packages: 1,
            cores_per_package: 1,
            smt: 2,
            numa_per_package: 1,
            efficiency_cores: 0,
            cache_bytes: [48 << 10, 2 * MIB, 60 * MIB],
            cores_per_l3: 1,
            memory_bytes: 4 * GIB,
            hypervisor: Some("KVM"),
            cpu_quota: Some(1.5),
            clock_mhz: None,
        },
        speed: Speed {
            flop_per_cycle: 32.0,
            efficiency_flop_per_cycle: 0.0,
            clock_mhz: [3100.0, 3100.0],
            gb_per_s: [12.0, 12.0],
            efficiency: 0.86,
            half_size: 40.0,
            noise: 0.015,
        },
        cpu: cpu(
            "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz",
            "GenuineIntel",
            "6/143/8",
            &["avx", "fma", "avx2", "avx512f"],
        ),
        os: os("Linux 6.1.100-cos", "Debian GNU/Linux 12 (bookworm)"),
        container: Some("kubernetes"),
        blas: openblas("0.3.21", "SkylakeX"),
        isa: "AVX-512",
        clock_source: None,
        temperature_c: None,
        power_w: None,
        findings: vec![finding(
            "virtual-machine",
            Severity::Note,
            "this is a virtual machine (KVM): others may take its processors away without its seeing it (repeat at another hour)",
        )],
    };
    let planned = Run {
        threads_source: "cpu quota",
        ..run(
            "70c0a1ed",
            "2026-11-22T11:00:04Z",
            "bench --size 1000,2000,3000 --repeats 5",
        )
    };
    let forced = run(
        "70c0a1ee",
        "2026-11-22T11:04:52Z",
        "bench --size 2000 --threads 2 --repeats 5",
    );
    [
        record(&setup, &planned, &sizes("f64", 1, &[1000, 2000, 3000])),
        record(&setup, &forced, &sizes("f64", 2, &[2000])),
    ]
}

/// An old machine that is shared: a run in a quiet hour, and one that others spoiled and in which a product was wrong besides.
fn old_vm() -> [Record; 2] {
    let setup = Setup {
        hostname: "old-vm",
        build: Build {
            packages: 1,
            cores_per_package: 4,
            smt: 1,
            numa_per_package: 1,
            efficiency_cores: 0,
            cache_bytes: [32 << 10, 256 << 10, 20 * MIB],
            cores_per_l3: 4,
            memory_bytes: 8 * GIB,
            hypervisor: Some("Xen"),
            cpu_quota: None,
            clock_mhz: None,
        },
        speed: Speed {
            flop_per_cycle: 8.0,
            efficiency_flop_per_cycle: 0.0,
            clock_mhz: [3000.0, 2800.0],
            gb_per_s: [9.0, 21.0],
            efficiency: 0.87,
            half_size: 60.0,
            noise: 0.05,
        },
        cpu: cpu(
            "Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz",
            "GenuineIntel",
            "6/45/7",
            &["avx"],
        ),
        os: os("Linux 4.19.0-27-amd64", "Debian GNU/Linux 10 (buster)"),
        container: None,
        blas: openblas("0.3.21", "Sandybridge"),
        isa: "AVX",
        clock_source: None,
        temperature_c: None,
        power_w: None,
        findings: vec![
            finding(
                "virtual-machine",
                Severity::Note,
                "this is a virtual machine (Xen): others may take its processors away without its seeing it (repeat at another hour)",
            ),
            finding(
                "load",
                Severity::Warning,
                "the host is not idle: its load is 3.4 on 4 CPUs and 2 other threads run now (try an idle host)",
            ),
            finding(
                "huge-pages",
                Severity::Warning,
                "huge pages are never used: large matrices miss the TLB more often (echo madvise > /sys/kernel/mm/transparent_hugepage/enabled)",
            ),
        ],
    };
    let quiet = Run {
        steal: 0.02,
        repeats: 7,
        ..run(
            "8001d0a1",
            "2026-11-23T03:15:00Z",
            "bench --size 500,1000,2000,5000 --threads 1,4 --repeats 7",
        )
    };
    let spoiled = Run {
        steal: 0.3,
        failed: Some([1, 2]),
        ..run(
            "8001d0a2",
            "2026-11-23T15:30:00Z",
            "bench --size 1000,2000 --threads 4 --repeats 5",
        )
    };
    let mut wanted = sizes("f64", 4, &[500, 1000, 2000, 5000]);
    wanted.extend(threads(2000, &[1]));
    wanted.push(kernel("triad", 5000, 4));
    [
        record(&setup, &quiet, &wanted),
        record(&setup, &spoiled, &sizes("f64", 4, &[1000, 2000])),
    ]
}
