//! What a roofline is made of: a host's roofs, and its cases at their arithmetic intensity.
//!
//! Source: S. Williams, A. Waterman, D. Patterson, "Roofline: An Insightful Visual Performance Model for Multicore Architectures",
//! Communications of the ACM 52(4), 2009: attainable rate = min(peak, bandwidth × arithmetic intensity), and the intensity is
//! operations for each byte that moves between processor and memory.
//!
//! What really moves is not measured here. The intensity is the largest that the work can have: each operand is read once and each
//! result written once (compulsory traffic), so that a point never stands too far to the left:
//! - kernels that count bytes (`triad`): their operations over these bytes;
//! - `matmul-norm`, `gemm`: their operations over 3n² elements, the matrices A and B read and C written;
//! - `lu-solve`: its operations over 2n² elements, A read and its factors written;
//! - `fma-peak` moves nothing: it is a roof, and no point.

use std::collections::BTreeMap;

use results::limits::{FmaPeak, Limits};
use results::survey::Host;

use super::super::points::{Point, drawable};

/// A roof: multiply-adds of one type and instruction set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Roof {
    pub(super) dtype: String,
    pub(super) isa: String,
    pub(super) gflops: f64,
}

/// A case at its intensity.
#[derive(Clone, Copy)]
pub(super) struct Dot<'a> {
    pub(super) point: Point<'a>,
    /// Operations for each byte.
    pub(super) intensity: f64,
    pub(super) gflops: f64,
}

/// A host's roofline.
pub(super) struct Model<'a> {
    /// Threads of the roofs and of the cases.
    pub(super) threads: usize,
    /// The highest first, one of each type that the cases have, and of the best instruction set where that is another one.
    pub(super) roofs: Vec<Roof>,
    /// 10⁹ bytes a second.
    pub(super) bandwidth: Option<f64>,
    pub(super) bandwidth_threads: usize,
    pub(super) dots: Vec<Dot<'a>>,
    /// Cases with other threads, or whose traffic is not known.
    pub(super) left_out: usize,
}

impl Model<'_> {
    /// What can be reached at this intensity with these elements.
    pub(super) fn attainable(&self, dot: &Dot) -> Option<f64> {
        let slope = self.bandwidth.and_then(|bandwidth| drawable(bandwidth * dot.intensity));
        let roof = self.roof_of(dot).map(|roof| roof.gflops);
        match (slope, roof) {
            (Some(slope), Some(roof)) => Some(slope.min(roof)),
            (one, other) => one.or(other),
        }
    }

    /// The roof above a case.
    pub(super) fn roof_of(&self, dot: &Dot) -> Option<&Roof> {
        let work = &dot.point.group.work;
        let of_type = || self.roofs.iter().filter(|roof| roof.dtype == work.dtype);
        let same = of_type().find(|roof| roof.isa == dot.point.row.means.isa);
        same.or_else(|| of_type().next_back())
    }

    /// Where a roof meets the slope, in operations for each byte.
    pub(super) fn ridge(&self, roof: &Roof) -> Option<f64> {
        drawable(roof.gflops / self.bandwidth?)
    }
}

/// The roofline of a host; `None` when no limit of it was measured.
pub(super) fn of<'a>(host: &Host, points: &[Point<'a>]) -> Option<Model<'a>> {
    let limits = host.limits.as_ref()?;
    let peaks: Vec<&FmaPeak> = limits
        .fma_peaks
        .iter()
        .filter(|peak| peak.verified && drawable(peak.gflops).is_some())
        .collect();
    let triad = limits.triad.as_ref().filter(|triad| triad.verified);
    let bandwidth = triad.and_then(|triad| drawable(triad.gb_per_s));
    if peaks.is_empty() && bandwidth.is_none() {
        return None;
    }
    let threads = threads(&peaks, points, triad.map(|triad| triad.threads));
    let mut dots: Vec<Dot> = points
        .iter()
        .filter(|point| point.threads() == threads)
        .filter_map(dot)
        .collect();
    dots.sort_by(|a, b| b.gflops.total_cmp(&a.gflops));
    Some(Model {
        threads,
        roofs: roofs(limits, &dots, threads),
        bandwidth,
        bandwidth_threads: triad.map_or(0, |triad| triad.threads),
        left_out: points.len() - dots.len(),
        dots,
    })
}

/// The most threads that have both roofs and cases, else the most that have roofs.
fn threads(peaks: &[&FmaPeak], points: &[Point], of_triad: Option<usize>) -> usize {
    let of_peaks = || peaks.iter().map(|peak| peak.threads);
    let has_cases = |threads: &usize| points.iter().any(|point| point.threads() == *threads);
    let both = of_peaks().filter(has_cases).max();
    both.or_else(|| of_peaks().max()).or(of_triad).unwrap_or(1)
}

fn roofs(limits: &Limits, dots: &[Dot], threads: usize) -> Vec<Roof> {
    let mut dtypes: Vec<&str> = dots.iter().map(|dot| dot.point.group.work.dtype.as_str()).collect();
    if dtypes.is_empty() {
        dtypes = limits.fma_peaks.iter().map(|peak| peak.dtype.as_str()).collect();
    }
    let mut wanted: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for dtype in dtypes {
        let of_cases = dots.iter().filter(|dot| dot.point.group.work.dtype == dtype);
        let isas = of_cases.map(|dot| dot.point.row.means.isa.as_str());
        for isa in isas.chain([limits.blas_isa.as_str(), limits.best_isa.as_str()]) {
            if let Some(peak) = limits.peak(dtype, isa, threads) {
                if let Some(gflops) = drawable(peak.gflops) {
                    wanted.insert((dtype, isa), gflops);
                }
            }
        }
    }
    let roof = |((dtype, isa), gflops): ((&str, &str), f64)| Roof {
        dtype: dtype.to_owned(),
        isa: isa.to_owned(),
        gflops,
    };
    let mut roofs: Vec<Roof> = wanted.into_iter().map(roof).collect();
    roofs.sort_by(|a, b| b.gflops.total_cmp(&a.gflops));
    roofs
}

/// The case at the largest intensity that its work can have; `None` where its traffic is not known.
fn dot<'a>(point: &Point<'a>) -> Option<Dot<'a>> {
    let group = point.group;
    let element_bytes = match group.work.dtype.as_str() {
        "f64" => 8.0,
        "f32" => 4.0,
        _ => return None,
    };
    let matrix_bytes = element_bytes * (group.work.n as f64).powi(2);
    let bytes = match (group.bytes, group.work.kernel.as_str()) {
        (Some(bytes), _) => bytes,
        (None, "matmul-norm" | "gemm") => 3.0 * matrix_bytes,
        (None, "lu-solve") => 2.0 * matrix_bytes,
        (None, _) => return None,
    };
    Some(Dot {
        point: *point,
        intensity: drawable(group.flop / bytes)?,
        gflops: drawable(point.row.median?)?,
    })
}
