//! How to measure it again.

use std::collections::BTreeMap;

use super::states::States;
use super::{PageData, cut};
use crate::shell_word;

/// Commands that a page lists, and hosts that it names for each.
const COMMANDS_MAX: usize = 20;
const HOSTS_MAX: usize = 5;

/// Letters of a command that are shown.
const LENGTH_MAX: usize = 2000;

/// A command and what it makes.
pub(super) struct Command {
    pub(super) line: String,
    pub(super) what: String,
}

/// The commands of the newest runs, and the one that makes the page.
pub(super) fn again(data: &PageData, states: &States) -> Vec<Command> {
    let mut hosts_of: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
    for (side, host) in data.survey.hosts.iter().enumerate() {
        let command = host.newest.command_line.as_slice();
        if !command.is_empty() && !states.is_folded(side) {
            hosts_of.entry(command).or_default().push(side);
        }
    }
    let mut by_hosts: Vec<_> = hosts_of.into_iter().collect();
    by_hosts.sort_by_key(|(_, sides)| sides[0]);
    let mut commands: Vec<Command> = by_hosts
        .iter()
        .take(COMMANDS_MAX)
        .map(|(words, sides)| Command {
            line: shell_line(words),
            what: format!("the newest run of {}", states.names(sides, HOSTS_MAX)),
        })
        .collect();
    commands.push(Command {
        line: shell_line(data.command),
        what: "this page".to_owned(),
    });
    commands
}

/// Words as a shell takes them.
fn shell_line(words: &[String]) -> String {
    let words = words.iter().map(|word| shell_word(word));
    cut(&words.collect::<Vec<_>>().join(" "), LENGTH_MAX)
}
