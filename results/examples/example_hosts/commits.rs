//! A machine on which a commit made `bench` slower.

use results::Record;

use crate::hosts::{MIB, cpu, run, sizes, workstation};
use crate::machine::{Build, Speed};
use crate::measured::{Run, Setup, record};

/// Twenty commits of `bench` on one machine; slower from the thirteenth on.
pub(crate) fn records() -> Vec<Record> {
    let desk = workstation("ci-runner");
    let setup = Setup {
        cpu: cpu(
            "AMD EPYC 7302P 16-Core Processor",
            "AuthenticAMD",
            "23/49/0",
            &["avx", "fma", "avx2"],
        ),
        speed: Speed {
            clock_mhz: [3300.0, 3000.0],
            gb_per_s: [19.0, 148.0],
            ..desk.speed
        },
        build: Build {
            cores_per_l3: 2,
            cache_bytes: [32 << 10, 512 << 10, 16 * MIB],
            clock_mhz: Some([1500.0, 3300.0]),
            ..desk.build
        },
        temperature_c: None,
        power_w: None,
        ..desk
    };
    let wanted = sizes("f64", 16, &[2000]);
    let commit = |(index, (id, commit, started_utc)): (usize, (&'static str, _, _))| {
        let run = Run {
            commit,
            factor: if index < 12 { 1.0 } else { 0.93 },
            repeats: 6,
            ..run(id, started_utc, "bench --size 2000 --repeats 6")
        };
        record(&setup, &run, &wanted)
    };
    COMMITS.into_iter().enumerate().map(commit).collect()
}

/// Id, commit and time of each run.
const COMMITS: [(&str, &str, &str); 20] = [
    ("900c0001", "7fd0c6079060", "2026-11-02T02:10:00Z"),
    ("900c0002", "ec0b4f0b5c90", "2026-11-03T02:10:00Z"),
    ("900c0003", "54563f95fefa", "2026-11-04T02:10:00Z"),
    ("900c0004", "59395c05c18b", "2026-11-05T02:10:00Z"),
    ("900c0005", "6b3c45f2d43d", "2026-11-06T02:10:00Z"),
    ("900c0006", "cdbed3a91574", "2026-11-07T02:10:00Z"),
    ("900c0007", "227b91486218", "2026-11-08T02:10:00Z"),
    ("900c0008", "6bc96f923d39", "2026-11-09T02:10:00Z"),
    ("900c0009", "2aa8016a1ae4", "2026-11-10T02:10:00Z"),
    ("900c000a", "1d2a3c891dbc", "2026-11-11T02:10:00Z"),
    ("900c000b", "c7a5fdecb1f9", "2026-11-12T02:10:00Z"),
    ("900c000c", "af2e20143d68", "2026-11-13T02:10:00Z"),
    ("900c000d", "ebae477fd558", "2026-11-14T02:10:00Z"),
    ("900c000e", "d15a2e5ad163", "2026-11-15T02:10:00Z"),
    ("900c000f", "e2ee02f3d314", "2026-11-16T02:10:00Z"),
    ("900c0010", "5136b586190b", "2026-11-17T02:10:00Z"),
    ("900c0011", "4bca3b12b704", "2026-11-18T02:10:00Z"),
    ("900c0012", "751758eb097a", "2026-11-19T02:10:00Z"),
    ("900c0013", "998b9a0ed612", "2026-11-20T02:10:00Z"),
    ("900c0014", "b15e41ddf352", "2026-11-21T02:10:00Z"),
];
