//! Docker's credential helpers: programs `docker-credential-NAME` that keep passwords.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{CredentialError, Login};

/// What such a program answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// What the helper of that name knows about a server. None if it knows nothing, or is not there.
pub(super) fn get(name: &str, server: &str) -> Result<Option<Login>, CredentialError> {
    let program = format!("docker-credential-{name}");
    let failed = |reason: String| CredentialError::Helper {
        program: program.escape_default().to_string(),
        reason,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(is_name) {
        return Err(failed("that is no program's name".to_owned()));
    }
    let spawned = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        spawned => spawned.map_err(|error| failed(error.to_string()))?,
    };
    if let Some(mut stdin) = child.stdin.take() {
        // One that answers without listening is fine, too.
        let _ = stdin.write_all(server.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        if text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(format!("it ended with {}", output.status)));
    }
    let answer: Answer = serde_json::from_str(&text)
        .map_err(|_| failed("its answer is not as expected".to_owned()))?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Login::IdentityToken(answer.secret),
        _ => Login::Password {
            user: answer.username,
            password: answer.secret,
        },
    }))
}
