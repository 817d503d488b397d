//! Who does what: one thread listens at the device, others decode, rest, or decode ahead of what is asked for.
//!
//! The listener answers by itself what is answered quickly, and goes on listening: waking another thread would take longer
//! than the answer. Before anything that takes time it hands the listening over.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::ahead::Plan;

/// How many plans may wait for a thread; older ones are forgotten.
const PLANS_LIMIT: usize = 16;

#[derive(Debug)]
pub(crate) struct Crew {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    someone_listens: bool,
    resting_count: usize,
    /// What might be decoded ahead.
    plans: VecDeque<Plan>,
    has_ended: bool,
}

/// What a thread is to do next.
pub(crate) enum Duty<'a> {
    Listen(Turn<'a>),
    DecodeAhead(Plan),
    Leave,
}

/// The listening, for as long as a thread has it. Dropping it hands it over.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Crew);

impl Crew {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Rests until there is something to do.
    pub(crate) fn next_duty(&self) -> Duty<'_> {
        let mut state = self.state();
        loop {
            if state.has_ended {
                return Duty::Leave;
            }
            if !state.someone_listens {
                state.someone_listens = true;
                return Duty::Listen(Turn(self));
            }
            // One thread stays in reserve: the listener must always find someone to hand over to.
            if state.resting_count > 0
                && let Some(plan) = state.plans.pop_front()
            {
                return Duty::DecodeAhead(plan);
            }
            state.resting_count += 1;
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
            state.resting_count -= 1;
        }
    }

    /// Adds something to decode ahead.
    pub(crate) fn plan(&self, plan: Plan) {
        let mut state = self.state();
        if state.plans.len() == PLANS_LIMIT {
            state.plans.pop_front();
        }
        state.plans.push_back(plan);
        if state.resting_count > 1 {
            self.changed.notify_one();
        }
    }

    /// Does any thread rest?
    pub(crate) fn has_resting(&self) -> bool {
        self.state().resting_count > 0
    }

    /// Sends all threads home.
    pub(crate) fn end(&self) {
        self.state().has_ended = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.someone_listens = false;
        if state.resting_count > 0 {
            self.0.changed.notify_one();
        }
    }
}
