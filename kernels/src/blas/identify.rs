//! What libraries say of themselves, read from their own words.

use super::symbols::IndexWidth;

/// What stands in the configuration string of an OpenBLAS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenBlasConfig {
    pub(super) version: String,
    pub(super) threads_max: Option<usize>,
    pub(super) index_width: IndexWidth,
}

/// Reads OpenBLAS's configuration string, for example `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH Haswell MAX_THREADS=64`.
pub(super) fn openblas(config: &str) -> OpenBlasConfig {
    let mut words = config.split_whitespace();
    let version = words
        .clone()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let threads_max = words
        .clone()
        .find_map(|word| word.strip_prefix("MAX_THREADS=")?.parse().ok());
    let is_wide = words.any(|word| word == "USE64BITINT");
    OpenBlasConfig {
        version: version.unwrap_or("unknown").to_owned(),
        threads_max,
        index_width: if is_wide {
            IndexWidth::Bits64
        } else {
            IndexWidth::Bits32
        },
    }
}

/// The version in MKL's words, for example `Intel(R) oneAPI Math Kernel Library Version 2026.2-Product Build ...`.
pub(super) fn mkl_version(text: &str) -> String {
    let mut words = text.split_whitespace();
    let version = words
        .find(|word| *word == "Version")
        .and_then(|_| words.next());
    let number = version.and_then(|word| word.split('-').next());
    number.unwrap_or("unknown").to_owned()
}

/// The instruction set of MKL's branch for this processor, after `mkl_cbwr_get_auto_branch` (`mkl_types.h`); on some
/// processors MKL answers only `MKL_CBWR_AUTO`, 2.
pub(super) fn mkl_branch(number: i32) -> String {
    match number {
        3 => "compatible".to_owned(),
        4 => "SSE2".to_owned(),
        6 => "SSSE3".to_owned(),
        7 => "SSE4.1".to_owned(),
        8 => "SSE4.2".to_owned(),
        9 => "AVX".to_owned(),
        10 => "AVX2".to_owned(),
        11 => "AVX512_MIC".to_owned(),
        12 => "AVX512".to_owned(),
        13 => "AVX512_MIC_E1".to_owned(),
        14 => "AVX512_E1".to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// Name and version in BLIS's words: `0.9.0`, or `AOCL-BLAS 5.3.0 Build 20260512`.
pub(super) fn blis(text: &str) -> (&'static str, String) {
    let name = if text.contains("AOCL") {
        "AOCL-BLIS"
    } else {
        "BLIS"
    };
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or("unknown");
    (name, version.trim_end_matches(',').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openblas_configurations() {
        let debian =
            openblas("OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64");
        assert_eq!(
            debian,
            OpenBlasConfig {
                version: "0.3.21".to_owned(),
                threads_max: Some(64),
                index_width: IndexWidth::Bits32
            }
        );
        let numpy = openblas(
            "OpenBLAS 0.3.31.dev  USE64BITINT DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64",
        );
        assert_eq!(numpy.version, "0.3.31.dev");
        assert_eq!(numpy.index_width, IndexWidth::Bits64);
        assert_eq!(openblas("").version, "unknown");
        assert_eq!(openblas("OpenBLAS SINGLE_THREADED").threads_max, None);
    }

    #[test]
    fn versions_of_the_others() {
        let mkl = "Intel(R) oneAPI Math Kernel Library Version 2026.2-Product Build 20260911 for Intel(R) 64 architecture applications";
        assert_eq!(mkl_version(mkl), "2026.2");
        assert_eq!(mkl_version("something else"), "unknown");
        assert_eq!(blis("0.9.0"), ("BLIS", "0.9.0".to_owned()));
        assert_eq!(
            blis("AOCL-BLAS 5.3.0 Build 20260512"),
            ("AOCL-BLIS", "5.3.0".to_owned())
        );
    }
}
