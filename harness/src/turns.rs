//! Two sides in turns on this host: blocks of four processes until noise is low enough or time is over.
//!
//! The first block warms the machine up and tells how long a repetition takes; it counts for nothing. What is looked at
//! between blocks to decide whether there are enough cannot see which side is which (see `results::paired`).

mod content;
mod left;
mod process;
mod runs;
mod side;

use std::time::{Duration, Instant};

use results::comparability::{self, Work};
use results::comparison::{CaseOutcome, Process, SideRecord, Stage};
use results::paired::{self, Block, Order, Side};
use results::record::{Case, Host, Record};
use results::statistics::{self, random::SplitMix64};
use results::{agreement, grade::Grade};

use crate::exit::Failure;
use crate::interrupt::Interrupt;
use content::Content;
pub use content::digest_of;
use process::Trouble;
pub use runs::Runs;
pub use side::SideCommand;

/// What every process is told besides: its record on standard output, and nothing that takes time and is not compared.
const QUIETLY: [&str; 5] = ["--output", "-", "--json", "--no-plot", "--no-peak"];

/// Repetitions in the processes of the warm-up, from which it is found how many there are to be.
const REPEATS_AT_FIRST: usize = 3;

/// The most repetitions that are chosen: more of them hardly make a process' best more steady.
const REPEATS_MAX: usize = 20;

/// The blocks that repetitions are chosen to leave room for in the time of one look.
const BLOCKS_WANTED: f64 = 10.0;

/// What stands for a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Its fastest repetition: noise only ever slows.
    ///
    /// Source: J. Chen, J. Revels, Robust benchmarking in noisy environments, 2016. Of 235 processes with ten repetitions each (n = 1000,
    /// two shared cores) the blocks' ratios of bests deviated by 1.1 %, those of medians by 2.4 %.
    Best,
    /// The median of its repetitions.
    Median,
}

impl Statistic {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Median => "median",
        }
    }

    fn of(self, gflops: &[f64]) -> Option<f64> {
        match self {
            Self::Best => gflops.iter().copied().reduce(f64::max),
            Self::Median => statistics::median(gflops),
        }
    }
}

/// What is to be compared, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// Baseline and candidate.
    pub sides: [SideCommand; 2],
    /// Words that both get.
    pub words: Vec<String>,
    /// Repetitions in each process; `None` to have them chosen.
    pub repeats: Option<usize>,
    /// What stands for a process.
    pub statistic: Statistic,
    /// The time after which one process is ended.
    pub timeout: Duration,
    /// The seed of the coin that decides the orders.
    pub order_seed: u64,
}

/// Why there are no more blocks.
#[derive(Debug)]
pub enum Stop {
    /// A signal asked the program to end.
    Interrupted(i32),
    /// A process failed.
    Failed(Failure),
    /// A result is wrong: why, in one line.
    Invalid(String),
    /// The sides do not measure the same: why, in one line.
    NotComparable(String),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Interrupted(signal) => Self::Interrupted(signal),
            Trouble::Failed(failure) => Self::Failed(failure),
            Trouble::Invalid(reason) => Self::Invalid(reason),
        }
    }
}

/// When a look has enough blocks.
#[derive(Clone, Copy, Debug)]
pub struct Enough {
    /// Not before there are so many.
    pub blocks_min: usize,
    /// Not after there are so many.
    pub blocks_max: usize,
    /// When the noise of every case is at this or below.
    pub noise: f64,
    /// When the time since the beginning is over: no block is begun that would end later.
    pub until_s: f64,
}

/// What is happening, for who draws it.
#[derive(Clone, Copy, Debug)]
pub struct Doing {
    /// Which part.
    pub stage: Stage,
    /// The block's index in it.
    pub block: usize,
    /// The process' index in the block.
    pub process: usize,
    /// The highest noise of all cases so far; `None` before there are enough blocks.
    pub noise: Option<f64>,
    /// The time since the beginning.
    pub elapsed_s: f64,
}

/// Sides that take turns.
pub struct Turns<'a> {
    request: Request,
    interrupt: &'a Interrupt,
    began: Instant,
    orders: SplitMix64,
    repeats: Option<usize>,
    block_s: f64,
    /// What the sides were before anything ran.
    contents: [Content; 2],
    /// The first record of each side.
    first: [Option<Record>; 2],
    /// Blocks of each case so far.
    pub cases: Vec<CaseOutcome>,
    /// Every process so far.
    pub processes: Vec<Process>,
    disturbed: usize,
    /// Processes that each side left running.
    left: [usize; 2],
}

impl<'a> Turns<'a> {
    /// Nothing has run yet.
    pub fn new(request: Request, interrupt: &'a Interrupt) -> Self {
        Self {
            orders: SplitMix64::new(request.order_seed),
            repeats: request.repeats,
            contents: [0, 1].map(|index| Content::of(&request.sides[index].words)),
            request,
            interrupt,
            began: Instant::now(),
            block_s: 0.0,
            first: [None, None],
            cases: Vec::new(),
            processes: Vec::new(),
            disturbed: 0,
            left: [0, 0],
        }
    }

    /// The time since the beginning.
    pub fn elapsed_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// The repetitions in each process; `None` where it is left to the sides.
    pub fn repeats(&self) -> Option<usize> {
        self.repeats
    }

    /// The machine, as the first record tells.
    pub fn host(&self) -> Option<Host> {
        let host = self.first[0]
            .as_ref()
            .or(self.first[1].as_ref())?
            .host
            .clone();
        Some(Host {
            machine: None,
            ..host
        })
    }

    /// Both sides, as their first records tell.
    pub fn sides(&self) -> [SideRecord; 2] {
        [0, 1].map(|index| {
            side_record(
                &self.request.sides[index],
                &self.contents[index],
                self.first[index].as_ref(),
            )
        })
    }

    /// What a reader should know of the processes.
    pub fn warnings(&self) -> Vec<String> {
        let of = self.processes.len();
        let disturbed = self.disturbed;
        let warning = format!(
            "{disturbed} of {of} processes were disturbed by others on the host (graded INVALID); the interval holds their noise"
        );
        let mut warnings = Vec::new();
        if disturbed * 4 > of {
            warnings.push(warning);
        }
        for (name, left) in ["A", "B"].into_iter().zip(self.left) {
            warnings.extend(left_running(&format!("side {name}"), left));
        }
        if let [Some(one), Some(other)] = &self.first {
            let mut pairs = one.cases.iter().zip(&other.cases);
            if pairs.any(|(one, other)| !agreement::share_a_seed(one, other)) {
                warnings.push(
                    "the sides multiply matrices of different seeds: their norms were not compared (give both the same --seed)".to_owned(),
                );
            }
        }
        warnings
    }

    /// Runs the block that warms up, and finds out how many repetitions let a look of `look_s` hold enough blocks.
    ///
    /// # Errors
    ///
    /// Why it cannot go on.
    pub fn warm_up(&mut self, look_s: f64, observe: &mut dyn FnMut(Doing)) -> Result<(), Stop> {
        self.block(Stage::Warmup, 0, None, observe)?;
        let chooses = self.request.repeats.is_none()
            && !self
                .request
                .sides
                .iter()
                .any(|side| side.has("--repeats") || side.has("--until"));
        if chooses {
            self.repeats = Some(repeats_for(
                look_s / BLOCKS_WANTED / 4.0,
                &self.first,
                &self.processes,
            ));
        }
        Ok(())
    }

    /// Runs blocks until there are enough.
    ///
    /// # Errors
    ///
    /// Why it cannot go on; the blocks that are whole are kept.
    pub fn look(
        &mut self,
        stage: Stage,
        enough: Enough,
        observe: &mut dyn FnMut(Doing),
    ) -> Result<(), Stop> {
        for index in 0..enough.blocks_max {
            let noise = self.noise(stage);
            let is_quiet = noise.is_some_and(|noise| noise <= enough.noise);
            if index >= enough.blocks_min && is_quiet {
                break;
            }
            if self.elapsed_s() + self.block_s > enough.until_s {
                break;
            }
            self.block(stage, index, noise, observe)?;
        }
        Ok(())
    }

    /// The highest noise of all cases.
    fn noise(&self, stage: Stage) -> Option<f64> {
        let noise = self.cases.iter().map(|case| match stage {
            Stage::Fresh => paired::noise_floor(&case.fresh),
            _ => paired::noise_floor(&case.first),
        });
        let noise: Option<Vec<f64>> = noise.collect();
        noise?.into_iter().reduce(f64::max)
    }

    fn block(
        &mut self,
        stage: Stage,
        index: usize,
        noise: Option<f64>,
        observe: &mut dyn FnMut(Doing),
    ) -> Result<(), Stop> {
        let begin_s = self.elapsed_s();
        let order = Order::draw(&mut self.orders);
        let mut rates: Vec<[f64; 4]> = Vec::new();
        for (process, side) in order.sides().into_iter().enumerate() {
            observe(Doing {
                stage,
                block: index,
                process,
                noise,
                elapsed_s: self.elapsed_s(),
            });
            let record = self.process(stage, index, side)?;
            rates.resize(record.cases.len(), [f64::NAN; 4]);
            for (rates, case) in rates.iter_mut().zip(&record.cases) {
                rates[process] = self.request.statistic.of(&gflops(case)).unwrap_or(f64::NAN);
            }
        }
        for (case, rates) in self.cases.iter_mut().zip(rates) {
            let block = Block { order, rates };
            match stage {
                Stage::Warmup => {}
                Stage::First => case.first.push(block),
                Stage::Fresh => case.fresh.push(block),
            }
        }
        let block_s = self.elapsed_s() - begin_s;
        // The warm-up has other repetitions than what follows.
        self.block_s = if stage == Stage::Warmup { 0.0 } else { block_s };
        Ok(())
    }

    /// Runs one process and checks its record against those before it.
    fn process(&mut self, stage: Stage, block: usize, side: Side) -> Result<Record, Stop> {
        let index = side as usize;
        let words = self.words();
        let begin_s = self.elapsed_s();
        let command = &self.request.sides[index];
        let measured = process::measure(command, &words, self.request.timeout, self.interrupt)?;
        let elapsed_s = self.elapsed_s() - begin_s;
        let record = measured.record;
        self.left[index] += measured.left;
        self.processes.push(Process {
            stage,
            block,
            side,
            begin_s,
            elapsed_s,
            gflops: record.cases.iter().map(gflops).collect(),
        });
        let is_disturbed = |record: &Record| {
            let grade = record.grade.as_ref();
            grade.is_some_and(|graded| graded.grade == Grade::Invalid)
        };
        self.check(side, &record)?;
        self.disturbed += usize::from(is_disturbed(&record));
        self.first[index].get_or_insert_with(|| record.clone());
        Ok(record)
    }

    /// The words behind a side's own.
    fn words(&self) -> Vec<String> {
        let mut words = self.request.words.clone();
        let sides = &self.request.sides;
        let says = |option: &str| sides.iter().any(|side| side.has(option));
        if !says("--repeats") && !says("--until") {
            let repeats = self.repeats.unwrap_or(REPEATS_AT_FIRST);
            words.extend(["--repeats".to_owned(), repeats.to_string()]);
        }
        // The best of some repetitions needs no more warming up than its first ones.
        let is_warm = words.iter().any(|word| word == "--warmup") || says("--warmup");
        if self.request.statistic == Statistic::Best && !is_warm {
            words.extend(["--warmup".to_owned(), "1".to_owned()]);
        }
        words.extend(QUIETLY.map(str::to_owned));
        words
    }

    fn check(&mut self, side: Side, record: &Record) -> Result<(), Stop> {
        let name = ["A", "B"][side as usize];
        failed_results(&format!("side {name}"), record)?;
        if record.cases.is_empty() || record.cases.iter().any(|case| gflops(case).is_empty()) {
            return Err(Stop::NotComparable(format!(
                "side {name} has a case without a rate"
            )));
        }
        if self.cases.is_empty() {
            self.cases = record.cases.iter().map(outcome_of).collect();
        }
        for before in self.first.iter().flatten() {
            same_cases(before, record)?;
            same_norms(before, record)?;
        }
        for (case, of_record) in self.cases.iter_mut().zip(&record.cases) {
            case.threads[side as usize] = of_record.threads_used;
            if side == Side::A {
                let CaseOutcome { blas, driver, .. } = outcome_of(of_record);
                (case.blas, case.driver) = (blas, driver);
            }
        }
        self.same_counts()
    }

    /// The best of more is better: a look's processes have to have the same number of repetitions.
    fn same_counts(&self) -> Result<(), Stop> {
        let Some(last) = self.processes.last() else {
            return Ok(());
        };
        let counts = |process: &Process| process.gflops.iter().map(Vec::len).collect::<Vec<_>>();
        let in_stage = self.processes.iter().rev();
        let mut in_stage = in_stage.take_while(|process| process.stage == last.stage);
        if in_stage.all(|process| counts(process) == counts(last)) {
            return Ok(());
        }
        Err(Stop::NotComparable(
            "the sides' processes have different numbers of repetitions (give both the same --repeats)".to_owned(),
        ))
    }
}

/// A side as its first record tells.
fn side_record(command: &SideCommand, content: &Content, first: Option<&Record>) -> SideRecord {
    let mut side = SideRecord {
        given: command.given.clone(),
        command_line: command.words.clone(),
        content: None,
        software: first.map(|record| record.software.clone()),
    };
    side.content = content.digest(side.bundle_digest());
    side
}

/// That a side has left processes running.
fn left_running(whose: &str, left: usize) -> Option<String> {
    (left > 0).then(|| {
        format!(
            "{whose} left processes running that would have disturbed what follows ({left} in all): they were ended"
        )
    })
}

/// Whether there are results that failed their verification.
fn failed_results(whose: &str, record: &Record) -> Result<(), Stop> {
    let samples = record.cases.iter().flat_map(|case| &case.samples);
    match samples.filter(|sample| !sample.verification.passed).count() {
        0 => Ok(()),
        failed => Err(Stop::Invalid(format!(
            "{whose}: {failed} results failed their verification"
        ))),
    }
}

/// The rates of the verified repetitions.
fn gflops(case: &Case) -> Vec<f64> {
    let samples = case.samples.iter();
    let samples = samples.filter(|sample| sample.verification.passed);
    let rates = samples.map(|sample| sample.gflops);
    rates
        .filter(|rate| rate.is_finite() && *rate > 0.0)
        .collect()
}

/// A case of which nothing was found yet, as its first record tells.
pub fn outcome_of(case: &Case) -> CaseOutcome {
    CaseOutcome {
        kernel: case.kernel.clone(),
        n: case.n,
        dtype: case.dtype.clone(),
        blas: case.blas.clone(),
        driver: case.driver.clone().filter(|driver| driver != "team"),
        threads: [case.threads_used; 2],
        ..CaseOutcome::default()
    }
}

/// The work has to be the same; by what means it is done may be what is compared, panels of C included.
fn same_cases(one: &Record, other: &Record) -> Result<(), Stop> {
    let works = |record: &Record| {
        let cases = record.cases.iter();
        let work = |case| Work {
            panel_rows: None,
            ..comparability::key(record, case).work
        };
        cases.map(work).collect::<Vec<_>>()
    };
    let [one, other] = [works(one), works(other)];
    if one == other {
        return Ok(());
    }
    let pairs = one.iter().zip(&other);
    let differences: Vec<String> = pairs
        .flat_map(|(one, other)| one.differences(other))
        .map(|difference| difference.to_string())
        .collect();
    let what = if differences.is_empty() {
        format!("{} cases against {}", one.len(), other.len())
    } else {
        differences.join(", ")
    };
    Err(Stop::NotComparable(format!(
        "the sides measure different things: {what}"
    )))
}

fn same_norms(one: &Record, other: &Record) -> Result<(), Stop> {
    let cases = one.cases.iter().zip(&other.cases);
    let found = cases
        .clone()
        .find_map(|(one, other)| Some((one, agreement::disagreement(one, other)?)));
    match found {
        None => Ok(()),
        Some((case, (seed, [norm, other]))) => Err(Stop::Invalid(format!(
            "the norms of the same matrices differ by more than rounding explains: {norm} and {other} ({} n={} {}, seed {seed})",
            case.kernel, case.n, case.dtype
        ))),
    }
}

/// How many repetitions a process of this length holds, from the processes of the warm-up.
fn repeats_for(process_s: f64, first: &[Option<Record>; 2], warmup: &[Process]) -> usize {
    let repetitions = first.iter().flatten().flat_map(|record| &record.cases);
    let repetitions: usize = repetitions
        .map(|case| case.samples.len() + case.warmup_samples.len())
        .sum();
    let elapsed_s: f64 = first.iter().flatten().map(|record| record.elapsed_s).sum();
    let elapsed: Vec<f64> = warmup.iter().map(|process| process.elapsed_s).collect();
    let cases = first[0]
        .as_ref()
        .map_or(1, |record| record.cases.len().max(1));
    let fixed_s = statistics::median(&elapsed).unwrap_or(0.0) - elapsed_s / 2.0;
    let repetition_s = elapsed_s / repetitions.max(1) as f64;
    let fit = (process_s - fixed_s.max(0.0)) / repetition_s / cases as f64;
    // Not a number where nothing takes time.
    if fit.is_nan() {
        return REPEATS_AT_FIRST;
    }
    (fit as usize).clamp(REPEATS_AT_FIRST, REPEATS_MAX)
}
