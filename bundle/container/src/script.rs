//! The configuration scripts of `start --conf` and `batch`: Enroot's form, read and not run.
//!
//! Enroot sources them with bash on the host. Here their directives (`#ENROOT_REMAP_ROOT=y`) and functions are read: `environ` and
//! `mounts` may print lines by `echo` and `cat <<EOF`, which covers what the functions are for, and `rc` is any script, since it runs
//! in the container. So a script does what it does with Enroot, or is refused with the line that would have to be run.

use crate::ParseError;
use crate::Reason;

/// What a configuration script says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Its directives as lines of a configuration file, `NAME=VALUE`.
    pub settings: String,
    /// What `environ` prints, in the form of `/etc/environment`.
    pub environment: String,
    /// What `mounts` prints, in the form of `/etc/fstab`.
    pub fstab: String,
    /// The body of `rc`.
    pub rc: Option<String>,
}

/// Reads a configuration script.
///
/// # Errors
///
/// A line that would have to be run on the host, or a function that does not end; the error names the line.
pub fn parse_script(text: &str) -> Result<Script, ParseError> {
    let mut script = Script::default();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let failed = |reason| ParseError::Line {
            line: index + 1,
            reason,
        };
        let line = line.trim();
        if let Some(directive) = directive(line) {
            script.settings.push_str(directive);
            script.settings.push('\n');
        } else if let Some((name, rest)) = function(line) {
            let body = body(rest, &mut lines).ok_or_else(|| failed(Reason::NoEnd("function")))?;
            match name {
                "environ" => script.environment = printed(&body)?,
                "mounts" => script.fstab = printed(&body)?,
                "rc" => {
                    let lines = body.iter().flat_map(|(_, line)| [*line, "\n"]);
                    script.rc = Some(lines.collect());
                }
                "hooks" if body.iter().all(|(_, line)| is_nothing(line)) => {}
                "hooks" => return Err(failed(Reason::Hooks)),
                _ => return Err(failed(Reason::NotRun(line.to_owned()))),
            }
        } else if !is_nothing(line) {
            return Err(failed(Reason::NotRun(line.to_owned())));
        }
    }
    Ok(script)
}

/// A setting in a comment.
fn directive(line: &str) -> Option<&str> {
    let text = line.strip_prefix('#')?.trim();
    let is_setting = text.starts_with("ENROOT_") || text.starts_with("BENCHRUN_");
    (is_setting && text.contains('=')).then_some(text)
}

/// The name of the function that begins in this line, and what follows its brace.
fn function(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("function ").unwrap_or(line);
    let (head, rest) = line.split_once('{')?;
    let name = head
        .trim()
        .trim_end_matches(')')
        .trim_end()
        .trim_end_matches('(')
        .trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, rest.trim()))
}

/// The lines up to the brace that stands at the head of a line of its own, or ends the first one.
fn body<'t>(
    rest: &'t str,
    lines: &mut impl Iterator<Item = (usize, &'t str)>,
) -> Option<Vec<(usize, &'t str)>> {
    if let Some(inner) = rest.strip_suffix('}') {
        return Some(vec![(0, inner.trim().trim_end_matches(';'))]);
    }
    let mut body = vec![(0, rest)];
    for (index, line) in lines {
        if line.starts_with('}') {
            return Some(body);
        }
        body.push((index + 1, line));
    }
    None
}

/// What a function prints that does nothing else.
fn printed(body: &[(usize, &str)]) -> Result<String, ParseError> {
    let mut out = String::new();
    let mut lines = body.iter();
    while let Some((number, line)) = lines.next() {
        let failed = |reason| ParseError::Line {
            line: *number,
            reason,
        };
        let line = line.trim();
        if is_nothing(line) {
            continue;
        }
        if let Some(words) = line.strip_prefix("echo ") {
            out.push_str(&echoed(words.trim()).map_err(failed)?);
            out.push('\n');
        } else if let Some((tag, strips_tabs, is_literal)) = here_document(line) {
            let mut has_end = false;
            for (number, line) in lines.by_ref() {
                let line = if strips_tabs {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if line.trim_end() == tag {
                    has_end = true;
                    break;
                }
                let line = if is_literal {
                    line.to_owned()
                } else {
                    references(line)
                };
                out.push_str(&line);
                out.push('\n');
                if !is_literal && has_command(&line) {
                    return Err(ParseError::Line {
                        line: *number,
                        reason: Reason::Command,
                    });
                }
            }
            if !has_end {
                return Err(failed(Reason::NoEnd("here-document")));
            }
        } else {
            return Err(failed(Reason::NotRun(line.to_owned())));
        }
    }
    Ok(out)
}

/// What `echo` prints: its words with one blank between them. References to variables are left to whoever reads the result.
fn echoed(words: &str) -> Result<String, Reason> {
    let mut out = String::new();
    let mut rest = words;
    while !rest.is_empty() {
        let (text, after) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = &rest[1..];
                let end = inner.find(quote).ok_or(Reason::NoEnd("quotation"))?;
                let text = &inner[..end];
                let text = if quote == '"' {
                    references(text)
                } else {
                    text.to_owned()
                };
                (text, &inner[end + 1..])
            }
            Some(blank) if blank.is_whitespace() => (" ".to_owned(), rest.trim_start()),
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || c == '"' || c == '\'');
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                if word.contains(['>', '<', '|', '&', ';']) {
                    return Err(Reason::NotRun(format!("echo {words}")));
                }
                (references(word), after)
            }
        };
        if has_command(&text) {
            return Err(Reason::Command);
        }
        out.push_str(&text);
        rest = after;
    }
    Ok(out)
}

fn has_command(text: &str) -> bool {
    text.contains("$(") || text.contains('`')
}

/// The same with `${NAME}` for every `$NAME`, which is the only form that configuration has.
fn references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let name = crate::leading_name(&after.as_bytes()[1..]);
        if name.is_empty() {
            out.push('$');
        } else {
            out.extend(["${", name, "}"]);
        }
        rest = &after[1 + name.len()..];
    }
    out + rest
}

/// The tag of the here-document that `cat` prints, whether tabs at the heads of its lines count, and whether references do.
fn here_document(line: &str) -> Option<(&str, bool, bool)> {
    let text = line.strip_prefix("cat")?.trim_start().strip_prefix("<<")?;
    let (strips_tabs, text) = match text.strip_prefix('-') {
        Some(text) => (true, text.trim()),
        None => (false, text.trim()),
    };
    let tag = text.trim_matches(['"', '\'']);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_tag = !tag.is_empty() && tag.chars().all(is_word);
    is_tag.then_some((tag, strips_tabs, tag.len() != text.len()))
}

fn is_nothing(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || line == ":" || line == "true"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of Enroot's own documentation, and more of what it allows.
    #[test]
    fn enroots_form_is_understood() {
        let text = "#! /usr/bin/enroot batch\n#ENROOT_ROOTFS=ubuntu\n# a note\n#ENROOT_REMAP_ROOT=y\n\n\
                    environ() {\n    # Keep these.\n    echo \"LANG=$LANG\"\n    echo 'A=$B' \n    echo C=d  e\n    cat <<- EOF\n\tD=${D}\n\tEOF\n}\n\n\
                    mounts () {\n    echo \"${PWD} /mnt none bind\"\n}\n\nhooks() { :; }\n\
                    rc() {\n    if true; then\n        exec \"$@\"\n    fi\n}\n";
        let script = parse_script(text).unwrap();
        assert_eq!(
            script.settings,
            "ENROOT_ROOTFS=ubuntu\nENROOT_REMAP_ROOT=y\n"
        );
        assert_eq!(script.environment, "LANG=${LANG}\nA=$B\nC=d e\nD=${D}\n");
        assert_eq!(script.fstab, "${PWD} /mnt none bind\n");
        let rc = script.rc.unwrap();
        assert_eq!(rc.trim(), "if true; then\n        exec \"$@\"\n    fi");
    }

    #[track_caller]
    fn check_refused(text: &str, line: usize, part: &str) {
        let error = parse_script(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("line {line}: ")), "{error}");
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn what_would_have_to_be_run_is_refused() {
        check_refused("\nrm -rf /\n", 2, "rm -rf /");
        check_refused("environ() {\n  curl x\n}\n", 2, "curl x");
        check_refused("environ() {\n  echo \"A=$(id)\"\n}\n", 2, "commands");
        check_refused(
            "mounts() {\n  echo a > /etc/passwd\n}\n",
            2,
            "echo a > /etc/passwd",
        );
        check_refused("mounts() {\ncat <<EOF\n`id`\nEOF\n}\n", 3, "commands");
        check_refused("hooks() {\n  mkdir x\n}\n", 1, "hooks.d");
        check_refused("environ() {\n  echo x\n", 1, "no end");
        check_refused("environ() {\n  echo \"x\n}\n", 2, "no end");
        check_refused("other() {\n}\n", 1, "other");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(environ\\(\\) \\{|\\}|echo |cat <<EOF|EOF|['\"$`{}\n #=A-Z])*") {
            let _ = parse_script(&text);
        }
    }
}
