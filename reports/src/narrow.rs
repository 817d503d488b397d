//! Names in columns that are too narrow for them.

use std::collections::HashSet;

use unicode_width::UnicodeWidthStr;

/// Cuts names so that they still tell who is meant: where that leaves several alike, as with files of one host, what all of them begin and
/// end with is cut first.
pub(crate) fn shorten(names: &mut [String], width: usize) {
    let cut_all =
        |names: &[String]| -> Vec<String> { names.iter().map(|name| cut(name, width)).collect() };
    let distinct = |names: &[String]| names.iter().collect::<HashSet<_>>().len();
    let mut short = cut_all(names);
    if distinct(&short) < distinct(names) {
        let before = common(names.iter().map(|name| name.chars()));
        let after = common(names.iter().map(|name| {
            name.chars()
                .skip(before)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
        }));
        let middles = names.iter().map(|name| {
            let length = name.chars().count() - before - after;
            let middle: String = name.chars().skip(before).take(length).collect();
            format!("…{middle}")
        });
        short = cut_all(&middles.collect::<Vec<_>>());
    }
    names.clone_from_slice(&short);
}

/// How many letters all of these begin with.
fn common<I: Iterator<Item = char>>(texts: impl Iterator<Item = I>) -> usize {
    let mut texts = texts.map(Iterator::collect::<Vec<char>>);
    let first = texts.next().unwrap_or_default();
    texts.fold(first.len(), |most, text| {
        let same = first
            .iter()
            .zip(&text)
            .take_while(|(one, other)| one == other);
        same.count().min(most)
    })
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
