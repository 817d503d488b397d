//! Makes an image of a directory, to be measured: `make_image DIRECTORY IMAGE COMPRESSION LEVEL [BLOCK_SIZE [THREADS]]`.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use bundle_image::{Compression, ImageWriter, Options, ScanOptions, scan};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [top, image, name, level, rest @ ..] = words.as_slice() else {
        return Err("DIRECTORY IMAGE COMPRESSION LEVEL [BLOCK_SIZE [THREADS]]".into());
    };
    let level = level.parse()?;
    let number =
        |index: usize, usual: usize| rest.get(index).map_or(Ok(usual), |word| word.parse());
    let options = Options {
        compression: match name.as_str() {
            "zstd" => Compression::Zstd { level },
            "gzip" => Compression::Gzip { level },
            "lz4" => Compression::Lz4 { level },
            "stored" => Compression::Stored,
            _ => return Err(format!("{name}: zstd, gzip, lz4 or stored").into()),
        },
        block_size_bytes: number(0, 128 << 10)? as u32,
        thread_count: number(1, 2)?,
        time_s: 0,
    };
    let begin = Instant::now();
    let (tree, files) = scan(Path::new(top), &ScanOptions::default())?;
    let scanned_s = begin.elapsed().as_secs_f64();
    let file = File::create(image)?;
    let mut writer = ImageWriter::new(&file, options)?;
    files.feed(&tree, &mut writer, &mut |_| {})?;
    let fed_s = begin.elapsed().as_secs_f64();
    let size_bytes = writer.finish(&tree)?;
    file.set_len(size_bytes)?;
    println!(
        "{} files, {} bytes, image {size_bytes} bytes: scanned {scanned_s:.2} s, fed {fed_s:.2} s, done {:.2} s",
        files.count(),
        files.size_bytes(),
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}
