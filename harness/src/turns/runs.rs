//! One side by itself, run after run: for a baseline that is records.

use std::time::Instant;

use results::comparison::{Process, SideRecord, Stage};
use results::paired::Side;
use results::record::{Host, Record};

use super::content::Content;
use super::{QUIETLY, Request, Stop, failed_results, gflops, left_running, process, side_record};
use crate::interrupt::Interrupt;

/// Runs of the candidate.
pub struct Runs<'a> {
    request: Request,
    interrupt: &'a Interrupt,
    began: Instant,
    content: Content,
    first: Option<Record>,
    /// Processes that the candidate left running.
    left: usize,
    /// Every process so far.
    pub processes: Vec<Process>,
}

impl<'a> Runs<'a> {
    /// Nothing has run yet.
    pub fn new(request: Request, interrupt: &'a Interrupt) -> Self {
        Self {
            content: Content::of(&request.sides[1].words),
            request,
            interrupt,
            began: Instant::now(),
            first: None,
            left: 0,
            processes: Vec::new(),
        }
    }

    /// The time since the beginning.
    pub fn elapsed_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// What the last run took; 0 before there was one.
    pub fn last_s(&self) -> f64 {
        self.processes
            .last()
            .map_or(0.0, |process| process.elapsed_s)
    }

    /// The machine, as the first record tells.
    pub fn host(&self) -> Option<Host> {
        let host = self.first.as_ref()?.host.clone();
        Some(Host {
            machine: None,
            ..host
        })
    }

    /// The candidate, as its first record tells.
    pub fn side(&self) -> SideRecord {
        side_record(&self.request.sides[1], &self.content, self.first.as_ref())
    }

    /// What a reader should know of the processes.
    pub fn warnings(&self) -> Vec<String> {
        left_running("the candidate", self.left)
            .into_iter()
            .collect()
    }

    /// Runs the candidate once, with this number of repetitions where none was asked for.
    ///
    /// # Errors
    ///
    /// Why there is no record that can be used.
    pub fn run(&mut self, stage: Stage, index: usize, repeats: usize) -> Result<Record, Stop> {
        let command = &self.request.sides[1];
        let mut words = self.request.words.clone();
        if !command.has("--repeats") && !command.has("--until") {
            let repeats = self.request.repeats.unwrap_or(repeats);
            words.extend(["--repeats".to_owned(), repeats.to_string()]);
        }
        words.extend(QUIETLY.map(str::to_owned));
        let begin_s = self.elapsed_s();
        let measured = process::measure(command, &words, self.request.timeout, self.interrupt)?;
        let record = measured.record;
        self.left += measured.left;
        self.processes.push(Process {
            stage,
            block: index,
            side: Side::B,
            begin_s,
            elapsed_s: self.elapsed_s() - begin_s,
            gflops: record.cases.iter().map(gflops).collect(),
        });
        failed_results("the candidate", &record)?;
        self.first.get_or_insert_with(|| record.clone());
        Ok(record)
    }
}
