//! Why an image cannot be made, each in one line.

use std::io;

/// Why an image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options contradict the format.
    #[error("cannot make an image: {0}")]
    Options(String),

    /// The image cannot be written.
    #[error("cannot write the image")]
    Write(#[source] io::Error),

    /// A file's content cannot be read.
    #[error("cannot read the content of a file")]
    Read(#[source] io::Error),

    /// A file's content is not of the size that was announced.
    #[error(
        "its content has {came_bytes} bytes{} instead of {announced_bytes} (it may have changed meanwhile)",
        if *.or_more { " or more" } else { "" }
    )]
    ContentSize {
        /// The size that was announced.
        announced_bytes: u64,
        /// How much came.
        came_bytes: u64,
        /// Whether reading was stopped there.
        or_more: bool,
    },

    /// A content was given twice.
    #[error("its content was given before")]
    ContentTwice,

    /// The tree has a file whose content was never given, or has another size.
    #[error("cannot store '{path}': {reason}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong with its content.
        reason: &'static str,
    },

    /// A node that squashfs, or Linux, cannot have.
    #[error("cannot store '{path}': {reason}")]
    Node {
        /// Where it stands, or would stand.
        path: String,
        /// What is wrong with it.
        reason: String,
    },

    /// More of something than the format holds.
    #[error("cannot make an image: it has more than {limit} {what}")]
    LimitExceeded {
        /// What there is too much of.
        what: &'static str,
        /// Most that the format holds.
        limit: u64,
    },

    /// A file, directory or link of the host cannot be read.
    #[error("cannot read '{path}'")]
    Host {
        /// Its path, as the scanned directory's path leads to it.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// A file of the host cannot be stored.
    #[error("cannot store '{path}'")]
    File {
        /// Its path, as the scanned directory's path leads to it.
        path: String,
        /// Why.
        #[source]
        source: Box<Error>,
    },

    /// A compressor failed.
    #[error("cannot compress: {0}")]
    Compress(String),

    /// No thread could be started, or one has ended.
    #[error("cannot compress: the threads for it do not work")]
    Threads,
}
