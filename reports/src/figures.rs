//! How many digits a figure deserves.

/// More digits than this say nothing about a benchmark.
const SIGNIFICANT_DIGITS: i32 = 4;

/// From here on, and below the reciprocal, plain digits are harder to read than a power of ten.
const SCIENTIFIC_FROM: f64 = 1e9;

/// The decimals for a median whose samples lie `spread` apart: down to a tenth of the spread, but two significant digits
/// at the least and four at the most, so that 12.3456 ± 4 is 12.3 and 108.234 ± 0.01 is 108.2.
fn decimals(median: f64, spread: f64) -> usize {
    let of_spread = if spread > 0.0 {
        1 - exponent(spread)
    } else {
        i32::MAX
    };
    let least = 1 - exponent(median);
    let most = SIGNIFICANT_DIGITS - 1 - exponent(median);
    of_spread.clamp(least, most).max(0) as usize
}

/// The power of ten of the first digit; 0 for what has none.
fn exponent(value: f64) -> i32 {
    if value == 0.0 || !value.is_finite() {
        0
    } else {
        value.abs().log10().floor() as i32
    }
}

/// A figure with the digits that the spread leaves to the median it is printed beside.
pub(crate) fn beside(value: f64, median: f64, spread: f64) -> String {
    let plain = 1.0 / SCIENTIFIC_FROM..SCIENTIFIC_FROM;
    if value.is_finite() && value != 0.0 && !plain.contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    format!("{value:.*}", decimals(median, spread))
}

/// A figure of a check, which may be anything from a rounding error to nonsense: three significant digits.
pub(crate) fn of_check(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        format!("{value}")
    } else if (0.001..1e6).contains(&value.abs()) {
        format!("{value:.*}", (2 - exponent(value)).max(0) as usize)
    } else {
        format!("{value:.2e}")
    }
}

/// A share in percent: one decimal while it is small, none when it is not.
pub(crate) fn percent(value: f64) -> String {
    let text = if value.abs() < 9.95 {
        format!("{value:.1} %")
    } else {
        format!("{value:.0} %")
    };
    without_sign_of_zero(text)
}

/// A difference with one decimal and its sign, for example one in percent; what is rounded to nothing has no sign.
pub(crate) fn difference(value: f64) -> String {
    without_sign_of_zero(format!("{value:+.1}"))
}

/// `0.0` for `-0.0` and `+0.0`: nothing is neither less nor more.
fn without_sign_of_zero(text: String) -> String {
    match text.strip_prefix(['-', '+']) {
        Some(rest) if rest.starts_with('0') && !rest.contains(|c| ('1'..='9').contains(&c)) => {
            rest.to_owned()
        }
        _ => text,
    }
}

/// Digits in threes from 10,000 on, for axes and labels: `98765.4` is `98,765.4`. What is not plain digits stays as it is.
pub(crate) fn grouped(figure: &str) -> String {
    let (whole, rest) = match figure.find('.') {
        Some(dot) => figure.split_at(dot),
        None => (figure, ""),
    };
    if whole.len() < 5 || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return figure.to_owned();
    }
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

/// `1 sample`, `3 samples`, `12,000 samples`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(&count.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_the_spread() {
        for (value, spread, expected) in [
            (108.234, 1.4, "108.2"),
            (108.234, 0.0001, "108.2"),
            (12.3456, 7.4, "12.3"),
            (12.3456, 74.0, "12"),
            (9.7, 10.3, "9.7"),
            (1028.3, 6.0, "1028"),
            (98765.4, 900.0, "98765"),
            (0.5, 0.001, "0.5000"),
            (0.5, 0.2, "0.50"),
            (0.000_123_4, 0.0, "0.0001234"),
            (0.0, 0.0, "0.000"),
            (1e15, 0.0, "1.000e15"),
            (3e-12, 0.0, "3.000e-12"),
            (f64::NAN, 1.0, "NaN"),
            (f64::INFINITY, f64::NAN, "inf"),
        ] {
            assert_eq!(beside(value, value, spread), expected, "{value} ± {spread}");
        }
    }

    #[test]
    fn checks_show_three_digits() {
        for (value, expected) in [
            (512.345, "512"),
            (4.0, "4.00"),
            (0.012_34, "0.0123"),
            (1.11e-12, "1.11e-12"),
            (24_950_000.0, "2.50e7"),
            (12_247.6, "12248"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (0.0, "0"),
        ] {
            assert_eq!(of_check(value), expected);
        }
    }

    #[test]
    fn zero_has_no_sign() {
        for (value, share, shown) in [
            (-0.0, "0.0 %", "0.0"),
            (-0.04, "0.0 %", "0.0"),
            (0.04, "0.0 %", "0.0"),
            (-0.06, "-0.1 %", "-0.1"),
            (0.06, "0.1 %", "+0.1"),
            (-10.2, "-10 %", "-10.2"),
            (f64::NAN, "NaN %", "NaN"),
            (f64::NEG_INFINITY, "-inf %", "-inf"),
        ] {
            assert_eq!(percent(value), share);
            assert_eq!(difference(value), shown);
        }
    }

    #[test]
    fn thousands_are_grouped_from_five_digits_on() {
        for (figure, expected) in [
            ("1028", "1028"),
            ("98765", "98,765"),
            ("98765.4321", "98,765.4321"),
            ("1234567", "1,234,567"),
            ("1.000e15", "1.000e15"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(grouped(figure), expected);
        }
    }
}
