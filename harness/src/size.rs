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
    /// A range that is not `FIRST..LAST:STEP` or `FIRST..LAST*FACTOR`.
    #[error(
        "cannot use the sizes '{0}': a range has a step or a factor (try --size 500..10000:500 or --size 100..6400*2)"
    )]
    Range(String),
    /// A range that goes nowhere.
    #[error("cannot use the sizes '{0}': the range ends before it begins (try --size {1})")]
    Reversed(String, String),
    /// A range that never ends.
    #[error(
        "cannot use the sizes '{0}': a step is 1 or more and a factor 2 or more, or the range would never end"
    )]
    Standstill(String),
    /// More than anybody waits for.
    #[error("cannot use the sizes '{0}': they are more than {SIZES_MAX} (choose a larger step)")]
    TooMany(String),
}

/// The most sizes that one run measures: a bound keeps a slip of the finger from asking for years.
pub const SIZES_MAX: usize = 10_000;

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

    /// Reads sizes and ranges separated by commas. A range is `FIRST..LAST:STEP` or, growing by a factor,
    /// `FIRST..LAST*FACTOR`, LAST included where a step lands on it.
    ///
    /// # Errors
    ///
    /// That of the first one that is not a size.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, SizeError> {
        let mut sizes = Vec::new();
        for part in text.split(',').map(str::trim) {
            match part.split_once("..") {
                Some((first, rest)) => Self::parse_range(part, first, rest, &mut sizes)?,
                None => sizes.push(Self::parse(part)?),
            }
            if sizes.len() > SIZES_MAX {
                return Err(SizeError::TooMany(text.to_owned()));
            }
        }
        Ok(sizes)
    }

    /// Adds the sizes of a range; of one with too many only so many that this is seen.
    fn parse_range(
        range: &str,
        first: &str,
        rest: &str,
        sizes: &mut Vec<Self>,
    ) -> Result<(), SizeError> {
        let operator = rest.find([':', '*']);
        let Some(operator) = operator else {
            return Err(SizeError::Range(range.to_owned()));
        };
        let (last, step) = (&rest[..operator], &rest[operator + 1..]);
        let is_factor = rest[operator..].starts_with('*');
        let (from, to) = (Self::parse(first.trim())?.n, Self::parse(last.trim())?.n);
        let step_by: usize = step
            .trim()
            .parse()
            .map_err(|_| SizeError::Range(range.to_owned()))?;
        if step_by < if is_factor { 2 } else { 1 } {
            return Err(SizeError::Standstill(range.to_owned()));
        }
        if from > to {
            let turned = format!("{last}..{first}{}", &rest[operator..]);
            return Err(SizeError::Reversed(range.to_owned(), turned));
        }
        let next = |n: &usize| {
            if is_factor {
                n.checked_mul(step_by)
            } else {
                n.checked_add(step_by)
            }
        };
        let orders = std::iter::successors(Some(from), next).take_while(|n| *n <= to);
        sizes.extend(orders.take(SIZES_MAX + 1).map(|n| Self { n, name: None }));
        Ok(())
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
    use expect_test::{Expect, expect};

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

    fn check_range(text: &str, expected: &[usize]) {
        let sizes = Size::parse_list(text).unwrap();
        let orders: Vec<usize> = sizes.iter().map(|size| size.n).collect();
        assert_eq!(orders, expected, "{text}");
    }

    #[test]
    fn ranges_include_their_end_where_a_step_lands_on_it() {
        check_range("500..2000:500", &[500, 1000, 1500, 2000]);
        check_range("500..1999:500", &[500, 1000, 1500]);
        check_range("100..1000*2", &[100, 200, 400, 800]);
        check_range("test..tiny:4900", &[100, 5000]);
        check_range("7..7:1", &[7]);
        check_range("64, 1..3:1 ,test", &[64, 1, 2, 3, 100]);
        check_range("2147483646..2147483647:2147483647", &[2_147_483_646]);
    }

    fn check_refused(text: &str, expected: &Expect) {
        expected.assert_eq(&Size::parse_list(text).unwrap_err().to_string());
    }

    #[test]
    fn ranges_that_go_nowhere_are_refused() {
        check_refused(
            "500..100:50",
            &expect![
                "cannot use the sizes '500..100:50': the range ends before it begins (try --size 100..500:50)"
            ],
        );
        check_refused(
            "500..1000:0",
            &expect![
                "cannot use the sizes '500..1000:0': a step is 1 or more and a factor 2 or more, or the range would never end"
            ],
        );
        check_refused(
            "500..1000*1",
            &expect![
                "cannot use the sizes '500..1000*1': a step is 1 or more and a factor 2 or more, or the range would never end"
            ],
        );
        check_refused(
            "500..1000",
            &expect![
                "cannot use the sizes '500..1000': a range has a step or a factor (try --size 500..10000:500 or --size 100..6400*2)"
            ],
        );
        check_refused(
            "500..1000:-5",
            &expect![
                "cannot use the sizes '500..1000:-5': a range has a step or a factor (try --size 500..10000:500 or --size 100..6400*2)"
            ],
        );
        check_refused(
            "1..2147483647:1",
            &expect![
                "cannot use the sizes '1..2147483647:1': they are more than 10000 (choose a larger step)"
            ],
        );
        check_refused(
            "0..10:1",
            &expect!["cannot use the size 0: a matrix has at least one row (try --size test)"],
        );
        check_refused(
            "..10:1",
            &expect![
                "cannot use the size '': it is no number and none of test, tiny, small, large, huge (try --size small or --size 2000)"
            ],
        );
    }
}
