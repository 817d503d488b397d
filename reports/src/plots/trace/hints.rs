//! What each sample of a trace says when somebody points at it, in whichever panel: its speed and what the machine did.

use super::events::{Event, Span, Trace};
use crate::figures::counted;
use crate::plot::scene::{Point, Scene};
use crate::plots::hint::{self, Hint, from_median};

/// Hints of a panel: closer than seven units nobody could point at one.
const PANEL_MAX: usize = 64;

/// Of the repetitions that are drawn in a panel.
pub(super) fn events(scene: &mut Scene, trace: &Trace, points: &[(Point, &Event)]) {
    hint::tell(scene, points, PANEL_MAX, |points| match points {
        [(_, event)] => of_event(trace, event),
        _ => of_events(trace, points),
    });
}

fn of_event(trace: &Trace, event: &Event) -> Hint {
    let mut hint = Hint::of(&[&name(trace, event)]);
    if let Some(rate) = event.rate {
        hint = hint.value(&trace.figure(rate), trace.rate.unit, None);
    }
    if event.has_failed() {
        hint = hint.also("INVALID");
    }
    if let (Some(rate), Some(median)) = (event.verified_rate(), trace.median) {
        hint = hint.also(&from_median(100.0 * (rate / median - 1.0)));
    }
    if let Some(clock_ghz) = event.clock_ghz() {
        hint = hint.also(&format!("{clock_ghz:.2} GHz"));
    }
    if let Some(temperature_c) = event.temperature_c() {
        hint = hint.also(&format!("{temperature_c:.0} °C"));
    }
    if event.is_throttled() {
        hint = hint.also("throttled");
    }
    hint
}

fn of_events(trace: &Trace, points: &[(Point, &Event<'_>)]) -> Hint {
    let mut hint = Hint::of(&[&stretch(trace, points.iter().map(|(_, event)| *event))]);
    if let Some((low, high)) = range(points, |event| event.rate) {
        hint = hint.range((&trace.figure(low), &trace.figure(high)), trace.rate.unit);
    }
    if let Some((low, high)) = range(points, Event::clock_ghz) {
        hint = hint.also(&format!("{low:.2} to {high:.2} GHz"));
    }
    if let Some((low, high)) = range(points, Event::temperature_c) {
        hint = hint.also(&format!("{low:.0} to {high:.0} °C"));
    }
    let failed = points
        .iter()
        .filter(|(_, event)| event.has_failed())
        .count();
    if failed > 0 {
        hint = hint.also(&format!("{failed} INVALID"));
    }
    hint
}

/// From the least to the largest of what they tell.
fn range<'a>(
    points: &[(Point, &Event<'a>)],
    of: fn(&Event<'a>) -> Option<f64>,
) -> Option<(f64, f64)> {
    hint::ends(points.iter().filter_map(|(_, event)| of(event)))
}

/// Of the stretches over which CPU times of others are means.
pub(super) fn spans(scene: &mut Scene, trace: &Trace, points: &[(Point, &Span)]) {
    hint::tell(scene, points, PANEL_MAX, |points| {
        let events = points.iter().flat_map(|(_, span)| {
            let (first, last) = span.events;
            [&trace.events[first], &trace.events[last]]
        });
        let mut hint = Hint::of(&[&stretch(trace, events)]);
        let most = |of: fn(&Span) -> Option<f64>| {
            points
                .iter()
                .filter_map(|(_, span)| of(span))
                .reduce(f64::max)
        };
        let most_of_all = if points.len() > 1 { "at most " } else { "" };
        for (cpus, whose) in [
            (most(|span| span.foreign), "other processes"),
            (most(|span| span.steal), "steal"),
        ] {
            if let Some(cpus) = cpus {
                hint = hint.also(&format!("{most_of_all}{cpus:.2} CPUs by {whose}"));
            }
        }
        hint
    });
}

/// What a repetition is called.
fn name(trace: &Trace, event: &Event) -> String {
    match event.sample {
        Some((index, _)) => {
            let samples = trace.events.len() - trace.warmups();
            format!("sample {} of {samples}", index + 1)
        }
        None => "warm-up".to_owned(),
    }
}

/// What some repetitions in their order are called.
fn stretch<'a>(trace: &Trace, events: impl Iterator<Item = &'a Event<'a>>) -> String {
    let events: Vec<&Event> = events.collect();
    let mut samples = events.iter().filter(|event| event.sample.is_some());
    match (samples.next(), samples.next_back()) {
        (Some(first), Some(last)) if first.label() != last.label() => {
            format!("samples {} to {}", first.label(), last.label())
        }
        (Some(only), _) => name(trace, only),
        (None, _) => counted(events.len(), "warm-up"),
    }
}
