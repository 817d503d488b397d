//! Tails of distributions, for tests and intervals.

/// The probability that a value of Student's distribution with these degrees of freedom is at least as far from zero
/// as `t`: the two-sided p-value of a t-test. 1 when there are no degrees of freedom, or no number.
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.1 and 26.5.8 (the incomplete beta function's
/// continued fraction).
pub fn student_two_sided(t: f64, degrees_of_freedom: f64) -> f64 {
    if !t.is_finite() && !t.is_nan() {
        return 0.0;
    }
    if t.is_nan() || degrees_of_freedom.is_nan() || degrees_of_freedom <= 0.0 {
        return 1.0;
    }
    let square = t * t;
    incomplete_beta(
        degrees_of_freedom / (degrees_of_freedom + square),
        square / (degrees_of_freedom + square),
        degrees_of_freedom / 2.0,
        0.5,
    )
}

/// How far from zero a value of Student's distribution has to be so that its two-sided p-value is this one.
pub fn student_quantile(p_two_sided: f64, degrees_of_freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while student_two_sided(high, degrees_of_freedom) > p_two_sided && high < 1e12 {
        high *= 2.0;
    }
    // Each step halves the interval: 64 of them leave nothing of a double's 53 digits.
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if student_two_sided(middle, degrees_of_freedom) > p_two_sided {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularized incomplete beta function of x, with 1 − x beside it, since the difference would lose its digits.
fn incomplete_beta(x: f64, one_less_x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if one_less_x <= 0.0 {
        return 1.0;
    }
    let log_front =
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * one_less_x.ln();
    let front = log_front.exp();
    // The fraction converges quickly on one side of the mean only; the other side is its mirror image.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(one_less_x, b, a) / b
    }
}

/// The continued fraction by Lentz's method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TERMS_MAX: u32 = 400;
    const SMALLEST: f64 = 1e-300;
    let away_from_zero = |value: f64| {
        if value.abs() < SMALLEST {
            SMALLEST
        } else {
            value
        }
    };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..=TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let factor = d * c;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles from the table of Abramowitz and Stegun, 26.10.
    #[test]
    fn student_is_the_table_s() {
        for (t, degrees_of_freedom, p) in [
            (12.706, 1.0, 0.05),
            (2.571, 5.0, 0.05),
            (2.042, 30.0, 0.05),
            (3.646, 30.0, 0.001),
            (1.960, 1e6, 0.05),
            (5.041, 8.0, 0.001),
        ] {
            let found = student_two_sided(t, degrees_of_freedom);
            assert!(
                (found / p - 1.0).abs() < 2e-3,
                "{t} {degrees_of_freedom}: {found}"
            );
        }
        assert!((student_quantile(0.05, 30.0) - 2.0423).abs() < 1e-4);
    }

    #[test]
    fn far_out_and_nowhere() {
        assert!((student_two_sided(0.0, 5.0) - 1.0).abs() < 1e-12);
        assert!(student_two_sided(60.0, 50.0) < 1e-40);
        assert_eq!(student_two_sided(f64::INFINITY, 5.0).to_bits(), 0);
        assert_eq!(student_two_sided(f64::NAN, 5.0).to_bits(), 1f64.to_bits());
        assert_eq!(student_two_sided(1.0, 0.0).to_bits(), 1f64.to_bits());
    }
}
