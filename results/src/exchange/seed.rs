//! The lines that the article's numpy script prints, read back: `norm: 25003427.73\t Run time: 3.06277 seconds\t GFLOPS: 653`.
//!
//! A line has three rounded figures and nothing else. The order of the matrices follows from two of them, since the script computes
//! GFLOPS = 2e-9 · (n³ + n²) / run time; type, threads and host have to be told.

use std::ops::RangeInclusive;

/// A printed figure: what it was before it was rounded lies within half a unit of its last digit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Printed {
    /// As printed.
    pub value: f64,
    /// Half a unit of its last digit.
    pub half_unit: f64,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeedLine {
    /// Its number in the text, from 1.
    pub number: usize,
    /// The Frobenius norm; may be NaN or infinite, as a wrong product's is.
    pub norm: f64,
    /// The run time, in seconds.
    pub run_time_s: Printed,
    /// 10⁹ operations a second.
    pub gflops: Printed,
}

/// Why a text is not what the script prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// No line begins as the script's do.
    #[error("there is no line 'norm: ... Run time: ... seconds GFLOPS: ...' in it")]
    NoLines,
    /// A line begins as the script's do and goes on otherwise.
    #[error("line {number} begins with 'norm:' but is not whole")]
    Broken {
        /// The line, from 1.
        number: usize,
    },
    /// A figure is zero or none.
    #[error(
        "line {number} has no run time or no GFLOPS above zero: it was too fast for the digits that are printed"
    )]
    NoTime {
        /// The line, from 1.
        number: usize,
    },
}

/// The sizes that the script has, by its names: test, tiny, small, large, huge.
pub const SIZES: [usize; 5] = [100, 5000, 10_000, 20_000, 40_000];

/// The largest n that is looked for: twice the script's `huge` and more than memory holds.
const N_MAX: usize = 200_000;

/// Reads the script's lines from whatever stands around them. Lines may end in carriage returns, as a bundle's progress does.
///
/// # Errors
///
/// See [`SeedError`].
pub fn parse(text: &[u8]) -> Result<Vec<SeedLine>, SeedError> {
    let text = String::from_utf8_lossy(text);
    let mut lines = Vec::new();
    for (index, whole) in text.split('\n').enumerate() {
        let number = index + 1;
        let parts = whole.split('\r').map(str::trim);
        for part in parts.filter(|part| part.starts_with("norm:")) {
            let line = parse_line(number, part).ok_or(SeedError::Broken { number })?;
            let has_time = line.run_time_s.value > 0.0 && line.gflops.value > 0.0;
            if !has_time {
                return Err(SeedError::NoTime { number });
            }
            lines.push(line);
        }
    }
    if lines.is_empty() {
        return Err(SeedError::NoLines);
    }
    Ok(lines)
}

fn parse_line(number: usize, line: &str) -> Option<SeedLine> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [
        "norm:",
        norm,
        "Run",
        "time:",
        time,
        "seconds",
        "GFLOPS:",
        gflops,
    ] = words[..]
    else {
        return None;
    };
    Some(SeedLine {
        number,
        norm: norm_figure(norm)?,
        run_time_s: printed(time)?,
        gflops: printed(gflops)?,
    })
}

/// Python prints `nan` and `inf` where there is no number.
fn norm_figure(word: &str) -> Option<f64> {
    match word.trim_start_matches('-') {
        "nan" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        _ => printed(word).map(|printed| printed.value),
    }
}

/// Plain digits with or without decimals, the only form that Python's `.5f` has.
fn printed(word: &str) -> Option<Printed> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(decimals) {
        return None;
    }
    let value: f64 = word.parse().ok().filter(|value: &f64| value.is_finite())?;
    let places = i32::try_from(decimals.len()).ok()?;
    Some(Printed {
        value,
        half_unit: 0.5 * 10f64.powi(-places),
    })
}

/// What n can be by a line's figures, as printed: none, one or several orders.
pub fn orders(line: &SeedLine) -> RangeInclusive<usize> {
    let low = |printed: Printed| (printed.value - printed.half_unit).max(0.0);
    let high = |printed: Printed| printed.value + printed.half_unit;
    // Rounding is Python's, exact, so that the ends belong to the range; a little more allows for our own arithmetic.
    let flop_low = 1e9 * low(line.gflops) * low(line.run_time_s) * (1.0 - 1e-12);
    let flop_high = 1e9 * high(line.gflops) * high(line.run_time_s) * (1.0 + 1e-12);
    let first = first_order(|flop| flop >= flop_low).max(1);
    let past = first_order(|flop| flop > flop_high);
    first..=past.saturating_sub(1)
}

/// The least n whose number of operations is so, which all larger ones' then are.
fn first_order(is_reached: impl Fn(f64) -> bool) -> usize {
    let (mut low, mut high) = (0, N_MAX + 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        if is_reached(flop(middle)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The script's own count: `2 * (n**3 + n**2)`.
pub fn flop(n: usize) -> f64 {
    let n = n as f64;
    2.0 * (n * n * n + n * n)
}

/// The n of a line, derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The only one that fits, or the only one of the script's own sizes that does.
    Derived(usize),
    /// Several fit and the script's sizes do not tell.
    Ambiguous(RangeInclusive<usize>),
    /// None fits: the line's figures contradict each other.
    None,
}

/// Derives the n of a line.
pub fn order(line: &SeedLine) -> Order {
    let orders = orders(line);
    if orders.is_empty() {
        return Order::None;
    }
    if orders.start() == orders.end() {
        return Order::Derived(*orders.start());
    }
    let mut known = SIZES.into_iter().filter(|size| orders.contains(size));
    match (known.next(), known.next()) {
        (Some(size), None) => Order::Derived(size),
        _ => Order::Ambiguous(orders),
    }
}

/// The run time of a line of this n: as printed, or from the GFLOPS where these have more digits, as they do when a product takes
/// microseconds.
pub fn run_time_s(line: &SeedLine, n: usize) -> f64 {
    let imprecision = |printed: Printed| printed.half_unit / printed.value;
    if imprecision(line.run_time_s) <= imprecision(line.gflops) {
        line.run_time_s.value
    } else {
        1e-9 * flop(n) / line.gflops.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ARTICLE: &str = "Extracting [####################] 100%\rrunning numpy norm test\n\
        norm: 25003427.73\t Run time: 3.06277 seconds\t GFLOPS: 653\n\
        running numpy norm test\n\
        norm: 25002406.43        Run time: 3.04929 seconds       GFLOPS: 656\r\n";

    #[test]
    fn the_article_s_lines_are_read() {
        let lines = parse(ARTICLE.as_bytes()).unwrap();
        let read: Vec<_> = lines
            .iter()
            .map(|line| {
                (
                    line.number,
                    line.norm,
                    line.run_time_s.value,
                    line.gflops.value,
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                (2, 25_003_427.73, 3.062_77, 653.0),
                (4, 25_002_406.43, 3.049_29, 656.0)
            ]
        );
        for line in &lines {
            assert_eq!(order(line), Order::Derived(10_000));
            assert!(orders(line).count() > 1, "the script's sizes decide");
        }
    }

    #[test]
    fn what_is_not_whole_is_refused_by_its_line() {
        for (text, expected) in [
            ("", SeedError::NoLines),
            ("GFLOPS: 3", SeedError::NoLines),
            ("a\nnorm: 2 Run time: 1", SeedError::Broken { number: 2 }),
            (
                "norm: 2 Run time: 1e3 seconds GFLOPS: 1",
                SeedError::Broken { number: 1 },
            ),
            (
                "norm: x Run time: 1.0 seconds GFLOPS: 1",
                SeedError::Broken { number: 1 },
            ),
            (
                "norm: 2 Run time: .5 seconds GFLOPS: 1",
                SeedError::Broken { number: 1 },
            ),
            (
                "norm: 2 Run time: 0.00000 seconds GFLOPS: 1",
                SeedError::NoTime { number: 1 },
            ),
            (
                "norm: 2 Run time: 1.00000 seconds GFLOPS: 0",
                SeedError::NoTime { number: 1 },
            ),
            (
                "norm: 2 Run time: -1.00000 seconds GFLOPS: 5",
                SeedError::NoTime { number: 1 },
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(expected), "{text}");
        }
        assert!(
            parse(b"norm: nan Run time: 1.0 seconds GFLOPS: 1").unwrap()[0]
                .norm
                .is_nan()
        );
    }

    fn line(n: usize, run_time_s: f64) -> SeedLine {
        let gflops = 1e-9 * flop(n) / run_time_s;
        let text = format!("norm: 1.00\t Run time: {run_time_s:.5} seconds\t GFLOPS: {gflops:.0}");
        parse(text.as_bytes()).unwrap()[0]
    }

    #[test]
    fn an_n_that_the_script_does_not_have_is_ambiguous_or_exact() {
        assert_eq!(order(&line(1000, 0.021)), Order::Ambiguous(997..=1000));
        assert_eq!(order(&line(40_000, 60.0)), Order::Derived(40_000));
        // With more digits than the script prints, no other n fits.
        let line = parse(b"norm: 1.00 Run time: 0.001000 seconds GFLOPS: 54.18").unwrap()[0];
        assert_eq!(order(&line), Order::Derived(300));
    }

    #[test]
    fn contradicting_figures_fit_no_n() {
        let line =
            parse(b"norm: 1.00 Run time: 100.00000 seconds GFLOPS: 99999999999999").unwrap()[0];
        assert_eq!(order(&line), Order::None);
    }

    #[test]
    fn a_time_of_one_digit_is_told_better_by_the_rate() {
        let line = parse(b"norm: 2500.00 Run time: 0.00007 seconds GFLOPS: 29").unwrap()[0];
        assert_eq!(order(&line), Order::Derived(100));
        assert!((run_time_s(&line, 100) - 6.965_5e-5).abs() < 1e-8);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn nothing_that_resembles_a_line_makes_it_panic(
            text in "(norm:[ \t]{0,2}[-0-9a-z.]{0,400}[ \t]Run time: [-0-9.e]{0,30} seconds[ \t]GFLOPS: [-0-9.]{0,30}[\r\n]{0,2}){1,3}"
        ) {
            for line in parse(text.as_bytes()).unwrap_or_default() {
                let _ = (order(&line), run_time_s(&line, 100));
            }
        }

        #[test]
        fn the_true_n_is_never_excluded(n in 1usize..60_000, gflops in 1.0f64..5000.0) {
            let run_time_s = 1e-9 * flop(n) / gflops;
            let text = format!("norm: 1.00\t Run time: {run_time_s:.5} seconds\t GFLOPS: {gflops:.0}");
            if let Ok(lines) = parse(text.as_bytes()) {
                prop_assert!(orders(&lines[0]).contains(&n), "{text}: {:?}", orders(&lines[0]));
                let told = super::run_time_s(&lines[0], n);
                prop_assert!((told / run_time_s - 1.0).abs() < 0.34, "{told} for {run_time_s}");
            }
        }
    }
}
