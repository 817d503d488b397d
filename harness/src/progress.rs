//! Progress on standard error, for people at a terminal. Drawn between samples only: nothing runs beside a timed region.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::libraries;
use crate::measure::Event;
use crate::plan::{CasePlan, Plan};

/// A bar over the repetitions of all cases. Hidden in a pipe.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    case: String,
    /// What the libraries are called, when there are several.
    libraries: Vec<String>,
    repeats: usize,
    /// Operations of the cases: what the estimate is made from.
    flop_total: f64,
    flop_done: f64,
    flop_each: f64,
    repetitions_done: u64,
}

impl Progress {
    /// A bar for this plan.
    pub fn new(plan: &Plan) -> Self {
        let visible = std::io::stderr().is_terminal();
        let target = if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let each = plan.warmup + plan.repeats;
        let bar = ProgressBar::with_draw_target(Some((each * plan.cases.len()) as u64), target);
        bar.set_style(
            ProgressStyle::with_template("{bar:24} {msg}").expect("the template is right"),
        );
        let flop_total = plan.cases.iter().map(|case| flop(case) * each as f64).sum();
        Self {
            bar,
            started: Instant::now(),
            case: String::new(),
            libraries: libraries::compared(&plan.libraries)
                .into_iter()
                .map(|library| library.name)
                .collect(),
            repeats: plan.repeats,
            flop_total,
            flop_done: 0.0,
            flop_each: 0.0,
            repetitions_done: 0,
        }
    }

    /// The next case begins.
    pub fn begin(&mut self, case: &CasePlan) {
        self.case = format!("{}, {}", case.size, case.dtype);
        if let Some(library) = self.libraries.get(case.library) {
            let _ = write!(self.case, ", {library}");
        }
        self.flop_each = flop(case);
    }

    /// Shows what is about to happen, with the time spent and, once something was done, the time that all will take.
    pub fn show(&mut self, event: &Event) {
        let doing = match event {
            Event::Warmup(_) => "warm-up".to_owned(),
            Event::Repeat(index) => format!("repeat {} of {}", index + 1, self.repeats),
            Event::Sample(_) => return,
        };
        self.bar
            .set_message(format!("{}: {doing}, {}", self.case, self.times()));
        self.bar.set_position(self.repetitions_done);
        // Drawn now or not at all: what comes next takes long and must not be disturbed.
        self.bar.tick();
        // Done by the time that something is shown again.
        self.repetitions_done += 1;
        self.flop_done += self.flop_each;
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
        if self.flop_done == 0.0 {
            return format!("{} so far", seconds(elapsed));
        }
        let estimate = elapsed.mul_f64(self.flop_total / self.flop_done);
        format!("{} of about {}", seconds(elapsed), seconds(estimate))
    }
}

fn flop(case: &CasePlan) -> f64 {
    kernels::flop::matmul_norm(case.size.n)
}

fn seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    match s {
        ..10.0 => format!("{s:.1} s"),
        ..120.0 => format!("{s:.0} s"),
        ..7200.0 => format!("{:.0} min", s / 60.0),
        _ => format!("{:.1} h", s / 3600.0),
    }
}
