//! The sizes of the article's script, and any other.

use std::fmt;

/// The order of the matrices, and the name it was asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The matrices are n by n.
    pub n: usize,
    /// `small` and its like, where it was given by name.
    pub name: Option<&'static str>,
}

/// The article's sizes.
pub const NAMED: [(&str, usize); 5] = [
    ("test", 100),
    ("tiny", 5_000),
    ("small", 10_000),
    ("large", 20_000),
    ("huge", 40_000),
];

/// The largest n that a BLAS with 32-bit indices can be asked for.
pub const N_MAX: usize = i32::MAX as usize;

/// A size that cannot be measured.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Neither a name nor a number.
    #[error(
        "cannot use the size '{0}': it is no number and none of test, tiny, small, large, huge (try --size small or --size 2000)"
    )]
    Unknown(String),
    /// Zero.
    #[error("cannot use the size 0: a matrix has at least one row (try --size test)")]
    Zero,
    /// More than the BLAS can index.
    #[error("cannot use the size {0}: this BLAS counts rows in 32 bits (at most {N_MAX})")]
    TooLarge(String),
}

impl Size {
    /// Reads one size.
    ///
    /// # Errors
    ///
    /// [`SizeError`], with what would do instead.
    pub fn parse(text: &str) -> Result<Self, SizeError> {
        if let Some((name, n)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(Self {
                n: *n,
                name: Some(name),
            });
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SizeError::Unknown(text.to_owned()));
        }
        match text.parse::<usize>() {
            Ok(0) => Err(SizeError::Zero),
            Ok(n) if n <= N_MAX => Ok(Self { n, name: None }),
            _ => Err(SizeError::TooLarge(text.to_owned())),
        }
    }

    /// Reads sizes separated by commas.
    ///
    /// # Errors
    ///
    /// That of the first one that is not a size.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, SizeError> {
        text.split(',')
            .map(|part| Self::parse(part.trim()))
            .collect()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "{name} (n = {})", self.n),
            None => write!(f, "n = {}", self.n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_lists() {
        let sizes = Size::parse_list("test,small, 2000").unwrap();
        let orders: Vec<usize> = sizes.iter().map(|size| size.n).collect();
        assert_eq!(orders, [100, 10_000, 2_000]);
        assert_eq!(sizes[1].to_string(), "small (n = 10000)");
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, expected) in [
            ("", SizeError::Unknown(String::new())),
            ("medium", SizeError::Unknown("medium".into())),
            ("-1", SizeError::Unknown("-1".into())),
            ("1e4", SizeError::Unknown("1e4".into())),
            ("0", SizeError::Zero),
            ("00", SizeError::Zero),
            ("2147483648", SizeError::TooLarge("2147483648".into())),
            (
                "99999999999999999999999",
                SizeError::TooLarge("99999999999999999999999".into()),
            ),
        ] {
            assert_eq!(Size::parse(text), Err(expected));
        }
        assert!(Size::parse_list("test,,small").is_err());
    }
}
