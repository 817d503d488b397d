//! What can go wrong between here and a registry, each in one line. No secret is ever part of a message.

use std::io;
use std::time::Duration;

use crate::cache::CacheError;
use crate::credentials::CredentialError;

/// Why an image could not be had from a registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nobody answers, or not in HTTP.
    #[error("cannot reach '{place}': {reason}")]
    Unreachable {
        /// The URL without its query.
        place: String,
        /// What the network says.
        reason: String,
        /// What kind of failure it is.
        failure: Failure,
    },

    /// An answer that broke off, or took too long.
    #[error("cannot get '{place}': the transfer broke off after {received_bytes} bytes: {reason}")]
    BrokenOff {
        /// The URL without its query.
        place: String,
        /// How much came.
        received_bytes: u64,
        /// What the network says.
        reason: String,
    },

    /// The server says no, or that something is wrong with it.
    #[error("cannot get '{place}': the server answers {status}{detail}{}", remedy(*.status))]
    Status {
        /// The URL without its query.
        place: String,
        /// HTTP's number.
        status: u16,
        /// What it says besides.
        detail: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },

    /// The registry wants to know who asks, or does not want to give it to who asks.
    #[error(
        "cannot get '{place}': the registry denies it to {who}{detail} (check the image's name; log in as docker://USER@…, \
         or put the user into ~/.config/benchrun/.credentials)"
    )]
    Denied {
        /// The URL without its query.
        place: String,
        /// Who asked.
        who: String,
        /// What the registry says besides.
        detail: String,
    },

    /// The registry wants a proof of identity of a kind that is not known.
    #[error("cannot log in at '{registry}': {reason}")]
    LogIn {
        /// The registry's host.
        registry: String,
        /// Why not.
        reason: String,
    },

    /// An address that must not be used.
    #[error("cannot use the address '{place}': {reason}")]
    Address {
        /// The URL without its query.
        place: String,
        /// Why not.
        reason: &'static str,
    },

    /// Too many redirections one after the other.
    #[error("cannot get '{place}': it is redirected again and again")]
    RedirectedTooOften {
        /// The URL without its query.
        place: String,
    },

    /// A document that is larger than any of its kind.
    #[error("cannot use '{place}': it is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The URL without its query.
        place: String,
        /// The limit.
        limit_bytes: u64,
    },

    /// A manifest, an index or a configuration that is not as it must be.
    #[error("cannot use {what} of '{image}': {reason}")]
    BadDocument {
        /// Which of them.
        what: &'static str,
        /// The image.
        image: String,
        /// What is wrong.
        reason: String,
    },

    /// Something else came than what was asked for.
    #[error(
        "cannot use '{digest}' from '{registry}': {reason} (the registry or a proxy before it gives out damaged data)"
    )]
    Damaged {
        /// What was asked for.
        digest: String,
        /// Who gave it.
        registry: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The certificates of the authorities cannot be had.
    #[error("cannot use the certificates that SSL_CERT_FILE or SSL_CERT_DIR names: {0}")]
    Certificates(String),

    /// A proxy's address that is none, or of a proxy that speaks something else than HTTP.
    #[error(
        "cannot use the proxy that ${0} names: it is not the address of an HTTP proxy (expected http://HOST:PORT)"
    )]
    Proxy(&'static str),

    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),

    /// Credentials cannot be had.
    #[error(transparent)]
    Credentials(#[from] CredentialError),

    /// The layers are in the cache, but cannot all be open at once.
    #[error("cannot keep all layers open: {0} (ulimit -n permits more)")]
    Open(io::Error),

    /// Another download of the same image has failed, so this one was given up.
    #[error("given up")]
    GivenUp,
}

impl RegistryError {
    /// Whether the same may succeed a little later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            RegistryError::BrokenOff { .. } => true,
            RegistryError::Unreachable { failure, .. } => *failure == Failure::Passing,
            RegistryError::Status { status, .. } => {
                matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
            _ => false,
        }
    }

    /// How long the server asks to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            RegistryError::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It may be otherwise a little later.
    Passing,
    /// It will be the same again: nobody listens there, or not to this.
    Lasting,
    /// Somebody answers who cannot prove to be the one that is meant.
    Certificate,
}

fn remedy(status: u16) -> &'static str {
    match status {
        404 => " (check the image's name and tag)",
        429 => " (wait some minutes, or log in: registries allow more to users they know)",
        500..=599 => " (try again later)",
        _ => "",
    }
}
