//! How libraries spell the names of CBLAS, and how wide their integers are.

use std::fmt;

/// The width of a library's integers: of the matrices' orders and leading dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexWidth {
    /// LP64, the usual one.
    Bits32,
    /// ILP64.
    Bits64,
}

impl IndexWidth {
    /// Its size in bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::Bits32 => 32,
            Self::Bits64 => 64,
        }
    }
}

impl fmt::Display for IndexWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-bit", self.bits())
    }
}

/// What a library puts before and behind the names of its functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    pub(super) prefix: &'static str,
    pub(super) suffix: &'static str,
    /// What this spelling says about the width; a plain name says nothing.
    pub(super) says: Option<IndexWidth>,
}

const fn spelling(
    prefix: &'static str,
    suffix: &'static str,
    says: Option<IndexWidth>,
) -> Spelling {
    Spelling {
        prefix,
        suffix,
        says,
    }
}

/// The known spellings, the first that is there counts: MKL has both the plain and the `_64` names.
const SPELLINGS: [Spelling; 5] = [
    spelling("", "", None),
    // scipy-openblas32.
    spelling("scipy_", "", None),
    // scipy-openblas64, also in numpy's and scipy's wheels.
    spelling("scipy_", "64_", Some(IndexWidth::Bits64)),
    // OpenBLAS with SYMBOLSUFFIX=64_, as Julia and Fedora have it.
    spelling("", "64_", Some(IndexWidth::Bits64)),
    // The reference implementation's and MKL's second interface.
    spelling("", "_64", Some(IndexWidth::Bits64)),
];

impl Spelling {
    /// The spelling in which a library has `cblas_dgemm`.
    pub(super) fn of(has: impl Fn(&str) -> bool) -> Option<Self> {
        SPELLINGS
            .into_iter()
            .find(|spelling| has(&spelling.name("cblas_dgemm")))
    }

    /// A function's name in this spelling.
    pub(super) fn name(self, function: &str) -> String {
        format!("{}{function}{}", self.prefix, self.suffix)
    }

    /// The name of a function of LAPACK's, which are Fortran's and end in an underscore: `dgetrf_`, `scipy_dgetrf_64_`.
    pub(super) fn fortran_name(self, function: &str) -> String {
        match self.suffix {
            "" => format!("{}{function}_", self.prefix),
            _ => format!("{}{function}_64_", self.prefix),
        }
    }

    /// The names that are looked for, to be named when none is there.
    pub(super) fn all_of(function: &str) -> String {
        let names: Vec<String> = SPELLINGS
            .iter()
            .map(|spelling| spelling.name(function))
            .collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn lapack_is_spelled_as_fortran_does() {
        let names = SPELLINGS.map(|spelling| spelling.fortran_name("dgetrf"));
        assert_eq!(
            names,
            [
                "dgetrf_",
                "scipy_dgetrf_",
                "scipy_dgetrf_64_",
                "dgetrf_64_",
                "dgetrf_64_"
            ]
        );
    }

    fn check(names: &[&str], expected: &Expect) {
        let found = Spelling::of(|name| names.contains(&name));
        let text = found.map_or_else(
            || "none".to_owned(),
            |found| format!("{} {:?}", found.name("cblas_sgemm"), found.says),
        );
        expected.assert_eq(&text);
    }

    #[test]
    fn spellings_are_told_apart() {
        check(&["cblas_dgemm"], &expect!["cblas_sgemm None"]);
        check(
            &["cblas_dgemm_64", "cblas_dgemm"],
            &expect!["cblas_sgemm None"],
        );
        check(&["scipy_cblas_dgemm"], &expect!["scipy_cblas_sgemm None"]);
        check(
            &["scipy_cblas_dgemm64_"],
            &expect!["scipy_cblas_sgemm64_ Some(Bits64)"],
        );
        check(&["cblas_dgemm64_"], &expect!["cblas_sgemm64_ Some(Bits64)"]);
        check(&["cblas_dgemm_64"], &expect!["cblas_sgemm_64 Some(Bits64)"]);
        check(&["dgemm_", "cblas_sgemm"], &expect!["none"]);
    }
}
