//! Anchors of a page: names that are there once, made of letters that need no escaping.

use std::collections::HashSet;

/// The anchors that were given out.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    taken: HashSet<String>,
}

/// Letters of a name that an anchor keeps.
const LENGTH_MAX: usize = 60;

impl Anchors {
    /// An anchor like this name: small letters, digits and hyphens, with a number behind it where it is taken.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut base = String::new();
        for c in name.chars().take(LENGTH_MAX) {
            if c.is_ascii_alphanumeric() {
                base.push(c.to_ascii_lowercase());
            } else if !base.ends_with('-') {
                base.push('-');
            }
        }
        let base = match base.trim_matches('-') {
            "" => "part",
            base => base,
        };
        let mut anchor = base.to_owned();
        let mut count = 1;
        while !self.taken.insert(anchor.clone()) {
            count += 1;
            anchor = format!("{base}-{count}");
        }
        anchor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_plain_and_there_once() {
        let mut anchors = Anchors::default();
        assert_eq!(anchors.unique("By size, \"n\""), "by-size-n");
        assert_eq!(anchors.unique("by size n"), "by-size-n-2");
        assert_eq!(anchors.unique("<script>"), "script");
        assert_eq!(anchors.unique("日本"), "part");
        assert_eq!(anchors.unique(""), "part-2");
    }
}
