//! Makes an image of a directory with backhand, to be measured beside `make_image`: `backhand DIRECTORY IMAGE COMPRESSION LEVEL
//! [BLOCK_SIZE]`. Only what backhand can write is in it: directories, files and links.

use std::error::Error;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use backhand::compression::{CompressionOptions, Compressor, Zstd};
use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [top, image, name, level, rest @ ..] = words.as_slice() else {
        return Err("DIRECTORY IMAGE COMPRESSION LEVEL [BLOCK_SIZE]".into());
    };
    let compression_level = level.parse()?;
    if name != "zstd" {
        return Err(format!("{name}: zstd only").into());
    }
    let options = CompressionOptions::Zstd(Zstd { compression_level });
    let mut writer = FilesystemWriter::default();
    writer.set_compressor(FilesystemCompressor::new(Compressor::Zstd, Some(options))?);
    writer.set_block_size(rest.first().map_or(Ok(128 << 10), |size| size.parse())?);
    writer.set_time(0);
    add(&mut writer, Path::new(top), Path::new("/"))?;
    writer.write(File::create(image)?)?;
    Ok(())
}

fn add(writer: &mut FilesystemWriter<'_, '_, '_>, directory: &Path, inside: &Path) -> Outcome {
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let metadata = entry.metadata()?;
        let header = NodeHeader::new(
            (metadata.mode() & 0o7777) as u16,
            metadata.uid(),
            metadata.gid(),
            metadata.mtime() as u32,
        );
        let (path, inside) = (entry.path(), inside.join(entry.file_name()));
        if metadata.is_dir() {
            writer.push_dir(&inside, header)?;
            add(writer, &path, &inside)?;
        } else if metadata.is_symlink() {
            writer.push_symlink(fs::read_link(&path)?, &inside, header)?;
        } else if metadata.is_file() {
            writer.push_file(fs::File::open(&path)?, &inside, header)?;
        }
    }
    Ok(())
}
