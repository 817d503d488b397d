//! Trying again.

use std::thread;
use std::time::Duration;

use super::error::RegistryError;
use crate::settings::{PAUSE_MAX, Settings};

/// Tries until it succeeds, fails for good, or has failed too often. Between two attempts is a pause: what the server asks for, else
/// twice the last. An attempt is told how many came before it.
pub(crate) fn with_retries<T>(
    settings: &Settings,
    mut attempt: impl FnMut(u32) -> Result<T, RegistryError>,
) -> Result<T, RegistryError> {
    let mut failures = 0;
    loop {
        match attempt(failures) {
            Err(error) if error.is_transient() && failures < settings.retries => {
                thread::sleep(pause(settings, failures, &error));
                failures += 1;
            }
            outcome => return outcome,
        }
    }
}

/// How long to wait after so many failures before this one.
pub(crate) fn pause(settings: &Settings, failures: u32, error: &RegistryError) -> Duration {
    let doubled = settings
        .first_pause
        .saturating_mul(1 << failures.min(16))
        .min(PAUSE_MAX);
    error
        .retry_after()
        .map_or(doubled, |asked| asked.max(doubled))
}
