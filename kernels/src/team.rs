//! A team of threads that stay on their processors and start at once.
//!
//! A product of n = 100 takes 35 µs on one core; waking a sleeping thread takes 5 to 50. So the members of a team spin
//! for a moment after each piece of work ([`SPIN`]), and only then go to sleep. Between set-up and timed region there is
//! less than that, so that all members are awake when the clock starts.
#![allow(
    unsafe_code,
    reason = "members run a closure that the caller has borrowed"
)]

use std::any::Any;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::thread::{self, JoinHandle, Thread, ThreadId};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// How long who waits keeps its processor before it goes to sleep.
const SPIN: Duration = Duration::from_millis(1);

/// Threads of which each may be bound to a processor. The thread that made the team is its first member, rank 0.
pub struct Team {
    shared: Arc<Shared>,
    members: Vec<Member>,
    /// Held while the team works: a team does one thing at a time.
    busy: Mutex<()>,
    /// Whose affinity has been changed, and what it was.
    caller: Option<(ThreadId, CpuSet)>,
}

/// A team could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// The system makes no more threads.
    #[error(
        "cannot start thread {rank} of {size}: {source} (choose fewer --threads, or raise ulimit -u)"
    )]
    Spawn {
        /// Which one.
        rank: usize,
        /// Of how many.
        size: usize,
        /// The system's reason.
        source: io::Error,
    },
    /// A thread may not run where it is to run.
    #[error("cannot bind a thread to CPU {cpu}: {source} (choose other CPUs, or --affinity none)")]
    Bind {
        /// The processor's number.
        cpu: usize,
        /// The system's reason.
        source: nix::Error,
    },
}

struct Member {
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

/// What the members and the caller tell each other.
struct Shared {
    /// Counts the pieces of work; a new number is the signal to begin.
    round: Padded<AtomicUsize>,
    /// Members that have not finished this round.
    unfinished: Padded<AtomicUsize>,
    /// The work of this round; there from before `round` changes until `unfinished` is zero.
    work: Mutex<Option<Work>>,
    /// For each member but the first whether it sleeps, or is about to.
    asleep: Vec<Padded<AtomicBool>>,
    /// Whether the caller sleeps, and who it is.
    caller_asleep: Padded<AtomicBool>,
    caller: Mutex<Option<Thread>>,
    /// What the first member that panicked panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Members are to end.
    over: AtomicBool,
    /// Members are to sleep at once instead of spinning.
    resting: AtomicBool,
}

/// A value on cache lines of its own (two, since processors fetch them in pairs).
#[repr(align(128))]
struct Padded<T>(T);

/// The caller's closure. Its lifetime is not the program's, see [`Team::run`].
type Work = &'static (dyn Fn(usize) + Sync);

impl Team {
    /// Makes a team of `size` threads, this one included. Member i is bound to processor `cpus[i]`, this thread too, until
    /// the team is dropped; members beyond the list, or all without one, run where the system likes.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread or a processor.
    pub fn new(size: usize, cpus: Option<&[usize]>) -> Result<Self, TeamError> {
        let size = size.max(1);
        let cpu = |rank: usize| cpus.and_then(|cpus| cpus.get(rank).copied());
        let shared = Arc::new(Shared {
            round: Padded(AtomicUsize::new(0)),
            unfinished: Padded(AtomicUsize::new(0)),
            work: Mutex::new(None),
            asleep: (1..size).map(|_| Padded(AtomicBool::new(false))).collect(),
            caller_asleep: Padded(AtomicBool::new(false)),
            caller: Mutex::new(None),
            panic: Mutex::new(None),
            over: AtomicBool::new(false),
            resting: AtomicBool::new(false),
        });
        let mut team = Self {
            shared,
            members: Vec::with_capacity(size - 1),
            busy: Mutex::new(()),
            caller: None,
        };
        // Before this thread is bound: a new thread may run where its maker may.
        for rank in 1..size {
            team.spawn(rank, size, cpu(rank))?;
        }
        if let Some(cpu) = cpu(0) {
            let before = sched_getaffinity(Pid::from_raw(0));
            bind(cpu)?;
            team.caller = before.ok().map(|set| (thread::current().id(), set));
        }
        Ok(team)
    }

    fn spawn(&mut self, rank: usize, size: usize, cpu: Option<usize>) -> Result<(), TeamError> {
        let (report, bound) = mpsc::channel();
        let shared = Arc::clone(&self.shared);
        let handle = thread::Builder::new()
            .name(format!("team-{rank}"))
            .spawn(move || {
                let result = cpu.map_or(Ok(()), bind);
                let failed = result.is_err();
                // The maker waits for this; if it has gone, the team is over anyway.
                let _ = report.send(result);
                if !failed {
                    shared.serve(rank);
                }
            })
            .map_err(|source| TeamError::Spawn { rank, size, source })?;
        self.members.push(Member {
            thread: handle.thread().clone(),
            handle: Some(handle),
        });
        bound.recv().unwrap_or(Ok(()))
    }

    /// How many members there are, the caller included.
    pub fn size(&self) -> usize {
        self.members.len() + 1
    }

    /// Runs the closure on every member with the member's rank, and returns when all are done.
    ///
    /// # Panics
    ///
    /// When a member's closure does (with its message), or when the team is at work already.
    pub fn run(&self, work: &(dyn Fn(usize) + Sync)) {
        if self.members.is_empty() {
            return work(0);
        }
        let _busy = self.take();
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. Members call the closure between the change of `round` below and their
        // count in `unfinished`, and this function does not return before that count is zero (`Finish` waits on
        // unwinding, too), so that the closure lives as long as anybody uses it.
        let work_for_all = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), Work>(work) };
        *lock(&shared.work) = Some(work_for_all);
        *lock(&shared.caller) = Some(thread::current());
        shared.resting.store(false, Ordering::Relaxed);
        shared
            .unfinished
            .0
            .store(self.members.len(), Ordering::SeqCst);
        shared.round.0.fetch_add(1, Ordering::SeqCst);
        for (member, asleep) in self.members.iter().zip(&shared.asleep) {
            if asleep.0.swap(false, Ordering::SeqCst) {
                member.thread.unpark();
            }
        }
        let finish = Finish(shared);
        work(0);
        drop(finish);
        if let Some(panic) = lock(&shared.panic).take() {
            resume_unwind(panic);
        }
    }

    /// Runs the closure on every member with the member's rank and its part. There are as many parts as members, or fewer.
    ///
    /// # Panics
    ///
    /// As [`Team::run`], and when there are more parts than members.
    pub fn for_each<P: Send>(&self, parts: Vec<P>, work: impl Fn(usize, P) + Sync) {
        assert!(parts.len() <= self.size(), "more parts than members");
        let parts: Vec<Mutex<Option<P>>> = parts
            .into_iter()
            .map(|part| Mutex::new(Some(part)))
            .collect();
        self.run(&|rank| {
            if let Some(part) = parts.get(rank).and_then(|part| lock(part).take()) {
                work(rank, part);
            }
        });
    }

    /// Runs the closure on every member and returns what each has returned, by rank.
    ///
    /// # Panics
    ///
    /// As [`Team::run`].
    pub fn map<R: Send>(&self, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
        let results: Vec<Mutex<Option<R>>> = (0..self.size()).map(|_| Mutex::new(None)).collect();
        self.run(&|rank| *lock(&results[rank]) = Some(work(rank)));
        results
            .into_iter()
            .filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    /// Sends the members to sleep at once, so that they take no time from threads that are not of this team.
    pub fn rest(&self) {
        self.shared.resting.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> MutexGuard<'_, ()> {
        match self.busy.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => panic!("a team does one thing at a time"),
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.shared.round.0.fetch_add(1, Ordering::SeqCst);
        for member in &mut self.members {
            member.thread.unpark();
            if let Some(handle) = member.handle.take() {
                // A member's panic has been passed on by `run`.
                let _ = handle.join();
            }
        }
        if let Some((caller, affinity)) = &self.caller
            && *caller == thread::current().id()
        {
            // It was allowed before; should it not be any more, the thread stays where it is.
            let _ = sched_setaffinity(Pid::from_raw(0), affinity);
        }
    }
}

/// Waits until all members are done, also when the caller's own part panics.
struct Finish<'a>(&'a Shared);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let Shared {
            unfinished,
            caller_asleep,
            work,
            ..
        } = self.0;
        wait(
            || unfinished.0.load(Ordering::SeqCst) == 0,
            || false,
            &caller_asleep.0,
        );
        *lock(work) = None;
    }
}

impl Shared {
    /// A member's life: wait for a round, do its work, count, until it is over.
    fn serve(&self, rank: usize) {
        let asleep = &self.asleep[rank - 1].0;
        let mut seen = 0;
        loop {
            wait(
                || self.round.0.load(Ordering::SeqCst) != seen,
                || self.resting.load(Ordering::Relaxed),
                asleep,
            );
            seen = self.round.0.load(Ordering::SeqCst);
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let work = *lock(&self.work);
            if let Some(work) = work
                && let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(rank)))
            {
                lock(&self.panic).get_or_insert(panic);
            }
            // Taken before counting: with the last count the caller may go and drop the team.
            let caller = lock(&self.caller).clone();
            if self.unfinished.0.fetch_sub(1, Ordering::SeqCst) == 1
                && self.caller_asleep.0.swap(false, Ordering::SeqCst)
                && let Some(caller) = caller
            {
                caller.unpark();
            }
        }
    }
}

/// Spins, then sleeps, until `done`. Who makes it true looks at `asleep` afterwards and wakes the sleeper; since both sides
/// write before they read, one of them always sees the other.
fn wait(done: impl Fn() -> bool, sleep_at_once: impl Fn() -> bool, asleep: &AtomicBool) {
    let started = Instant::now();
    loop {
        for _ in 0..64 {
            if done() {
                return;
            }
            std::hint::spin_loop();
        }
        if sleep_at_once() || started.elapsed() > SPIN {
            break;
        }
    }
    loop {
        asleep.store(true, Ordering::SeqCst);
        if done() {
            asleep.store(false, Ordering::SeqCst);
            return;
        }
        thread::park();
    }
}

/// Binds this thread to one processor.
fn bind(cpu: usize) -> Result<(), TeamError> {
    let mut set = CpuSet::new();
    set.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(|source| TeamError::Bind { cpu, source })
}

/// The part of `total` things that member `rank` of `size` takes: contiguous, and as even as can be.
pub fn share(total: usize, rank: usize, size: usize) -> Range<usize> {
    let bound = |rank: usize| (total as u128 * rank as u128 / size.max(1) as u128) as usize;
    bound(rank)..bound(rank + 1)
}

/// No data is guarded that a panic could leave half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_member_works_once_a_round() {
        for size in [1, 2, 3, 8] {
            let team = Team::new(size, None).unwrap();
            assert_eq!(team.size(), size);
            let counts: Vec<AtomicUsize> = (0..size).map(|_| AtomicUsize::new(0)).collect();
            for round in 0..200 {
                team.run(&|rank| {
                    counts[rank].fetch_add(1, Ordering::Relaxed);
                });
                if round % 50 == 0 {
                    // Long enough for all to fall asleep.
                    thread::sleep(3 * SPIN);
                }
                if round % 7 == 0 {
                    team.rest();
                }
            }
            assert!(
                counts
                    .iter()
                    .all(|count| count.load(Ordering::Relaxed) == 200)
            );
        }
    }

    #[test]
    fn slow_members_are_waited_for() {
        let team = Team::new(3, None).unwrap();
        let ends = team.map(|rank| {
            thread::sleep(5 * SPIN * rank as u32);
            rank
        });
        assert_eq!(ends, [0, 1, 2]);
    }

    #[test]
    fn parts_go_to_their_members() {
        let team = Team::new(4, None).unwrap();
        let mut data = [0usize; 10];
        let parts: Vec<&mut [usize]> = data.chunks_mut(4).collect();
        team.for_each(parts, |rank, part| part.fill(rank + 1));
        assert_eq!(data, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_goes_on() {
        let team = Team::new(3, None).unwrap();
        for culprit in 0..3 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                team.run(&|rank| assert!(rank != culprit, "rank {rank} fails"));
            }));
            let message = *result.unwrap_err().downcast::<String>().unwrap();
            assert_eq!(message, format!("rank {culprit} fails"));
        }
        assert_eq!(team.map(|rank| rank), [0, 1, 2]);
    }

    #[test]
    fn members_run_where_they_are_bound() {
        let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let cpus: Vec<usize> = (0..CpuSet::count())
            .filter(|cpu| allowed.is_set(*cpu).unwrap_or(false))
            .take(2)
            .collect();
        {
            let team = Team::new(cpus.len(), Some(&cpus)).unwrap();
            let affinities = team.map(|_| sched_getaffinity(Pid::from_raw(0)).unwrap());
            for (affinity, cpu) in affinities.iter().zip(&cpus) {
                let mut expected = CpuSet::new();
                expected.set(*cpu).unwrap();
                assert_eq!(*affinity, expected);
            }
        }
        assert_eq!(sched_getaffinity(Pid::from_raw(0)).unwrap(), allowed);
    }

    #[test]
    fn an_absent_processor_is_refused() {
        let absent = CpuSet::count() - 1;
        for cpus in [vec![absent], vec![0, absent]] {
            let error = Team::new(2, Some(&cpus)).err().unwrap().to_string();
            assert!(error.contains(&format!("CPU {absent}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn shares_cover_all_and_differ_by_one(total in 0usize..10_000, size in 1usize..200) {
            let shares: Vec<_> = (0..size).map(|rank| share(total, rank, size)).collect();
            prop_assert_eq!(shares[0].start, 0);
            prop_assert_eq!(shares[size - 1].end, total);
            prop_assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
            let lens: Vec<usize> = shares.iter().map(ExactSizeIterator::len).collect();
            prop_assert!(lens.iter().max().unwrap() - lens.iter().min().unwrap() <= 1);
        }
    }
}
