//! How many threads a run uses, and who says so.

use results::record::{Threads, Topology};

/// The environment variables that OpenBLAS itself reads, in its order.
const VARIABLES: [&str; 3] = [
    "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OMP_NUM_THREADS",
];

/// A number of threads that cannot be used here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThreadsError {
    /// Not a positive number.
    #[error(
        "cannot use {requested:?} threads ({source_name}): it must be a whole number from 1 to {max} here (try --threads {max})"
    )]
    NotANumber {
        /// What was given.
        requested: String,
        /// Who gave it.
        source_name: String,
        /// What can be used.
        max: usize,
    },
    /// More threads than CPUs would take turns on them.
    #[error(
        "cannot use {requested} threads ({source_name}): this process may use {usable} logical CPUs (try --threads {best}, one for each physical core)"
    )]
    TooMany {
        /// What was asked for.
        requested: usize,
        /// Who asked.
        source_name: String,
        /// Logical CPUs.
        usable: usize,
        /// Physical cores.
        best: usize,
    },
    /// More threads than the BLAS was built for.
    #[error(
        "cannot use {requested} threads ({source_name}): this BLAS was built for {library_max} at most (try --threads {library_max})"
    )]
    TooManyForLibrary {
        /// What was asked for.
        requested: usize,
        /// Who asked.
        source_name: String,
        /// The library's limit.
        library_max: usize,
    },
}

/// `--threads`, else the environment's word, else one thread for each physical core, as far as the quota and the
/// library go.
///
/// `variable` looks up an environment variable; `library_max` is the most threads that the BLAS was built for.
///
/// # Errors
///
/// When the request is not a number, zero, more than this process has CPUs, or more than the library can use.
pub fn choose(
    option: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
    topology: &Topology,
    library_max: usize,
) -> Result<Threads, ThreadsError> {
    if let Some(requested) = option {
        return requested_count(requested, "--threads", topology, library_max);
    }
    for name in VARIABLES {
        if let Some(value) = variable(name).filter(|value| !value.trim().is_empty()) {
            // OpenMP allows a list, one number for each level of nesting.
            let first = value.split(',').next().unwrap_or(&value).trim();
            return requested_count(first, &format!("from {name}"), topology, library_max).map(
                |threads| Threads {
                    source: name.to_owned(),
                    ..threads
                },
            );
        }
    }
    Ok(default_count(topology, library_max))
}

fn requested_count(
    requested: &str,
    source_name: &str,
    topology: &Topology,
    library_max: usize,
) -> Result<Threads, ThreadsError> {
    let usable = topology.usable_logical_cpus;
    let count = match requested.parse::<usize>() {
        Ok(count) if count > 0 => count,
        _ => {
            return Err(ThreadsError::NotANumber {
                requested: requested.to_owned(),
                source_name: source_name.to_owned(),
                max: usable.min(library_max),
            });
        }
    };
    if count > usable {
        return Err(ThreadsError::TooMany {
            requested: count,
            source_name: source_name.to_owned(),
            usable,
            best: topology.usable_physical_cores,
        });
    }
    if count > library_max {
        return Err(ThreadsError::TooManyForLibrary {
            requested: count,
            source_name: source_name.to_owned(),
            library_max,
        });
    }
    Ok(Threads {
        count,
        source: source_name.to_owned(),
    })
}

/// Hyperthreads share a core's multipliers: a second thread there costs time and adds nothing (the article: 653 GFLOPS
/// against 1028). Threads beyond the quota are throttled, all of them together.
fn default_count(topology: &Topology, library_max: usize) -> Threads {
    let cores = topology.usable_physical_cores;
    let (count, source) = match topology.cpu_quota {
        Some(quota) if quota < cores as f64 => ((quota.floor() as usize).max(1), "cpu quota"),
        _ => (cores, "physical cores"),
    };
    let (count, source) = if count > library_max {
        (library_max, "library limit")
    } else {
        (count, source)
    };
    Threads {
        count,
        source: source.to_owned(),
    }
}

/// What a reader of the figures should know about the threads.
pub fn warnings(threads: &Threads, topology: &Topology) -> Vec<String> {
    let mut warnings = Vec::new();
    if threads.source == "library limit" {
        warnings.push(format!(
            "{} of {} physical cores are used: this BLAS was built for no more threads",
            threads.count, topology.usable_physical_cores
        ));
    }
    if let Some(quota) = topology
        .cpu_quota
        .filter(|quota| *quota < threads.count as f64)
    {
        warnings.push(format!(
            "{} threads share a quota of {quota} CPUs: the kernel stops all of them again and again",
            threads.count
        ));
    }
    if threads.count > topology.usable_physical_cores {
        warnings.push(format!(
            "{} threads on {} physical cores: hyperthreads share their core's multipliers",
            threads.count, topology.usable_physical_cores
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(cores: usize, cpus: usize, cpu_quota: Option<f64>) -> Topology {
        Topology {
            usable_physical_cores: cores,
            usable_logical_cpus: cpus,
            cpu_quota,
            ..Topology::default()
        }
    }

    fn check(option: Option<&str>, variables: &[(&str, &str)], expected: (usize, &str)) {
        let lookup = |name: &str| {
            let (_, value) = variables.iter().find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        };
        let threads = choose(option, lookup, &topology(18, 36, None), 64).unwrap();
        assert_eq!((threads.count, threads.source.as_str()), expected);
    }

    #[test]
    fn the_option_comes_before_the_environment_before_the_cores() {
        check(Some("4"), &[("OMP_NUM_THREADS", "8")], (4, "--threads"));
        check(None, &[("OMP_NUM_THREADS", "8")], (8, "OMP_NUM_THREADS"));
        check(
            None,
            &[("OMP_NUM_THREADS", "8"), ("OPENBLAS_NUM_THREADS", "2")],
            (2, "OPENBLAS_NUM_THREADS"),
        );
        check(None, &[("OMP_NUM_THREADS", "8,2")], (8, "OMP_NUM_THREADS"));
        check(None, &[("OMP_NUM_THREADS", " ")], (18, "physical cores"));
        check(None, &[], (18, "physical cores"));
    }

    #[test]
    fn the_quota_caps_the_default() {
        let count = |quota| default_count(&topology(8, 16, Some(quota)), 64).count;
        assert_eq!(count(1.5), 1);
        assert_eq!(count(0.5), 1);
        assert_eq!(count(4.0), 4);
        assert_eq!(count(12.0), 8);
    }

    #[test]
    fn the_library_caps_the_default_and_refuses_the_request() {
        let large = topology(96, 192, None);
        let threads = default_count(&large, 64);
        assert_eq!(
            (threads.count, threads.source.as_str()),
            (64, "library limit")
        );
        assert_eq!(warnings(&threads, &large).len(), 1);
        assert_eq!(choose(Some("64"), |_| None, &large, 64).unwrap().count, 64);
        let error = choose(Some("65"), |_| None, &large, 64).unwrap_err();
        assert!(matches!(error, ThreadsError::TooManyForLibrary { .. }));
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let refuse = |text| choose(Some(text), |_| None, &topology(2, 4, None), 64).unwrap_err();
        for text in ["0", "-1", "two", "1.5", ""] {
            assert!(
                matches!(refuse(text), ThreadsError::NotANumber { .. }),
                "{text}"
            );
        }
        assert_eq!(
            refuse("5").to_string(),
            "cannot use 5 threads (--threads): this process may use 4 logical CPUs (try --threads 2, one for each physical core)"
        );
        let variable = |name: &str| (name == "OMP_NUM_THREADS").then(|| "99".to_owned());
        let error = choose(None, variable, &topology(2, 4, None), 64).unwrap_err();
        assert!(
            error.to_string().contains("from OMP_NUM_THREADS"),
            "{error}"
        );
    }

    #[test]
    fn hyperthreads_and_quota_are_warned_of() {
        let threads = Threads {
            count: 4,
            source: String::new(),
        };
        assert_eq!(warnings(&threads, &topology(2, 4, Some(1.5))).len(), 2);
        assert!(warnings(&threads, &topology(4, 8, None)).is_empty());
    }
}
