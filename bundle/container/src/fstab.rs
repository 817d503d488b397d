//! What is to be mounted: Enroot's fstab, and the argument of `--mount`.
//!
//! Fields may be omitted: `/proc` and `/proc rbind` show a path of the host at the same place, `/src /dst` at another,
//! `tmpfs /tmp` needs no type. What a variable stands for stays one field, also where it holds blanks.

use std::ffi::OsString;

use crate::flags::{self, Change, MS_BIND, MS_REC, MS_REMOUNT, MS_SILENT};
use crate::{ParseError, Reason, Variables, lines, os_string, substitute};

/// A line or an argument has no more bytes than the kernel takes for one mount's options.
pub const ENTRY_SIZE_MAX_BYTES: usize = 4096;

/// One mount, or the end of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
// Each is a word of the fstab by itself, and they combine freely.
#[allow(clippy::struct_excessive_bools)]
pub struct Mount {
    /// A path on the host, or what the file system calls a source. None for `none`.
    pub source: Option<OsString>,
    /// Where it goes: a path in the container, with or without a `/` at its head. Never empty.
    pub target: OsString,
    /// The file system, for mounts that make one. None for `none`.
    pub fs_type: Option<OsString>,
    /// Bits for mount(2), without those of `propagation` ([`flags`]). `MS_REC` is among them with `rbind` only.
    pub flags: u64,
    /// How mounts spread, [`flags::PROPAGATION`] and `MS_REC`: for calls after the mount, one for each bit. 0 leaves it as it is.
    pub propagation: u64,
    /// What the file system itself reads, comma-separated.
    pub data: OsString,
    /// What to create at the target first, if anything.
    pub create: Option<Create>,
    /// Moves the mount at `source`.
    pub is_move: bool,
    /// Unmounts the target, lazily, instead of mounting.
    pub detach: bool,
    /// Its failure is passed over (`nofail`).
    pub may_fail: bool,
    /// Nothing is said of it when it is passed over.
    pub silent: bool,
    /// Lower ones come first. Enroot's own are -1, ordinary ones 0.
    pub pass: i32,
}

/// What is created where something is to be mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// A directory, and those above it.
    Directory,
    /// An empty file, and the directories above it.
    File,
    /// What the source is for a bind mount (nothing if there is no source), else a directory.
    Auto,
}

/// Reads a fstab. The mounts come in the order of their passes, and within one as they are written. A mount that may fail and
/// whose source or target is empty because of an unset variable is left out.
///
/// # Errors
///
/// A line that cannot be a mount; the error names it.
pub fn parse_fstab(text: &[u8], variable: Variables) -> Result<Vec<Mount>, ParseError> {
    let mut mounts = Vec::new();
    for (number, line) in lines(text) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let fields = line
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty());
        let mount = entry(line, fields, variable).map_err(|reason| ParseError::Line {
            line: number,
            reason,
        })?;
        mounts.extend(mount);
    }
    mounts.sort_by_key(|mount| mount.pass);
    Ok(mounts)
}

/// Reads the argument of `--mount`: a line of a fstab with colons for blanks, `/src:/dst:ro` or `tmpfs:/tmp`. A colon in a path
/// is written `\072`. None for a mount that may fail and names an unset variable.
///
/// # Errors
///
/// An argument that cannot be a mount.
pub fn parse_mount(argument: &[u8], variable: Variables) -> Result<Option<Mount>, ParseError> {
    let failed = |reason| ParseError::Argument {
        argument: String::from_utf8_lossy(argument).into_owned(),
        reason,
    };
    if argument.starts_with(b":") || argument.is_empty() {
        return Err(failed(Reason::Empty("source")));
    }
    let fields = argument
        .split(|&byte| byte == b':')
        .filter(|field| !field.is_empty());
    entry(argument, fields, variable).map_err(failed)
}

/// Four fields of bytes, some of them guessed, and the pass.
struct Fields {
    source: Vec<u8>,
    target: Option<Vec<u8>>,
    fs_type: Option<Vec<u8>>,
    options: Option<Vec<u8>>,
    pass: i32,
}

fn entry<'t>(
    whole: &[u8],
    fields: impl Iterator<Item = &'t [u8]>,
    variable: Variables,
) -> Result<Option<Mount>, Reason> {
    if whole.contains(&0) {
        return Err(Reason::ZeroByte);
    }
    if whole.len() >= ENTRY_SIZE_MAX_BYTES {
        return Err(Reason::TooLong);
    }
    let fields = split(fields, variable)?;
    let (fields, options) = guess(fields);
    let mut mount = Mount {
        pass: fields.pass,
        ..Mount::default()
    };
    read_options(&options, &mut mount)?;
    let target = fields.target.ok_or(Reason::Missing("target"))?;
    for (field, name) in [(&fields.source, "source"), (&target, "target")] {
        if field.is_empty() && mount.may_fail {
            return Ok(None);
        }
        if field.is_empty() {
            return Err(Reason::Empty(name));
        }
    }
    let fs_type = fields.fs_type.unwrap_or_default();
    for field in [&fields.source, &target, &fs_type, &options] {
        if field.contains(&0) {
            return Err(Reason::ZeroByte);
        }
    }
    let is_something = |field: &Vec<u8>| field != b"none";
    mount.source = Some(fields.source)
        .filter(is_something)
        .map(|it| os_string(&it));
    mount.fs_type = Some(fs_type)
        .filter(|field| !field.is_empty() && is_something(field))
        .map(|it| os_string(&it));
    mount.target = os_string(&target);
    let needs_source = mount.flags & MS_BIND != 0 && mount.flags & MS_REMOUNT == 0;
    if mount.source.is_none() && !mount.detach && (needs_source || mount.is_move) {
        return Err(Reason::Missing("source"));
    }
    Ok(Some(mount))
}

/// The fields with variables replaced and escapes undone.
fn split<'t>(
    mut fields: impl Iterator<Item = &'t [u8]>,
    variable: Variables,
) -> Result<Fields, Reason> {
    let mut words: Vec<&[u8]> = Vec::new();
    let mut numbers = Vec::new();
    for field in fields.by_ref().take(6) {
        let is_number = words.len() >= 2 && number(field).is_some();
        if words.len() == 4 || is_number || !numbers.is_empty() {
            // What follows the last number, or a comment, is nobody's.
            if field.starts_with(b"#") || numbers.len() == 2 {
                break;
            }
            let lossy = || Reason::NotANumber(String::from_utf8_lossy(field).into_owned());
            numbers.push(number(field).ok_or_else(lossy)?);
        } else {
            words.push(field);
        }
    }
    let mut words = words
        .into_iter()
        .map(|word| substitute::braced_escaped(word, variable));
    Ok(Fields {
        source: words.next().ok_or(Reason::Missing("source"))?,
        target: words.next(),
        fs_type: words.next().filter(|field| !field.is_empty()),
        options: words.next().filter(|field| !field.is_empty()),
        // A frequency alone stands for the pass.
        pass: match numbers[..] {
            [frequency, 0] | [frequency] => frequency,
            [_, pass, ..] => pass,
            [] => 0,
        },
    })
}

fn number(field: &[u8]) -> Option<i32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Fills in what is omitted, and gives the options apart.
fn guess(mut fields: Fields) -> (Fields, Vec<u8>) {
    let is_none = |field: &Option<Vec<u8>>| field.as_ref().is_none_or(|it| it == b"none");
    let looks_like_options =
        |field: &Option<Vec<u8>>| field.as_ref().is_some_and(|it| is_options(it));
    if fields.fs_type.is_none() && fields.options.is_none() && looks_like_options(&fields.target) {
        fields.options = fields.target.take();
    }
    if fields.options.is_none() && looks_like_options(&fields.fs_type) {
        fields.options = fields.fs_type.take();
        // `/src none bind` is `/src bind`.
        fields.target = fields.target.filter(|it| it != b"none");
    }
    let no_type = is_none(&fields.fs_type);
    if fields.source == b"tmpfs" {
        if no_type {
            fields.fs_type = Some(b"tmpfs".to_vec());
        }
    } else {
        if fields.target.is_none() {
            fields.target = Some(fields.source.clone());
        }
        if no_type && fields.options.is_none() && fields.source != b"none" {
            fields.options = Some(b"rbind,x-create=auto".to_vec());
        }
    }
    let options = fields.options.take().unwrap_or_default();
    (fields, options)
}

/// Whether a field that may be a path or a type is options.
fn is_options(field: &[u8]) -> bool {
    if field.starts_with(b"/") || field.starts_with(b".") {
        return false;
    }
    let has_more = field.contains(&b',') || field.contains(&b'=');
    has_more || is_option_name(field)
}

fn is_option_name(name: &[u8]) -> bool {
    let ours = matches!(name, b"x-move" | b"x-detach" | b"nofail");
    ours || flags::option(name).is_some() || flags::propagation(name).is_some()
}

fn read_options(options: &[u8], mount: &mut Mount) -> Result<(), Reason> {
    let mut data: Vec<&[u8]> = Vec::new();
    for option in options.split(|&byte| byte == b',') {
        match option {
            b"" => {}
            b"x-move" => mount.is_move = true,
            b"x-detach" => mount.detach = true,
            b"nofail" => mount.may_fail = true,
            _ if option.starts_with(b"x-create=") => mount.create = Some(create(&option[9..])?),
            // fstab(5): other words of this form are notes for other programs.
            _ if option.starts_with(b"x-") => {}
            _ => match (flags::option(option), flags::propagation(option)) {
                (Some(Change::Set(bits)), _) => mount.flags |= bits,
                (Some(Change::Clear(bits)), _) => mount.flags &= !bits,
                (Some(Change::Nothing), _) => {}
                (None, Some(bits)) => mount.propagation |= bits,
                (None, None) => data.push(option),
            },
        }
    }
    mount.silent = mount.flags & MS_SILENT != 0;
    mount.flags &= !MS_SILENT;
    if mount.flags & MS_BIND == 0 {
        mount.flags &= !MS_REC;
    }
    mount.data = os_string(&data.join(&b","[..]));
    Ok(())
}

fn create(what: &[u8]) -> Result<Create, Reason> {
    match what {
        b"dir" => Ok(Create::Directory),
        b"file" => Ok(Create::File),
        b"auto" => Ok(Create::Auto),
        _ => Err(Reason::Create(String::from_utf8_lossy(what).into_owned())),
    }
}

#[cfg(test)]
#[path = "fstab_tests.rs"]
mod tests;
