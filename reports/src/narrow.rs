//! Names in columns that are too narrow for them.

use std::collections::HashSet;

use unicode_width::UnicodeWidthStr;

use crate::shared_ends::SharedEnds;

/// Cuts names so that they still tell who is meant: where that leaves several alike, as with files of one host, what all of them begin and
/// end with is cut first.
pub(crate) fn shorten(names: &mut [String], width: usize) {
    let cut_all =
        |names: &[String]| -> Vec<String> { names.iter().map(|name| cut(name, width)).collect() };
    let distinct = |names: &[String]| names.iter().collect::<HashSet<_>>().len();
    let mut short = cut_all(names);
    // Whole words are cut if that is enough.
    for shared in [SharedEnds::words(names), SharedEnds::letters(names)] {
        if distinct(&short) == distinct(names) {
            break;
        }
        let own = names
            .iter()
            .map(|name| format!("…{}", shared.without(name)));
        short = cut_all(&own.collect::<Vec<_>>());
    }
    names.clone_from_slice(&short);
}

/// The beginning and the end of a text that is too wide: names of hosts often differ at their ends.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let take = |letters: &mut dyn Iterator<Item = char>, width: usize| {
        let mut taken = Vec::new();
        let mut used = 0;
        for letter in letters {
            used += letter.to_string().width();
            if used > width {
                break;
            }
            taken.push(letter);
        }
        taken
    };
    let space = width.saturating_sub(1);
    let head: String = take(&mut text.chars(), space.div_ceil(2))
        .into_iter()
        .collect();
    let tail = take(&mut text.chars().rev(), space / 2);
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortened<const N: usize>(names: [&str; N], width: usize) -> [String; N] {
        let mut names = names.map(str::to_owned);
        shorten(&mut names, width);
        names
    }

    #[test]
    fn what_tells_them_apart_stays() {
        assert_eq!(shortened(["short", "names"], 8), ["short", "names"]);
        assert_eq!(
            shortened(["a-long-name-1", "a-long-name-2"], 8),
            ["a-lo…e-1", "a-lo…e-2"]
        );
        let files = ["i9 (base.json)", "i9 (candidate.json)"];
        assert_eq!(shortened(files, 8), ["…base", "…can…ate"]);
        assert_eq!(
            shortened(["node-aaaa1bbbb.org", "node-aaaa2bbbb.org"], 7),
            ["…1", "…2"]
        );
        assert_eq!(shortened(["the same name"; 2], 8), ["the …ame"; 2]);
        assert_eq!(shortened([], 8), [""; 0]);
    }

    #[test]
    fn any_names_fit() {
        let names = [
            "",
            "a",
            "漢字漢字漢字",
            "a-b-c-d-e-f-g",
            "a-b-c-x-e-f-g",
            "aaaaaaaaaaaaaaaaaa",
        ];
        for width in 2..20 {
            for from in 0..names.len() {
                for to in from..=names.len() {
                    let mut some: Vec<String> =
                        names[from..to].iter().map(|&it| it.into()).collect();
                    shorten(&mut some, width);
                    assert!(some.iter().all(|name| name.width() <= width), "{some:?}");
                }
            }
        }
    }
}
