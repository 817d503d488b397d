//! What measuring adds around the timed region: two readings of the wall clock inside, two of the CPU clock outside, and the
//! readings of the machine's counters, also outside.
//!
//! `cargo bench -p harness --bench overhead`

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use harness::clock;
use harness::conditions::Watch;
use harness::energy;
use harness::measure::{NoProbe, Probe, timed};
use kernels::{Dtype, Kernel, Verification};

/// A kernel that does nothing: what is left is what measuring adds.
struct Nothing;

impl Kernel for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn dtype(&self) -> Dtype {
        Dtype::F64
    }

    fn matrix_bytes(&self) -> u64 {
        0
    }

    fn flop(&self) -> f64 {
        0.0
    }

    fn prepare(&mut self, _seed: u64) {}

    fn run(&mut self) -> f64 {
        0.0
    }

    fn verify(&self, _result: f64) -> Verification {
        unreachable!("nothing is verified here")
    }

    fn damage(&mut self) {}
}

fn overhead(criterion: &mut Criterion) {
    criterion.bench_function("clock::time around nothing", |bencher| {
        bencher.iter(|| clock::time(|| ()));
    });
    criterion.bench_function(
        "measure::timed around a kernel that does nothing",
        |bencher| {
            let mut kernel: Box<dyn Kernel> = Box::new(Nothing);
            bencher.iter(|| timed(kernel.as_mut(), &mut NoProbe));
        },
    );
    criterion.bench_function(
        "what is watched before and after a timed region",
        |bencher| {
            let root = Path::new("/");
            let cpus: Vec<usize> =
                (0..std::thread::available_parallelism().map_or(1, usize::from)).collect();
            let mut watch = Watch::open(root, &cpus, energy::open(root).ok());
            bencher.iter(|| {
                watch.before();
                watch.after();
            });
        },
    );
    criterion.bench_function("two readings of the wall clock", |bencher| {
        bencher.iter(|| std::time::Instant::now().elapsed());
    });
}

criterion_group!(benches, overhead);
criterion_main!(benches);
