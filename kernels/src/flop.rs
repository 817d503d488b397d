//! Operation counts, fixed by formula so that figures can be compared whatever the library really does.

/// The operations that one matmul-norm of n by n matrices counts: 2(n³ + n²).
///
/// Source: the article's script, `ops = 2E-9 * (n**3 + n**2)`: n² dot products of length n, a multiplication and an
/// addition each, and as many for the norm's n² squares.
pub fn matmul_norm(n: usize) -> f64 {
    let n = n as f64;
    2.0 * (n * n * n + n * n)
}

/// 10⁹ operations a second. A time below `resolution_s`, which no clock can have seen, counts as that.
pub fn gflops(flop: f64, run_time_s: f64, resolution_s: f64) -> f64 {
    1e-9 * flop / run_time_s.max(resolution_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_first_line() {
        // "norm: 25003427.73  Run time: 3.06277 seconds  GFLOPS: 653" at n = 10000.
        let gflops = gflops(matmul_norm(10_000), 3.06277, 1e-9);
        assert_eq!(format!("{gflops:.0}"), "653");
    }

    #[test]
    fn no_time_is_not_infinitely_fast() {
        assert!(gflops(matmul_norm(1), 0.0, 1e-9).is_finite());
    }
}
