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

use results::limits::{FmaPeak, Limits};
use results::survey::Host;

use super::super::points::{Point, drawable};

/// A roof: multiply-adds with one instruction set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Roof {
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

impl Dot<'_> {
    /// How far the rate is known.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        let interval = self.point.row.interval?;
        let (low, high) = (drawable(interval.low)?, drawable(interval.high)?);
        (low <= high).then_some((low, high))
    }
}

/// A host's roofline for one type of elements.
pub(super) struct Model<'a> {
    pub(super) dtype: String,
    /// Threads of the roofs and of the cases.
    pub(super) threads: usize,
    /// The highest first, one for each instruction set that the cases use, and the processor's best where that is another one.
    pub(super) roofs: Vec<Roof>,
    /// 10⁹ bytes a second.
    pub(super) bandwidth: Option<f64>,
    pub(super) bandwidth_threads: usize,
    pub(super) dots: Vec<Dot<'a>>,
    /// Cases with other threads.
    pub(super) left_out: usize,
}

impl Model<'_> {
    /// What can be reached at this intensity with these elements.
    pub(super) fn attainable(&self, dot: &Dot) -> Option<f64> {
        let slope = self
            .bandwidth
            .and_then(|bandwidth| drawable(bandwidth * dot.intensity));
        let roof = self.roof_of(dot).map(|roof| roof.gflops);
        match (slope, roof) {
            (Some(slope), Some(roof)) => Some(slope.min(roof)),
            (one, other) => one.or(other),
        }
    }

    /// The roof above a case.
    pub(super) fn roof_of(&self, dot: &Dot) -> Option<&Roof> {
        let isa = &dot.point.row.means.isa;
        let same = self.roofs.iter().find(|roof| roof.isa == *isa);
        same.or_else(|| self.roofs.last())
    }

    /// Where a roof meets the slope, in operations for each byte.
    pub(super) fn ridge(&self, roof: &Roof) -> Option<f64> {
        drawable(roof.gflops / self.bandwidth?)
    }
}

/// The rooflines of a host, one for each type of elements that was measured; none when no limit of it was.
pub(super) fn of<'a>(host: &Host, points: &[Point<'a>]) -> Vec<Model<'a>> {
    let Some(limits) = &host.limits else {
        return Vec::new();
    };
    let mut dtypes: Vec<&str> = points
        .iter()
        .map(|point| point.group.work.dtype.as_str())
        .collect();
    dtypes.extend(limits.fma_peaks.iter().map(|peak| peak.dtype.as_str()));
    dtypes.sort_unstable_by(|a, b| b.cmp(a));
    dtypes.dedup();
    let mut models: Vec<Model> = dtypes
        .into_iter()
        .filter_map(|dtype| of_type(limits, points, dtype))
        .collect();
    // Limits of a type without cases are drawn only where there is nothing else.
    if models.iter().any(|model| !model.dots.is_empty()) {
        models.retain(|model| !model.dots.is_empty());
    }
    models
}

fn of_type<'a>(limits: &Limits, points: &[Point<'a>], dtype: &str) -> Option<Model<'a>> {
    let is_sound = |peak: &&FmaPeak| peak.verified && drawable(peak.gflops).is_some();
    let peaks = limits.fma_peaks.iter().filter(|peak| peak.dtype == dtype);
    let peaks: Vec<&FmaPeak> = peaks.filter(is_sound).collect();
    let triad = limits.triad.as_ref().filter(|triad| triad.verified);
    let bandwidth = triad.and_then(|triad| drawable(triad.gb_per_s));
    let of_type = points
        .iter()
        .filter(|point| point.group.work.dtype == dtype);
    let all: Vec<Dot> = of_type.filter_map(dot).collect();
    let threads = threads(&peaks, &all, triad.map(|triad| triad.threads));
    let count = all.len();
    let mut dots: Vec<Dot> = all
        .into_iter()
        .filter(|dot| dot.point.threads() == threads)
        .collect();
    dots.sort_by(|a, b| b.gflops.total_cmp(&a.gflops));
    let roofs = roofs(limits, dtype, &dots, threads);
    (!roofs.is_empty() || bandwidth.is_some()).then(|| Model {
        dtype: dtype.to_owned(),
        threads,
        roofs,
        bandwidth,
        bandwidth_threads: triad.map_or(0, |triad| triad.threads),
        left_out: count - dots.len(),
        dots,
    })
}

/// The threads of the fastest case that has a roof: a host is shown at its best. Without one the most threads that have a roof.
fn threads(peaks: &[&FmaPeak], dots: &[Dot], of_triad: Option<usize>) -> usize {
    let has_roof = |dot: &&Dot| peaks.iter().any(|peak| peak.threads == dot.point.threads());
    let fastest = dots
        .iter()
        .filter(has_roof)
        .max_by(|a, b| a.gflops.total_cmp(&b.gflops))
        .map(|dot| dot.point.threads());
    let most = || peaks.iter().map(|peak| peak.threads).max();
    fastest.or_else(most).or(of_triad).unwrap_or(1)
}

fn roofs(limits: &Limits, dtype: &str, dots: &[Dot], threads: usize) -> Vec<Roof> {
    let isas = dots.iter().map(|dot| dot.point.row.means.isa.as_str());
    let mut isas: Vec<&str> = isas
        .chain([limits.blas_isa.as_str(), limits.best_isa.as_str()])
        .collect();
    isas.sort_unstable();
    isas.dedup();
    let roof = |isa: &str| {
        let peak = limits.peak(dtype, isa, threads)?;
        Some(Roof {
            isa: isa.to_owned(),
            gflops: drawable(peak.gflops)?,
        })
    };
    let mut roofs: Vec<Roof> = isas.into_iter().filter_map(roof).collect();
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
