//! Names that are there once and need no escaping: those of figures, of their files, and of places on a page.

use std::collections::HashSet;

use crate::figure::Figure;

/// Letters of a text that its name keeps.
const LENGTH_MAX: usize = 60;

/// The names that were given out.
#[derive(Debug, Default)]
pub(crate) struct Slugs {
    taken: HashSet<String>,
}

impl Slugs {
    /// A name like this text: small letters, digits and hyphens, with a number behind it where it is taken.
    pub(crate) fn take(&mut self, text: &str) -> String {
        let mut base = String::new();
        for c in text.chars().take(4 * LENGTH_MAX) {
            if base.len() == LENGTH_MAX {
                break;
            }
            if c.is_ascii_alphanumeric() {
                base.push(c.to_ascii_lowercase());
            } else if !base.is_empty() && !base.ends_with('-') {
                base.push('-');
            }
        }
        let base = match base.trim_end_matches('-') {
            "" => "part",
            base => base,
        };
        let mut name = base.to_owned();
        let mut count = 1;
        while !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{base}-{count}");
        }
        name
    }
}

/// Makes names of the texts that figures are called by.
pub(crate) fn named_apart(mut figures: Vec<Figure>) -> Vec<Figure> {
    let mut slugs = Slugs::default();
    for figure in &mut figures {
        figure.name = slugs.take(&figure.name);
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_differ() {
        let mut slugs = Slugs::default();
        for (text, expected) in [
            ("by-size matmul-norm f64", "by-size-matmul-norm-f64"),
            ("by-size Matmul/norm  f64 ", "by-size-matmul-norm-f64-2"),
            ("by-size <script>", "by-size-script"),
            ("\"é\"", "part"),
            ("", "part-2"),
            ("part-2", "part-2-2"),
        ] {
            assert_eq!(slugs.take(text), expected);
        }
        assert_eq!(slugs.take(&format!("x{}", "é".repeat(9000))), "x");
        assert_eq!(slugs.take(&"y".repeat(9000)).len(), LENGTH_MAX);
    }
}
