//! Progress on standard error, for people at a terminal. Drawn between samples only: nothing runs beside a timed region.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::estimate::seconds;
use crate::measure::Event;
use crate::plan::{CasePlan, Plan};
use crate::sweep::SweepEvent;

/// Parts of the bar.
const STEPS: u64 = 1000;

/// A bar over the samples of all cases. Hidden in a pipe.
#[derive(Debug)]
pub struct Progress<'a> {
    plan: &'a Plan,
    bar: ProgressBar,
    started: Instant,
    /// Samples of each case so far.
    taken: Vec<usize>,
    /// The work of all samples, of those so far, and of those that were there before this process: what the remaining
    /// time is estimated from.
    work_total: f64,
    work_done: f64,
    work_before: f64,
}

impl<'a> Progress<'a> {
    /// A bar for this plan, of which these samples are there already.
    pub fn new(plan: &'a Plan, taken: Vec<usize>) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        bar.set_style(
            ProgressStyle::with_template("{bar:24} {msg}").expect("the template is right"),
        );
        let repeats = plan.target.repeats as f64;
        let work_before = plan.cases.iter().zip(&taken).map(|(case, taken)| {
            // Beyond the least number nobody knows how many there will be.
            work(case) * (*taken as f64).min(repeats)
        });
        let work_before = work_before.sum();
        Self {
            plan,
            bar,
            started: Instant::now(),
            taken,
            work_total: plan.cases.iter().map(|case| work(case) * repeats).sum(),
            work_done: work_before,
            work_before,
        }
    }

    /// Shows what is about to happen, with the time spent and, once something was done, the time that all will take.
    pub fn show(&mut self, event: &SweepEvent) {
        match event {
            SweepEvent::Visit { .. } => {}
            SweepEvent::Case { case, event } => self.show_case(*case, event),
            SweepEvent::Done { case } => {
                // Its time may have been over early.
                let missing = self.plan.target.repeats.saturating_sub(self.taken[*case]);
                self.work_done += missing as f64 * work(&self.plan.cases[*case]);
            }
        }
    }

    fn show_case(&mut self, case: usize, event: &Event) {
        let planned = &self.plan.cases[case];
        let repeats = self.plan.target.repeats;
        let doing = match event {
            Event::Warmup(_) => "warm-up".to_owned(),
            Event::Repeat(index) if self.plan.target.until.is_some() => {
                format!("repeat {}", index + 1)
            }
            Event::Repeat(index) => format!("repeat {} of {repeats}", index + 1),
            Event::Sample(_) => {
                self.taken[case] += 1;
                if self.taken[case] <= repeats {
                    self.work_done += work(planned);
                }
                return;
            }
        };
        let name = match self.plan.cases.len() {
            1 => format!(
                "{}, {}, {}",
                planned.kernel.name, planned.size, planned.dtype
            ),
            cases => format!("case {} of {cases}, {planned}", case + 1),
        };
        self.bar
            .set_message(format!("{name}: {doing}, {}", self.times()));
        let share = self.work_done / self.work_total;
        self.bar.set_position((share * STEPS as f64) as u64);
        // Drawn now or not at all: what comes next takes long and must not be disturbed.
        self.bar.tick();
    }

    /// Prints a line above the bar.
    pub fn print_above(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn times(&self) -> String {
        let elapsed = self.started.elapsed();
        let done = self.work_done - self.work_before;
        if done <= 0.0 {
            return format!("{} so far", seconds(elapsed));
        }
        let left = self.work_total - self.work_done;
        if left <= 0.0 {
            return seconds(elapsed);
        }
        let left = elapsed.mul_f64(left / done);
        let least = match self.plan.target.until {
            Some(_) => "at least",
            None => "about",
        };
        format!("{}, {least} {} left", seconds(elapsed), seconds(left))
    }
}

/// What a sample takes, in no unit: the product, and set-up and verification, which are as much as it near n = 200.
fn work(case: &CasePlan) -> f64 {
    let n = case.size.n as f64;
    n * n * (n + 200.0) / case.threads as f64 * case.dtype.size_bytes() as f64
}
