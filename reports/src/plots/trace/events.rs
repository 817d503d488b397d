//! What happened, in its order: repetitions to warm up and samples.

use results::conditions::Conditions;
use results::record::{Case, Sample};
use results::statistics::median;

use super::{figure_beside, rate_of};
use crate::Rate;
use crate::figures::counted;

/// Means of CPU times over less than this say nothing: the kernel counts in steps.
const SPAN_MIN_S: f64 = 0.5;

/// A case's repetitions in their order.
pub(super) struct Trace<'a> {
    pub(super) rate: Rate,
    pub(super) events: Vec<Event<'a>>,
    /// Of the samples that were verified.
    pub(super) median: Option<f64>,
}

/// One repetition.
pub(super) struct Event<'a> {
    /// The sample and its index; `None` for one that only warmed up.
    pub(super) sample: Option<(usize, &'a Sample)>,
    pub(super) run_time_s: f64,
    /// In the trace's unit; `None` for what is no positive number.
    pub(super) rate: Option<f64>,
}

/// Consecutive events over which CPU times were added up: where they begin and end, and how many CPUs others used.
pub(super) struct Span {
    pub(super) events: (usize, usize),
    pub(super) steal: Option<f64>,
    pub(super) foreign: Option<f64>,
}

impl<'a> Trace<'a> {
    pub(super) fn of(case: &'a Case) -> Trace<'a> {
        let rate = Rate::of(case);
        let mut warmups: Vec<_> = case.warmup_samples.iter().collect();
        warmups.sort_by_key(|warmup| warmup.before_sample);
        let mut warmups = warmups.into_iter().peekable();
        let mut events = Vec::new();
        for (index, sample) in case.samples.iter().enumerate() {
            while let Some(warmup) = warmups.next_if(|warmup| warmup.before_sample <= index) {
                events.push(Event {
                    sample: None,
                    run_time_s: warmup.run_time_s,
                    rate: rate_of(case, warmup.run_time_s),
                });
            }
            let value = rate.of_sample(sample);
            events.push(Event {
                sample: Some((index, sample)),
                run_time_s: sample.run_time_s,
                rate: (value.is_finite() && value > 0.0).then_some(value),
            });
        }
        let rates: Vec<f64> = events.iter().filter_map(Event::verified_rate).collect();
        Trace {
            rate,
            median: median(&rates).filter(|median| median.is_normal()),
            events,
        }
    }

    /// A rate with the digits that the spread leaves it.
    pub(super) fn figure(&self, rate: f64) -> String {
        let (low, high) = self.range(Event::verified_rate).unwrap_or((rate, rate));
        figure_beside(rate, self.median.unwrap_or(rate), high - low)
    }

    /// The least and the largest of what some events tell.
    pub(super) fn range(&self, of: impl Fn(&Event<'a>) -> Option<f64>) -> Option<(f64, f64)> {
        let values = self.events.iter().filter_map(of);
        values.fold(None, |range, value| {
            let (low, high) = range.unwrap_or((value, value));
            Some((f64::min(low, value), f64::max(high, value)))
        })
    }

    pub(super) fn warmups(&self) -> usize {
        self.events
            .iter()
            .filter(|event| event.sample.is_none())
            .count()
    }

    pub(super) fn failed(&self) -> usize {
        self.events
            .iter()
            .filter(|event| event.has_failed())
            .count()
    }

    fn conditions(&self) -> impl Iterator<Item = &Conditions> {
        self.events.iter().filter_map(Event::conditions)
    }

    /// How many CPUs others used, over spans that are long enough to tell.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut sums = (0.0, None, None);
        let mut begin = None;
        for (index, event) in self.events.iter().enumerate() {
            let Some(conditions) = event.conditions() else {
                continue;
            };
            let first = *begin.get_or_insert(index);
            let add = |sum: Option<f64>, more: Option<f64>| match (sum, more) {
                (None, more) => more,
                (sum, None) => sum,
                (Some(sum), Some(more)) => Some(sum + more),
            };
            sums = (
                sums.0 + conditions.observed_s.max(0.0),
                add(sums.1, conditions.steal_s),
                add(sums.2, conditions.foreign_cpu_s),
            );
            if sums.0 >= SPAN_MIN_S {
                let cpus = |time_s: Option<f64>| {
                    time_s
                        .map(|time_s| time_s / sums.0)
                        .filter(|it| it.is_finite() && *it >= 0.0)
                };
                spans.push(Span {
                    events: (first, index),
                    steal: cpus(sums.1),
                    foreign: cpus(sums.2),
                });
                sums = (0.0, None, None);
                begin = None;
            }
        }
        spans
    }

    /// Whether others were seen to use CPUs.
    pub(super) fn has_others(&self) -> bool {
        self.spans()
            .iter()
            .any(|span| is_some_above_zero(span.steal) || is_some_above_zero(span.foreign))
    }

    /// What was not read beside any sample.
    pub(super) fn not_read(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.range(Event::clock_ghz).is_none() {
            missing.push("the clock");
        }
        if self.range(Event::temperature_c).is_none() {
            missing.push("the temperature");
        }
        if self
            .conditions()
            .all(|it| it.steal_s.is_none() && it.foreign_cpu_s.is_none())
        {
            missing.push("the CPU time of others");
        } else if self.spans().is_empty() {
            missing.push("the CPU time of others (the samples are too short for it)");
        }
        missing
    }

    /// What was read and came to nothing.
    pub(super) fn not_seen(&self) -> Vec<&'static str> {
        if self.spans().is_empty() || self.has_others() {
            Vec::new()
        } else {
            vec!["CPU time of others"]
        }
    }

    /// That the machine held itself back, if it did.
    pub(super) fn throttled(&self) -> Option<String> {
        let count = |is: fn(&Conditions) -> bool| self.conditions().filter(|it| is(it)).count();
        let thermal = count(|it| it.thermal_throttles.is_some_and(|times| times > 0));
        let quota = count(|it| {
            it.quota_throttled_periods
                .is_some_and(|periods| periods > 0)
        });
        let mut parts = Vec::new();
        if thermal > 0 {
            parts.push(format!(
                "{} while the processor slowed itself down for its temperature",
                counted(thermal, "sample")
            ));
        }
        if quota > 0 {
            parts.push(format!(
                "{} while the quota of CPU time held threads back",
                counted(quota, "sample")
            ));
        }
        (!parts.is_empty()).then(|| format!("Triangles: {}.", parts.join(", ")))
    }
}

fn is_some_above_zero(value: Option<f64>) -> bool {
    value.is_some_and(|value| value > 0.0)
}

impl<'a> Event<'a> {
    pub(super) fn has_failed(&self) -> bool {
        self.sample
            .is_some_and(|(_, sample)| !sample.verification.passed)
    }

    /// The rate of a sample that counts.
    pub(super) fn verified_rate(&self) -> Option<f64> {
        self.sample
            .filter(|(_, sample)| sample.verification.passed)
            .and(self.rate)
    }

    pub(super) fn conditions(&self) -> Option<&'a Conditions> {
        self.sample?.1.conditions.as_ref()
    }

    pub(super) fn clock_ghz(&self) -> Option<f64> {
        let clock_mhz = self.conditions()?.clock_mhz?;
        (clock_mhz > 0.0 && clock_mhz < 1e6).then_some(clock_mhz * 1e-3)
    }

    /// As a thermometer may tell it.
    pub(super) fn temperature_c(&self) -> Option<f64> {
        let temperature_c = self.conditions()?.temperature_c?;
        (0.0..1000.0)
            .contains(&temperature_c)
            .then_some(temperature_c)
    }

    /// Whether the processor slowed itself down for its temperature, or the quota held it back.
    pub(super) fn is_throttled(&self) -> bool {
        self.conditions().is_some_and(|it| {
            it.thermal_throttles.is_some_and(|times| times > 0)
                || it
                    .quota_throttled_periods
                    .is_some_and(|periods| periods > 0)
        })
    }

    /// The sample's number, from 1.
    pub(super) fn label(&self) -> String {
        self.sample.map_or_else(
            || "warm-up".to_owned(),
            |(index, _)| (index + 1).to_string(),
        )
    }
}
