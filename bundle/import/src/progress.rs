//! Telling the user how far it is.

/// Hears how far the making of an image is. Called from several threads.
pub trait Progress: Sync {
    /// A step begins, in which this many bytes of the layers' files are to be read.
    fn begin(&self, _step: Step, _total_bytes: u64) {}

    /// So many more bytes were read.
    fn advance(&self, _size_bytes: u64) {}
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The layers are listed, checked and merged.
    Merge,
    /// Their contents are written to the image.
    Write,
}

/// Nobody hears it.
impl Progress for () {}
