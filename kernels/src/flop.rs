//! Operation counts, fixed by formula so that figures can be compared whatever the library really does.

/// The operations that one matmul-norm of n by n matrices counts: 2(n³ + n²).
///
/// Source: the article's script, `ops = 2E-9 * (n**3 + n**2)`: n² dot products of length n, a multiplication and an
/// addition each, and as many for the norm's n² squares.
pub fn matmul_norm(n: usize) -> f64 {
    let n = n as f64;
    2.0 * (n * n * n + n * n)
}

/// The operations of a product of n by n matrices: 2n³, n² dot products of length n.
pub fn gemm(n: usize) -> f64 {
    2.0 * (n as f64).powi(3)
}

/// The operations of solving A·x = b for an n by n matrix by LU factorization with partial pivoting: (2/3)n³ + (3/2)n².
///
/// Source: HPL 2.3, `testing/ptest/HPL_pdtest.c`: `( dN / 1.0e+9 ) * dN * ( (2.0/3.0) * dN + (3.0/2.0) )`.
pub fn lu_solve(n: usize) -> f64 {
    let n = n as f64;
    n * n * (2.0 / 3.0 * n + 1.5)
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
    fn the_formulas_at_a_thousand() {
        assert_eq!(gemm(1000).to_bits(), 2e9f64.to_bits());
        // The Top500's HPL would print 0.66817 GFLOPS for one second.
        assert!((lu_solve(1000) * 1e-9 - 0.668_166_667).abs() < 1e-9);
    }

    #[test]
    fn no_time_is_not_infinitely_fast() {
        assert!(gflops(matmul_norm(1), 0.0, 1e-9).is_finite());
    }
}
