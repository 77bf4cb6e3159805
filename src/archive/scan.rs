//! What can be found out about a file without its locator: which codec it has, where its manifest is, whether it is one of ours at all.

use super::codec::stream_decoder;
use super::{manifest, tarball};
use crate::domain::codec::Codec;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

/// How far back from the end a manifest is looked for, in bytes. Only a manifest of millions of frames is longer.
const REACH: u64 = 512 << 20;
/// How many places that look like a frame are tried before the search is given up: a hostile file could consist of nothing else.
const TRIES: u32 = 20_000;
const WINDOW: u64 = 1 << 20;

/// A file read from a position on.
pub(super) struct From<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> From<'a> {
    pub fn new(file: &'a File, at: u64) -> Self {
        Self { file, at }
    }
}

impl Read for From<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(out, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

/// The bytes that every frame starts with; for raw tar the start of the header that is looked for.
fn magic(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        Codec::Gzip => &[0x1f, 0x8b, 8],
        Codec::Lz4 => &[4, 0x22, 0x4d, 0x18],
        Codec::Xz => b"\xfd7zXZ\0",
        Codec::None => b"manifest.json\0",
    }
}

/// The codec by the first bytes of a file.
pub(super) fn codec_of(head: &[u8]) -> Option<Codec> {
    let compressed = [Codec::Zstd, Codec::Gzip, Codec::Lz4, Codec::Xz].into_iter().find(|codec| head.starts_with(magic(*codec)));
    compressed.or_else(|| (head.get(257..262) == Some(b"ustar")).then_some(Codec::None))
}

/// What a frame begins with.
pub(super) enum First {
    /// A tar header as ours are.
    Entry(tarball::Entry),
    /// Something else.
    Other,
    /// Nothing that could be told: it is damaged or cut off before the end of its first header.
    Unreadable,
}

/// The first tar header of the frame at an offset.
pub(super) fn first_entry(file: &File, at: u64, codec: Codec) -> First {
    let mut head = [0; 4 * tarball::BLOCK];
    let mut length = 0;
    let Ok(mut decoder) = stream_decoder(codec, BufReader::with_capacity(1 << 14, From::new(file, at))) else { return First::Unreadable };
    while length < head.len() {
        match decoder.read(&mut head[length..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    match tarball::read_header(&head[..length]) {
        Ok(Some(entry)) => First::Entry(entry),
        Ok(None) => First::Unreadable,
        Err(_) => First::Other,
    }
}

/// Looks for the manifest's frame, from the end of the file backwards.
pub(super) fn find_manifest(file: &File, length: u64, codec: Codec) -> io::Result<Option<u64>> {
    let magic = magic(codec);
    let stop = length.saturating_sub(REACH);
    let mut tries = 0;
    let mut end = length;
    let mut window = Vec::new();
    while end > stop {
        let start = end.saturating_sub(WINDOW).max(stop);
        // A magic number may lie across two windows.
        let size = (end + magic.len() as u64 - 1).min(length) - start;
        window.resize(size as usize, 0);
        file.read_exact_at(&mut window, start)?;
        for at in memchr::memmem::rfind_iter(&window, magic) {
            let offset = start + at as u64;
            if codec == Codec::None && !offset.is_multiple_of(tarball::BLOCK as u64) {
                continue;
            }
            if matches!(first_entry(file, offset, codec), First::Entry(entry) if entry.name == manifest::ENTRY) {
                return Ok(Some(offset));
            }
            tries += 1;
            if tries == TRIES {
                return Ok(None);
            }
        }
        end = start;
    }
    Ok(None)
}

/// Whether an entry's name is one that our archives have.
pub(super) fn is_our_entry(name: &str) -> bool {
    matches!(name, "README.txt" | "globals.sql" | "globals.jsonl" | manifest::ENTRY)
        || ["databases/", "base/", "tablespaces/"].iter().any(|dir| name.starts_with(dir))
}

/// What a foreign file is, and what reads it.
pub(super) fn describe(head: &[u8]) -> (&'static str, Option<(&'static str, &'static str)>) {
    let text = |words: &str| head.windows(words.len()).take(400).any(|window| window == words.as_bytes());
    if head.starts_with(b"PGDMP") {
        (
            "it is a dump that pg_dump made in its custom format",
            Some(("Restore it with PostgreSQL's own program:", "pg_restore -d DATABASE")),
        )
    } else if text("PostgreSQL database dump") || text("PostgreSQL database cluster dump") {
        ("it is a dump that pg_dump made as plain SQL", Some(("Restore it with PostgreSQL's own program:", "psql -d DATABASE -f")))
    } else if head.starts_with(b"toc.dat\0") {
        ("it is a dump that pg_dump made in its tar format", Some(("Restore it with PostgreSQL's own program:", "pg_restore -d DATABASE")))
    } else if head.starts_with(b"age-encryption.org/") || head.starts_with(b"-----BEGIN AGE ENCRYPTED FILE") {
        ("it is encrypted with age", Some(("Decrypt it first:", "age --decrypt -i KEY -o ARCHIVE")))
    } else {
        ("neither a locator nor a manifest of dbbackup is in it", None)
    }
}
