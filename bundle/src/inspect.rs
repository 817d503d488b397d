//! `bundle inspect`: what a bundle holds.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bundle_format::{Bundle, Payload};
use bundle_squashfs::{Image, Inode, InodeKind};
use clap::Args;
use serde_json::json;

use crate::open::open_bundle;
use crate::source::VerifiedSource;
use crate::text::escaped;

/// What `bundle inspect` is to show.
#[derive(Debug, Clone, Args)]
pub struct InspectPlan {
    /// The bundle
    pub file: PathBuf,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
    /// Print the manifest's bytes as they stand in the file, which are what a signature is made over
    #[arg(long, conflicts_with = "json")]
    pub manifest: bool,
    /// List what is in the image
    #[arg(long, conflicts_with_all = ["json", "manifest"])]
    pub files: bool,
}

/// Prints what a bundle holds. Launcher and image are not checked, nor is the signature: see `verify`.
///
/// # Errors
/// If the file is no bundle, or nobody takes the output.
pub fn inspect(plan: &InspectPlan) -> Result<()> {
    let cannot_inspect = || format!("cannot inspect '{}'", plan.file.display());
    let bundle = open_bundle(&plan.file)?.with_context(cannot_inspect)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if plan.files {
        list(&bundle, &mut out).with_context(cannot_inspect)?;
        return out.flush().context("cannot print");
    }
    let printed = if plan.json {
        writeln!(out, "{:#}", to_json(&bundle))
    } else if plan.manifest {
        out.write_all(bundle.manifest_bytes())
    } else {
        print(&bundle, &mut out)
    };
    printed.and_then(|()| out.flush()).context("cannot print")
}

fn to_json(bundle: &Bundle<File>) -> serde_json::Value {
    let signature = bundle.embedded_signature().ok().flatten();
    json!({
        "digest": bundle.digest(),
        "file_size_bytes": bundle.trailer().layout.file_size_bytes(),
        "signature": signature.map(|signature| json!({
            "key_id": signature.key_id().to_string(),
            "trusted_comment": signature.trusted_comment(),
            "is_checked": false,
        })),
        "manifest": bundle.manifest(),
    })
}

fn print(bundle: &Bundle<File>, out: &mut impl Write) -> io::Result<()> {
    let manifest = bundle.manifest();
    writeln!(out, "name          {}", manifest.name)?;
    writeln!(out, "digest        {}", bundle.digest())?;
    writeln!(out, "signature     {}", signature(bundle))?;
    writeln!(
        out,
        "packed by     {}, created {} s after 1970",
        escaped(&manifest.packer),
        manifest.created_s
    )?;
    match &manifest.payload {
        Payload::Program { executable, loader } => {
            writeln!(out, "program       {}", escaped(executable))?;
            let loader = loader
                .as_ref()
                .map_or("none: it is static", |loader| &loader.path);
            writeln!(out, "loader        {}", escaped(loader))?;
        }
        Payload::Image { command, .. } if command.is_empty() => {
            writeln!(out, "command       none: the image's own, or a shell")?;
        }
        Payload::Image { command, .. } => {
            let words: Vec<_> = command.iter().map(|word| escaped(word)).collect();
            writeln!(out, "command       {}", words.join(" "))?;
        }
    }
    if let Payload::Image { container, .. } = &manifest.payload {
        for (label, text) in [
            ("description", &container.description),
            ("target", &container.target),
        ] {
            if !text.is_empty() {
                writeln!(out, "{label:<13} {}", escaped(text))?;
            }
        }
        for text in container.environments.iter().chain(&container.fstabs) {
            writeln!(out, "configuration {}", escaped(&text.origin))?;
        }
        for (name, value) in &container.settings {
            writeln!(out, "setting       {}={}", escaped(name), escaped(value))?;
        }
    }
    for (name, value) in &manifest.environment {
        writeln!(out, "environment   {}={}", escaped(name), escaped(value))?;
    }
    let image = &manifest.image;
    let layout = bundle.trailer().layout;
    let sizes = [
        ("launcher", layout.launcher(), String::new()),
        (
            "image",
            layout.image(),
            format!(
                ", {} in blocks of {} KiB, from byte {}",
                image.codec,
                image.block_size_bytes >> 10,
                layout.image().start
            ),
        ),
        ("hash tree", layout.tree(), String::new()),
        ("whole file", 0..layout.file_size_bytes(), String::new()),
    ];
    for (part, range, note) in sizes {
        writeln!(out, "{part:<14}{:>12} bytes{note}", range.end - range.start)?;
    }
    Ok(())
}

fn signature(bundle: &Bundle<File>) -> String {
    match bundle.embedded_signature() {
        Ok(None) => "none".to_owned(),
        Ok(Some(signature)) => format!(
            "by key {}, not checked (bundle verify --key does)",
            signature.key_id()
        ),
        Err(error) => error.to_string(),
    }
}

/// Lists the image's tree like `ls -l`, as much of it as is needed for that.
fn list(bundle: &Bundle<File>, out: &mut impl Write) -> Result<()> {
    let verified = bundle.image();
    let source = VerifiedSource(&verified);
    Image::open(&source)?
        .visit(|path, inode| print_entry(path, &inode, out).context("cannot print"))
}

fn print_entry(path: &Path, inode: &Inode, out: &mut impl Write) -> io::Result<()> {
    let (kind, size_bytes) = match &inode.kind {
        InodeKind::Directory(_) => ('d', 0),
        InodeKind::File(file) => ('-', file.size_bytes),
        InodeKind::Symlink(target) => ('l', target.len() as u64),
        InodeKind::BlockDevice(_) => ('b', 0),
        InodeKind::CharDevice(_) => ('c', 0),
        InodeKind::Fifo => ('p', 0),
        InodeKind::Socket => ('s', 0),
    };
    write!(
        out,
        "{kind}{:04o} {:>6} {:>6} {size_bytes:>12} /{}",
        inode.mode,
        inode.uid,
        inode.gid,
        escaped(&path.to_string_lossy())
    )?;
    if let InodeKind::Symlink(target) = &inode.kind {
        write!(out, " -> {}", escaped(&String::from_utf8_lossy(target)))?;
    }
    writeln!(out)
}
