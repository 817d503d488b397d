//! Simulated machines, and gates before them: the noise is drawn, the rules are the real ones.
#![allow(dead_code, reason = "the test and the example use parts of it each")]

use results::paired::{self, Block, Order, Side};
use results::statistics::random::SplitMix64;
use results::verdict::{self, Difference, GateCase, GateVerdict};

/// How the rates of processes that run one after the other vary on a machine.
pub(crate) trait Machine {
    /// The factor on the rate of the next process.
    fn next(&mut self) -> f64;
}

/// A machine whose noise is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// The standard deviation of what each process has of its own.
    pub own: f64,
    /// The standard deviation of what changes slowly, and how much of it carries over to the next process.
    pub carried: (f64, f64),
    /// The probability that a spell of slowness begins or ends with a process, and by how much it is slower at the most.
    pub spells: (f64, f64, f64),
    /// How much slower each process is than the one before.
    pub drift: f64,
    random: SplitMix64,
    level: f64,
    is_slow: bool,
    steps: f64,
    /// With which probability a process is the first of some that have one core for two threads.
    cores_shared: f64,
    /// How many more of them there are.
    sharing: usize,
}

impl Drawn {
    /// A machine with noise of its own in each process only.
    pub(crate) fn quiet(seed: u64, own: f64) -> Self {
        Self {
            own,
            carried: (0.0, 0.0),
            spells: (0.0, 1.0, 0.0),
            drift: 0.0,
            random: SplitMix64::new(seed),
            level: 0.0,
            is_slow: false,
            steps: 0.0,
            cores_shared: 0.0,
            sharing: 0,
        }
    }

    /// A virtual machine whose two processors are one core for seconds: one to eight processes in a row then have 0.53 of their speed, a tenth
    /// of all processes, whichever side they are of.
    pub(crate) fn doubled_up(seed: u64) -> Self {
        // A spell has 4.5 processes in the mean, and 1 / cores_shared are between two.
        let share = 0.1;
        Self {
            cores_shared: share / (4.5 * (1.0 - share)),
            ..Self::quiet(seed, 0.006)
        }
    }

    /// As a shared virtual machine is: slow changes, spells in which it has half its speed, drift, and now and then a process
    /// that is hit by itself.
    pub(crate) fn shared(seed: u64) -> Self {
        Self {
            carried: (0.015, 0.5),
            spells: (0.03, 0.3, 0.5),
            drift: 1e-3,
            ..Self::quiet(seed, 0.012)
        }
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.uniform()).sum::<f64>() - 6.0
    }
}

impl Machine for Drawn {
    fn next(&mut self) -> f64 {
        let (deviation, kept) = self.carried;
        self.level = kept * self.level + deviation * (1.0 - kept * kept).sqrt() * self.normal();
        let (begins, ends, depth) = self.spells;
        self.is_slow = self.random.uniform() < if self.is_slow { 1.0 - ends } else { begins };
        let spell = if self.is_slow {
            1.0 - depth * self.random.uniform()
        } else {
            1.0
        };
        if self.sharing > 0 {
            self.sharing -= 1;
        } else if self.cores_shared > 0.0 && self.random.uniform() < self.cores_shared {
            self.sharing = 1 + self.random.below(8);
        }
        let spell = spell * if self.sharing > 0 { 0.53 } else { 1.0 };
        // Noise that slows only: its tail is heavy.
        let own = self.own * (1.0 / (1.0 - self.random.uniform())).powf(0.4);
        self.steps += 1.0;
        spell * (self.level - own - self.drift * self.steps).exp()
    }
}

/// A machine that does again what one has done, from a place on that the seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Recorded<'a> {
    rates: &'a [f64],
    next: usize,
}

impl<'a> Recorded<'a> {
    /// The recorded series, entered at a random place; at its end it begins anew.
    pub(crate) fn new(rates: &'a [f64], seed: u64) -> Self {
        let next = SplitMix64::new(seed).below(rates.len());
        Self { rates, next }
    }
}

impl Machine for Recorded<'_> {
    fn next(&mut self) -> f64 {
        let rate = self.rates[self.next % self.rates.len()];
        self.next += 1;
        rate
    }
}

/// As many blocks as are wanted, of a candidate that has this ratio to the baseline. With `blocks_min` blocks or more it ends when the noise
/// is as low as is wanted.
pub(crate) fn blocks(
    machine: &mut dyn Machine,
    orders: &mut SplitMix64,
    ratio: f64,
    (blocks_min, blocks_max): (usize, usize),
    noise_wanted: f64,
) -> Vec<Block> {
    let mut taken: Vec<Block> = Vec::new();
    while taken.len() < blocks_max {
        let order = Order::draw(orders);
        let rates = order
            .sides()
            .map(|side| machine.next() * if side == Side::B { ratio } else { 1.0 });
        taken.push(Block { order, rates });
        let is_quiet = || paired::noise_floor(&taken).is_some_and(|noise| noise <= noise_wanted);
        if taken.len() >= blocks_min && is_quiet() {
            break;
        }
    }
    taken
}

/// A gate over as many cases as there are ratios, which share the machine's noise, each look with this many blocks at the most.
pub(crate) fn gate(
    machine: &mut dyn Machine,
    seed: u64,
    ratio: f64,
    blocks_max: usize,
    asked: Option<f64>,
) -> GateVerdict {
    let mut orders = SplitMix64::new(seed);
    let limits = (verdict::blocks_min(1), blocks_max);
    let first = blocks(
        machine,
        &mut orders,
        ratio,
        limits,
        verdict::noise_wanted(asked),
    );
    let mut case = GateCase {
        asked,
        first,
        fresh: Vec::new(),
        expected: 1.0,
    };
    if !case.is_clear() {
        let count = case.first.len();
        case.fresh = blocks(machine, &mut orders, ratio, (count, count), 0.0);
    }
    verdict::judge(&[case])[0].verdict
}

/// The shares of comparisons of one case, as `bench ab` makes them, with each outcome: faster, slower, no difference, inconclusive.
pub(crate) fn comparisons<M: Machine>(
    count: u64,
    machine: impl Fn(u64) -> M,
    ratio: f64,
    blocks_max: usize,
    within: f64,
) -> [f64; 4] {
    let mut shares = [0.0; 4];
    for index in 0..count {
        let mut orders = SplitMix64::new(2 * index + 1);
        let limits = (verdict::blocks_min(1) + 1, blocks_max);
        let taken = blocks(
            &mut machine(2 * index),
            &mut orders,
            ratio,
            limits,
            within / 2.0,
        );
        let outcome = match verdict::differences(&[taken], within)[0] {
            Difference::Faster => 0,
            Difference::Slower => 1,
            Difference::NoDifference => 2,
            Difference::Inconclusive => 3,
        };
        shares[outcome] += 1.0 / count as f64;
    }
    shares
}

/// The shares of gates that found a regression, and that could not tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Regressions.
    pub regression: f64,
    /// Inconclusive ones.
    pub inconclusive: f64,
}

/// Many gates, each on a machine of its own.
pub(crate) fn gates<M: Machine>(
    count: u64,
    machine: impl Fn(u64) -> M,
    ratio: f64,
    blocks_max: usize,
    asked: Option<f64>,
) -> Shares {
    let (mut regression, mut inconclusive) = (0u64, 0u64);
    for index in 0..count {
        match gate(
            &mut machine(2 * index),
            2 * index + 1,
            ratio,
            blocks_max,
            asked,
        ) {
            GateVerdict::Pass => {}
            GateVerdict::Regression => regression += 1,
            GateVerdict::Inconclusive => inconclusive += 1,
        }
    }
    Shares {
        regression: regression as f64 / count as f64,
        inconclusive: inconclusive as f64 / count as f64,
    }
}
