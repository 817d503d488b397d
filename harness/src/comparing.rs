//! What `bench ab` and `bench check` have in common: reading their options, drawing progress, telling and keeping what they found.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use results::comparison::{Comparison, Settings, Stage, Verdict};
use results::store;

use crate::cli::{ComparingArgs, MeasuredArgs};
use crate::estimate::seconds;
use crate::exit::{Exit, Failure};
use crate::interrupt::{self, Interrupt};
use crate::output::print_line;
use crate::precision::{share, time_s};
use crate::turns::{Doing, Request, SideCommand, Statistic, Stop, Turns};

/// Parts of the bar.
const STEPS: u64 = 1000;

/// The options that both commands have, read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is run.
    pub request: Request,
    /// The time that all of it may take.
    pub max_time_s: f64,
}

impl Plan {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// A usage failure for what cannot be read.
    pub fn new(
        sides: [SideCommand; 2],
        measured: &MeasuredArgs,
        comparing: &ComparingArgs,
    ) -> Result<Self, Failure> {
        let statistic = match comparing.statistic.as_str() {
            "best" => Statistic::Best,
            "median" => Statistic::Median,
            other => {
                return Err(Failure::usage(anyhow::anyhow!(
                    "cannot use --statistic {other}: it is best or median (try best)"
                )));
            }
        };
        Ok(Self {
            request: Request {
                sides,
                words: measured.words(),
                repeats: measured.repeats,
                statistic,
                timeout: Duration::from_secs_f64(time_s("--timeout", &comparing.timeout)?),
                order_seed: comparing.order_seed,
            },
            max_time_s: time_s("--max-time", &comparing.max_time)?,
        })
    }

    /// How it was compared, for the record.
    pub fn settings(&self, turns: &Turns, threshold: Option<f64>, until: f64) -> Settings {
        Settings {
            statistic: self.request.statistic.name().to_owned(),
            repeats: turns.repeats(),
            order_seed: self.request.order_seed,
            threshold_percent: threshold.map(|share| 100.0 * share),
            until_percent: 100.0 * until,
            max_time_s: self.max_time_s,
            warmup_blocks: 1,
        }
    }
}

/// Reads an optional share.
///
/// # Errors
///
/// A usage failure when it is none.
pub fn optional_share(option: &str, text: Option<&str>) -> Result<Option<f64>, Failure> {
    text.map(|text| share(option, text)).transpose()
}

/// Begins to listen to signals.
///
/// # Errors
///
/// When the system refuses.
pub fn listen() -> Result<Interrupt, Failure> {
    Interrupt::listen_patiently().map_err(|error| {
        let error = anyhow::anyhow!("cannot listen to signals: {error}");
        Failure::new(Exit::System, error)
    })
}

/// A bar over the time. Hidden in a pipe.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    max_time_s: f64,
}

impl Bar {
    /// A bar for so much time.
    pub fn new(max_time_s: f64) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        let style = ProgressStyle::with_template("{bar:24} {msg}");
        bar.set_style(style.expect("the template is right"));
        Self { bar, max_time_s }
    }

    /// Shows what is about to happen. Nothing is drawn while a process runs.
    pub fn show(&self, doing: Doing) {
        let stage = match doing.stage {
            Stage::Warmup => "warm-up".to_owned(),
            Stage::First => format!("block {}", doing.block + 1),
            Stage::Fresh => format!("fresh block {}", doing.block + 1),
        };
        let noise = doing.noise.map_or_else(String::new, |noise| {
            format!(", noise {:.1} %", 100.0 * noise)
        });
        let time = |time_s: f64| seconds(Duration::from_secs_f64(time_s));
        self.bar.set_message(format!(
            "{stage}, process {} of 4{noise}, {} of at most {}",
            doing.process + 1,
            time(doing.elapsed_s),
            time(self.max_time_s)
        ));
        let done = (doing.elapsed_s / self.max_time_s).min(1.0);
        self.bar.set_position((done * STEPS as f64) as u64);
        self.bar.tick();
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Puts down why there are no more blocks: in the comparison when that is a verdict.
///
/// # Errors
///
/// The failure of a process.
pub fn take_in(stop: Stop, comparison: &mut Comparison) -> Result<(), Failure> {
    let (verdict, reason) = match stop {
        Stop::Failed(failure) => return Err(failure),
        Stop::Interrupted(signal) => (Verdict::Inconclusive, format!("ended by signal {signal}")),
        Stop::Invalid(reason) => (Verdict::Invalid, reason),
        Stop::NotComparable(reason) => (Verdict::NotComparable, reason),
    };
    if verdict != Verdict::Inconclusive {
        // What cannot be compared was not judged, by few blocks or by many.
        for case in &mut comparison.cases {
            (case.difference, case.gate) = (None, None);
        }
    }
    comparison.verdict = verdict;
    comparison.reasons.insert(0, reason);
    Ok(())
}

/// Keeps the comparison where that is wanted (`-` is standard output, as JSON), prints it, and ends as it came out; by the signal if one
/// has come.
///
/// # Errors
///
/// When it cannot be written or printed. One does not keep the other from being done.
pub fn finish(
    comparison: &Comparison,
    text: &str,
    json: bool,
    output: Option<&Path>,
    signal: Option<i32>,
) -> Result<Exit, Failure> {
    let is_printed = output == Some(Path::new("-"));
    let kept = match output {
        Some(path) if !is_printed => keep(comparison, path),
        _ => Ok(()),
    };
    if json || is_printed {
        print_line(&to_json(comparison))?;
    } else {
        print_line(text)?;
    }
    kept?;
    if let Some(signal) = signal {
        interrupt::end_by(signal);
    }
    Ok(match comparison.verdict {
        Verdict::Told | Verdict::Pass | Verdict::Accepted => Exit::Pass,
        Verdict::Regression => Exit::Regression,
        Verdict::Inconclusive => Exit::Inconclusive,
        Verdict::Invalid => Exit::Invalid,
        Verdict::NotComparable => Exit::NotComparable,
    })
}

/// Writes the comparison. It could be written before minutes were spent on it; where it cannot be any more, it is kept elsewhere.
fn keep(comparison: &Comparison, path: &Path) -> Result<(), Failure> {
    let mut text = to_json(comparison);
    text.push('\n');
    let Err(error) = store::write_whole(path, text.as_bytes()) else {
        return Ok(());
    };
    let elsewhere = tempfile::Builder::new()
        .prefix("bench-comparison-")
        .suffix(".json")
        .tempfile()
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            Ok(file.keep()?.1)
        });
    let error = match elsewhere {
        Ok(elsewhere) => anyhow::anyhow!("{error}; it is kept in {}", elsewhere.display()),
        Err(_) => error.into(),
    };
    Err(Failure::new(Exit::InputOutput, error))
}

fn to_json(comparison: &Comparison) -> String {
    serde_json::to_string_pretty(comparison).expect("a comparison is always JSON")
}
