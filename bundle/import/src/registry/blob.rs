//! Downloading a blob into the cache: taken up where it broke off, checked while it comes.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::address::Address;
use super::auth::Session;
use super::error::RegistryError;
use super::http::{Answer, Question};
use super::manifest::Descriptor;
use super::retry::pause;
use crate::cache::{Cache, Found, Partial};
use crate::watch::Watch;

/// So much is read at once.
const PIECE_SIZE_BYTES: usize = 256 << 10;

/// What all downloads of an image share.
pub(crate) struct Download<'a> {
    pub(crate) session: &'a Session<'a>,
    /// The registry's URL up to `/v2/NAME`.
    pub(crate) base: &'a Address,
    pub(crate) cache: &'a Cache,
    pub(crate) watch: &'a dyn Watch,
    /// Set when one has failed: the others need not go on.
    pub(crate) given_up: &'a AtomicBool,
}

/// A blob in the cache, downloaded unless it is there.
///
/// # Errors
/// If nobody gives it, or what comes is not it.
pub(crate) fn fetch(download: &Download<'_>, blob: &Descriptor) -> Result<File, RegistryError> {
    let waits = || {
        let text = format!("waiting for another import that downloads {}", blob.digest);
        download.watch.note(&text);
    };
    let mut partial = match download.cache.find(blob.digest, blob.size_bytes, waits)? {
        Found::Whole(file) => {
            download.watch.received(blob.size_bytes);
            return Ok(file);
        }
        Found::Partial(partial) => partial,
    };
    let mut began_with_bytes = partial.received_bytes();
    download.watch.received(began_with_bytes);
    loop {
        fill(download, blob, &mut partial)?;
        if partial.digest() == blob.digest {
            return Ok(partial.keep()?);
        }
        let received_bytes = partial.received_bytes();
        restart(download, &mut partial)?;
        // What an earlier run left may have been damaged since; what came now was not.
        if std::mem::take(&mut began_with_bytes) == 0 {
            return Err(damaged(
                download,
                blob,
                format!("what came, {received_bytes} bytes, has another digest"),
            ));
        }
    }
}

/// Goes on until all of it is there. Attempts count as failed only if they come no further than those before.
fn fill(
    download: &Download<'_>,
    blob: &Descriptor,
    partial: &mut Partial,
) -> Result<(), RegistryError> {
    let settings = &download.session.http.settings;
    let mut furthest_bytes = partial.received_bytes();
    let mut failures = 0;
    while partial.received_bytes() < blob.size_bytes {
        if download.given_up.load(Ordering::Relaxed) {
            return Err(RegistryError::GivenUp);
        }
        match attempt(download, blob, partial) {
            Ok(()) => {}
            Err(error) if error.is_transient() => {
                if partial.received_bytes() > furthest_bytes {
                    furthest_bytes = partial.received_bytes();
                    failures = 0;
                }
                if failures >= settings.retries {
                    return Err(error);
                }
                download.watch.note(&format!("{error}; trying again"));
                thread::sleep(pause(settings, failures, &error));
                failures += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One request for what is missing.
fn attempt(
    download: &Download<'_>,
    blob: &Descriptor,
    partial: &mut Partial,
) -> Result<(), RegistryError> {
    let offset_bytes = partial.received_bytes();
    let mut answer = ask(download, blob, offset_bytes)?;
    match answer.status {
        206 if starts_at(&answer, offset_bytes) => {}
        // A server that does not give parts gives all, and one that has other parts is asked for all.
        200 if offset_bytes > 0 => restart(download, partial)?,
        200 => {}
        206 | 416 if offset_bytes > 0 => return restart(download, partial),
        _ => return Err(answer.into_error()),
    }
    receive(download, blob, partial, &mut answer)
}

/// The registry is asked first, then the other places that the manifest names for it.
fn ask(
    download: &Download<'_>,
    blob: &Descriptor,
    offset_bytes: u64,
) -> Result<Answer, RegistryError> {
    let question = || Question {
        headers: match offset_bytes {
            0 => Vec::new(),
            offset => vec![("range", format!("bytes={offset}-"))],
        },
        timeout: download.session.http.settings.transfer_timeout,
        ..Question::default()
    };
    let address = download.base.join(&format!(
        "{}/blobs/{}",
        download.base.uri().path(),
        blob.digest
    ))?;
    let answer = download.session.ask(&address, question());
    let is_elsewhere = match &answer {
        Ok(answer) => answer.status == 404,
        Err(error) => matches!(error, RegistryError::Denied { .. }),
    };
    if !is_elsewhere || blob.urls.is_empty() {
        return answer;
    }
    let mut last = answer;
    for url in &blob.urls {
        let address = Address::parse(url)?;
        if !address.is_https() {
            return Err(RegistryError::Address {
                place: address.place(),
                reason: "the manifest names it for a layer, and only https:// is acceptable there",
            });
        }
        last = download.session.http.ask(&address, &question());
        if last
            .as_ref()
            .is_ok_and(|answer| matches!(answer.status, 200 | 206 | 416))
        {
            break;
        }
    }
    last
}

/// Whether a partial answer begins where it was asked to.
fn starts_at(answer: &Answer, offset_bytes: u64) -> bool {
    let range = answer.header("content-range").unwrap_or_default();
    let start = range
        .strip_prefix("bytes ")
        .and_then(|range| range.split('-').next());
    start.and_then(|start| start.trim().parse().ok()) == Some(offset_bytes)
}

fn receive(
    download: &Download<'_>,
    blob: &Descriptor,
    partial: &mut Partial,
    answer: &mut Answer,
) -> Result<(), RegistryError> {
    let mut piece = vec![0; PIECE_SIZE_BYTES];
    let mut received_bytes = 0;
    loop {
        if download.given_up.load(Ordering::Relaxed) {
            return Err(RegistryError::GivenUp);
        }
        let read = answer.reader().read(&mut piece);
        let count = match read {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(answer.broken_off(received_bytes, error)),
        };
        if count == 0 && partial.received_bytes() < blob.size_bytes {
            let early = std::io::Error::other("it ended too early");
            return Err(answer.broken_off(received_bytes, early));
        }
        if count == 0 {
            return Ok(());
        }
        if partial.received_bytes() + count as u64 > blob.size_bytes {
            restart(download, partial)?;
            let reason = format!("more comes than the {} bytes that it has", blob.size_bytes);
            return Err(damaged(download, blob, reason));
        }
        partial.append(&piece[..count])?;
        received_bytes += count as u64;
        download.watch.received(count as u64);
    }
}

fn restart(download: &Download<'_>, partial: &mut Partial) -> Result<(), RegistryError> {
    download.watch.lost(partial.received_bytes());
    Ok(partial.restart()?)
}

fn damaged(download: &Download<'_>, blob: &Descriptor, reason: String) -> RegistryError {
    RegistryError::Damaged {
        digest: blob.digest.to_string(),
        registry: download.session.registry.clone(),
        reason,
    }
}
