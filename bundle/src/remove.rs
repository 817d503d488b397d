//! `bundle remove`: sandboxes go.

use std::ffi::OsString;
use std::io::{self, Write};

use anyhow::{Context, Result, bail};
use bundle_container::settings::FORCE_OVERRIDE;
use clap::Args;

use crate::configuration::load;
use crate::running::{pids, running_in};
use crate::store::{Draft, SandboxName, Store, quoted, sweep};

/// What `bundle remove` is to remove.
#[derive(Debug, Clone, Args)]
pub struct RemovePlan {
    /// The sandboxes
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<OsString>,
    /// Do not ask, and also remove a sandbox that is in use
    #[arg(short, long)]
    pub force: bool,
}

/// Removes sandboxes, once the user agrees. Whatever ends this process, each is there whole, or gone from its place; the next
/// command removes the rest.
///
/// # Errors
/// The first that does not exist, is in use, or cannot be removed.
pub fn remove(plan: &RemovePlan) -> Result<()> {
    let settings = load()?;
    let store = Store::of(&settings)?;
    let force = plan.force || settings.is_on(&FORCE_OVERRIDE);
    let names = plan.names.iter().map(|name| SandboxName::parse(name));
    let names = names.collect::<Result<Vec<_>>>()?;
    sweep(&store);
    for name in &names {
        remove_one(&store, name, force)?;
    }
    Ok(())
}

fn remove_one(store: &Store, name: &SandboxName, force: bool) -> Result<()> {
    let root = store.find(name)?;
    if !force {
        refuse_running(store, name)?;
        if !agrees(&format!("Do you really want to delete {}?", quoted(&root)))? {
            return Ok(());
        }
    }
    store.make()?;
    let lock = store.lock(name)?;
    if !force {
        // Since the question was asked, somebody may have started it.
        refuse_running(store, name)?;
        if lock.is_none() {
            bail!("cannot remove the sandbox '{name}': it is in use (use --force)");
        }
    }
    Draft::begin(store)?.take(&store.find(name)?)?;
    if let Some(lock) = lock {
        lock.remove();
    }
    Ok(())
}

fn refuse_running(store: &Store, name: &SandboxName) -> Result<()> {
    let processes = running_in(store, name);
    if !processes.is_empty() {
        let pids = pids(&processes);
        bail!(
            "cannot remove the sandbox '{name}': processes run in it: {pids} (end them, or use --force)"
        );
    }
    Ok(())
}

/// Asks, at the terminal or whoever is in its place. Only `y` is yes.
fn agrees(question: &str) -> Result<bool> {
    eprint!("{question} [y/N] ");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let size_bytes = io::stdin()
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    if size_bytes == 0 {
        eprintln!();
        bail!("nothing is removed: nobody answered (use --force)");
    }
    Ok(matches!(answer.trim(), "y" | "Y"))
}
