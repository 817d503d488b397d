//! What names have in common at both ends: it does not tell them apart, and is what can be left out where there is little room.

/// How many characters at the beginning and at the end all of some names share. The two never overlap in any of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SharedEnds {
    head: usize,
    tail: usize,
}

impl SharedEnds {
    /// All that is shared: `…1` and `…2` for `node01` and `node02`.
    pub(crate) fn letters(names: &[String]) -> Self {
        let names: Vec<Vec<char>> = names.iter().map(|name| name.chars().collect()).collect();
        let head = count_shared(&names, <[char]>::get);
        let tail = count_shared(&names, |name, at| {
            let from_start = name.len().checked_sub(at + 1)?;
            name.get(from_start).filter(|_| from_start >= head)
        });
        Self { head, tail }
    }

    /// Whole words only: `node-01` and `node-02` differ in their numbers, not in a digit.
    pub(crate) fn words(names: &[String]) -> Self {
        let letters = Self::letters(names);
        let first: Vec<char> = names
            .first()
            .map_or_else(Vec::new, |name| name.chars().collect());
        let is_between_words = |letter: &char| !letter.is_alphanumeric();
        let head = first[..letters.head].iter().rposition(is_between_words);
        let tail = first[first.len() - letters.tail..]
            .iter()
            .position(is_between_words);
        Self {
            head: head.map_or(0, |at| at + 1),
            tail: tail.map_or(0, |at| letters.tail - at),
        }
    }

    /// One of the names without them.
    pub(crate) fn without(self, name: &str) -> String {
        let letters: Vec<char> = name.chars().collect();
        letters[self.head..letters.len() - self.tail]
            .iter()
            .collect()
    }

    /// The same, with a mark where something is left out.
    pub(crate) fn marked(self, name: &str) -> String {
        let mark = |count| if count > 0 { "…" } else { "" };
        format!(
            "{}{}{}",
            mark(self.head),
            self.without(name),
            mark(self.tail)
        )
    }
}

/// How many letters all names share, taken one after the other.
fn count_shared(names: &[Vec<char>], letter: impl Fn(&[char], usize) -> Option<&char>) -> usize {
    let is_shared = |at: &usize| {
        let mut letters = names.iter().map(|name| letter(name, *at));
        let first = letters.next().flatten();
        first.is_some() && letters.all(|other| other == first)
    };
    let shortest = names.iter().map(Vec::len).min().unwrap_or(0);
    (0..shortest).take_while(is_shared).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const N: usize>(names: [&str; N], words: [&str; N], letters: [&str; N]) {
        let names = names.map(str::to_owned);
        let (by_words, by_letters) = (SharedEnds::words(&names), SharedEnds::letters(&names));
        for (at, name) in names.iter().enumerate() {
            assert_eq!(by_words.marked(name), words[at]);
            assert_eq!(by_letters.without(name), letters[at]);
        }
    }

    #[test]
    fn what_is_left_tells_names_apart() {
        check(["node-01.org", "node-02.org"], ["…01…", "…02…"], ["1", "2"]);
        check(["a-b-c", "a-b"], ["…b-c", "…b"], ["-c", ""]);
        check(["-", "--"], ["…", "…-"], ["", "-"]);
        check(["i9", "r7"], ["i9", "r7"], ["i9", "r7"]);
        check(["é漢", "é字"], ["é漢", "é字"], ["漢", "字"]);
        check(["one"], ["one"], [""]);
        check([], [], []);
    }
}
