//! Surveys for the tests of the plots: the usual, the crowded and the odd.

use std::path::PathBuf;

use results::Record;
use results::compare::Request;
use results::conditions::Conditions;
use results::energy::{self, Energy};
use results::library::NamedLibrary;
use results::limits::{FmaPeak, Limits, Triad};
use results::load::LoadedRecord;
use results::record::Case;
use results::samples_digest::Seal;
use results::survey::{Survey, SurveyRun, survey};

use crate::fixtures;
use crate::plot::boxes::assert_texts_are_apart;
use crate::plot::scene::Mark;
use crate::{Figure, Figures};

/// A host that is measured.
#[derive(Clone)]
pub(super) struct Example {
    pub(super) name: String,
    /// Cores, sockets, and hardware threads of a core.
    pub(super) cores: usize,
    pub(super) packages: usize,
    pub(super) smt: usize,
    /// GFLOPS of a core in f64.
    pub(super) core_gflops: f64,
    /// Bandwidth of all cores.
    pub(super) gb_per_s: f64,
    pub(super) kernels: Vec<&'static str>,
    pub(super) dtypes: Vec<&'static str>,
    pub(super) sizes: Vec<usize>,
    pub(super) threads: Vec<usize>,
    pub(super) samples: usize,
    pub(super) has_limits: bool,
    /// Watts at full load.
    pub(super) power_w: Option<f64>,
}

impl Example {
    pub(super) fn new(name: &str, cores: usize, core_gflops: f64) -> Self {
        Self {
            name: name.to_owned(),
            cores,
            packages: 1,
            smt: 2,
            core_gflops,
            gb_per_s: 24.0 + 2.0 * cores as f64,
            kernels: vec!["matmul-norm"],
            dtypes: vec!["f64"],
            sizes: vec![100, 200, 500, 1000, 2000, 5000, 10_000],
            threads: vec![cores],
            samples: 7,
            has_limits: true,
            power_w: None,
        }
    }

    /// What its records say.
    pub(super) fn record(&self, seed: u64) -> Record {
        let mut random = Random(seed.wrapping_mul(7919) ^ self.name.len() as u64);
        let mut cases = Vec::new();
        for kernel in &self.kernels {
            for dtype in &self.dtypes {
                for n in &self.sizes {
                    for threads in &self.threads {
                        cases.push(self.case(kernel, dtype, *n, *threads, &mut random));
                    }
                }
            }
        }
        let mut record = fixtures::record(cases);
        record.id = format!("{seed:08x}");
        record.host.hostname.clone_from(&self.name);
        let topology = &mut record.host.topology;
        topology.packages = Some(self.packages);
        topology.numa_nodes = Some(self.packages);
        topology.physical_cores = self.cores;
        topology.usable_physical_cores = self.cores;
        topology.logical_cpus = self.cores * self.smt;
        topology.usable_logical_cpus = self.cores * self.smt;
        record.limits = self.has_limits.then(|| self.limits());
        record.energy = self.power_w.map(|_| Energy {
            source: "RAPL, 1 package".to_owned(),
            meaning: energy::MEANING.to_owned(),
        });
        record
    }

    fn peak(&self, dtype: &str, threads: usize) -> f64 {
        // All cores at once run at a lower clock.
        let used = threads.min(self.cores) as f64;
        let clock = 1.0 - 0.15 * used / self.cores as f64;
        let width = if dtype == "f32" { 2.0 } else { 1.0 };
        width * self.core_gflops * used * clock
    }

    fn case(
        &self,
        kernel: &str,
        dtype: &str,
        n: usize,
        threads: usize,
        random: &mut Random,
    ) -> Case {
        let size = n as f64;
        let share = 0.93 * size / (size + 8.0 * threads as f64 + 40.0);
        let smt = if threads > self.cores { 0.8 } else { 1.0 };
        let rate = self.peak(dtype, threads) * share * smt;
        let noise = |random: &mut Random| 1.0 + 0.04 * (random.unit() - 0.5);
        let mut case = if kernel == "triad" {
            let used = (threads.min(self.cores) as f64 / self.cores as f64).powf(0.4);
            let rates: Vec<f64> = (0..self.samples)
                .map(|_| self.gb_per_s * used * noise(random))
                .collect();
            fixtures::triad(&rates)
        } else {
            let rates: Vec<f64> = (0..self.samples).map(|_| rate * noise(random)).collect();
            // Beyond that the fixture's sums would overflow.
            fixtures::case(n.min(1 << 20), &rates)
        };
        case.n = n;
        kernel.clone_into(&mut case.kernel);
        dtype.clone_into(&mut case.dtype);
        case.isa = Some("AVX2".to_owned());
        case.threads_requested = threads;
        case.threads_used = threads;
        if let Some(power_w) = self.power_w {
            let power_w = power_w * (0.4 + 0.6 * threads as f64 / self.cores as f64);
            for sample in &mut case.samples {
                sample.conditions = Some(Conditions {
                    observed_s: 1.0,
                    energy_j: Some(power_w * noise(random)),
                    ..Conditions::default()
                });
            }
        }
        if self.has_limits && case.bytes.is_none() {
            case.peak = Some(self.fma_peak(dtype, threads));
        }
        case
    }

    fn fma_peak(&self, dtype: &str, threads: usize) -> FmaPeak {
        FmaPeak {
            when: "before".to_owned(),
            dtype: dtype.to_owned(),
            isa: "AVX2".to_owned(),
            threads,
            gflops: self.peak(dtype, threads),
            verified: true,
            clock: None,
        }
    }

    fn limits(&self) -> Limits {
        let peaks = self.dtypes.iter().flat_map(|dtype| {
            let threads = self.threads.iter();
            threads.map(|threads| self.fma_peak(dtype, *threads))
        });
        Limits {
            blas_isa: "AVX2".to_owned(),
            best_isa: "AVX2".to_owned(),
            fma_peaks: peaks.collect(),
            triad: Some(Triad {
                threads: self.threads.iter().copied().max().unwrap_or(1),
                gb_per_s: self.gb_per_s,
                array_bytes: 1 << 30,
                cache_bytes: Some(1 << 25),
                verified: true,
            }),
            ..Limits::default()
        }
    }
}

/// What a folder with these records is.
pub(super) fn survey_of(records: Vec<Record>) -> Survey {
    let loaded = records
        .into_iter()
        .enumerate()
        .map(|(index, record)| LoadedRecord {
            path: PathBuf::from(format!("{index}.json")),
            seal: Seal::Absent,
            record: SurveyRun::of(record),
        });
    survey(loaded.collect(), &Request::default()).unwrap()
}

fn of(examples: &[Example]) -> Survey {
    let records = examples.iter().enumerate();
    survey_of(
        records
            .map(|(index, example)| example.record(index as u64))
            .collect(),
    )
}

/// One host with several libraries, each with its own rates.
fn libraries() -> Survey {
    let mut host = Example::new("workstation", 8, 60.0);
    host.threads = vec![1, 2, 4, 8, 16];
    host.kernels = vec!["matmul-norm", "gemm"];
    let mut record = host.record(5);
    let named = [
        ("bundled", "OpenBLAS", "0.3.21", 1.0),
        ("system", "BLIS", "0.9.0", 0.93),
        ("mkl", "Intel oneMKL", "2026.2", 0.81),
    ];
    let mut cases = Vec::new();
    for (name, library, version, share) in named {
        let mut blas = record.software.blas.clone();
        library.clone_into(&mut blas.name);
        version.clone_into(&mut blas.version);
        record.software.libraries.push(NamedLibrary {
            name: name.to_owned(),
            blas,
        });
        for case in &record.cases {
            let mut case = case.clone();
            case.blas = Some(name.to_owned());
            for sample in &mut case.samples {
                sample.gflops *= share;
            }
            cases.push(case);
        }
    }
    record.cases = cases;
    survey_of(vec![record])
}

/// Hosts of one, of three, and of eight runs.
fn runs() -> Survey {
    let hosts = [("once", 1), ("three-times", 3), ("eight-times", 8)];
    let mut records = Vec::new();
    for (at, (name, runs)) in hosts.into_iter().enumerate() {
        let mut host = Example::new(name, 8, 50.0 + 6.0 * at as f64);
        host.threads = vec![1, 2, 4, 8];
        for run in 0..runs {
            host.core_gflops *= 0.98;
            records.push(host.record(100 * at as u64 + run));
        }
    }
    survey_of(records)
}

/// Numbers that look random and are the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 33)
    }

    /// From 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }
}

/// The small survey of the pictures that are committed.
pub(super) fn small() -> Survey {
    let mut i9 = Example::new("i9", 18, 74.0);
    i9.threads = vec![1, 2, 4, 9, 18, 36];
    i9.sizes = vec![100, 1000, 10_000];
    i9.kernels = vec!["matmul-norm", "triad"];
    i9.power_w = Some(165.0);
    let mut ryzen = Example::new("ryzen-5800x", 8, 62.0);
    ryzen.threads = vec![1, 2, 4, 8];
    ryzen.sizes.clone_from(&i9.sizes);
    ryzen.power_w = Some(105.0);
    of(&[i9, ryzen])
}

/// Surveys by name.
pub(super) fn gallery() -> Vec<(String, Survey)> {
    let mut surveys = vec![("small".to_owned(), small())];
    surveys.extend(usual());
    surveys.extend(odd());
    surveys
        .into_iter()
        .chain((0..60).map(|seed| (format!("generated-{seed}"), generated(seed))))
        .collect()
}

fn usual() -> Vec<(String, Survey)> {
    let one = Example::new("workstation", 8, 60.0);
    let mut threads = Example::new("vm", 2, 51.0);
    threads.threads = vec![1, 2];
    threads.dtypes = vec!["f64", "f32"];
    threads.kernels = vec!["matmul-norm", "gemm", "lu-solve", "triad"];
    threads.smt = 1;
    let mut epyc = Example::new("epyc-9654", 192, 41.0);
    epyc.packages = 2;
    epyc.threads = vec![1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 384];
    epyc.power_w = Some(720.0);
    let names = [
        "i9-10980xe",
        "ryzen-5800x",
        "epyc-7763",
        "graviton4",
        "xeon-8480",
        "laptop",
        "m7i.large",
    ];
    let seven: Vec<Example> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let mut host = Example::new(
                name,
                [18, 8, 64, 96, 56, 4, 2][at],
                [74.0, 62.0, 39.0, 22.0, 70.0, 55.0, 60.0][at],
            );
            host.power_w = (at % 3 != 2).then_some(30.0 + 5.0 * host.cores as f64);
            if at == 5 {
                host.sizes.truncate(5);
            }
            host
        })
        .collect();
    let mut alike = seven.clone();
    for (at, host) in alike.iter_mut().enumerate() {
        host.cores = 16;
        host.threads = vec![16];
        host.core_gflops = 50.0 + 0.4 * at as f64;
    }
    let forty: Vec<Example> = (0..40)
        .map(|at| {
            let name = format!("compute-node-of-a-long-name-{at:04}.cluster.example.org");
            let mut host = Example::new(&name, 32, 40.0 + f64::from(at * 13 % 29));
            host.sizes = (1..=30).map(|n| 400 * n).collect();
            host.power_w = Some(250.0 + f64::from(at * 7 % 31));
            host
        })
        .collect();
    vec![
        ("one-host".to_owned(), of(&[one])),
        ("one-host-threads".to_owned(), of(&[threads])),
        ("big-host".to_owned(), of(&[epyc])),
        ("two-hosts".to_owned(), of(&seven[..2])),
        ("seven-hosts".to_owned(), of(&seven)),
        ("seven-alike".to_owned(), of(&alike)),
        ("forty-hosts".to_owned(), of(&forty)),
        ("libraries".to_owned(), libraries()),
        ("runs".to_owned(), runs()),
    ]
}

fn odd() -> Vec<(String, Survey)> {
    let mut huge = Example::new("huge", 4, 1e290);
    huge.gb_per_s = 1e200;
    let mut tiny = Example::new("tiny", 4, 1e-290);
    tiny.gb_per_s = 1e-200;
    let mut single = Example::new("one size", 4, 50.0);
    single.sizes = vec![1000];
    let mut no_peak = Example::new("no-peak", 4, 50.0);
    no_peak.has_limits = false;
    no_peak.sizes = vec![1000, 2000, 3000, 4000, 5000];
    let mut hostile = Example::new("<script>alert(1)</script>\u{202E}\u{1}", 4, 50.0);
    hostile.kernels = vec!["<b>&\"'", ""];
    hostile.sizes = vec![0, 1, usize::MAX];
    let mut failed = Example::new("wrong", 4, 50.0).record(1);
    for case in &mut failed.cases {
        case.samples[0].verification.passed = false;
    }
    let mut nonsense = Example::new("nonsense", 0, 50.0).record(1);
    for (at, case) in nonsense.cases.iter_mut().enumerate() {
        let odd = [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e308, 5e-324, 3.0];
        case.flop = odd[(at + 1) % 7];
        case.bytes = (at % 2 == 0).then_some(odd[(at + 3) % 7]);
        for sample in &mut case.samples {
            sample.gflops = odd[at % 7];
        }
        if let Some(peak) = &mut case.peak {
            peak.gflops = odd[(at + 5) % 7];
        }
    }
    let good = Example::new("right", 6, 50.0);
    vec![
        ("none".to_owned(), survey_of(Vec::new())),
        ("huge".to_owned(), of(&[huge.clone()])),
        ("tiny".to_owned(), of(&[tiny.clone()])),
        ("huge-and-tiny".to_owned(), of(&[huge, tiny])),
        ("one-size".to_owned(), of(&[single.clone()])),
        (
            "one-size-among-many".to_owned(),
            of(&[single, Example::new("many", 4, 40.0)]),
        ),
        ("no-peak".to_owned(), of(&[no_peak.clone()])),
        (
            "some-peaks".to_owned(),
            of(&[no_peak, Example::new("peak", 4, 40.0)]),
        ),
        ("hostile".to_owned(), of(&[hostile])),
        ("failed".to_owned(), survey_of(vec![failed, good.record(2)])),
        ("nonsense".to_owned(), survey_of(vec![nonsense.clone()])),
        (
            "nonsense-beside-sense".to_owned(),
            survey_of(vec![nonsense, good.record(2)]),
        ),
    ]
}

/// Anything: 1 to 40 hosts with names of up to 200 characters, 1 to 30 sizes, and figures that may be odd.
pub(super) fn generated(seed: u64) -> Survey {
    let mut random = Random(seed ^ 0x5eed);
    let hosts = if seed.is_multiple_of(3) {
        1 + random.below(40)
    } else {
        1 + random.below(7)
    };
    let mut records = Vec::new();
    let common: Vec<usize> = (0..=random.below(30))
        .map(|_| 1 + random.below(20_000))
        .collect();
    for index in 0..hosts {
        let name: String = (0..=random.below(199))
            .map(|_| {
                *[b'W', b'i', b'-', b'0', b' ', b'm']
                    .get(random.below(6))
                    .unwrap_or(&b'x') as char
            })
            .collect();
        let cores = 1 << random.below(8);
        let mut host = Example::new(&name, cores, 10.0_f64.powf(4.0 * random.unit() - 1.0));
        host.packages = 1 << random.below(3);
        host.smt = 1 + random.below(2);
        host.samples = 1 + random.below(9);
        host.sizes = common
            .iter()
            .copied()
            .filter(|_| random.unit() < 0.8)
            .collect();
        host.threads = (0..=random.below(6))
            .map(|_| 1 + random.below(2 * cores))
            .collect();
        host.dtypes = if random.unit() < 0.3 {
            vec!["f64", "f32"]
        } else {
            vec!["f64"]
        };
        host.kernels = match random.below(3) {
            0 => vec!["matmul-norm", "triad"],
            1 => vec!["gemm", "matmul-norm", "lu-solve", "fma-peak"],
            _ => vec!["matmul-norm"],
        };
        host.has_limits = random.unit() < 0.7;
        host.power_w = (random.unit() < 0.5).then(|| 300.0 * random.unit());
        let mut record = host.record(seed * 100 + index as u64);
        if random.unit() < 0.3 {
            spoil(&mut record, &mut random);
        }
        records.push(record);
    }
    survey_of(records)
}

fn spoil(record: &mut Record, random: &mut Random) {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        0.0,
        -1.0,
        1e308,
        5e-324,
        1e-300,
        1e300,
    ];
    for case in &mut record.cases {
        for sample in &mut case.samples {
            sample.verification.passed = random.unit() < 0.9;
            if random.unit() < 0.2 {
                sample.gflops = odd[random.below(odd.len())];
            }
        }
        if random.unit() < 0.2 {
            case.flop = odd[random.below(odd.len())];
        }
    }
    if let Some(limits) = &mut record.limits {
        for peak in &mut limits.fma_peaks {
            if random.unit() < 0.2 {
                peak.gflops = odd[random.below(odd.len())];
            }
        }
        if let Some(triad) = limits.triad.as_mut().filter(|_| random.unit() < 0.4) {
            triad.gb_per_s = odd[random.below(odd.len())];
        }
    }
    record.host.topology.cpu_quota = Some(odd[random.below(odd.len())]);
}

/// Draws the figures of one kind for all surveys: no text on another, none outside, nothing that XML or a reader would trip over, a
/// name and a table of its own for each.
pub(super) fn check_all(kind: &str, figures: fn(&Survey) -> Figures) {
    for (name, survey) in gallery() {
        let drawn = match figures(&survey) {
            Ok(drawn) => drawn,
            Err(missing) => {
                assert!(
                    !missing.0.is_empty() && !missing.0.ends_with('.'),
                    "{name}: {missing:?}"
                );
                continue;
            }
        };
        assert!(!drawn.is_empty(), "{name}");
        for figure in &drawn {
            check(&format!("{kind} {name} {}", figure.name), figure);
            let same = drawn.iter().filter(|other| other.name == figure.name);
            assert_eq!(same.count(), 1, "{name}: {}", figure.name);
            save(kind, &name, figure);
        }
        if !name.starts_with("generated-") {
            let again = figures(&survey).unwrap();
            for (one, other) in drawn.iter().zip(&again) {
                assert_eq!(one.svg().unwrap(), other.svg().unwrap(), "{name}");
            }
        }
    }
}

fn check(name: &str, figure: &Figure) {
    assert_texts_are_apart(name, &figure.scene);
    assert!(
        figure.scene.height < 2400,
        "{name}: {}",
        figure.scene.height
    );
    assert!(
        figure
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
        "{name}"
    );
    assert!(
        !figure.description().is_empty() && !figure.title().is_empty(),
        "{name}"
    );
    assert!(!figure.table.rows.is_empty(), "{name}");
    for row in &figure.table.rows {
        assert_eq!(row.len(), figure.table.columns.len(), "{name}");
        for cell in row {
            assert!(
                !cell.contains("NaN") && !cell.contains("inf"),
                "{name}: {row:?}"
            );
        }
    }
    for mark in &figure.scene.marks {
        if let Mark::Text(text) = mark {
            assert!(
                !text.content.contains("NaN") && !text.content.contains("inf "),
                "{name}: {text:?}"
            );
            assert!(text.size >= 13, "{name}: {text:?}");
        }
    }
    let svg = figure.svg().unwrap();
    assert!(
        svg.contains("role=\"img\"") && svg.contains("<desc>"),
        "{name}"
    );
    assert!(!svg.contains("<script") && !svg.contains("<b>"), "{name}");
}

/// For looking at: `PLOT_GALLERY=DIR cargo test -p reports plots`.
fn save(kind: &str, name: &str, figure: &Figure) {
    let is_shown = !name.starts_with("generated-") || name.ends_with('7');
    if let Some(directory) = std::env::var_os("PLOT_GALLERY").filter(|_| is_shown) {
        let path = PathBuf::from(directory).join(format!("{kind}_{name}_{}", figure.name));
        std::fs::write(path.with_extension("png"), figure.png().unwrap()).unwrap();
    }
}
