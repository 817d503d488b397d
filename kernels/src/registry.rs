//! The kernels by name. A new one is a file of its own with a `DEFINITION`, and a line here.

use crate::kernel::Definition;
use crate::{fma_peak, gemm, lu_solve, matmul_norm, triad};

/// All kernels, the default one first.
pub static KERNELS: [&Definition; 5] = [
    &matmul_norm::DEFINITION,
    &gemm::DEFINITION,
    &lu_solve::DEFINITION,
    &triad::DEFINITION,
    &fma_peak::DEFINITION,
];

/// There is no kernel of this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot measure '{name}': no kernel has this name (there are {})", names().join(", "))]
pub struct UnknownKernel {
    name: String,
}

/// The kernel of this name.
///
/// # Errors
///
/// When there is none, with the names that there are.
pub fn find(name: &str) -> Result<&'static Definition, UnknownKernel> {
    KERNELS
        .into_iter()
        .find(|definition| definition.name == name)
        .ok_or_else(|| UnknownKernel {
            name: name.to_owned(),
        })
}

/// The names of all kernels.
pub fn names() -> Vec<&'static str> {
    KERNELS.map(|definition| definition.name).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Printed;
    use crate::{Driver, Dtype, Multiplier, Team};
    use std::sync::Arc;

    /// n = 1 has one row, 65 a remainder in every way of cutting.
    const SIZES: [usize; 4] = [1, 2, 17, 65];

    fn multiplier(threads: usize) -> Multiplier {
        Multiplier::new(Arc::new(Team::new(threads, None).unwrap()), Driver::Team).unwrap()
    }

    /// Every kernel with every size, type and number of threads that is tried.
    fn for_each_case(check: impl Fn(&Definition, usize, Dtype, usize)) {
        for definition in KERNELS {
            for n in SIZES {
                for dtype in [Dtype::F64, Dtype::F32] {
                    for threads in [1, 3] {
                        check(definition, n, dtype, threads);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_defined_is_what_is_made() {
        for_each_case(|definition, n, dtype, threads| {
            let kernel = (definition.make)(n, dtype, multiplier(threads)).unwrap();
            assert_eq!(kernel.name(), definition.name);
            assert_eq!(kernel.dtype(), dtype);
            assert_eq!(
                Some(kernel.matrix_bytes()),
                (definition.matrix_bytes)(n, dtype),
                "{}",
                definition.name
            );
            let flop = (definition.flop)(n, threads);
            assert!(flop > 0.0 && kernel.flop().to_bits() == flop.to_bits());
            assert_eq!(
                kernel.bytes(),
                definition.bytes.map(|bytes| bytes(n, dtype)),
                "{}",
                definition.name
            );
        });
    }

    #[test]
    fn right_results_pass_and_damaged_ones_fail() {
        for_each_case(|definition, n, dtype, threads| {
            let what = format!("{} n={n} {dtype}, {threads} threads", definition.name);
            let mut kernel = (definition.make)(n, dtype, multiplier(threads)).unwrap();
            let mut result = f64::NAN;
            // Twice: a run must not live on what the last one has left.
            for seed in [1, 2] {
                kernel.prepare(seed);
                result = kernel.run();
                let verification = kernel.verify(result);
                assert!(verification.passed(), "{what}: {verification:?}");
                assert_eq!(
                    verification.norm.is_some() && result.is_finite(),
                    definition.printed == Printed::Norm,
                    "{what}"
                );
            }
            kernel.damage();
            let verification = kernel.verify(result);
            assert!(!verification.passed(), "{what}: {verification:?}");
        });
    }

    #[test]
    fn sizes_beyond_the_address_space_are_no_numbers() {
        for definition in KERNELS {
            let bytes = (definition.matrix_bytes)(usize::MAX, Dtype::F64);
            let fits_anywhere = definition.name == "fma-peak";
            assert_eq!(bytes.is_none(), !fits_anywhere, "{}", definition.name);
        }
    }

    #[test]
    fn names_are_found_and_others_are_not() {
        for name in names() {
            assert_eq!(find(name).unwrap().name, name);
        }
        assert_eq!(names()[0], "matmul-norm");
        assert_eq!(
            find("linpack").unwrap_err().to_string(),
            "cannot measure 'linpack': no kernel has this name (there are matmul-norm, gemm, lu-solve, triad, fma-peak)"
        );
    }

    #[test]
    fn every_definition_says_what_it_is() {
        for definition in KERNELS {
            for text in [definition.summary, definition.formula, definition.source] {
                assert!(!text.is_empty(), "{}", definition.name);
            }
            assert!(definition.version > 0, "{}", definition.name);
        }
    }
}
