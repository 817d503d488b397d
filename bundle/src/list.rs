//! `bundle list`: which sandboxes there are, how large they are, and what runs in them.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use crate::configuration::load;
use crate::running::{Process, running};
use crate::store::{SandboxName, Store};
use crate::text::escaped;

/// What `bundle list` is to show.
#[derive(Debug, Clone, Args)]
pub struct ListPlan {
    /// Show sizes and running processes in a table
    #[arg(short, long)]
    pub fancy: bool,
    /// Print everything as JSON
    #[arg(long, conflicts_with = "fancy")]
    pub json: bool,
}

/// A sandbox with what is known of it.
struct Sandbox {
    name: SandboxName,
    path: PathBuf,
    size: Size,
    processes: Vec<Process>,
}

/// Prints the sandboxes, sorted by their names.
///
/// # Errors
/// If the data directory cannot be read, or nobody takes the output.
pub fn list(plan: &ListPlan) -> Result<()> {
    let store = Store::of(&load()?)?;
    let names = store.names()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let printed = if plan.fancy || plan.json {
        let mut processes = running(&store);
        let sandboxes: Vec<_> = names
            .into_iter()
            .map(|name| Sandbox {
                path: store.root_of(&name),
                size: size_of(&store.root_of(&name)),
                processes: processes.remove(name.as_os_str()).unwrap_or_default(),
                name,
            })
            .collect();
        if plan.json {
            let sandboxes: Vec<_> = sandboxes.iter().map(to_json).collect();
            writeln!(out, "{:#}", json!(sandboxes))
        } else {
            print_table(&rows(&sandboxes), &mut out)
        }
    } else {
        print_names(&names, &mut out)
    };
    printed.and_then(|()| out.flush()).context("cannot print")
}

/// A name a line, its bytes as they are: for scripts.
fn print_names(names: &[SandboxName], out: &mut impl Write) -> io::Result<()> {
    for name in names {
        out.write_all(name.as_os_str().as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

const COLUMNS: [&str; 9] = [
    "NAME", "SIZE", "PID", "COMM", "STATE", "TIME", "MNTNS", "USERNS", "COMMAND",
];

/// A sandbox's first line has its first process, and more have the others.
fn rows(sandboxes: &[Sandbox]) -> Vec<[String; 9]> {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    for sandbox in sandboxes {
        let lines = sandbox.processes.len().max(1);
        for index in 0..lines {
            let mut row: [String; 9] = Default::default();
            if index == 0 {
                row[0] = sandbox.name.to_string();
                row[1] = sandbox.size.to_string();
            }
            if let Some(process) = sandbox.processes.get(index) {
                row[2] = process.pid.to_string();
                row[3] = escaped(&process.program).into_owned();
                row[4] = process.state.to_string();
                row[5] = duration(process.elapsed_s);
                row[6] = process.mount_namespace.to_string();
                row[7] = process.user_namespace.to_string();
                row[8] = escaped(&process.command).into_owned();
            }
            rows.push(row);
        }
    }
    rows
}

fn print_table(rows: &[[String; 9]], out: &mut impl Write) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..COLUMNS.len()).filter_map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

/// As ps(1) writes it: days, hours, minutes, seconds.
fn duration(s: u64) -> String {
    let (days, hours, minutes, seconds) = (s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes:02}:{seconds:02}"),
        (0, _) => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{days}-{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

fn to_json(sandbox: &Sandbox) -> serde_json::Value {
    let processes: Vec<_> = sandbox
        .processes
        .iter()
        .map(|process| {
            json!({
                "pid": process.pid,
                "program": process.program,
                "state": process.state.to_string(),
                "elapsed_s": process.elapsed_s,
                "mount_namespace": process.mount_namespace,
                "user_namespace": process.user_namespace,
                "command": process.command,
            })
        })
        .collect();
    json!({
        "name": sandbox.name.as_os_str().to_string_lossy(),
        "path": sandbox.path.to_string_lossy(),
        "size_bytes": sandbox.size.disk_bytes,
        "file_count": sandbox.size.file_count,
        "processes": processes,
    })
}

/// How much room a tree takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    /// On the disk, as du(1) counts it: a file with several names once.
    disk_bytes: u64,
    /// Names in it.
    file_count: u64,
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", indicatif::DecimalBytes(self.disk_bytes))
    }
}

/// Measures a tree, on its own file system and as far as it can be read.
fn size_of(root: &Path) -> Size {
    let mut size = Size::default();
    let Ok(top) = fs::symlink_metadata(root) else {
        return size;
    };
    size.disk_bytes = top.blocks() * 512;
    let mut seen = HashSet::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(directory).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            size.file_count += 1;
            if metadata.dev() != top.dev()
                || (metadata.nlink() > 1 && !metadata.is_dir() && !seen.insert(metadata.ino()))
            {
                continue;
            }
            size.disk_bytes += metadata.blocks() * 512;
            if metadata.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), vec![1; 100_000]).unwrap();
        let one = size_of(directory.path());
        assert!(one.disk_bytes >= 100_000, "{one:?}");
        fs::hard_link(directory.path().join("a"), directory.path().join("b")).unwrap();
        let two = size_of(directory.path());
        assert_eq!((two.disk_bytes, two.file_count), (one.disk_bytes, 2));
    }

    #[test]
    fn durations_are_those_of_ps() {
        assert_eq!(duration(5), "00:05");
        assert_eq!(duration(3661), "01:01:01");
        assert_eq!(duration(90061), "1-01:01:01");
    }
}
