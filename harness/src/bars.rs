//! Whether bars are drawn in what is printed, with which letters, and how wide: as asked, or as the terminal can show them.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use reports::bars::Style;

/// `--bars`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Bars {
    /// In a terminal, with the letters that it is likely to have
    #[default]
    Auto,
    /// With letters of ASCII
    Ascii,
    /// With blocks of eighths of a letter
    Unicode,
    /// Not at all
    None,
}

/// The width of lines where no terminal has one.
const WIDTH: usize = 80;

impl Bars {
    /// The letters to draw with, and the width of the lines; `None` where none are to be drawn.
    pub fn drawn(self) -> Option<(Style, usize)> {
        let variable = |name: &str| std::env::var(name).ok();
        let style = self.style(io::stdout().is_terminal(), &variable)?;
        Some((style, terminal_width().unwrap_or(WIDTH)))
    }

    /// Drawn are letters, in no colour. Who wants no colour (no-color.org) wants it plain, so that is taken for a wish for ASCII.
    fn style(self, is_terminal: bool, variable: &dyn Fn(&str) -> Option<String>) -> Option<Style> {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let is_plain = is_set("NO_COLOR") || !is_utf8(variable);
        let fitting = if is_plain {
            Style::Ascii
        } else {
            Style::Unicode
        };
        match self {
            Self::None => None,
            Self::Ascii => Some(Style::Ascii),
            Self::Unicode => Some(Style::Unicode),
            Self::Auto => is_terminal.then_some(fitting),
        }
    }
}

/// Whether the locale's letters are those of Unicode, by the variable that decides: the first that is set and not empty.
fn is_utf8(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let mut values = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable);
    let locale = values.find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// The columns of the terminal; `None` where output goes elsewhere.
pub fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let (width, _) = terminal_size::terminal_size()?;
    Some(usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bars: Bars, is_terminal: bool, variables: &[(&str, &str)], expected: Option<Style>) {
        let variable = |name: &str| {
            let mut found = variables.iter().filter(|(other, _)| *other == name);
            found.next().map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(bars.style(is_terminal, &variable), expected);
    }

    #[test]
    fn what_is_asked_for_is_drawn_and_else_what_fits() {
        let utf8 = [("LANG", "de_DE.UTF-8")];
        check(Bars::Auto, true, &utf8, Some(Style::Unicode));
        check(Bars::Auto, false, &utf8, None);
        check(Bars::Unicode, false, &[], Some(Style::Unicode));
        check(Bars::Ascii, true, &utf8, Some(Style::Ascii));
        check(Bars::None, true, &utf8, None);
        check(Bars::Auto, true, &[], Some(Style::Ascii));
        check(
            Bars::Auto,
            true,
            &[("LC_ALL", "C"), utf8[0]],
            Some(Style::Ascii),
        );
        check(
            Bars::Auto,
            true,
            &[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")],
            Some(Style::Unicode),
        );
        check(
            Bars::Auto,
            true,
            &[("NO_COLOR", "1"), utf8[0]],
            Some(Style::Ascii),
        );
        check(
            Bars::Auto,
            true,
            &[("NO_COLOR", ""), utf8[0]],
            Some(Style::Unicode),
        );
    }
}
