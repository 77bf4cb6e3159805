//! Tar headers: made as GNU tar makes them, read strictly. Knows nothing of frames and compression.

use super::base::{Attributes, FileKind};
use super::damage::corrupted;
use super::names;
use crate::domain::Fault;
use std::ops::Range;
use tar::{EntryType, Header};

/// Everything in tar comes in blocks.
pub(super) const BLOCK: usize = 512;
/// Two blocks of zeros end an archive.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];
/// What fits into a header's own name field.
const SHORT_NAME: usize = 100;

/// The zeros that fill the last block of `length` bytes.
pub(super) fn padding(length: u64) -> &'static [u8] {
    let over = (length % BLOCK as u64) as usize;
    &END[..if over == 0 { 0 } else { BLOCK - over }]
}

/// Appends what comes before the header of an entry whose name does not fit into that: GNU's long name.
fn long_name(name: &str, out: &mut Vec<u8>) {
    let bytes = name.as_bytes();
    if bytes.len() > SHORT_NAME {
        let length = bytes.len() as u64 + 1;
        out.extend_from_slice(block(b"././@LongLink", length, 0, EntryType::GNULongName).as_bytes());
        out.extend_from_slice(bytes);
        out.push(0);
        out.extend_from_slice(padding(length));
    }
}

/// Appends the header (with a GNU long name before it where needed) of an entry of `size` bytes.
pub(super) fn header(name: &str, size: u64, mtime: u64, out: &mut Vec<u8>) {
    long_name(name, out);
    out.extend_from_slice(block(name.as_bytes(), size, mtime, EntryType::Regular).as_bytes());
}

/// Appends the header of an entry that is a file of a server's.
pub(super) fn file_header(name: &str, attributes: &Attributes, out: &mut Vec<u8>) {
    let kind = match attributes.kind {
        FileKind::Dir => EntryType::Directory,
        FileKind::Link => EntryType::Symlink,
        FileKind::File | FileKind::Increment | FileKind::Unchanged => EntryType::Regular,
    };
    long_name(name, out);
    let mut header = block(name.as_bytes(), attributes.size, u64::try_from(attributes.mtime).unwrap_or(0), kind);
    header.set_mode(attributes.mode & 0o7777);
    header.set_uid(attributes.owner.0);
    header.set_gid(attributes.owner.1);
    // Names that do not fit are left out: the numbers say the same.
    let _ = header.set_username(&attributes.owner_names.0);
    let _ = header.set_groupname(&attributes.owner_names.1);
    let link = attributes.link.as_bytes();
    let length = link.len().min(SHORT_NAME);
    header.as_old_mut().linkname[..length].copy_from_slice(&link[..length]);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

fn block(name: &[u8], size: u64, mtime: u64, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    let length = name.len().min(SHORT_NAME);
    header.as_old_mut().name[..length].copy_from_slice(&name[..length]);
    header.set_entry_type(kind);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(size);
    header.set_cksum();
    header
}

/// One header, read: the entry's name and the size of its data, and how many bytes the header itself takes.
pub(super) struct Entry {
    /// Its name.
    pub name: String,
    /// Bytes of data after the header.
    pub size: u64,
    /// Bytes of the header, long name included.
    pub header: usize,
}

/// Reads the header at the start of `tar`; none where `tar` is too short to tell.
pub(super) fn read_header(tar: &[u8]) -> Result<Option<Entry>, Fault> {
    let Some((header, size)) = parse(tar)? else { return Ok(None) };
    let (name, length) = match header.entry_type() {
        EntryType::Regular | EntryType::Directory | EntryType::Symlink => {
            let field = &header.as_old().name;
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            let name = checked_name(&field[..end])?;
            suits(header.entry_type(), &name, size)?;
            return Ok(Some(Entry { name, size, header: BLOCK }));
        }
        EntryType::GNULongName => {
            if size < 2 || size > names::ENTRY_LIMIT as u64 + 1 {
                return Err(corrupted(format!("a tar header gives a name of {size} bytes")));
            }
            let length = size as usize + padding(size).len();
            let Some(name) = tar.get(BLOCK..BLOCK + length) else { return Ok(None) };
            let (name, zeros) = name.split_at(size as usize - 1);
            if zeros.iter().any(|byte| *byte != 0) {
                return Err(corrupted("a long name in a tar header is not ended by zeros"));
            }
            (checked_name(name)?, BLOCK + length)
        }
        other => return Err(corrupted(format!("a tar header of type {:?}, which no archive of ours has", char::from(other.as_byte())))),
    };
    let Some((header, size)) = parse(&tar[length..])? else { return Ok(None) };
    if name.as_bytes().get(..SHORT_NAME) != Some(&header.as_old().name[..]) {
        return Err(corrupted("a long name in a tar header belongs to no entry"));
    }
    suits(header.entry_type(), &name, size)?;
    Ok(Some(Entry { name, size, header: length + BLOCK }))
}

/// Whether an entry of this name can be of this type: only a server's files have folders and links among them.
fn suits(kind: EntryType, name: &str, size: u64) -> Result<(), Fault> {
    let is_file_of_server = name.starts_with("base/") || name.starts_with("tablespaces/");
    match kind {
        EntryType::Regular => Ok(()),
        EntryType::Directory | EntryType::Symlink if is_file_of_server && size == 0 => Ok(()),
        other => Err(corrupted(format!("a tar header of type {:?}, which no archive of ours has", char::from(other.as_byte())))),
    }
}

fn parse(tar: &[u8]) -> Result<Option<(&Header, u64)>, Fault> {
    let Some(bytes) = tar.get(..BLOCK) else { return Ok(None) };
    let header = Header::from_byte_slice(bytes);
    let sum = bytes.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum::<u32>();
    if header.cksum().ok() != Some(sum) || header.as_gnu().is_none() {
        return Err(corrupted("a tar header is damaged"));
    }
    match header.entry_size() {
        Ok(size) if size <= i64::MAX as u64 => Ok(Some((header, size))),
        _ => Err(corrupted("a tar header gives no size")),
    }
}

fn checked_name(bytes: &[u8]) -> Result<String, Fault> {
    match std::str::from_utf8(bytes) {
        Ok(name) if names::is_legal(name) => Ok(name.to_owned()),
        _ => Err(corrupted(format!("a tar header names an entry {:?}, which no archive of ours has", String::from_utf8_lossy(bytes)))),
    }
}

/// Whether the last entry of a frame may go on in the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Frames hold whole entries.
    Whole,
    /// Files of a server may go on.
    Open,
}

/// Takes tar bytes apart: every byte belongs to a header, an entry's data, or zero padding. Of data that go on in the next frame the part that is
/// here is given.
pub(super) fn entries(tar: &[u8], cut: Cut) -> Result<Vec<(String, Range<usize>)>, Fault> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tar.len() {
        let entry = read_header(&tar[at..])?.ok_or_else(|| corrupted("a frame ends within a tar header"))?;
        let start = at + entry.header;
        let short = || corrupted(format!("a frame ends within entry {}", entry.name));
        let end = usize::try_from(entry.size).ok().and_then(|size| start.checked_add(size));
        let end = match (end.filter(|end| *end <= tar.len()), cut) {
            (Some(end), _) => end,
            (None, Cut::Whole) => return Err(short()),
            (None, Cut::Open) => {
                found.push((entry.name, start..tar.len()));
                return Ok(found);
            }
        };
        let padded = end + padding(entry.size).len();
        match (tar.get(end..padded), cut) {
            (Some(zeros), _) if zeros.iter().all(|byte| *byte == 0) => {}
            (Some(_), _) => return Err(corrupted(format!("the padding after entry {} is damaged", entry.name))),
            (None, _) => return Err(short()),
        }
        found.push((entry.name, start..end));
        at = padded;
    }
    Ok(found)
}
