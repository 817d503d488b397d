//! The cases that the command line names: all sizes with all types with all numbers of threads.

use std::collections::HashSet;

use kernels::{Definition, Dtype, registry};
use results::record::{Threads, Topology};

use crate::exit::Failure;
use crate::plan::CasePlan;
use crate::size::Size;
use crate::threads::{self, ThreadsError};

/// The most cases that one run measures.
pub const CASES_MAX: usize = 10_000;

/// Combines kernels, sizes, types and numbers of threads, in this order from the outer to the inner; what was named twice is
/// measured once.
///
/// # Errors
///
/// When they are too many.
pub fn cases(
    kernels: &[&'static Definition],
    sizes: &[Size],
    dtypes: &[Dtype],
    threads: &[Threads],
) -> Result<Vec<CasePlan>, Failure> {
    let mut seen = HashSet::new();
    let mut cases = Vec::new();
    for (kernel, size) in kernels
        .iter()
        .flat_map(|kernel| sizes.iter().map(move |size| (*kernel, size)))
    {
        for dtype in dtypes {
            for threads in threads {
                if seen.insert((kernel.name, size.n, dtype.size_bytes(), threads.count)) {
                    cases.push(CasePlan {
                        kernel,
                        size: size.clone(),
                        dtype: *dtype,
                        threads: threads.count,
                        blas: kernels::Blas::bundled(),
                        blas_name: None,
                    });
                }
            }
            if cases.len() > CASES_MAX {
                return Err(Failure::usage(anyhow::anyhow!(
                    "cannot measure so many cases: kernels, sizes, types and threads combine to more than {CASES_MAX} (choose a larger step)"
                )));
            }
        }
    }
    Ok(cases)
}

/// Finds kernels whose names are separated by commas; matmul-norm in panels if so asked.
///
/// # Errors
///
/// When there is none of a name, or none in panels.
pub fn kernels(text: &str, panels: bool) -> Result<Vec<&'static Definition>, Failure> {
    let find = |name: &str| registry::find(name.trim()).map_err(Failure::usage);
    let found: Vec<&'static Definition> = text.split(',').map(find).collect::<Result<_, _>>()?;
    if !panels {
        return Ok(found);
    }
    let usual = registry::KERNELS[0];
    if found.iter().all(|kernel| *kernel == usual) {
        return Ok(vec![&kernels::panels::DEFINITION]);
    }
    Err(Failure::usage(anyhow::anyhow!(
        "cannot compute '{text}' in panels: only {} can be (leave out --panels)",
        usual.name
    )))
}

/// Reads types separated by commas.
///
/// # Errors
///
/// When one of them is none.
pub fn dtypes(text: &str) -> Result<Vec<Dtype>, Failure> {
    text.split(',').map(|part| dtype(part.trim())).collect()
}

fn dtype(text: &str) -> Result<Dtype, Failure> {
    match text {
        "f64" | "float64" => Ok(Dtype::F64),
        "f32" | "float32" => Ok(Dtype::F32),
        other => Err(Failure::usage(anyhow::anyhow!(
            "cannot use the dtype '{other}': it is none of f64, float64, f32, float32 (try --dtype f64)"
        ))),
    }
}

/// The numbers of threads of `--threads`, which may be several: `physical` is one for each physical core that this process
/// may use, `logical` one for each logical CPU. Without the option, the one that the environment or the machine says.
///
/// # Errors
///
/// That of the first number that cannot be used here.
pub fn threads(
    option: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
    topology: &Topology,
    library_max: usize,
) -> Result<Vec<Threads>, ThreadsError> {
    let Some(list) = option else {
        return Ok(vec![threads::choose(
            None,
            variable,
            topology,
            library_max,
        )?]);
    };
    let mut chosen: Vec<Threads> = Vec::new();
    for part in list.split(',').map(str::trim) {
        let number = match part {
            "physical" => topology.usable_physical_cores.to_string(),
            "logical" => topology.usable_logical_cpus.to_string(),
            number => number.to_owned(),
        };
        let threads = threads::choose(Some(&number), &variable, topology, library_max)?;
        if chosen.iter().all(|other| other.count != threads.count) {
            chosen.push(threads);
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        Topology {
            usable_physical_cores: 4,
            usable_logical_cpus: 8,
            ..Topology::default()
        }
    }

    fn check_threads(list: &str, expected: &[usize]) {
        let threads = threads(Some(list), |_| None, &topology(), 64).unwrap();
        let counts: Vec<usize> = threads.iter().map(|threads| threads.count).collect();
        assert_eq!(counts, expected, "{list}");
    }

    #[test]
    fn threads_are_numbers_and_what_the_machine_has() {
        check_threads("1,2,4,physical,logical", &[1, 2, 4, 8]);
        check_threads("logical, 1", &[8, 1]);
        for list in ["", "1,", "all", "0", "1,9", "physical logical"] {
            assert!(
                threads(Some(list), |_| None, &topology(), 64).is_err(),
                "{list}"
            );
        }
        assert!(threads(Some("1,logical"), |_| None, &topology(), 4).is_err());
        let default = threads(None, |_| None, &topology(), 64).unwrap();
        assert_eq!(default[0].source, "physical cores");
    }

    #[test]
    fn dtypes_under_both_names() {
        assert_eq!(dtypes("float64, f32").unwrap(), [Dtype::F64, Dtype::F32]);
        assert!(dtypes("f64,f16").is_err());
        assert!(dtypes("").is_err());
    }

    #[test]
    fn kernels_are_combined_with_sizes() {
        let planned = |names: &str| {
            let sizes = Size::parse_list("test,200").unwrap();
            let threads = threads(Some("1"), |_| None, &topology(), 64).unwrap();
            kernels(names, false).map(|kernels| {
                let cases = cases(&kernels, &sizes, &[Dtype::F64], &threads).unwrap();
                let case = |case: &CasePlan| format!("{} {}", case.kernel.name, case.size.n);
                cases.iter().map(case).collect::<Vec<_>>().join(", ")
            })
        };
        assert_eq!(planned("gemm").unwrap(), "gemm 100, gemm 200");
        assert_eq!(
            planned("matmul-norm, triad").unwrap(),
            "matmul-norm 100, matmul-norm 200, triad 100, triad 200"
        );
        assert_eq!(
            planned("gemm,linpack").unwrap_err().to_string(),
            "cannot measure 'linpack': no kernel has this name (there are matmul-norm, gemm, lu-solve, triad, fma-peak)"
        );
    }

    #[test]
    fn duplicates_are_measured_once() {
        let sizes = Size::parse_list("100..300:100,test,200").unwrap();
        let threads = threads(Some("1,2"), |_| None, &topology(), 64).unwrap();
        let cases = cases(
            &kernels("matmul-norm,matmul-norm", false).unwrap(),
            &sizes,
            &dtypes("f64,float64").unwrap(),
            &threads,
        )
        .unwrap();
        let keys: Vec<(usize, usize)> = cases
            .iter()
            .map(|case| (case.size.n, case.threads))
            .collect();
        assert_eq!(
            keys,
            [(100, 1), (100, 2), (200, 1), (200, 2), (300, 1), (300, 2)]
        );
    }

    #[test]
    fn too_many_cases_are_refused() {
        let sizes = Size::parse_list("1..9999:1").unwrap();
        let threads = threads(Some("1,2"), |_| None, &topology(), 64).unwrap();
        let error = cases(
            &kernels("gemm", false).unwrap(),
            &sizes,
            &[Dtype::F64],
            &threads,
        )
        .unwrap_err();
        assert!(error.to_string().contains("more than 10000"), "{error}");
        assert!(
            cases(
                &kernels("gemm", false).unwrap(),
                &sizes,
                &[Dtype::F64],
                &threads[..1],
            )
            .is_ok()
        );
    }
}
