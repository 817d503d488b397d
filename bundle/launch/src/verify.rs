//! `--verify`: is the file whole, and in which ways can this host start it?

use std::fs::File;
use std::path::{Path, PathBuf};

use bundle_format::{Bundle, FormatError};
use bundle_runtime::{Probed, StartRequest, order, probe};
use serde_json::{Value, json};

/// What was found.
pub(crate) struct Findings {
    /// The bundle's file.
    path: PathBuf,
    /// The bundle's digest.
    digest: String,
    /// Whether launcher and image are what was packed.
    bytes: Result<(), FormatError>,
    /// Who has signed, in words.
    signature: String,
    rungs: Vec<Probed>,
    /// Number of the rung that a start would take; none if none holds.
    chosen: Option<u8>,
}

impl Findings {
    /// Checks every byte of the file and tries every rung.
    pub(crate) fn collect(
        bundle: &Bundle<&File>,
        path: &Path,
        request: &StartRequest<'_>,
        signature: String,
    ) -> Self {
        // Before there are threads: trying forks.
        let rungs = probe(request);
        let bytes = bundle.verify_launcher().and_then(|()| {
            let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            Ok(bundle.image().verify_all(available)?)
        });
        let holds = |number: u8| {
            let is_it = |probed: &&Probed| probed.rung.number() == number;
            rungs
                .iter()
                .find(is_it)
                .is_some_and(|probed| probed.refusal.is_none())
        };
        let chosen = order(request)
            .iter()
            .map(|rung| rung.number())
            .find(|number| holds(*number));
        Self {
            path: path.to_owned(),
            digest: bundle.digest().to_string(),
            bytes,
            signature,
            rungs,
            chosen,
        }
    }

    /// Can the bundle be started here?
    pub(crate) fn is_good(&self) -> bool {
        self.bytes.is_ok() && self.chosen.is_some()
    }

    /// A table for people.
    pub(crate) fn to_text(&self) -> String {
        let bytes = match &self.bytes {
            Ok(()) => "every one is what was packed".to_owned(),
            Err(error) => error.to_string(),
        };
        let mut lines = vec![
            format!("file       {}", self.path.display()),
            format!("digest     {}", self.digest),
            format!("bytes      {bytes}"),
            format!("signature  {}", self.signature),
            String::new(),
            "rung  holds  how".to_owned(),
        ];
        for Probed { rung, refusal } in &self.rungs {
            let holds = if refusal.is_none() { "yes" } else { "no" };
            lines.push(format!(
                "{:<4}  {holds:<5}  {}",
                rung.number(),
                rung.summary()
            ));
            if let Some(refusal) = refusal {
                let errno = refusal
                    .errno
                    .map(|errno| format!(": {}", errno_text(errno)));
                lines.push(format!(
                    "             {}{}",
                    refusal.what,
                    errno.unwrap_or_default()
                ));
                if !refusal.remedy.is_empty() {
                    lines.push(format!("             remedy: {}", refusal.remedy));
                }
            }
        }
        lines.push(String::new());
        lines.extend(apparmor_note(&self.rungs).map(str::to_owned));
        lines.push(match self.chosen {
            Some(number) => format!("starts on rung {number}"),
            None => "cannot start here".to_owned(),
        });
        lines.join("\n")
    }

    /// The same for programs.
    pub(crate) fn to_json(&self) -> Value {
        let rung = |probed: &Probed| {
            let refusal = probed.refusal.as_ref();
            json!({
                "rung": probed.rung.number(),
                "how": probed.rung.summary(),
                "holds": refusal.is_none(),
                "reason": refusal.map(|refusal| &refusal.what),
                "errno": refusal.and_then(|refusal| refusal.errno),
                "remedy": refusal.map(|refusal| &refusal.remedy).filter(|text| !text.is_empty()),
            })
        };
        json!({
            "file": self.path.to_string_lossy(),
            "digest": self.digest,
            "bytes_hold": self.bytes.is_ok(),
            "damage": self.bytes.as_ref().err().map(ToString::to_string),
            "signature": self.signature,
            "rungs": self.rungs.iter().map(rung).collect::<Vec<_>>(),
            "starts_on_rung": self.chosen,
        })
    }
}

fn errno_text(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}

/// Ubuntu's rule grants a user namespace and then refuses what is done in it.
fn apparmor_note(rungs: &[Probed]) -> Option<&'static str> {
    let switch = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    let restricts = std::fs::read_to_string(switch).is_ok_and(|text| text.trim() == "1");
    let refused = rungs
        .iter()
        .any(|probed| probed.rung.number() == 2 && probed.refusal.is_some());
    (restricts && refused).then_some(
        "AppArmor restricts user namespaces on this host; --apparmor-profile prints a profile that allows them to this file",
    )
}

/// An `AppArmor` profile that allows the file at this path user namespaces, and nothing else that it would not have.
pub(crate) fn apparmor_profile(path: &Path) -> String {
    let path = path.display();
    let name = format!("{path}").trim_start_matches('/').replace('/', ".");
    format!(
        "# sudo tee '/etc/apparmor.d/{name}' and then: sudo apparmor_parser -r '/etc/apparmor.d/{name}'\n\
         abi <abi/4.0>,\n\
         include <tunables/global>\n\
         \n\
         profile \"{name}\" \"{path}\" flags=(unconfined) {{\n  userns,\n  include if exists <local/{name}>\n}}\n"
    )
}
