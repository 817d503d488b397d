#!/usr/bin/env python3
"""Makes many synthetic records and measures how long `bench compare` and `bench report` take over them, and how much memory.

    many_records.py make DIR [--records 100000] [--hosts 300] [--cases 1] [--seed 1]
    many_records.py measure BENCH DIR [--repeats 5]
    many_records.py report BENCH DIR [--repeats 3]

A made record has what one of `bench run --repeats 5` has, in all its parts: cases of five samples with conditions, and a machine. A third of the hosts has another processor, some have other microcode; each host has its own speed, each
run its own deviation, so that medians, intervals and ratios have something to do. The norms are right for no matrix, but the same
for the same seed. The digest of the samples (results/src/samples_digest.rs says what it is) is computed here independently.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import resource
import statistics
import struct
import subprocess
import sys
import time


# Size, type, speed.
CASES = [(2000, "f64", 1.0), (2000, "f32", 2.0), (1000, "f64", 0.9)]


def digest(record):
    """SHA-256 over a record's cases and samples, as results/src/samples_digest.rs defines it."""
    fields = bytearray()

    def integer(value):
        fields.extend(struct.pack("<Q", value))

    def number(value):
        if value is None:
            fields.extend(struct.pack("<Q", 0x7FF8000000000000))
        else:
            fields.extend(struct.pack("<d", value))

    def text(value):
        data = value.encode()
        integer(len(data))
        fields.extend(data)

    def optional(add, value):
        fields.append(value is not None)
        if value is not None:
            add(value)

    text("benchrun samples 1")
    text(record["id"])
    text(record["started_utc"])
    integer(len(record["cases"]))
    for case in record["cases"]:
        text(case["kernel"])
        optional(integer, case.get("kernel_version"))
        integer(case["n"])
        text(case["dtype"])
        for name in ["blas", "isa", "driver"]:
            optional(text, case.get(name))
        optional(integer, case.get("panel_rows"))
        integer(case["threads_requested"])
        integer(case["threads_used"])
        number(case["flop"])
        optional(number, case.get("bytes"))
        optional(number, (case.get("peak") or {}).get("gflops"))
        integer(len(case["samples"]))
        for sample in case["samples"]:
            integer(sample["seed"])
            for name in ["run_time_s", "cpu_time_s", "gflops", "norm"]:
                number(sample[name])
            check = sample["verification"]
            fields.append(check["passed"])
            for name in [
                "scaled_residual",
                "scaled_residual_bound",
                "norm_error",
                "norm_error_bound",
                "norm_expected",
                "norm_tolerance",
            ]:
                number(check[name])
    return hashlib.sha256(fields).hexdigest()


def conditions(run_time_s):
    return {
        "observed_s": run_time_s + 1e-5,
        "steal_s": 0.0,
        "foreign_cpu_s": 0.0,
        "context_switches_voluntary": 12,
        "context_switches_involuntary": 1,
        "page_faults_minor": 0,
        "page_faults_major": 0,
        "clock_mhz": 3600.0,
        "temperature_c": 61.0,
        "thermal_throttles": 0,
        "quota_throttled_periods": None,
        "quota_throttled_s": None,
        "energy_j": None,
    }


def sample(n, seed, gflops):
    flop = 2.0 * (n**3 + n**2)
    run_time_s = 1e-9 * flop / gflops
    norm = n * n / 4.0 + 7.0 * n / 72.0 + 0.1 * seed
    return {
        "seed": seed,
        "run_time_s": run_time_s,
        "cpu_time_s": 16.0 * run_time_s,
        "gflops": gflops,
        "norm": norm,
        "verification": {
            "passed": True,
            "scaled_residual": 0.0031,
            "scaled_residual_bound": 4.0,
            "norm_error": 2.3e-15,
            "norm_error_bound": 1.11e-16 * n,
            "norm_expected": norm,
            "norm_tolerance": 1.225 * n,
        },
        "conditions": conditions(run_time_s),
    }


def case(n, dtype, gflops, noise):
    samples = [sample(n, seed, gflops * noise.gauss(1.0, 0.01)) for seed in range(1, 6)]
    rates = sorted(s["gflops"] for s in samples)
    return {
        "kernel": "matmul-norm",
        "kernel_version": 1,
        "n": n,
        "dtype": dtype,
        "isa": "AVX2",
        "driver": "team",
        "cpus": list(range(16)),
        "threads_requested": 16,
        "threads_used": 16,
        "matrix_bytes": 24 * n * n,
        "flop": 2.0 * (n**3 + n**2),
        "samples": samples,
        "warmup_samples": [{"before_sample": 0, "run_time_s": 0.1, "cpu_time_s": 1.6}] * 2,
        "warmup_ended": "settled",
        "stopped_because": "repeats",
        "summary": {
            "valid_samples": 5,
            "gflops_median": rates[2],
            "gflops_best": rates[4],
            "gflops_worst": rates[0],
            "gflops_mad": 1.0,
            "spread_percent": 100.0 * (rates[4] - rates[0]) / rates[2],
            "run_time_s_median": 0.1,
            "percent_of_peak": 100.0 * rates[2] / (1.1 * gflops),
        },
        "peak": {
            "when": "before",
            "dtype": dtype,
            "isa": "AVX2",
            "threads": 16,
            "gflops": 1.1 * gflops,
            "verified": True,
            "clock": {"clock_mhz": 3600.0, "source": "cpufreq"},
        },
    }


def record(index, hosts, case_count, noise):
    host = index % hosts
    is_intel = host % 3 == 0
    speed = 500.0 + 3.0 * host
    drift = noise.gauss(1.0, 0.03)
    cases = [
        case(n, dtype, speed * drift * factor, noise)
        for n, dtype, factor in CASES[:case_count]
    ]
    cores = [{"package": 0, "cpus": f"{core},{core + 16}"} for core in range(16)]
    caches = [{"level": 1, "size_bytes": 32768, "cpus": f"{core},{core + 16}"} for core in range(16)]
    made = {
        "schema_version": 1,
        "id": f"{index:08x}",
        "started_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1.75e9 + 60 * index)),
        "elapsed_s": 12.5,
        "host": {
            "hostname": f"node{host:03}",
            "cpu": {
                "model": "Intel(R) Xeon(R) Gold 6226R CPU @ 2.90GHz" if is_intel else "AMD EPYC 7302 16-Core Processor",
                "vendor": "GenuineIntel" if is_intel else "AuthenticAMD",
                "architecture": "x86_64",
                "family_model_stepping": "6/85/7" if is_intel else "23/49/0",
                "microcode": f"0x{0x8301034 + host % 5:x}",
                "vector_extensions": ["avx", "avx2", "fma"],
            },
            "topology": {
                "source": "hwloc",
                "packages": 1,
                "numa_nodes": 1,
                "physical_cores": 16,
                "logical_cpus": 32,
                "usable_physical_cores": 16,
                "usable_logical_cpus": 32,
                "cpu_quota": None,
                "caches": [{"level": 1, "size_bytes": 32768, "count": 16}],
            },
            "memory": {"total_bytes": 134794776576, "available_bytes": 121034563584 - index, "cgroup_limit_bytes": None},
            "os": {"kernel": "Linux 6.1.0-28-amd64", "distribution": "Debian GNU/Linux 12 (bookworm)"},
            "virtualization": {"hypervisor": None, "container": None},
            "machine": {
                "source": "hwloc",
                "cores": cores,
                "numa_nodes": [{"index": 0, "memory_bytes": 134794776576, "cpus": "0-31"}],
                "caches": caches,
                "offline_cpus": "",
                "allowed_cpus": "0-31",
                "affinity_cpus": "0-31",
                "cpu_quota": None,
            },
        },
        "software": {
            "bench_version": "0.1.0",
            "bench_commit": "81ec3430c1f0a9b8d7e6f5a4b3c2d1e0f9a8b7c6",
            "bundle": {"digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "path": None, "rung": "1"},
            "blas": {
                "name": "OpenBLAS",
                "version": "0.3.21",
                "config": f"OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY {'Haswell' if is_intel else 'Zen'} MAX_THREADS=64",
                "core": "Haswell" if is_intel else "Zen",
                "threading": "pthreads",
                "threads_max": 64,
            },
        },
        "settings": {
            "command_line": ["bench", "--size", "1000,2000", "--repeats", "5"],
            "repeats": 5,
            "warmup": 10,
            "seed": 1,
            "threads": {"count": 16, "source": "physical cores"},
            "clock_resolution_s": 2.1e-8,
        },
        "cases": cases,
        "warnings": [],
    }
    made["samples_sha256"] = digest(made)
    return made


def make(args):
    noise = random.Random(args.seed)
    directory = pathlib.Path(args.directory)
    total = 0
    for index in range(args.records):
        # One folder for each host, as they are collected.
        folder = directory / f"node{index % args.hosts:03}"
        if index < args.hosts:
            folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record(index, args.hosts, args.cases, noise), indent=2) + "\n"
        (folder / f"{index:08x}.json").write_text(text)
        total += len(text)
    print(f"{args.records} records of {args.hosts} hosts, {total / args.records:.0f} bytes each, in {directory}")


def measure(args):
    times_s = []
    for _ in range(args.repeats):
        started = time.monotonic()
        done = subprocess.run([args.bench, "compare", args.directory], stdout=subprocess.DEVNULL, check=True)
        times_s.append(time.monotonic() - started)
    assert done.returncode == 0
    # Of all children the largest, in kilobytes.
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    shown = ", ".join(f"{seconds:.2f}" for seconds in times_s)
    print(f"bench compare: median {statistics.median(times_s):.2f} s of {shown}; at most {peak_mb:.0f} MB; {os.cpu_count()} CPUs")


def report(args):
    page = pathlib.Path(args.directory).with_suffix(".html")
    times_s = []
    for _ in range(args.repeats):
        started = time.monotonic()
        command = [args.bench, "report", args.directory, "--output", page]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times_s.append(time.monotonic() - started)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    shown = ", ".join(f"{seconds:.2f}" for seconds in times_s)
    print(
        f"bench report: median {statistics.median(times_s):.2f} s of {shown}; a page of {page.stat().st_size / 1e6:.2f} MB; "
        f"at most {peak_mb:.0f} MB of memory; {os.cpu_count()} CPUs"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("make")
    making.add_argument("directory")
    making.add_argument("--records", type=int, default=100_000)
    making.add_argument("--hosts", type=int, default=300)
    making.add_argument("--cases", type=int, default=1, choices=range(1, len(CASES) + 1))
    making.add_argument("--seed", type=int, default=1)
    making.set_defaults(run=make)
    measuring = commands.add_parser("measure")
    measuring.add_argument("bench")
    measuring.add_argument("directory")
    measuring.add_argument("--repeats", type=int, default=5)
    measuring.set_defaults(run=measure)
    reporting = commands.add_parser("report")
    reporting.add_argument("bench")
    reporting.add_argument("directory")
    reporting.add_argument("--repeats", type=int, default=3)
    reporting.set_defaults(run=report)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    sys.exit(main())
