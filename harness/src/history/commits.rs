//! The order of commits, as git tells it.

use std::path::Path;
use std::process::{Command, Stdio};

/// The commits from the oldest to the newest, following the first parent of each from HEAD: on a main branch that is the order
/// in which they came to it.
///
/// # Errors
///
/// When there is no git, or the directory is in no repository.
pub(super) fn in_order(repository: &Path) -> anyhow::Result<Vec<String>> {
    let place = repository.display();
    let output = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(["rev-list", "--first-parent", "--reverse", "HEAD", "--"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            anyhow::anyhow!("cannot read the commits of {place}: git does not start: {error} (leave out --git to order by time)")
        })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let reason = message.lines().next().unwrap_or("git says nothing");
        anyhow::bail!(
            "cannot read the commits of {place}: {} (leave out --git to order by time)",
            reason.trim_start_matches("fatal: ")
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}
