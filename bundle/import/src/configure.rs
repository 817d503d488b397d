//! The files by which Enroot's image format says how a container runs: `/etc/rc`, `/etc/environment`, `/etc/fstab`. And, in
//! `/etc/benchrun/image.json`, where the image came from and what those cannot say.

use std::fmt::Write;

use bundle_image::{ContentId, Kind, Metadata, Node};
use serde_json::json;

use crate::config::{Config, Process};
use crate::error::Error;
use crate::merge::{Merge, clean, content_id};
use crate::{Layered, Origin};

/// What Enroot starts where an image says nothing.
const DEFAULT_COMMAND: &str = "/bin/sh";
const RC_LOCAL: &str =
    "# Read by /etc/rc when the container starts: it may change the command line with 'set --'.\n";

/// Made files are numbered as if they were of this layer, which no image has.
const MADE: usize = u32::MAX as usize;

/// A file that is made, not imported.
pub(crate) struct MadeFile {
    pub(crate) content: ContentId,
    pub(crate) bytes: Vec<u8>,
}

/// Puts the files into the tree, and makes the working directory. An image without a configuration keeps what it has of them.
pub(crate) fn configure(
    merge: &mut Merge,
    image: &Layered,
    config: Option<&Config>,
    time_s: u32,
) -> Result<Vec<MadeFile>, Error> {
    let overwrite = config.is_some();
    let config = config.cloned().unwrap_or_default();
    let process = config.process();
    let files = [
        ("environment", overwrite, environment(&process)),
        // An image's own fstab names the disks of some machine, as its rc.local starts that machine's services.
        ("fstab", overwrite, Vec::new()),
        ("rc.local", overwrite, RC_LOCAL.into()),
        ("rc", overwrite, rc(&image.origin, &process)),
        ("benchrun/image.json", true, provenance(image, &config)),
    ];
    let mut made = Vec::new();
    for (index, (name, overwrite, bytes)) in files.into_iter().enumerate() {
        let content = content_id(MADE, index);
        let path = format!("etc/{name}");
        let is_new = put(merge, &path, overwrite, content, bytes.len() as u64, time_s);
        let failed = |reason| Error::Configure {
            path: format!("/{path}"),
            reason,
        };
        if is_new.map_err(failed)? {
            made.push(MadeFile { content, bytes });
        }
    }
    // Where that is not possible, /etc/rc says so when it is run.
    if let Some(names) = process
        .working_dir
        .as_deref()
        .map(|it| clean(it.as_bytes()))
    {
        let _ = names.and_then(|names| merge.directory(&names));
    }
    Ok(made)
}

/// Puts a file into the tree, unless it is there already and is not to be replaced. Links on the way are followed within the image; a link in
/// the file's own place is replaced.
fn put(
    merge: &mut Merge,
    path: &str,
    overwrite: bool,
    content: ContentId,
    size_bytes: u64,
    time_s: u32,
) -> Result<bool, String> {
    let names = clean(path.as_bytes())?;
    let (name, parents) = names.split_last().expect("a path of a file");
    let directory = merge.directory(parents)?;
    let tree = merge.tree_mut();
    if tree.lookup(directory, name).is_some() && !overwrite {
        return Ok(false);
    }
    let metadata = Metadata {
        mode: 0o644,
        mtime_s: time_s,
        ..Metadata::default()
    };
    let kind = Kind::File {
        content,
        size_bytes,
    };
    tree.insert(directory, name, Node { metadata, kind });
    Ok(true)
}

/// Lines KEY=VALUE.
fn environment(process: &Process) -> Vec<u8> {
    let mut lines = String::new();
    for (name, value) in variables(process).filter(|(_, value)| fits_a_line(value)) {
        // Quotes around all of a value are taken off when it is read, and so is blank space at its end.
        let is_quoted = value.starts_with(['"', '\'']) && value.ends_with(['"', '\'']);
        let quote = if is_quoted || value.trim() != value {
            "\""
        } else {
            ""
        };
        let _ = writeln!(lines, "{name}={quote}{value}{quote}");
    }
    lines.into_bytes()
}

/// Whether a value means in /etc/environment what it is: it has no line breaks, and nothing that would be replaced by the
/// host's variables.
fn fits_a_line(value: &str) -> bool {
    !value.contains(['\n', '\r']) && !value.contains("${")
}

/// The variables whose names a shell can set.
fn variables(process: &Process) -> impl Iterator<Item = (&str, &str)> {
    let env = process.env.as_deref().unwrap_or_default();
    env.iter().filter_map(|variable| {
        let (name, value) = variable.split_once('=')?;
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        (is_name && !value.contains('\0')).then_some((name, value))
    })
}

/// The command script, as Enroot writes it.
fn rc(origin: &Origin, process: &Process) -> Vec<u8> {
    let mut script = format!("# enroot-provenance: {}\n", in_a_line(&origin.uri));
    for (key, value) in process.labels.iter().flatten() {
        let value = value.as_deref().unwrap_or_default();
        let _ = writeln!(script, "# {} {}", in_a_line(key), in_a_line(value));
    }
    script += "\n";
    for (name, value) in variables(process).filter(|(_, value)| !fits_a_line(value)) {
        let _ = writeln!(
            script,
            "[ \"${{{name}+set}}\" ] || export {name}={}",
            quoted(value)
        );
    }
    let working_dir = process.working_dir.as_deref().filter(|it| !it.is_empty());
    let working_dir = in_double_quotes(working_dir.unwrap_or("/"));
    let entrypoint = command_line(process.entrypoint.as_slice());
    let mut command = command_line(process.cmd.as_slice());
    if entrypoint.is_empty() && command.is_empty() {
        command = quoted(DEFAULT_COMMAND);
    }
    let _ = write!(
        script,
        "mkdir -p {working_dir} 2> /dev/null
cd {working_dir} && unset OLDPWD || exit 1

if [ -s /etc/rc.local ]; then
    . /etc/rc.local
fi

if [ $# -gt 0 ]; then
    exec {entrypoint} \"$@\"
else
    exec {entrypoint} {command}
fi
"
    );
    script.into_bytes()
}

fn command_line(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// A word that a shell takes as it is. Zero bytes, which no command line can have, are left out.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\0', "").replace('\'', r"'\''"))
}

/// The same in double quotes, as Enroot writes directories.
fn in_double_quotes(word: &str) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars().filter(|c| *c != '\0') {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

/// A text for a comment.
fn in_a_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// Where the image came from, and its configuration.
fn provenance(image: &Layered, config: &Config) -> Vec<u8> {
    let process = config.process();
    let layers: Vec<&str> = image.layers.iter().map(|it| it.name.as_str()).collect();
    let value = json!({
        "uri": image.origin.uri,
        "manifest_digest": image.origin.manifest_digest,
        "platform": image.origin.platform.clone().or_else(|| config.platform()),
        "created": config.created,
        "layers": layers,
        "config": process,
    });
    let mut text = serde_json::to_vec_pretty(&value).expect("JSON of text");
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs the script of this configuration with some words, and tells what it printed.
    fn run(config: &serde_json::Value, words: &[&str]) -> String {
        let config = json!({ "config": config }).to_string();
        let config = Config::parse(config.as_bytes()).expect("a configuration");
        let script = String::from_utf8(rc(&Origin::default(), &config.process())).expect("text");
        // This host's file is none of the image's.
        let script = script.replace("/etc/rc.local", "/nonexistent");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script, "rc"]).args(words);
        command.env("SET", "outside").env_remove("LINES");
        let output = command.output().expect("a shell");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    #[test]
    fn a_shell_reads_the_words_as_they_were() {
        let odd = [
            "it's",
            "$HOME `id` $(id)",
            "a\"b\\c",
            "two\nlines",
            "",
            "*",
            "é",
        ];
        let entrypoint = [&["printf", "<%s>"][..], &odd].concat();
        let config = json!({"Entrypoint": entrypoint, "Cmd": ["cmd"]});
        let shown = odd.map(|word| format!("<{word}>")).concat();
        assert_eq!(run(&config, &[]), format!("{shown}<cmd>"));
        assert_eq!(run(&config, &["a b", "'"]), format!("{shown}<a b><'>"));
        assert_eq!(run(&json!({"Cmd": ["printf", "x"]}), &["printf", "y"]), "y");
        assert_eq!(run(&json!({"Entrypoint": "pwd", "Cmd": null}), &[]), "/\n");
    }

    #[test]
    fn working_directories_and_variables_are_taken_literally() {
        let scratch = tempfile::tempdir().expect("a directory");
        let directory = scratch
            .path()
            .join("$(id) `id` \"x\" \\ 'y'")
            .display()
            .to_string();
        let config = json!({"WorkingDir": directory, "Cmd": ["pwd"]});
        assert_eq!(run(&config, &[]), format!("{directory}\n"));
        let env = ["LINES=a\n'b'", "SET=${X}", "PLAIN=not here"];
        let config = json!({"Env": env, "Cmd": ["sh", "-c", "printf '%s|%s|%s' \"$LINES\" \"$SET\" \"$PLAIN\""]});
        assert_eq!(run(&config, &[]), "a\n'b'|outside|");
    }
}
