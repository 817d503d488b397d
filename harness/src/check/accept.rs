//! Changes that are intended: what was accepted before is expected, and what is accepted now is put down.

use std::path::PathBuf;

use results::accepted::{Accepted, AcceptedFile};
use results::comparison::{CaseOutcome, Comparison, SideRecord, Verdict};
use results::verdict::GateVerdict;

use crate::cli::CheckArgs;
use crate::exit::Failure;
use crate::output::{cannot_create, check_file};
use crate::run::now_utc;

/// What was accepted, and whether something is to be.
#[derive(Debug)]
pub(super) struct Accepting {
    path: PathBuf,
    file: AcceptedFile,
    reason: Option<String>,
    /// Where both sides are told to bind their threads, if not `compact`.
    affinity: Option<String>,
}

impl Accepting {
    /// Reads what was accepted before.
    pub(super) fn new(args: &CheckArgs) -> Result<Self, Failure> {
        // On one line, since it is printed in one.
        let words = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let reason = args.accept.as_ref().map(words);
        if reason.as_deref() == Some("") {
            return Err(Failure::usage(anyhow::anyhow!(
                "cannot accept a change without a reason (try --accept 'checks bounds now')"
            )));
        }
        if reason.is_some() {
            check_file(Some(&args.accepted))?;
        }
        Ok(Self {
            path: args.accepted.clone(),
            file: AcceptedFile::read(&args.accepted).map_err(Failure::usage)?,
            reason,
            affinity: args
                .measured
                .affinity
                .clone()
                .filter(|affinity| affinity != "compact"),
        })
    }

    /// The change of this case against this baseline that was accepted before.
    pub(super) fn before(&self, baseline: &SideRecord, case: &CaseOutcome) -> Option<&Accepted> {
        let baseline = baseline.content.as_deref()?;
        self.file.of(baseline, case, self.affinity.as_deref())
    }

    /// What to say of the acceptances that the verdict rests on, one line for each case; and of one that does not apply any more.
    pub(super) fn remarks(&self, comparison: &Comparison) -> Vec<String> {
        let remark = |case: &CaseOutcome| {
            let gate = case.gate.as_ref()?;
            let label = format!("{} n={} {}", case.kernel, case.n, case.dtype);
            if let Some(accepted) = &gate.accepted {
                return Some(format!(
                    "{label}: {} times the baseline's speed is expected, accepted {}: {}",
                    ratio_text(accepted.ratio),
                    accepted.accepted_utc,
                    accepted.reason
                ));
            }
            let baseline = comparison.baseline.content.as_deref().unwrap_or_default();
            let affinity = self.affinity.as_deref();
            let is_of_another = self.file.is_of_another(baseline, case, affinity);
            (is_of_another && gate.verdict != GateVerdict::Pass).then(|| {
                format!(
                    "{label}: what {} holds was accepted against other baselines and does not count against this one",
                    self.path.display()
                )
            })
        };
        comparison.cases.iter().filter_map(remark).collect()
    }

    /// The ratio that is expected of this case.
    pub(super) fn expected(&self, baseline: &SideRecord, case: &CaseOutcome) -> f64 {
        self.before(baseline, case)
            .map_or(1.0, |change| change.ratio)
    }

    /// Accepts what was found, where that was asked for: regressions, and what is faster beyond the threshold.
    pub(super) fn accept(&self, comparison: &mut Comparison) -> Result<(), Failure> {
        let Some(reason) = &self.reason else {
            return Ok(());
        };
        let is_decided = matches!(comparison.verdict, Verdict::Pass | Verdict::Regression);
        if !is_decided {
            comparison
                .reasons
                .push("nothing was accepted: there is no verdict".to_owned());
            return Ok(());
        }
        let Some(baseline) = &comparison.baseline.content else {
            comparison.reasons.push(
                "nothing was accepted: the baseline's file cannot be read, so that it would not be known again".to_owned(),
            );
            return Ok(());
        };
        let candidate = &comparison.candidate;
        let candidate = candidate.content.as_ref().unwrap_or(&candidate.given);
        let change = |case: &CaseOutcome| {
            let gate = case.gate.as_ref()?;
            let ratio = case.ratio.as_ref()?;
            let threshold = gate.threshold_percent? / 100.0;
            let is_slower = gate.verdict == GateVerdict::Regression;
            let is_faster = ratio.low > gate.expected * (1.0 + threshold);
            (is_slower || is_faster).then(|| Accepted {
                reason: reason.clone(),
                accepted_utc: now_utc(),
                kernel: case.kernel.clone(),
                n: case.n,
                dtype: case.dtype.clone(),
                blas: case.blas.clone(),
                driver: case.driver.clone(),
                affinity: self.affinity.clone(),
                threads: case.threads,
                ratio_before: gate.expected,
                ratio: ratio.estimate,
                ratio_interval: [ratio.low, ratio.high],
                baseline: baseline.clone(),
                candidate: candidate.clone(),
            })
        };
        let changes: Vec<Accepted> = comparison.cases.iter().filter_map(change).collect();
        if changes.is_empty() {
            comparison
                .reasons
                .push("nothing was accepted: nothing has changed beyond the threshold".to_owned());
            return Ok(());
        }
        let mut file = self.file.clone();
        file.changes.extend(changes.iter().cloned());
        file.write(&self.path).map_err(cannot_create)?;
        for change in &changes {
            comparison.reasons.push(format!(
                "accepted in {}: {} n={} {} from {} to {}: {reason}",
                self.path.display(),
                change.kernel,
                change.n,
                change.dtype,
                ratio_text(change.ratio_before),
                ratio_text(change.ratio)
            ));
        }
        comparison.verdict = Verdict::Accepted;
        Ok(())
    }
}

/// A ratio in a few letters, whatever somebody wrote into the file.
fn ratio_text(ratio: f64) -> String {
    if (0.001..1e4).contains(&ratio) {
        format!("{ratio:.3}")
    } else {
        format!("{ratio:.2e}")
    }
}
