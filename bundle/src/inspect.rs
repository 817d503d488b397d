//! `bundle inspect`: what a bundle holds.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use bundle_format::Bundle;

/// Prints what a bundle holds, as a table or, with `json`, as its manifest. Launcher and image are not hashed: see `verify`.
///
/// # Errors
/// If the file is no bundle, or nobody takes the output.
pub fn inspect(path: &Path, json: bool) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("cannot read '{}'", path.display()))?;
    let bundle =
        Bundle::parse(&bytes).with_context(|| format!("cannot inspect '{}'", path.display()))?;
    let mut out = io::stdout().lock();
    let printed = if json {
        writeln!(out, "{}", serde_json::to_string_pretty(bundle.manifest())?)
    } else {
        print(&bundle, &mut out)
    };
    printed.context("cannot print")
}

fn print(bundle: &Bundle<'_>, out: &mut impl Write) -> io::Result<()> {
    let manifest = bundle.manifest();
    writeln!(out, "name          {}", manifest.name)?;
    writeln!(out, "digest        {}", bundle.digest())?;
    writeln!(
        out,
        "packed by     {}, created {} s after 1970",
        manifest.packer, manifest.created_s
    )?;
    writeln!(out, "program       {}", manifest.payload.executable)?;
    let loader = manifest
        .payload
        .loader
        .as_ref()
        .map_or("none: it is static", |loader| &loader.path);
    writeln!(out, "loader        {loader}")?;
    for (name, value) in &manifest.environment {
        writeln!(out, "environment   {name}={value}")?;
    }
    writeln!(
        out,
        "launcher      {:>12} bytes",
        manifest.launcher.size_bytes
    )?;
    let image = &manifest.image;
    writeln!(
        out,
        "image         {:>12} bytes, {} in blocks of {} KiB",
        image.size_bytes,
        image.codec,
        image.block_size_bytes >> 10
    )?;
    writeln!(
        out,
        "whole file    {:>12} bytes",
        bundle.trailer().layout.file_size_bytes()
    )?;
    for file in &manifest.files {
        writeln!(
            out,
            "file          {:>12} bytes  {}",
            file.size_bytes, file.path
        )?;
    }
    Ok(())
}
