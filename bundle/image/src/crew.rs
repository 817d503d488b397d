//! Threads that compress blocks.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::Error;
use crate::compress::{Compression, Compressor};

/// Compresses blocks on threads and gives them back in the order in which they came.
pub(crate) struct Crew {
    /// Gone when the threads are to end.
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    threads: Vec<JoinHandle<()>>,
    /// How many blocks were handed in, and how many were handed out.
    submitted: u64,
    taken: u64,
    /// What is done and waits for those before it.
    early: Vec<Done>,
    /// Most blocks that are on their way.
    limit: u64,
    /// Memory of blocks that are done.
    spare: Vec<Vec<u8>>,
}

struct Job {
    number: u64,
    block: Vec<u8>,
}

struct Done {
    number: u64,
    block: Vec<u8>,
    compressed: Result<Option<Vec<u8>>, Error>,
}

/// What is to be stored of a block.
pub(crate) struct Packed {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether they are compressed.
    pub(crate) is_compressed: bool,
}

impl Crew {
    pub(crate) fn start(compression: Compression, thread_count: usize) -> Result<Self, Error> {
        let (jobs, to_do) = channel::<Job>();
        let (give, done) = channel();
        let to_do = Arc::new(Mutex::new(to_do));
        let mut threads = Vec::new();
        for _ in 0..thread_count.max(1) {
            let compressor = Compressor::new(compression)?;
            let (to_do, give) = (Arc::clone(&to_do), give.clone());
            let started = Builder::new()
                .name("compress".into())
                .spawn(move || work(compressor, &to_do, &give));
            match started {
                Ok(thread) => threads.push(thread),
                // One thread less takes longer and gives the same bytes.
                Err(_) if !threads.is_empty() => break,
                Err(_) => return Err(Error::Threads),
            }
        }
        let limit = 3 * threads.len() as u64 + 2;
        Ok(Self {
            jobs: Some(jobs),
            done,
            threads,
            submitted: 0,
            taken: 0,
            early: Vec::new(),
            limit,
            spare: Vec::new(),
        })
    }

    /// Whether a block has to be taken before another can be submitted.
    pub(crate) fn is_full(&self) -> bool {
        self.submitted - self.taken >= self.limit
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.submitted == self.taken
    }

    /// An empty block with memory of an earlier one.
    pub(crate) fn empty_block(&mut self) -> Vec<u8> {
        let mut block = self.spare.pop().unwrap_or_default();
        block.clear();
        block
    }

    /// Gives a block back that is not needed.
    pub(crate) fn recycle(&mut self, block: Vec<u8>) {
        if (self.spare.len() as u64) < self.limit {
            self.spare.push(block);
        }
    }

    pub(crate) fn submit(&mut self, block: Vec<u8>) -> Result<(), Error> {
        let number = self.submitted;
        self.submitted += 1;
        let jobs = self.jobs.as_ref().ok_or(Error::Threads)?;
        jobs.send(Job { number, block }).map_err(|_| Error::Threads)
    }

    /// The block that was submitted first of those that are on their way. Waits until it is compressed.
    pub(crate) fn take(&mut self) -> Result<Packed, Error> {
        let done = loop {
            let next = self.taken;
            let ready = self.early.iter().position(|done| done.number == next);
            if let Some(index) = ready {
                break self.early.swap_remove(index);
            }
            let done = self.done.recv().map_err(|_| Error::Threads)?;
            self.early.push(done);
        };
        self.taken += 1;
        Ok(match done.compressed? {
            Some(bytes) => {
                self.recycle(done.block);
                Packed {
                    bytes,
                    is_compressed: true,
                }
            }
            None => Packed {
                bytes: done.block,
                is_compressed: false,
            },
        })
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(mut compressor: Compressor, to_do: &Mutex<Receiver<Job>>, give: &Sender<Done>) {
    loop {
        // Its own statement: the lock is free again while the block is compressed.
        let job = to_do.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { number, block }) = job else {
            return;
        };
        let compressed = compressor.compress(&block);
        let compressed = compressed.map(|bytes| bytes.map(<[u8]>::to_vec));
        let done = Done {
            number,
            block,
            compressed,
        };
        if give.send(done).is_err() {
            return;
        }
    }
}
