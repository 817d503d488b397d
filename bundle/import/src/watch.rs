//! Who looks on.

/// Is told how a download goes, by several threads.
pub trait Watch: Sync {
    /// So many bytes are to be downloaded in all.
    fn begin(&self, size_bytes: u64);

    /// So many more are here, whether they came or lay there already.
    fn received(&self, size_bytes: u64);

    /// So many that were here had to be thrown away, to be downloaded again.
    fn lost(&self, size_bytes: u64);

    /// Something that the user should know, such as why it does not go on for a while.
    fn note(&self, text: &str);
}

/// Nobody.
#[derive(Debug, Clone, Copy)]
pub struct NoWatch;

impl Watch for NoWatch {
    fn begin(&self, _: u64) {}
    fn received(&self, _: u64) {}
    fn lost(&self, _: u64) {}
    fn note(&self, _: &str) {}
}
