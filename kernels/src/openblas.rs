//! The linked OpenBLAS: what it is, and how many threads it uses.

use crate::ffi;

/// What the library says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// For example `0.3.21`.
    pub version: String,
    /// The whole configuration string of its build.
    pub config: String,
    /// The core type whose kernels it chose on this processor.
    pub core: String,
    /// `pthreads`, `openmp` or `sequential`.
    pub threading: &'static str,
    /// The most threads its build can use.
    pub threads_max: usize,
}

/// OpenBLAS did not take the number of threads that it was given.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot use {requested} threads: OpenBLAS uses {used} instead (its build allows {threads_max}; choose --threads {used})"
)]
pub struct ThreadsError {
    requested: usize,
    used: usize,
    threads_max: usize,
}

/// Asks the library what it is.
pub fn describe() -> Description {
    let config = ffi::config();
    let mut words = config.split_whitespace();
    let version = words
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or("unknown")
        .to_owned();
    let threads_max = config
        .split_whitespace()
        .find_map(|word| word.strip_prefix("MAX_THREADS=")?.parse().ok());
    let threading = match ffi::parallel() {
        0 => "sequential",
        1 => "pthreads",
        _ => "openmp",
    };
    Description {
        version,
        core: ffi::corename(),
        threading,
        threads_max: threads_max.unwrap_or(if threading == "sequential" {
            1
        } else {
            usize::MAX
        }),
        config,
    }
}

/// Sets the number of threads and reads back what the library made of it.
///
/// # Errors
///
/// When the library uses another number.
pub fn set_threads(count: usize) -> Result<usize, ThreadsError> {
    let used = ffi::set_num_threads(i32::try_from(count).unwrap_or(i32::MAX));
    let used = usize::try_from(used).unwrap_or(0);
    if used == count {
        Ok(used)
    } else {
        Err(ThreadsError {
            requested: count,
            used,
            threads_max: describe().threads_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_openblas_with_threads() {
        let description = describe();
        assert!(description.config.contains("OpenBLAS"), "{description:?}");
        assert!(description.version.starts_with("0.3."), "{description:?}");
        assert_eq!(description.threading, "pthreads");
        assert!(description.threads_max >= 2);
        assert!(!description.core.is_empty());
    }

    #[test]
    fn more_threads_than_the_build_allows_is_an_error() {
        let too_many = describe().threads_max + 1;
        let error = set_threads(too_many).unwrap_err().to_string();
        set_threads(1).unwrap();
        assert!(
            error.contains(&format!("cannot use {too_many} threads")),
            "{error}"
        );
    }
}
