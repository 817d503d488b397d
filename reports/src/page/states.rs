//! Machines whose software or settings changed: each is shown in its newest state, with the earlier ones folded below it.

use std::collections::HashMap;

use results::environment::FACTS;
use results::survey::{Machine, Survey};

use super::{cut, label, short};
use crate::figures::counted;

/// Earlier states, records or figures of one machine that are listed below it.
const LISTED_MAX: usize = 50;

/// Facts in which a state differs that are told, and letters of each: this stands in a line.
const FACTS_MAX: usize = 5;
const VALUE_MAX: usize = 24;

/// The machines of a survey, and which one a side is of.
pub(super) struct States<'a> {
    pub(super) survey: &'a Survey,
    pub(super) machines: Vec<Machine>,
    machine_of: Vec<usize>,
    /// The place of each side among those of its machine, 0 for the newest.
    age: Vec<usize>,
    /// How many machines have a name.
    namesakes: HashMap<&'a str, usize>,
}

impl<'a> States<'a> {
    pub(super) fn of(survey: &'a Survey) -> Self {
        let machines = survey.machines();
        let mut machine_of = vec![0; survey.hosts.len()];
        let mut age = vec![0; survey.hosts.len()];
        for (index, machine) in machines.iter().enumerate() {
            for (place, &side) in machine.states().iter().enumerate() {
                machine_of[side] = index;
                age[side] = place;
            }
        }
        let mut namesakes: HashMap<&str, usize> = HashMap::new();
        for machine in &machines {
            let hostname = survey.hostname(machine.newest());
            *namesakes.entry(hostname).or_insert(0) += 1;
        }
        Self {
            survey,
            machines,
            machine_of,
            age,
            namesakes,
        }
    }

    /// How many newer states its machine has.
    pub(super) fn age(&self, side: usize) -> usize {
        self.age[side]
    }

    /// The machine that a side is a state of, by its index.
    pub(super) fn machine_of(&self, side: usize) -> usize {
        self.machine_of[side]
    }

    /// Whether a side is one of many states of its machine and not the newest: no place of its own is given to such a one.
    pub(super) fn is_folded(&self, side: usize) -> bool {
        let machine = &self.machines[self.machine_of[side]];
        machine.has_many_states() && machine.newest() != side
    }

    /// What a side is called: the newest of many states by its host's name alone.
    pub(super) fn name(&self, side: usize) -> String {
        let machine = &self.machines[self.machine_of[side]];
        if machine.has_many_states() && machine.newest() == side {
            self.machine_name(self.machine_of[side])
        } else {
            label(self.survey, side)
        }
    }

    /// What a machine is called whatever its state.
    pub(super) fn machine_name(&self, machine: usize) -> String {
        let newest = self.machines[machine].newest();
        if self.machines[machine].earlier().is_empty() {
            return label(self.survey, newest);
        }
        let hostname = self.survey.hostname(newest);
        let name = match hostname {
            "" => "unnamed host",
            name => name,
        };
        if self.namesakes[hostname] > 1 {
            short(&format!(
                "{name} ({})",
                self.survey.hosts[newest].newest.cpu_model
            ))
        } else {
            short(name)
        }
    }

    /// For example `node1, ci-runner (13 of 20 states) and 3 more`: no more names than these.
    pub(super) fn names(&self, sides: &[usize], names_max: usize) -> String {
        // In the order of the first side of each; a side is named once.
        let mut named: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut places = vec![usize::MAX; self.machines.len()];
        for &side in sides {
            let machine = self.machine_of[side];
            if places[machine] == usize::MAX {
                places[machine] = named.len();
                named.push((machine, Vec::new()));
            }
            named[places[machine]].1.push(side);
        }
        let names = named.iter().take(names_max).map(|(machine, sides)| {
            let states = self.machines[*machine].states().len();
            match sides[..] {
                [side] => self.name(side),
                _ if sides.len() == states => {
                    format!("{} (all {states} states)", self.machine_name(*machine))
                }
                _ => format!(
                    "{} ({} of {states} states)",
                    self.machine_name(*machine),
                    sides.len()
                ),
            }
        });
        let names: Vec<String> = names.collect();
        match named.len() - names.len() {
            0 => names.join(", "),
            more => format!("{} and {more} more", names.join(", ")),
        }
    }

    /// The different values that a side's runs have of a fact; empty where no record tells.
    pub(super) fn values(&self, side: usize, fact: usize, length_max: usize) -> String {
        let mut values: Vec<String> = Vec::new();
        for environment in &self.survey.comparison.sides[side].environments {
            let value = environment.values.get(fact).map_or("", String::as_str);
            let value = cut(value, length_max);
            if !value.is_empty() && !values.contains(&value) {
                values.push(value);
            }
        }
        values.join("; ")
    }

    /// In what a state differs from the newest of its machine, for example `commit 7fd0c6079060, kernel 6.1.0`.
    pub(super) fn differences(&self, side: usize) -> String {
        let newest = self.machines[self.machine_of[side]].newest();
        let differing = FACTS.iter().enumerate().filter_map(|(index, fact)| {
            let value = self.values(side, index, VALUE_MAX);
            let is_other = value != self.values(newest, index, VALUE_MAX);
            is_other.then(|| match &*value {
                "" => format!("{} not known", fact.name),
                value => format!("{} {value}", fact.name),
            })
        });
        let mut differing: Vec<String> = differing.collect();
        let more = differing.len().saturating_sub(FACTS_MAX);
        differing.truncate(FACTS_MAX);
        if more > 0 {
            differing.push(counted(more, "more difference"));
        }
        differing.join(", ")
    }

    /// The days of a side's runs, for example `2026-11-02 to 2026-11-05`.
    pub(super) fn days(&self, side: usize) -> String {
        let runs = &self.survey.hosts[side].runs;
        let day = |utc: &str| cut(&utc.chars().take(10).collect::<String>(), 10);
        let [first, last] = [runs.first(), runs.last()]
            .map(|run| run.map_or_else(String::new, |run| day(&run.started_utc)));
        if first == last {
            first
        } else {
            format!("{first} to {last}")
        }
    }
}

/// How many more folded lines a table holds.
pub(super) struct Room(usize);

impl Room {
    /// Folded lines of a table.
    const LINES_MAX: usize = 2000;

    pub(super) fn new() -> Self {
        Self(Self::LINES_MAX)
    }

    /// How many of so many lines of one row are listed, and what is said of them: `and 1 earlier state`, or
    /// `and 70 earlier states (50 listed)`.
    pub(super) fn earlier(&mut self, count: usize, noun: &str) -> (usize, String) {
        let shown = count.min(LISTED_MAX).min(self.0);
        self.0 -= shown;
        let noun = counted(count, &format!("earlier {noun}"));
        let said = if shown < count {
            format!("and {noun} ({shown} listed)")
        } else {
            format!("and {noun}")
        };
        (shown, said)
    }
}
