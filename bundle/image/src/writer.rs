//! Writing an image.

use std::io::{Read, Seek, Write};

use crate::compress::Compression;
use crate::contents::{Contents, Output};
use crate::crew::Crew;
use crate::metadata::framed;
use crate::superblock::{self, Superblock};
use crate::{ContentId, Error, Tree, tables};

const BLOCK_SIZES_BYTES: std::ops::RangeInclusive<u32> = 4 << 10..=1 << 20;
/// The image's size is a multiple of this, as loop devices need.
const PADDING_BYTES: u64 = 4096;

/// How an image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How blocks are compressed.
    pub compression: Compression,
    /// Size of a block before compression: a power of two from 4 KiB to 1 MiB.
    pub block_size_bytes: u32,
    /// How many threads compress. The image does not depend on it.
    pub thread_count: usize,
    /// When the image was made, in seconds since 1970.
    pub time_s: u32,
}

/// Writes a squashfs image, beginning at the place where its output stands.
///
/// Memory is bounded by [`HELD_SIZE_LIMIT_BYTES`], about four blocks for each thread, and about 100 bytes for each content
/// and 4 for each of its blocks.
///
/// After an error it can be used on, but the image may have bytes that belong to no file.
///
/// [`HELD_SIZE_LIMIT_BYTES`]: crate::HELD_SIZE_LIMIT_BYTES
pub struct ImageWriter<W> {
    options: Options,
    contents: Contents<W>,
}

impl<W: Write + Seek> ImageWriter<W> {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the options contradict the format, no thread can be started, or nothing can be written.
    pub fn new(out: W, options: Options) -> Result<Self, Error> {
        let block_size_bytes = options.block_size_bytes;
        if !BLOCK_SIZES_BYTES.contains(&block_size_bytes) || !block_size_bytes.is_power_of_two() {
            return Err(Error::Options(format!(
                "blocks of {block_size_bytes} bytes are not allowed (a power of two from 4096 to 1048576)"
            )));
        }
        let crew = Crew::start(options.compression, options.thread_count)?;
        let mut output = Output::new(out)?;
        // The superblock is written last: what is not complete is no image.
        output.write(&[0; superblock::SIZE_BYTES as usize])?;
        if let Some(options) = options.compression.options() {
            output.write(&framed(None, &options))?;
        }
        Ok(Self {
            options,
            contents: Contents::new(output, crew, block_size_bytes),
        })
    }

    /// Stores a content: `size_bytes` of `data`, which must end there. What was stored before is not stored again.
    ///
    /// # Errors
    /// If the content was given before, cannot be read, has another size, or the image cannot be written.
    pub fn add(
        &mut self,
        content: ContentId,
        size_bytes: u64,
        data: &mut dyn Read,
    ) -> Result<(), Error> {
        self.contents.add(content, size_bytes, data)
    }

    /// Whether this content was given.
    pub fn has(&self, content: ContentId) -> bool {
        self.contents.get(content).is_some()
    }

    /// Completes the image with everything that the tree's root leads to, and returns its size. What the output holds behind
    /// it is none of the image and to be cut off: files of which much turns out to be stored already leave such bytes.
    /// Empty files need no content.
    ///
    /// # Errors
    /// If a file's content was never given or has another size; if the tree has what the format, or Linux, does not: a
    /// directory with two names, names and link targets that no file has, attributes that are not [storable], device
    /// numbers of more than 12 and 20 bits, more than [`ID_COUNT_LIMIT`] owners and groups; if the image cannot be written.
    ///
    /// [storable]: crate::is_storable
    /// [`ID_COUNT_LIMIT`]: crate::ID_COUNT_LIMIT
    pub fn finish(mut self, tree: &Tree) -> Result<u64, Error> {
        self.contents.finish()?;
        let compression = self.options.compression;
        let tables = tables::write(&mut self.contents, tree, compression)?;
        let output = &mut self.contents.output;
        let superblock = Superblock {
            compression,
            block_size_bytes: self.options.block_size_bytes,
            time_s: self.options.time_s,
            inode_count: tables.inode_count,
            fragment_count: tables.fragment_count,
            id_count: tables.id_count,
            root: tables.root,
            used_size_bytes: output.position,
            id_table_start: tables.id_start,
            xattr_table_start: tables.xattr_start,
            inode_table_start: tables.inode_start,
            directory_table_start: tables.directory_start,
            fragment_table_start: tables.fragment_start,
            export_table_start: tables.export_start,
        };
        let padding = output.position.next_multiple_of(PADDING_BYTES) - output.position;
        output.write(&vec![0; padding as usize])?;
        let size_bytes = output.position;
        output.go_to(0)?;
        output.write(&superblock.to_bytes())?;
        output.flush()?;
        Ok(size_bytes)
    }
}
