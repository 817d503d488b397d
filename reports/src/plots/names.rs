//! Names of records in pictures and in tables: any text may be one.

use std::collections::HashSet;

use crate::plot::font;
use crate::shared_ends::SharedEnds;

/// Characters of a name in a table or in a description.
const TOLD_MAX: usize = 200;
/// Characters of a name in a sentence.
const BRIEF_MAX: usize = 60;
/// Names that are listed; the rest is counted.
const LISTED_MAX: usize = 6;

/// A record's text on one line, of a length that a table can hold.
pub(crate) fn told(text: &str) -> String {
    cut(text, TOLD_MAX)
}

/// A record's text as it stands in a sentence.
pub(crate) fn brief(text: &str) -> String {
    cut(text, BRIEF_MAX)
}

fn cut(text: &str, length_max: usize) -> String {
    let head: String = text.chars().take(4 * length_max).collect();
    let clean = font::clean(&head);
    if clean.chars().count() <= length_max {
        return clean;
    }
    let kept: String = clean.chars().take(length_max).collect();
    format!("{kept}…")
}

/// The names cut to the room that there is, so that those that differ still do.
pub(super) fn fitted(names: &[String], size: i32, room: i32) -> Vec<String> {
    let told: Vec<String> = names.iter().map(|name| told(name)).collect();
    let mut seen = HashSet::new();
    let ends: Vec<String> = told
        .iter()
        .map(|name| font::ellipsized(name, size, room))
        .collect();
    if ends.iter().all(|name| seen.insert(name)) {
        return ends;
    }
    // Names of a cluster's nodes differ in a number: what they have in common is left out.
    let shared = SharedEnds::words(&told);
    let own: Vec<String> = told
        .iter()
        .map(|name| font::ellipsized(&shared.marked(name), size, room))
        .collect();
    seen.clear();
    if own.iter().all(|name| seen.insert(name)) {
        return own;
    }
    let numbered = ends.iter().enumerate().map(|(index, name)| {
        let number = format!(" #{}", index + 1);
        let room = room - font::width(&number, size);
        format!("{}{number}", font::ellipsized(name, size, room))
    });
    numbered.collect()
}

/// Some names as a list, and how many more there are.
pub(super) fn list(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(LISTED_MAX)
        .map(|name| told(name))
        .collect();
    match names.len().saturating_sub(LISTED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_still_do_when_they_are_cut() {
        let node = |number: usize| format!("compute-node-with-a-long-name-{number:04}.example.org");
        let names: Vec<String> = (1..4).map(node).collect();
        assert_eq!(fitted(&names, 14, 140), ["…0001…", "…0002…", "…0003…"]);
        assert_eq!(
            fitted(&["i9".to_owned(), "r7".to_owned()], 14, 140),
            ["i9", "r7"]
        );
        let same = vec!["W".repeat(300); 2];
        let cut = fitted(&same, 14, 140);
        assert!(cut[0] != cut[1] && cut[1].ends_with("#2"), "{cut:?}");
    }

    #[test]
    fn long_lists_are_counted() {
        let names: Vec<String> = (0..40).map(|at| format!("h{at}")).collect();
        assert_eq!(list(&names), "h0, h1, h2, h3, h4, h5 and 34 more");
        assert_eq!(list(&names[..1]), "h0");
    }
}
