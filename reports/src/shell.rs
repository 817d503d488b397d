//! Words of commands that somebody may paste into a shell.

/// A text as one word of a shell: as it is, or in quotes where it holds anything that a shell reads as more than a letter. No shell
/// passes a zero byte on, so there is none in it.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        assert_eq!(shell_word("./bench-1.run"), "./bench-1.run");
        assert_eq!(shell_word("my bench.run"), "'my bench.run'");
        assert_eq!(shell_word("it's;\0"), r"'it'\''s;'");
        assert_eq!(shell_word(""), "''");
    }
}
