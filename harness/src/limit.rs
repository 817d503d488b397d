//! Measures the machine's own limits, in a quarter of a second or so: multiply-adds in registers, and the triad.

use std::time::Instant;

use kernels::fma::Isa;
use kernels::fma_peak::{BLOCK_FLOP, BlasIsa, Blocks};
use kernels::{Dtype, Element, Team, triad};
use results::limits::{Clock, FmaPeak, LibraryIsa, Limits, NominalPeak, Triad};
use results::record::{Cache, Case};

use crate::frequency::{self, Observation};

/// How long a burst of multiply-adds takes, about: a thousand times what starting the threads takes, and less than a
/// scheduler's turn, so that a machine that does other things, too, leaves some of them undisturbed.
const BURST_S: f64 = 0.002;

/// Bursts of which the best counts.
const BURSTS: usize = 12;

/// How often the peak is measured again when cases have exceeded it.
const AGAIN_MAX: usize = 3;

/// Runs of the triad: STREAM's ten, or what fits into this time once there have been three.
const TRIADS: usize = 10;
const TRIADS_MIN: usize = 3;
const TRIAD_S: f64 = 0.1;

/// The triad's arrays, all three: at least this, and at most that, whatever the caches are.
const TRIAD_BYTES: (u64, u64) = (48 << 20, 512 << 20);

/// The arrays come in rows of this many elements, for no other reason than that something must be chosen.
const COLUMNS: usize = 8192;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Request {
    /// The types that the cases have.
    pub dtypes: Vec<Dtype>,
    /// The numbers of threads that matter, ascending, each with the processors that they are bound to, see [`Team::new`].
    pub threads: Vec<(usize, Option<Vec<usize>>)>,
    /// The instruction sets of the libraries, each by the name that cases have for it; the first one's at least.
    pub libraries: Vec<(Option<String>, BlasIsa)>,
    /// All last-level caches together.
    pub cache_bytes: Option<u64>,
    /// What the triad's arrays may take.
    pub memory_bytes: Option<u64>,
}

/// All last-level caches together; `None` when no cache is known.
pub fn last_level_bytes(caches: &[Cache]) -> Option<u64> {
    let last = caches.iter().map(|cache| cache.level).max()?;
    let sizes = caches
        .iter()
        .filter(|cache| cache.level == last)
        .map(|cache| cache.size_bytes * cache.count as u64);
    Some(sizes.sum())
}

/// Measures everything before the cases. What cannot be had (threads, memory) is left out: the cases will say why.
pub fn before(request: &Request) -> Limits {
    let started = Instant::now();
    let (isas, best_isa) = (isas(request), Isa::best());
    let library = |(name, told): &(Option<String>, BlasIsa)| LibraryIsa {
        blas: name.clone(),
        isa: told.isa.to_string(),
        core: told.core.clone(),
    };
    let mut limits = Limits {
        blas_isa: isas.first().unwrap_or(&best_isa).to_string(),
        library_isas: request.libraries.iter().map(library).collect(),
        best_isa: best_isa.to_string(),
        ..Limits::default()
    };
    let last = request.threads.len().saturating_sub(1);
    for (index, team) in teams(request).enumerate() {
        for dtype in &request.dtypes {
            for isa in &isas {
                limits.fma_peaks.push(peak(*dtype, *isa, &team, "before"));
            }
            // How much the libraries leave unused, once.
            if index == last && !isas.contains(&best_isa) {
                limits
                    .fma_peaks
                    .push(peak(*dtype, best_isa, &team, "before"));
            }
        }
        if index == last {
            limits.triad = bandwidth(request, &team);
        }
    }
    let cores = request.threads.last().map_or(1, |(count, _)| *count);
    limits.nominal_peaks = nominal(&limits.fma_peaks, &limits.blas_isa, cores);
    limits.elapsed_s = started.elapsed().as_secs_f64();
    limits
}

/// The instruction sets of the libraries, each once.
fn isas(request: &Request) -> Vec<Isa> {
    let mut isas: Vec<Isa> = Vec::new();
    for (_, told) in &request.libraries {
        if !isas.contains(&told.isa) {
            isas.push(told.isa);
        }
    }
    isas
}

/// The teams that can be had.
fn teams(request: &Request) -> impl Iterator<Item = Team> + '_ {
    request
        .threads
        .iter()
        .filter_map(|(count, cpus)| Team::new(*count, cpus.as_deref()).ok())
}

/// Holds the cases against the limits. Where these are `stale`, or a case has exceeded them, so that they were measured in
/// bad moments, the peak of all threads is measured again first.
pub fn rate(request: &Request, limits: &mut Limits, cases: &mut [Case], mut stale: bool) {
    for _ in 0..AGAIN_MAX {
        if stale {
            after(request, limits);
        }
        for case in &mut *cases {
            limits.rate(case);
        }
        stale = cases.iter().any(is_beyond_peak);
        if !stale {
            return;
        }
    }
}

/// No case can be: what is beyond the peak says that the peak was higher.
fn is_beyond_peak(case: &Case) -> bool {
    let percent = case
        .summary
        .as_ref()
        .and_then(|summary| summary.percent_of_peak);
    percent.is_some_and(|percent| percent > 100.0)
}

/// Measures the peaks once more, after the cases.
fn after(request: &Request, limits: &mut Limits) {
    let started = Instant::now();
    for team in teams(request) {
        for dtype in &request.dtypes {
            for isa in isas(request) {
                limits.fma_peaks.push(peak(*dtype, isa, &team, "after"));
            }
        }
    }
    limits.elapsed_s += started.elapsed().as_secs_f64();
}

/// The best of several bursts of a team.
fn peak(dtype: Dtype, isa: Isa, team: &Team, when: &str) -> FmaPeak {
    let (best, verified) = match dtype {
        Dtype::F64 => best_burst::<f64>(isa, team),
        Dtype::F32 => best_burst::<f32>(isa, team),
    };
    FmaPeak {
        when: when.to_owned(),
        dtype: dtype.to_string(),
        isa: isa.to_string(),
        threads: team.size(),
        gflops: best.gflops,
        verified,
        clock: frequency::mean(&best.clocks),
    }
}

/// The best burst, and whether all were right.
fn best_burst<T: Element>(isa: Isa, team: &Team) -> (Burst, bool) {
    let mut blocks = vec![Blocks::<T>::new(isa); team.size()];
    // The first one wakes the threads and lets the clock settle; by its time the others are cut.
    let mut best = burst(team, &mut blocks, 10);
    let block_s = team.size() as f64 * BLOCK_FLOP * 1e-9 / best.gflops;
    let count = (BURST_S / block_s).clamp(1.0, 10_000.0) as usize;
    let mut verified = best.verified;
    for _ in 0..BURSTS {
        let next = burst(team, &mut blocks, count);
        verified &= next.verified;
        if next.gflops > best.gflops {
            best = next;
        }
    }
    (best, verified)
}

/// A burst's rate, and what the members saw.
struct Burst {
    gflops: f64,
    clocks: Vec<Clock>,
    verified: bool,
}

/// This many blocks on each member of the team.
fn burst<T: Element>(team: &Team, blocks: &mut [Blocks<T>], count: usize) -> Burst {
    let threads = blocks.len();
    let mut observed: Vec<Member> = (0..threads).map(|_| Member::default()).collect();
    let work = |member: &mut Member, blocks: &mut Blocks<T>| {
        let observation = Observation::begin();
        let started = Instant::now();
        blocks.run(count);
        member.run_time_s = started.elapsed().as_secs_f64();
        member.clock = observation.end();
    };
    let parts = observed.iter_mut().zip(&mut *blocks).collect();
    team.for_each(parts, |_, (member, blocks)| work(member, blocks));
    // The slowest member's time: all have begun at once, up to a microsecond.
    let slowest_s = observed
        .iter()
        .map(|member| member.run_time_s)
        .fold(f64::MIN_POSITIVE, f64::max);
    Burst {
        gflops: 1e-9 * BLOCK_FLOP * (count * threads) as f64 / slowest_s,
        clocks: observed
            .into_iter()
            .filter_map(|member| member.clock)
            .collect(),
        verified: blocks.iter().all(|blocks| blocks.verify().passed()),
    }
}

/// What one member saw of a burst.
#[derive(Default)]
struct Member {
    run_time_s: f64,
    clock: Option<Clock>,
}

/// The triad in double precision, as STREAM runs it. `None` without the memory for it.
fn bandwidth(request: &Request, team: &Team) -> Option<Triad> {
    let array_bytes = triad_bytes(request.cache_bytes, request.memory_bytes)?;
    let rows = (array_bytes / 3 / 8) as usize / COLUMNS;
    let mut arrays = triad::Arrays::<f64>::new(rows, COLUMNS).ok()?;
    arrays.fill(1, team);
    let started = Instant::now();
    let mut fastest_s = f64::INFINITY;
    for index in 0..TRIADS {
        let run = Instant::now();
        arrays.run(team);
        // The first is not counted, as with STREAM.
        if index > 0 {
            fastest_s = fastest_s.min(run.elapsed().as_secs_f64());
        }
        if index + 1 >= TRIADS_MIN && started.elapsed().as_secs_f64() > TRIAD_S {
            break;
        }
    }
    Some(Triad {
        threads: team.size(),
        gb_per_s: 1e-9 * arrays.bytes() / fastest_s.max(f64::MIN_POSITIVE),
        array_bytes: arrays.bytes() as u64,
        cache_bytes: request.cache_bytes,
        verified: arrays.verify(team).passed(),
    })
}

/// Four times the last-level caches within what time and memory allow: a quarter of what there is. `None` when that is not
/// enough for anything.
fn triad_bytes(cache_bytes: Option<u64>, memory_bytes: Option<u64>) -> Option<u64> {
    let (least, most) = TRIAD_BYTES;
    let wanted = cache_bytes.map_or(most / 2, |bytes| bytes.saturating_mul(4));
    let bytes = wanted.clamp(least, most);
    let allowed = memory_bytes.map_or(most, |bytes| bytes / 4);
    (allowed >= least).then_some(bytes.min(allowed))
}

/// Cores times operations a cycle times the highest clock, for each type of which one thread's peak and clock are known.
fn nominal(peaks: &[FmaPeak], isa: &str, cores: usize) -> Vec<NominalPeak> {
    let Some(clock_mhz_max) = frequency::highest_mhz(cores) else {
        return Vec::new();
    };
    peaks
        .iter()
        .filter(|peak| peak.threads == 1 && peak.isa == isa)
        .filter_map(|peak| {
            let flop_per_cycle = flop_per_cycle(peak.gflops, peak.clock.as_ref()?.clock_mhz);
            Some(NominalPeak {
                dtype: peak.dtype.clone(),
                cores,
                flop_per_cycle,
                clock_mhz_max,
                gflops: 1e-3 * cores as f64 * flop_per_cycle * clock_mhz_max,
            })
        })
        .collect()
}

/// Vector units come in powers of two.
fn flop_per_cycle(gflops: f64, clock_mhz: f64) -> f64 {
    (1e3 * gflops / clock_mhz).log2().round().exp2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::{Blas, fma_peak};
    use results::record::Summary;

    fn request(threads: &[usize]) -> Request {
        Request {
            dtypes: vec![Dtype::F64, Dtype::F32],
            threads: threads.iter().map(|count| (*count, None)).collect(),
            libraries: vec![(None, fma_peak::blas_isa(Blas::bundled()))],
            cache_bytes: Some(1 << 20),
            memory_bytes: Some(1 << 30),
        }
    }

    #[test]
    fn limits_of_this_machine() {
        let mut limits = before(&request(&[1, 2]));
        after(&request(&[1, 2]), &mut limits);
        for dtype in ["f64", "f32"] {
            for threads in [1, 2] {
                let peak = limits.peak(dtype, &limits.blas_isa, threads).unwrap();
                assert!(peak.gflops > 0.01 && peak.gflops.is_finite(), "{peak:?}");
                assert!(peak.verified && peak.clock.is_some(), "{peak:?}");
            }
        }
        let last = limits.fma_peaks.last().unwrap();
        assert_eq!((last.when.as_str(), last.threads), ("after", 2));
        let triad = limits.triad.unwrap();
        assert!(triad.verified && triad.gb_per_s > 0.0, "{triad:?}");
        assert_eq!(triad.array_bytes, 48 << 20);
    }

    #[test]
    fn each_library_has_the_peak_of_its_instruction_set() {
        let told = |name: &str, isa| {
            let core = Some(name.to_owned());
            (core.clone(), BlasIsa { isa, core })
        };
        let all: Vec<Isa> = Isa::available().collect();
        let libraries = all.iter().map(|isa| told(&isa.to_string(), *isa));
        let limits = before(&Request {
            // The first one twice: it is measured once.
            libraries: libraries.chain([told("again", all[0])]).collect(),
            dtypes: vec![Dtype::F64],
            memory_bytes: Some(0),
            ..request(&[1])
        });
        assert_eq!(limits.fma_peaks.len(), all.len());
        assert_eq!(limits.library_isas.len(), all.len() + 1);
        assert_eq!(limits.blas_isa, all[0].to_string());
        for isa in all {
            assert!(limits.peak("f64", &isa.to_string(), 1).is_some(), "{isa}");
        }
    }

    #[test]
    fn a_peak_that_was_exceeded_is_measured_again() {
        let mut limits = before(&Request {
            dtypes: vec![Dtype::F64],
            ..request(&[1, 2])
        });
        let mut case = Case {
            blas: None,
            kernel: "gemm".to_owned(),
            kernel_version: None,
            isa: None,
            n: 100,
            dtype: "f64".to_owned(),
            driver: None,
            panel_rows: None,
            cpus: None,
            threads_requested: 2,
            threads_used: 2,
            matrix_bytes: 0,
            flop: 1.0,
            bytes: None,
            samples: Vec::new(),
            warmup_samples: Vec::new(),
            warmup_ended: None,
            stopped_because: None,
            summary: Some(Summary {
                valid_samples: 1,
                gflops_median: 1e-3,
                gflops_median_low: None,
                gflops_median_high: None,
                confidence: None,
                gflops_best: 1e-3,
                gflops_worst: 1e-3,
                gflops_mad: 0.0,
                spread_percent: 0.0,
                run_time_s_median: 1e-6,
                gflops_per_watt: None,
                percent_of_peak: None,
            }),
            peak: None,
        };
        let again = |limits: &Limits| {
            let after = limits.fma_peaks.iter().filter(|peak| peak.when == "after");
            after.count()
        };
        let mut rate_it = |gflops: f64, stale: bool| {
            case.summary.as_mut().unwrap().gflops_median = gflops;
            rate(
                &request(&[1, 2]),
                &mut limits,
                std::slice::from_mut(&mut case),
                stale,
            );
            (
                again(&limits),
                case.summary.as_ref().unwrap().percent_of_peak.unwrap(),
            )
        };
        let (count, percent) = rate_it(1e-3, false);
        assert!(count == 0 && percent < 100.0);
        // Both types and both numbers of threads, each time.
        assert_eq!(rate_it(1e-3, true).0, 4);
        let (count, percent) = rate_it(1e9, false);
        assert!(count == 4 * AGAIN_MAX && percent > 100.0, "{count}");
    }

    #[test]
    fn without_memory_there_is_no_triad() {
        let limits = before(&Request {
            memory_bytes: Some(100 << 20),
            dtypes: Vec::new(),
            ..request(&[1])
        });
        assert_eq!(limits.triad, None);
        assert!(limits.fma_peaks.is_empty());
    }

    #[test]
    fn the_triad_is_four_times_the_caches_within_reason() {
        let mib = 1u64 << 20;
        for (cache, memory, expected) in [
            (Some(32 * mib), Some(20_000 * mib), Some(128 * mib)),
            (Some(512 * mib), None, Some(512 * mib)),
            (Some(mib), None, Some(48 * mib)),
            (None, None, Some(256 * mib)),
            (Some(32 * mib), Some(256 * mib), Some(64 * mib)),
            (Some(32 * mib), Some(191 * mib), None),
        ] {
            assert_eq!(triad_bytes(cache, memory), expected, "{cache:?} {memory:?}");
        }
    }

    #[test]
    fn last_level_caches_are_summed_up() {
        let cache = |level, size_bytes, count| Cache {
            level,
            size_bytes,
            count,
        };
        assert_eq!(last_level_bytes(&[]), None);
        let epyc = [cache(1, 1, 64), cache(2, 2, 64), cache(3, 32, 8)];
        assert_eq!(last_level_bytes(&epyc), Some(256));
        let hybrid = [cache(2, 10, 8), cache(2, 20, 4)];
        assert_eq!(last_level_bytes(&hybrid), Some(160));
    }

    #[test]
    fn operations_a_cycle_are_a_power_of_two() {
        assert!((flop_per_cycle(57.2, 3585.0) - 16.0).abs() < 1e-9);
        assert!((flop_per_cycle(101.0, 3300.0) - 32.0).abs() < 1e-9);
    }
}
