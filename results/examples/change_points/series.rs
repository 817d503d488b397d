//! Synthetic series of runs with planted changes: the same in every execution.

/// Numbers that look random and depend on the seed alone (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + (self.uniform() * (high - low + 1) as f64) as usize
    }

    /// A standard normal value, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// What a series' noise is like. Its scale is the standard deviation of what is normal in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noise {
    /// Independent and normal: what Hunter assumes.
    Normal,
    /// Independent with a long tail to the slow side: a run that was disturbed is slower, never faster.
    Skewed,
    /// Independent with the heavy tails of Student's distribution with three degrees of freedom.
    Heavy,
    /// Normal, and one run in twenty is 5 to 30 % slower.
    Outliers,
    /// Normal, and two or three times two to four runs in a row are 5 to 20 % slower.
    Bursts,
    /// Each run keeps 40 % of the deviation of the one before, besides noise of its own.
    Remembering,
    /// Normal around a level that wanders slowly up and down by twice the noise.
    Drift,
    /// Each run falls into one of two modes, three scales apart, by chance.
    TwoModes,
}

pub(crate) const NOISES: [Noise; 8] = [
    Noise::Normal,
    Noise::Skewed,
    Noise::Heavy,
    Noise::Outliers,
    Noise::Bursts,
    Noise::Remembering,
    Noise::Drift,
    Noise::TwoModes,
];

/// A series and what is true of it.
pub(crate) struct Series {
    pub(crate) values: Vec<f64>,
    /// The first runs of new levels.
    pub(crate) changes: Vec<usize>,
}

/// How the changes of a series are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// No change at all.
    Constant,
    /// One, at least ten runs from both ends.
    Single,
    /// Two, eight to fifteen runs apart, in opposite directions: a regression and its repair.
    Repaired,
    /// Three to five, at least fifteen runs apart.
    Several,
}

pub(crate) const LAYOUTS: [Layout; 4] = [
    Layout::Constant,
    Layout::Single,
    Layout::Repaired,
    Layout::Several,
];

/// A series of `len` runs around 100 with this noise and these changes, each `size` (0.05: 5 %) up or down.
pub(crate) fn series(
    random: &mut Random,
    len: usize,
    (noise, scale): (Noise, f64),
    (layout, size): (Layout, f64),
) -> Series {
    let changes = places(random, len, layout);
    let mut level = 0.0;
    let mut direction = if random.uniform() < 0.6 { -1.0 } else { 1.0 };
    let mut logs = Vec::with_capacity(len);
    for run in 0..len {
        if changes.contains(&run) {
            level += direction * f64::ln_1p(size);
            let turns = layout == Layout::Repaired || random.uniform() < 0.5;
            direction = if turns { -direction } else { direction };
        }
        logs.push(100_f64.ln() + level);
    }
    add_noise(random, &mut logs, noise, scale);
    Series {
        values: logs.into_iter().map(f64::exp).collect(),
        changes,
    }
}

fn places(random: &mut Random, len: usize, layout: Layout) -> Vec<usize> {
    let mut places = Vec::new();
    match layout {
        Layout::Constant => {}
        Layout::Single => places.push(random.between(10, len - 10)),
        Layout::Repaired => {
            let first = random.between(10, len - 26);
            places.extend([first, first + random.between(8, 15)]);
        }
        Layout::Several => {
            let count = random.between(3, 5).min(len / 20);
            let share = len / (count + 1);
            for at in 1..=count {
                let slack = share.saturating_sub(15) / 2;
                let middle = at * share;
                places.push(random.between(middle - slack, middle + slack));
            }
        }
    }
    places
}

fn add_noise(random: &mut Random, logs: &mut [f64], noise: Noise, scale: f64) {
    let len = logs.len();
    let phase = random.uniform();
    let mut kept = 0.0;
    for (run, log) in logs.iter_mut().enumerate() {
        let normal = random.normal();
        *log += scale
            * match noise {
                Noise::Normal | Noise::Outliers | Noise::Bursts => normal,
                Noise::Skewed => 0.5 * normal + (1.0 - random.uniform()).ln(),
                Noise::Heavy => {
                    let squares: f64 = (0..3).map(|_| random.normal().powi(2)).sum();
                    normal / (squares / 3.0).sqrt()
                }
                Noise::Remembering => {
                    kept = 0.4 * kept + normal;
                    kept
                }
                Noise::Drift => {
                    let turns = 1.5 * run as f64 / len as f64 + phase;
                    normal + 2.0 * (std::f64::consts::TAU * turns).sin()
                }
                Noise::TwoModes => normal + if random.uniform() < 0.5 { 3.0 } else { 0.0 },
            };
    }
    if noise == Noise::Outliers {
        for log in logs.iter_mut() {
            if random.uniform() < 0.05 {
                *log += (1.0 - (0.05 + 0.25 * random.uniform())).ln();
            }
        }
    }
    if noise == Noise::Bursts {
        for _ in 0..random.between(2, 3) {
            let start = random.between(0, len - 5);
            let depth = (1.0 - (0.05 + 0.15 * random.uniform())).ln();
            for log in &mut logs[start..start + random.between(2, 4)] {
                *log += depth;
            }
        }
    }
}
