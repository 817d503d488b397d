//! Changes that were found and are intended: a versioned file that is kept with the source.

use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::comparison::CaseOutcome;
use crate::store::{self, StoreError};

/// The version of the file that this crate writes.
pub const VERSION: u32 = 1;

/// The file: all accepted changes, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedFile {
    /// The version of the file, see [`VERSION`].
    pub accepted_version: u32,
    /// The changes.
    pub changes: Vec<Accepted>,
}

/// One accepted change of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// Why it is intended.
    pub reason: String,
    /// When it was accepted, RFC 3339 in UTC.
    pub accepted_utc: String,
    /// The kernel.
    pub kernel: String,
    /// The matrices are n by n.
    pub n: usize,
    /// `f64` or `f32`.
    pub dtype: String,
    /// The library that the case names, where another one was asked for than the linked one, or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blas: Option<String>,
    /// Who shares the product out, where it is not `team`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Where both sides were told to bind their threads, if not `compact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<String>,
    /// The threads of baseline and candidate.
    pub threads: [usize; 2],
    /// The ratio that was expected before.
    pub ratio_before: f64,
    /// The ratio that is expected from then on, candidate over baseline.
    pub ratio: f64,
    /// The interval that it was found with.
    pub ratio_interval: [f64; 2],
    /// What the baseline was, by its content (`content` of the comparison): what is put in its place is not meant.
    pub baseline: String,
    /// What the candidate was.
    pub candidate: String,
}

impl Default for AcceptedFile {
    fn default() -> Self {
        Self {
            accepted_version: VERSION,
            changes: Vec::new(),
        }
    }
}

/// Larger files are no list that people keep.
const SIZE_MAX_BYTES: u64 = 1 << 20;

impl AcceptedFile {
    /// Reads the file; one that does not exist holds nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Accepted`] when it is there and cannot be used: a change that was accepted is not to be overlooked.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let wrong = |reason: String| StoreError::Accepted {
            path: path.to_owned(),
            reason,
        };
        let text = match std::fs::File::open(path)
            .and_then(|file| store::read_bounded(file, SIZE_MAX_BYTES))
        {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(store::reason(&error))),
        };
        let file: Self = serde_json::from_slice(&text)
            .map_err(|error| wrong(format!("it holds no accepted changes ({error})")))?;
        if file.accepted_version != VERSION {
            return Err(wrong(format!(
                "its version is {} and this bench knows {VERSION}",
                file.accepted_version
            )));
        }
        let is_ratio = |ratio: f64| ratio.is_finite() && ratio > 0.0;
        if file.changes.iter().any(|change| !is_ratio(change.ratio)) {
            return Err(wrong("a ratio in it is not a number above 0".to_owned()));
        }
        Ok(file)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`StoreError::File`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let mut text =
            serde_json::to_string_pretty(self).expect("accepted changes are always JSON");
        text.push('\n');
        store::write_whole(path, text.as_bytes())
    }

    /// Whether a change of this case was accepted against another baseline.
    pub fn is_of_another(
        &self,
        baseline: &str,
        case: &CaseOutcome,
        affinity: Option<&str>,
    ) -> bool {
        let others = self.changes.iter().map(|change| change.baseline.as_str());
        let mut others = others.filter(|other| *other != baseline);
        others.any(|other| self.of(other, case, affinity).is_some())
    }

    /// The newest change of this case against this baseline. What was accepted of one case is not accepted of another one, be it that only
    /// one common option is another.
    pub fn of(
        &self,
        baseline: &str,
        case: &CaseOutcome,
        affinity: Option<&str>,
    ) -> Option<&Accepted> {
        self.changes.iter().rev().find(|change| {
            change.baseline == baseline
                && (&change.kernel, change.n, &change.dtype, change.threads)
                    == (&case.kernel, case.n, &case.dtype, case.threads)
                && (&change.blas, &change.driver) == (&case.blas, &case.driver)
                && change.affinity.as_deref() == affinity
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(n: usize, ratio: f64) -> Accepted {
        Accepted {
            reason: "checks bounds now".to_owned(),
            accepted_utc: "2026-01-01T00:00:00Z".to_owned(),
            kernel: "matmul-norm".to_owned(),
            n,
            dtype: "f64".to_owned(),
            blas: None,
            driver: None,
            affinity: None,
            threads: [2, 2],
            ratio_before: 1.0,
            ratio,
            ratio_interval: [ratio - 0.01, ratio + 0.01],
            baseline: "abc".to_owned(),
            candidate: "def".to_owned(),
        }
    }

    #[test]
    fn what_was_written_is_read_and_the_newest_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accepted.json");
        assert_eq!(AcceptedFile::read(&path).unwrap(), AcceptedFile::default());
        let mut file = AcceptedFile::default();
        file.changes
            .extend([change(1000, 0.9), change(2000, 0.8), change(1000, 0.85)]);
        file.write(&path).unwrap();
        let read = AcceptedFile::read(&path).unwrap();
        assert_eq!(read, file);
        let case = |n| CaseOutcome {
            kernel: "matmul-norm".to_owned(),
            n,
            dtype: "f64".to_owned(),
            threads: [2, 2],
            ..CaseOutcome::default()
        };
        let found = |baseline, n| read.of(baseline, &case(n), None).map(|change| change.ratio);
        assert_eq!(found("abc", 1000), Some(0.85));
        assert_eq!(found("abc", 3000), None);
        assert_eq!(found("xyz", 1000), None);
        let is_of_another = |baseline, n| read.is_of_another(baseline, &case(n), None);
        assert!(is_of_another("xyz", 1000));
        assert!(!is_of_another("abc", 1000) && !is_of_another("xyz", 3000));
    }

    /// The story: a slowdown that was accepted with one library excused that of another one.
    #[test]
    fn a_common_option_makes_another_case() {
        let mut file = AcceptedFile::default();
        file.changes.push(change(1000, 0.9));
        let case = CaseOutcome {
            kernel: "matmul-norm".to_owned(),
            n: 1000,
            dtype: "f64".to_owned(),
            threads: [2, 2],
            ..CaseOutcome::default()
        };
        let is_accepted = |case: &CaseOutcome, affinity| file.of("abc", case, affinity).is_some();
        assert!(is_accepted(&case, None));
        assert!(!is_accepted(&case, Some("scatter")));
        let changes: [fn(&mut CaseOutcome); 6] = [
            |case| case.kernel = "gemm".to_owned(),
            |case| case.n = 2000,
            |case| case.dtype = "f32".to_owned(),
            |case| case.threads = [2, 1],
            |case| case.blas = Some("newest".to_owned()),
            |case| case.driver = Some("library".to_owned()),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut other = case.clone();
            change(&mut other);
            assert!(!is_accepted(&other, None), "{index}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accepted.json");
        for text in [
            "",
            "{}",
            "[1]",
            r#"{"accepted_version": 2, "changes": []}"#,
            r#"{"accepted_version": 1, "changes": [{}]}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(AcceptedFile::read(&path).is_err(), "{text}");
        }
        let mut file = AcceptedFile::default();
        file.changes.push(change(1, 0.0));
        file.write(&path).unwrap();
        assert!(AcceptedFile::read(&path).is_err());
    }
}
