//! Multiply-adds in registers, as fast as the processor takes them: x = x·m + c on many independent chains, one body for
//! each instruction set.
//!
//! As many chains as hide the latency: a processor that starts two operations a cycle and takes five cycles for each wants
//! ten. With the two constants they fit the registers (12 of 16, 24 of 32), which the disassembly shows: the loops hold
//! nothing but these instructions.
#![allow(
    unsafe_code,
    reason = "calls functions that are compiled for an instruction set"
)]

use std::fmt;

use multiversion::multiversion;

use crate::{Dtype, Element};

/// An instruction set with its widest vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// x86-64's own 128-bit vectors; multiplication and addition are two instructions.
    Sse2,
    /// 256-bit vectors; multiplication and addition are two instructions.
    Avx,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors with fused multiply-add.
    Avx512,
    /// 64-bit ARM's own 128-bit vectors with fused multiply-add.
    Neon,
}

/// The instruction sets of this architecture, the best last.
#[cfg(target_arch = "x86_64")]
const ALL: &[Isa] = &[Isa::Sse2, Isa::Avx, Isa::Avx2, Isa::Avx512];
#[cfg(target_arch = "aarch64")]
const ALL: &[Isa] = &[Isa::Neon];

/// The core types of OpenBLAS (`openblas_get_corename`), the configurations of BLIS and AOCL-BLIS (`bli_arch_string`) and the branches
/// of MKL (`mkl_cbwr_get_auto_branch`) by the instruction set of their matrix kernels. Piledriver and its successors fuse in 256
/// bits, Bulldozer only with instructions of its own (FMA4), which this program has not.
const CORES: [(Isa, &[&str]); 4] = [
    (
        Isa::Sse2,
        &[
            "katmai",
            "coppermine",
            "northwood",
            "prescott",
            "banias",
            "core2",
            "penryn",
            "dunnington",
            "nehalem",
            "athlon",
            "opteron",
            "opteron_sse3",
            "barcelona",
            "bobcat",
            "atom",
            "nano",
            "sse2",
            "ssse3",
            "sse4.1",
            "sse4.2",
        ],
    ),
    (Isa::Avx, &["sandybridge", "bulldozer", "avx"]),
    (
        Isa::Avx2,
        &[
            "haswell",
            "zen",
            "zen2",
            "zen3",
            "piledriver",
            "steamroller",
            "excavator",
            "avx2",
        ],
    ),
    (
        Isa::Avx512,
        &[
            "skylakex",
            "cooperlake",
            "sapphirerapids",
            "skx",
            "knl",
            "zen4",
            "zen5",
            "avx512",
            "avx512_e1",
            "avx512_mic",
            "avx512_mic_e1",
        ],
    ),
];

impl Isa {
    /// Those that this processor has, the best last.
    pub fn available() -> impl Iterator<Item = Self> {
        ALL.iter().copied().filter(|isa| isa.is_available())
    }

    /// The best that this processor has.
    pub fn best() -> Self {
        Self::available().last().unwrap_or(ALL[0])
    }

    /// What a library's kernels of this core type use; `None` for a core type that is not known. On 64-bit ARM every core
    /// type counts as NEON: those with SVE have vectors of the same total width or narrower in all that the list knows but
    /// A64FX.
    pub fn of_core(core: &str) -> Option<Self> {
        if cfg!(target_arch = "aarch64") {
            return (!core.is_empty()).then_some(Self::Neon);
        }
        let core = core.to_ascii_lowercase();
        CORES
            .into_iter()
            .find(|(_, cores)| cores.contains(&core.as_str()))
            .map(|(isa, _)| isa)
    }

    /// Whether this processor has it, and the operating system lets it be used.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return match self {
            Self::Sse2 => true,
            Self::Avx => is_x86_feature_detected!("avx"),
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            Self::Neon => false,
        };
        #[cfg(target_arch = "aarch64")]
        return self == Self::Neon;
    }

    /// Whether multiplication and addition are one instruction, rounded once.
    pub fn is_fused(self) -> bool {
        !matches!(self, Self::Sse2 | Self::Avx)
    }

    /// Elements on which [`multiply_add`] works at once: those of a vector times the chains.
    pub fn width(self, dtype: Dtype) -> usize {
        let vector_bytes = match self {
            Self::Sse2 | Self::Neon => 16,
            Self::Avx | Self::Avx2 => 32,
            Self::Avx512 => 64,
        };
        self.chains() * vector_bytes / dtype.size_bytes()
    }

    fn chains(self) -> usize {
        match self {
            Self::Sse2 | Self::Avx | Self::Avx2 => 12,
            Self::Avx512 | Self::Neon => 24,
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sse2 => "SSE2",
            Self::Avx => "AVX",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
            Self::Neon => "NEON",
        })
    }
}

/// What each step does: x = x·multiplier + addend.
#[derive(Clone, Copy, Debug)]
pub struct Step<T> {
    /// Below 1, so that nothing grows.
    pub multiplier: T,
    /// Keeps everything from shrinking to nothing.
    pub addend: T,
}

/// Takes this many steps on each of the elements, in registers.
///
/// # Panics
///
/// When the processor has no such instruction set, or the elements are not as many as its width.
pub fn multiply_add<T: Element>(isa: Isa, elements: &mut [T], step: Step<T>, count: usize) {
    assert!(isa.is_available(), "this processor has no {isa}");
    assert_eq!(
        elements.len(),
        isa.width(T::DTYPE),
        "{isa} has another width"
    );
    match T::DTYPE {
        Dtype::F64 => {
            let step = Step {
                multiplier: bytemuck::cast(step.multiplier),
                addend: bytemuck::cast(step.addend),
            };
            chains_f64(isa, bytemuck::cast_slice_mut(elements), step, count);
        }
        Dtype::F32 => {
            let step = Step {
                multiplier: bytemuck::cast(step.multiplier),
                addend: bytemuck::cast(step.addend),
            };
            chains_f32(isa, bytemuck::cast_slice_mut(elements), step, count);
        }
    }
}

/// The same by plain arithmetic: what [`multiply_add`] must give, to the last bit.
pub fn multiply_add_plainly<T: Element>(
    is_fused: bool,
    elements: &mut [T],
    step: Step<T>,
    count: usize,
) {
    let Step { multiplier, addend } = step;
    match T::DTYPE {
        Dtype::F64 => plain_f64(
            is_fused,
            bytemuck::cast_slice_mut(elements),
            (bytemuck::cast(multiplier), bytemuck::cast(addend)),
            count,
        ),
        Dtype::F32 => plain_f32(
            is_fused,
            bytemuck::cast_slice_mut(elements),
            (bytemuck::cast(multiplier), bytemuck::cast(addend)),
            count,
        ),
    }
}

macro_rules! plain {
    ($name:ident, $element:ty) => {
        #[multiversion(targets("x86_64+avx2+fma", "aarch64+neon"))]
        fn $name(
            is_fused: bool,
            elements: &mut [$element],
            (multiplier, addend): ($element, $element),
            count: usize,
        ) {
            // Sixteen at a time take no longer than one.
            for elements in elements.chunks_mut(16) {
                for _ in 0..count {
                    for x in &mut *elements {
                        *x = if is_fused {
                            x.mul_add(multiplier, addend)
                        } else {
                            *x * multiplier + addend
                        };
                    }
                }
            }
        }
    };
}

plain!(plain_f64, f64);
plain!(plain_f32, f32);

/// The loop for one instruction set and type. The chains are an array that the compiler takes apart into registers.
macro_rules! chains {
    ($name:ident, $feature:literal, $element:ty, $vector:ty, $chains:literal, |$x:ident, $m:ident, $c:ident| $body:expr) => {
        #[target_feature(enable = $feature)]
        fn $name(elements: &mut [$element], step: Step<$element>, count: usize) {
            const LANES: usize = size_of::<$vector>() / size_of::<$element>();
            let vector = |elements: [$element; LANES]| -> $vector { bytemuck::cast(elements) };
            let $m = vector([step.multiplier; LANES]);
            let $c = vector([step.addend; LANES]);
            let mut chains = [$c; $chains];
            let (vectors, _) = elements.as_chunks_mut::<LANES>();
            for (chain, elements) in chains.iter_mut().zip(&*vectors) {
                *chain = vector(*elements);
            }
            for _ in 0..count {
                for chain in &mut chains {
                    let $x = *chain;
                    *chain = $body;
                }
            }
            for (chain, elements) in chains.iter().zip(vectors) {
                *elements = bytemuck::cast(*chain);
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::Step;
    use std::arch::x86_64::{
        __m128, __m128d, __m256, __m256d, __m512, __m512d, _mm_add_pd, _mm_add_ps, _mm_mul_pd,
        _mm_mul_ps, _mm256_add_pd, _mm256_add_ps, _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_mul_pd,
        _mm256_mul_ps, _mm512_fmadd_pd, _mm512_fmadd_ps,
    };

    chains!(sse2_f64, "sse2", f64, __m128d, 12, |x, m, c| _mm_add_pd(
        _mm_mul_pd(x, m),
        c
    ));
    chains!(sse2_f32, "sse2", f32, __m128, 12, |x, m, c| _mm_add_ps(
        _mm_mul_ps(x, m),
        c
    ));
    chains!(avx_f64, "avx", f64, __m256d, 12, |x, m, c| _mm256_add_pd(
        _mm256_mul_pd(x, m),
        c
    ));
    chains!(avx_f32, "avx", f32, __m256, 12, |x, m, c| _mm256_add_ps(
        _mm256_mul_ps(x, m),
        c
    ));
    chains!(avx2_f64, "avx2,fma", f64, __m256d, 12, |x, m, c| {
        _mm256_fmadd_pd(x, m, c)
    });
    chains!(avx2_f32, "avx2,fma", f32, __m256, 12, |x, m, c| {
        _mm256_fmadd_ps(x, m, c)
    });
    chains!(avx512_f64, "avx512f", f64, __m512d, 24, |x, m, c| {
        _mm512_fmadd_pd(x, m, c)
    });
    chains!(avx512_f32, "avx512f", f32, __m512, 24, |x, m, c| {
        _mm512_fmadd_ps(x, m, c)
    });

    macro_rules! choose {
        ($name:ident, $element:ty, $sse2:ident, $avx:ident, $avx2:ident, $avx512:ident) => {
            pub(super) fn $name(
                isa: super::Isa,
                elements: &mut [$element],
                step: Step<$element>,
                count: usize,
            ) {
                assert!(isa.is_available());
                // SAFETY: the processor has the instruction set, as was just asked.
                unsafe {
                    match isa {
                        super::Isa::Avx512 => $avx512(elements, step, count),
                        super::Isa::Avx2 => $avx2(elements, step, count),
                        super::Isa::Avx => $avx(elements, step, count),
                        super::Isa::Sse2 | super::Isa::Neon => $sse2(elements, step, count),
                    }
                }
            }
        };
    }

    choose!(chains_f64, f64, sse2_f64, avx_f64, avx2_f64, avx512_f64);
    choose!(chains_f32, f32, sse2_f32, avx_f32, avx2_f32, avx512_f32);
}

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use super::Step;
    use std::arch::aarch64::{float32x4_t, float64x2_t, vfmaq_f32, vfmaq_f64};

    chains!(neon_f64, "neon", f64, float64x2_t, 24, |x, m, c| vfmaq_f64(
        c, x, m
    ));
    chains!(neon_f32, "neon", f32, float32x4_t, 24, |x, m, c| vfmaq_f32(
        c, x, m
    ));

    pub(super) fn chains_f64(_: super::Isa, elements: &mut [f64], step: Step<f64>, count: usize) {
        // SAFETY: every 64-bit ARM processor that this program is compiled for has NEON.
        unsafe { neon_f64(elements, step, count) }
    }

    pub(super) fn chains_f32(_: super::Isa, elements: &mut [f32], step: Step<f32>, count: usize) {
        // SAFETY: as above.
        unsafe { neon_f32(elements, step, count) }
    }
}

#[cfg(target_arch = "aarch64")]
use aarch64::{chains_f32, chains_f64};
#[cfg(target_arch = "x86_64")]
use x86_64::{chains_f32, chains_f64};

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Element>(isa: Isa, multiplier: T, addend: T) {
        let step = Step { multiplier, addend };
        let count = isa.width(T::DTYPE);
        let mut elements: Vec<T> = (0..count)
            .map(|i| T::from_random_word((i as u64 + 1) << 54))
            .collect();
        let mut expected = elements.clone();
        multiply_add(isa, &mut elements, step, 777);
        multiply_add_plainly(isa.is_fused(), &mut expected, step, 777);
        assert_eq!(elements, expected, "{isa} {}", T::DTYPE);
    }

    #[test]
    fn every_instruction_set_computes_what_plain_arithmetic_does() {
        for isa in Isa::available() {
            check::<f64>(isa, 0.999_9, 1.5e-4);
            check::<f32>(isa, 0.999_9, 1.5e-4);
        }
    }

    #[test]
    fn the_best_is_available_and_the_last() {
        assert!(Isa::best().is_available());
        assert_eq!(Isa::available().last(), Some(Isa::best()));
        assert!(Isa::available().count() >= 1);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn core_types_name_their_instruction_set() {
        for (core, expected) in [
            ("Zen", Some(Isa::Avx2)),
            ("Haswell", Some(Isa::Avx2)),
            ("SkylakeX", Some(Isa::Avx512)),
            ("SapphireRapids", Some(Isa::Avx512)),
            ("Sandybridge", Some(Isa::Avx)),
            ("Prescott", Some(Isa::Sse2)),
            ("Opteron_SSE3", Some(Isa::Sse2)),
            ("Unknown", None),
            ("", None),
        ] {
            assert_eq!(Isa::of_core(core), expected, "{core}");
        }
        let linked = Isa::of_core(&crate::openblas::describe().core);
        assert!(linked.is_some_and(Isa::is_available), "{linked:?}");
    }

    #[test]
    #[should_panic(expected = "another width")]
    fn other_widths_are_refused() {
        let step = Step {
            multiplier: 0.5,
            addend: 0.5,
        };
        multiply_add(Isa::best(), &mut [1.0f64; 7], step, 1);
    }
}
