//! What a side is, whatever it is called: a file that is replaced under the same name is another side.

use std::env;
use std::fmt::Write;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The contents of a command's words, read before anything is run.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// The program's digest; `None` when its file cannot be read.
    program: Option<String>,
    /// The digests of the other words that name files, and the words that do not.
    rest: Vec<String>,
}

impl Content {
    /// Reads the files that the words name.
    pub(super) fn of(words: &[String]) -> Self {
        let program = words.first().and_then(|word| in_path(word));
        Self {
            program: program.and_then(|path| file_digest(&path).ok()),
            rest: words
                .iter()
                .skip(1)
                .map(|word| file_digest(Path::new(word)).unwrap_or_else(|_| format!("-{word}")))
                .collect(),
        }
    }

    /// One digest for all of it: a bundle's own when there are no words besides, else SHA-256 over the program (the bundle where it was
    /// one) and the words. `None` when the program cannot be read.
    pub(super) fn digest(&self, bundle: Option<&str>) -> Option<String> {
        let program = bundle.map(str::to_owned).or_else(|| self.program.clone())?;
        if self.rest.is_empty() {
            return Some(program);
        }
        Some(digest_of(std::iter::once(&program).chain(&self.rest)))
    }
}

/// One digest over several texts, none of which can run over into the next.
pub fn digest_of(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        let text = text.as_ref();
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    hex(&digest.finalize())
}

fn file_digest(path: &Path) -> io::Result<String> {
    // A directory or a pipe is no program, and a pipe would wait.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut digest = Sha256::new();
    let mut file = fs::File::open(path)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => digest.update(&piece[..count]),
        }
    }
    Ok(hex(&digest.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The file that a command's first word is, looked for as a shell does.
fn in_path(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_by_what_they_hold_and_words_by_themselves() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Content::of(&words).digest(None)
        };
        let [one, same, other] = [file("a", "1"), file("b", "1"), file("c", "2")];
        assert!(of(&[&one]).is_some());
        assert_eq!(of(&[&one]), of(&[&same]));
        assert_ne!(of(&[&one]), of(&[&other]));
        assert_ne!(of(&[&one]), of(&[&one, "--blas"]));
        assert_ne!(of(&[&one, "a", "b"]), of(&[&one, "ab"]));
        // A program that another one starts counts as well.
        assert_eq!(of(&["env", &one]), of(&["env", &same]));
        assert_ne!(of(&["env", &one]), of(&["env", &other]));
        assert_eq!(of(&["/no/such/program"]), None);
        let words = [one.clone()];
        assert_eq!(
            Content::of(&words).digest(Some("abc")).as_deref(),
            Some("abc")
        );
    }
}
