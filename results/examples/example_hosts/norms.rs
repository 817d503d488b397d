//! What is computed on all of these hosts, and on those that really ran.

/// Norms as `bench` computes them in f64 for the seeds 1 to 5, so that these hosts agree with those that really ran.
#[allow(clippy::unreadable_literal, reason = "they are as they were printed")]
pub(crate) const NORMS: [(usize, [f64; 5]); 3] = [
    (
        500,
        [
            62422.57904554867,
            62594.376540405945,
            62614.603031970386,
            62311.62165803637,
            62588.96573464487,
        ],
    ),
    (
        1000,
        [
            250014.393744126,
            250245.22090486097,
            250237.540661046,
            249907.21236662296,
            250339.18841427378,
        ],
    ),
    (
        2000,
        [
            1000723.5045436976,
            1000317.921462879,
            1000477.169725196,
            999467.2904414923,
            1000552.8343629688,
        ],
    ),
];
