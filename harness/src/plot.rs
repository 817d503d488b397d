//! `bench plot`: single pictures as files.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use reports::kinds::{self, KINDS};
use reports::{Figure, PlotError};
use results::store;

use crate::cli::{PlotArgs, PlotKind};
use crate::exit::{Exit, Failure};
use crate::material;
use crate::output::{cannot_create, check_file, print_line, print_text};

/// Carries out `bench plot`.
///
/// # Errors
///
/// When there are no records, no such plot can be made of them, or a file cannot be written.
pub fn run(args: &PlotArgs) -> Result<Exit, Failure> {
    let output = match &args.output {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{}.svg", name(args.kind))),
    };
    let format = Format::of(&output)?;
    if !args.list {
        check_file(Some(&output))?;
    }
    let material = material::read(&args.material)?;
    let comparisons: Vec<_> = material.comparisons.iter().map(|it| it.1.clone()).collect();
    let side_by_side = material.survey.newest_states();
    let source = kinds::Material {
        side_by_side: &side_by_side,
        newest: &material.newest,
        comparisons: &comparisons,
        history: material.history.as_ref(),
    };
    let asked = KINDS
        .iter()
        .filter(|(kind, _)| args.kind == PlotKind::All || *kind == name(args.kind));
    let mut figures = Vec::new();
    let mut missing = Vec::new();
    for (kind, title) in asked {
        match kinds::figures(kind, &source) {
            Ok(of_kind) => figures.extend(of_kind.into_iter().map(|figure| (*kind, figure))),
            Err(why) => missing.push(format!("{kind}: {}: {}", title.to_lowercase(), why.0)),
        }
    }
    let before = figures.len();
    if let Some(text) = &args.only {
        figures.retain(|(_, figure)| {
            let is_in = |place: &str| place.replace(' ', "").contains(&text.replace(' ', ""));
            is_in(figure.title()) || is_in(&figure.name)
        });
    }
    if args.list {
        return list(&figures, &missing);
    }
    if figures.is_empty() {
        return Err(Failure::usage(match (&args.only, before) {
            (Some(text), 1..) => anyhow::anyhow!(
                "cannot draw plots with '{text}': none of {before} has it in its name or title (try --list)"
            ),
            _ => anyhow::anyhow!("cannot draw {}", missing.join("; ")),
        }));
    }
    for why in missing {
        eprintln!("bench: not drawn: {}", reports::clean(&why));
    }
    draw(&figures, &output, format)
}

/// As it is typed.
fn name(kind: PlotKind) -> String {
    let value = kind.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

impl Format {
    fn of(path: &Path) -> Result<Self, Failure> {
        let ending = path.extension().and_then(OsStr::to_str);
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ if path == Path::new("-") => Ok(Self::Svg),
            _ => Err(Failure::usage(anyhow::anyhow!(
                "cannot draw into {}: its name ends in neither .svg nor .png (name such a file)",
                path.display()
            ))),
        }
    }

    fn bytes(self, figure: &Figure) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Svg => Ok(figure.svg().map_err(undrawn)?.into_bytes()),
            Self::Png => figure.png().map_err(undrawn),
        }
    }
}

fn undrawn(error: PlotError) -> Failure {
    Failure::new(Exit::Software, error)
}

fn list(figures: &[(&str, Figure)], missing: &[String]) -> Result<Exit, Failure> {
    for (kind, figure) in figures {
        print_line(&reports::clean(&format!(
            "{kind}: {} ({})",
            figure.title(),
            figure.name
        )))?;
    }
    for why in missing {
        print_line(&reports::clean(&format!("not drawn: {why}")))?;
    }
    Ok(Exit::Pass)
}

fn draw(figures: &[(&str, Figure)], output: &Path, format: Format) -> Result<Exit, Failure> {
    if output == Path::new("-") {
        let [(_, figure)] = figures else {
            return Err(Failure::usage(anyhow::anyhow!(
                "cannot write {} plots to standard output (choose one by --only, or name a file)",
                figures.len()
            )));
        };
        print_text(&figure.svg().map_err(undrawn)?)?;
        return Ok(Exit::Pass);
    }
    for (index, (_, figure)) in figures.iter().enumerate() {
        let path = numbered(output, index, figures.len());
        store::write_whole(&path, &format.bytes(figure)?).map_err(cannot_create)?;
        let line = format!("wrote {}: {}", path.display(), figure.title());
        print_line(&reports::clean(&line))?;
    }
    Ok(Exit::Pass)
}

/// `hosts.svg`, or of several `hosts-1.svg` and so on, with as many digits as the last one has.
fn numbered(output: &Path, index: usize, count: usize) -> PathBuf {
    if count == 1 {
        return output.to_owned();
    }
    let digits = count.to_string().len();
    let [stem, ending] = [output.file_stem(), output.extension()]
        .map(|part| part.unwrap_or_default().to_string_lossy());
    output.with_file_name(format!("{stem}-{:0digits$}.{ending}", index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_plots() {
        let typed: Vec<String> = PlotKind::value_variants()
            .iter()
            .map(|kind| name(*kind))
            .collect();
        let mut known: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        known.push("all");
        assert_eq!(typed, known);
    }

    #[test]
    fn several_plots_get_numbers() {
        let path = Path::new("a/hosts.v2.svg");
        assert_eq!(numbered(path, 0, 1), path);
        assert_eq!(numbered(path, 0, 12), Path::new("a/hosts.v2-01.svg"));
        assert_eq!(numbered(path, 11, 12), Path::new("a/hosts.v2-12.svg"));
    }
}
