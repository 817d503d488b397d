//! What hosts are called in a picture, where there is little room for names.

use results::survey::Survey;

use crate::plot::font;

/// The names of some hosts, without the domain that all of them share.
pub(super) struct HostNames {
    names: Vec<String>,
    sides: Vec<usize>,
    /// The domain with its dot, for example `.cluster.example.org`; empty when there is none.
    pub(super) domain: String,
}

impl HostNames {
    /// Of these sides of a survey.
    pub(super) fn of(survey: &Survey, sides: &[usize]) -> HostNames {
        let label = |side: &usize| font::clean(&survey.comparison.sides[*side].label);
        let mut names: Vec<String> = sides.iter().map(label).collect();
        let domain = domain(&names);
        for name in &mut names {
            name.truncate(name.len() - domain.len());
        }
        HostNames {
            names,
            sides: sides.to_vec(),
            domain,
        }
    }

    /// What a side is called.
    pub(super) fn name(&self, side: usize) -> &str {
        let mut pairs = self.sides.iter().zip(&self.names);
        pairs
            .find(|(of, _)| **of == side)
            .map_or("", |(_, name)| name)
    }

    /// The room that the longest name takes, up to `most`.
    pub(super) fn width(&self, size: i32, most: i32) -> i32 {
        let widths = self
            .names
            .iter()
            .map(|name| font::width(&font::shortened(name, size, most), size));
        widths.max().unwrap_or(0).min(most)
    }
}

/// The longest end of all names that begins with a dot and leaves something of each.
fn domain(names: &[String]) -> String {
    let [first, rest @ ..] = names else {
        return String::new();
    };
    if rest.is_empty() {
        return String::new();
    }
    let dots = first.match_indices('.').map(|(at, _)| &first[at..]);
    let is_shared = |end: &&str| {
        names
            .iter()
            .all(|name| name.len() > end.len() && name.ends_with(end))
    };
    dots.into_iter().find(is_shared).unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expected: &str) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(domain(&names), expected, "{names:?}");
    }

    #[test]
    fn the_domain_is_what_all_names_end_in() {
        check(&["a.x.org", "bb.x.org"], ".x.org");
        check(&["a.1.x.org", "a.2.x.org"], ".x.org");
        check(&["a.x.org", "b.x.net"], "");
        check(&["a.x.org", ".x.org"], ".org");
        check(&["a.x.org"], "");
        check(&[], "");
    }
}
