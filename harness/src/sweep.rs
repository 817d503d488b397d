//! Goes from case to case until all are done, keeping what was found in a journal.
//!
//! One case has threads and memory at a time: they are given back before another case is visited, so that a sweep takes
//! the memory of its largest case and not of all together, and so that no idle threads or huge pages of one case lie in
//! the way of another. A visit therefore begins with taking memory, which costs less than the set-up of a single sample
//! (one matrix touched, two filled for each sample). Samples that follow each other in the same case find threads and
//! memory as they were.

use std::time::Instant;

use results::journal::{Journal, Visit as JournalVisit};
use results::record::{Case, Sample};
use results::sampling::StoppedBecause;
use results::{StoreError, statistics};

use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::measure::{Event, Probe, Session, Visit};
use crate::plan::Plan;

/// A sweep on its way.
pub struct Sweep<'a> {
    plan: &'a Plan,
    clock_resolution_s: f64,
    states: Vec<State>,
    keeper: Option<Keeper>,
    started: Instant,
    /// What the run had taken before it was interrupted.
    elapsed_before_s: f64,
    /// Why the journal could not be written any more.
    journal_error: Option<StoreError>,
}

/// What makes a sweep resumable: where its findings are kept, and who may end it.
pub struct Keeper {
    /// What was found so far.
    pub journal: Journal,
    /// Ends the sweep between two visits.
    pub interrupt: Interrupt,
}

/// How far a case has come.
#[derive(Debug, Default)]
struct State {
    /// With the samples so far; `None` before the first.
    case: Option<Case>,
    visits: usize,
    spent_s: f64,
    stopped: Option<StoppedBecause>,
    /// The run time of the last sample that this process has taken.
    last_run_time_s: Option<f64>,
}

/// What happens in a sweep.
pub enum SweepEvent<'a> {
    /// A case is visited.
    Visit {
        /// Its index in the plan.
        case: usize,
    },
    /// Something happens in it.
    Case {
        /// Its index in the plan.
        case: usize,
        /// What.
        event: Event<'a>,
    },
    /// A case is done.
    Done {
        /// Its index in the plan.
        case: usize,
    },
}

/// How a sweep ended.
pub enum Outcome {
    /// All cases are done.
    Finished {
        /// In the order of the plan.
        cases: Vec<Case>,
        /// The time that it took, interruptions not counted.
        elapsed_s: f64,
    },
    /// A signal has ended it.
    Interrupted {
        /// Its number.
        signal: i32,
        /// Cases that are done.
        done: usize,
    },
}

impl<'a> Sweep<'a> {
    /// A sweep that has measured nothing; `started` is when its run began. What it finds is kept if there is a keeper.
    pub fn new(
        plan: &'a Plan,
        clock_resolution_s: f64,
        started: Instant,
        keeper: Option<Keeper>,
    ) -> Self {
        Self {
            plan,
            clock_resolution_s,
            states: plan.cases.iter().map(|_| State::default()).collect(),
            keeper,
            started,
            elapsed_before_s: 0.0,
            journal_error: None,
        }
    }

    /// Takes over what an interrupted run has found, and tells the observer as if it happened now.
    pub fn take_over(&mut self, visits: &[JournalVisit], observe: &mut dyn FnMut(SweepEvent)) {
        for visit in visits {
            let case = visit.case;
            for sample in &visit.part.samples {
                let event = Event::Sample(sample);
                observe(SweepEvent::Case { case, event });
            }
            self.elapsed_before_s = visit.elapsed_s;
            self.add(case, visit.part.clone(), visit.spent_s, observe);
        }
        // What an earlier process has measured says nothing of how warm this one is.
        for state in &mut self.states {
            state.last_run_time_s = None;
        }
    }

    /// How many samples each case has.
    pub fn taken(&self) -> Vec<usize> {
        self.states.iter().map(State::taken).collect()
    }

    /// Measures until all cases are done or a signal comes.
    ///
    /// # Errors
    ///
    /// When a case cannot be measured.
    pub fn run(
        &mut self,
        probe: &mut dyn Probe,
        observe: &mut dyn FnMut(SweepEvent),
    ) -> Result<Outcome, Failure> {
        let plan = self.plan;
        let mut session: Option<(usize, Session)> = None;
        while let Some(case) = plan.order.next(&self.visits()) {
            if let Some(signal) = self.keeper.as_ref().and_then(|it| it.interrupt.signal()) {
                let done = self.states.iter().filter(|state| state.is_done()).count();
                return Ok(Outcome::Interrupted { signal, done });
            }
            observe(SweepEvent::Visit { case });
            let begun = Instant::now();
            if session.as_ref().is_none_or(|(open, _)| *open != case) {
                // Given back first: the memory of two cases may be more than there is.
                drop(session.take());
            }
            let (_, open) = match &mut session {
                Some(open) => open,
                none => none.insert((
                    case,
                    Session::open(&plan.cases[case], plan, self.clock_resolution_s)?,
                )),
            };
            let visit = self.states[case].next_visit(plan);
            let part = open.visit(&visit, probe, &mut |event| {
                observe(SweepEvent::Case { case, event });
            });
            let spent_s = begun.elapsed().as_secs_f64();
            self.keep(case, &part, spent_s);
            self.add(case, part, spent_s, observe);
        }
        Ok(Outcome::Finished {
            elapsed_s: self.elapsed_s(),
            cases: self.states.iter().filter_map(State::summed_up).collect(),
        })
    }

    /// The journal, to be removed, and why it is not complete, if it is not.
    pub fn into_journal(self) -> (Option<Journal>, Option<StoreError>) {
        (self.keeper.map(|keeper| keeper.journal), self.journal_error)
    }

    fn visits(&self) -> Vec<Option<usize>> {
        self.states
            .iter()
            .map(|state| (!state.is_done()).then_some(state.visits))
            .collect()
    }

    fn elapsed_s(&self) -> f64 {
        self.elapsed_before_s + self.started.elapsed().as_secs_f64()
    }

    /// A journal that takes no more costs the possibility of resuming, not the run.
    fn keep(&mut self, case: usize, part: &Case, spent_s: f64) {
        let elapsed_s = self.elapsed_s();
        if let Some(keeper) = &mut self.keeper
            && self.journal_error.is_none()
        {
            let part = part.clone();
            let kept = keeper.journal.visit(JournalVisit {
                case,
                spent_s,
                elapsed_s,
                part,
            });
            self.journal_error = kept.err();
        }
    }

    fn add(&mut self, case: usize, part: Case, spent_s: f64, observe: &mut dyn FnMut(SweepEvent)) {
        let state = &mut self.states[case];
        state.add(part, spent_s);
        state.stopped = self.plan.target.reached(state.samples(), state.spent_s);
        if state.is_done() {
            observe(SweepEvent::Done { case });
        }
    }
}

impl State {
    fn samples(&self) -> &[Sample] {
        self.case.as_ref().map_or(&[], |case| &case.samples)
    }

    fn taken(&self) -> usize {
        self.samples().len()
    }

    fn is_done(&self) -> bool {
        self.stopped.is_some()
    }

    fn next_visit(&self, plan: &Plan) -> Visit {
        let taken = self.taken();
        let max_s = plan.target.max_time_s.unwrap_or(f64::INFINITY);
        Visit {
            taken,
            samples: plan.target.batch(taken),
            last_run_time_s: self.last_run_time_s,
            time_left_s: max_s - self.spent_s,
        }
    }

    /// Adds what a visit has found.
    fn add(&mut self, part: Case, spent_s: f64) {
        self.visits += 1;
        self.spent_s += spent_s;
        self.last_run_time_s = part.samples.last().map(|sample| sample.run_time_s);
        match &mut self.case {
            None => self.case = Some(part),
            Some(case) => {
                case.samples.extend(part.samples);
                case.warmup_samples.extend(part.warmup_samples);
            }
        }
    }

    /// The case as it is recorded.
    fn summed_up(&self) -> Option<Case> {
        let mut case = self.case.clone()?;
        case.summary = statistics::summarize(&case.samples);
        case.stopped_because = self.stopped;
        Some(case)
    }
}
