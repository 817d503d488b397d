//! The ladder: which rung is tried when, and what a failure leads to.

use crate::request::{Attempt, Ended, Job, Rung, StartRequest};
use crate::{Container, Error, front};

/// Forces a rung; for testers. Never handed on: a bundle that the payload starts makes its own choice.
pub(crate) const FORCE_RUNG: &str = "BENCHRUN_FORCE_RUNG";

/// From this size on the kernel's own mount, for which the whole image has to be checked, is faster than unpacking.
const LARGE_IMAGE_SIZE_BYTES: u64 = 8 << 20;

/// Starts the payload and returns how it ended.
///
/// The process must have a single thread.
///
/// # Errors
/// If the bundle is damaged, or no rung holds: the reason of each. If a rung is forced by `BENCHRUN_FORCE_RUNG`: why that
/// one does not hold.
pub fn start(request: &StartRequest<'_>) -> Result<Ended, Error> {
    let run = |rung, reason: &str| {
        let needed = request.container().and_then(Container::needs_namespace);
        if let (Rung::Directory, Some(option)) = (rung, needed) {
            return Err(Error::NeedsNamespace(option));
        }
        front::run(&Attempt {
            request,
            rung,
            job: Job::Run,
            reason,
        })
    };
    if let Some(rung) = forced_rung()?.filter(|rung| order(request).contains(rung)) {
        return run(rung, &format!("{FORCE_RUNG}={}", rung.number()));
    }
    let mut refusals: Vec<(u8, Box<Error>)> = Vec::new();
    for rung in order(request).iter().copied() {
        // Why a namespace cannot be had is said best by the first rung that asks for one.
        let reason = refusals.first().map(|(_, error)| error.to_string());
        match run(rung, reason.as_deref().unwrap_or_default()) {
            Err(error) if !error.is_final() => refusals.push((rung.number(), Box::new(error))),
            outcome => return outcome,
        }
    }
    Err(Error::NoRung(refusals))
}

/// The outcome of trying one rung without running the payload.
#[derive(Debug)]
pub struct Probed {
    /// The rung.
    pub rung: Rung,
    /// Why it does not hold; none if it does.
    pub refusal: Option<crate::Refusal>,
}

/// Tries each rung, in a child and for real, up to the point where the payload would be executed.
///
/// The process must have a single thread.
pub fn probe(request: &StartRequest<'_>) -> Vec<Probed> {
    let probe = |rung| {
        let outcome = front::run(&Attempt {
            request,
            rung,
            job: Job::Probe,
            reason: "",
        });
        let refusal = match outcome {
            Ok(Ended::Exited(0)) => None,
            Ok(_) => Some(Error::KeeperKilled.to_refusal()),
            Err(error) => Some(error.to_refusal()),
        };
        Probed { rung, refusal }
    };
    Rung::ALL.into_iter().map(probe).collect()
}

/// The rungs in the order in which they are tried for these files: the fastest first (see ARCHITECTURE.md).
pub fn order(request: &StartRequest<'_>) -> &'static [Rung] {
    if request.files.image().is_none() {
        // Nothing has to be mounted or unpacked: the directory is there.
        &[Rung::Mounted, Rung::Directory]
    } else if request.files.image_size_bytes() < LARGE_IMAGE_SIZE_BYTES {
        &Rung::ALL
    } else {
        &[
            Rung::Mounted,
            Rung::LoopDevice,
            Rung::PrivateTmpfs,
            Rung::Directory,
        ]
    }
}

/// The rung that a tester asks for.
fn forced_rung() -> Result<Option<Rung>, Error> {
    std::env::var_os(FORCE_RUNG)
        .map(|word| {
            Rung::from_word(&word)
                .ok_or_else(|| Error::NoSuchRung(word.to_string_lossy().escape_debug().to_string()))
        })
        .transpose()
}
