//! The locator: a trailer of fixed size that says where the manifest is, dressed so that stock tools skip it.
//!
//! Layout of the payload, little-endian: magic `dbbackup` (8), version (u32), reserved (u32, 0), offset, length and plain length of the
//! manifest's frame (3 × u64), length of the end frame (u64), SHA-256 of the manifest's frame and of the end frame (2 × 32), SHA-256 of all
//! this (32). Together with the manifest's list of frames it covers every byte of the file.

use crate::domain::codec::Codec;
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"dbbackup";
/// The version that is written, and the newest that is read.
const VERSION: u32 = 1;
const SIGNED: usize = 112;
const PAYLOAD: usize = SIGNED + 32;
/// `zstd` and `lz4` skip frames of the magic numbers 184D2A50 to 184D2A5F (RFC 8878, 3.1.2; LZ4 frame format, "Skippable frames").
/// Each codec has its own, so that the locator says which it is.
const SKIPPABLE_ZSTD: u32 = 0x184D_2A5D;
const SKIPPABLE_LZ4: u32 = 0x184D_2A5C;

/// Where the manifest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locator {
    /// Where its frame starts in the file; the frames before it end there.
    pub offset: u64,
    /// The frame's length.
    pub length: u64,
    /// Its length as tar.
    pub plain: u64,
    /// SHA-256 of the frame.
    pub sha256: [u8; 32],
    /// The length of the frame that ends the tar stream; it follows, and the locator follows it.
    pub end_length: u64,
    /// SHA-256 of that frame.
    pub end_sha256: [u8; 32],
}

/// What the end of a file is.
#[derive(Debug)]
pub(super) enum Found {
    /// A locator that is whole.
    Locator(Codec, Locator),
    /// A locator of a later version.
    TooNew(u32),
    /// None, or a damaged one.
    Nothing,
}

impl Locator {
    /// The trailer of a file.
    pub fn write(&self, codec: Codec) -> Vec<u8> {
        dress(codec, &self.payload())
    }

    fn payload(&self) -> [u8; PAYLOAD] {
        let mut out = Vec::with_capacity(PAYLOAD);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes());
        for number in [self.offset, self.length, self.plain, self.end_length] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.sha256);
        out.extend_from_slice(&self.end_sha256);
        let mut payload = [0; PAYLOAD];
        payload[..SIGNED].copy_from_slice(&out);
        payload[SIGNED..].copy_from_slice(&Sha256::digest(&out));
        payload
    }
}

/// The length of the trailer.
pub(super) fn length(codec: Codec) -> usize {
    dress(codec, &[0; PAYLOAD]).len()
}

/// The longest trailer of all codecs.
pub(super) const LONGEST: usize = 1024;

/// Looks for a locator at the end of `tail`, the last [`LONGEST`] bytes of a file (or all of a shorter one).
pub(super) fn find(tail: &[u8]) -> Found {
    for codec in Codec::ALL {
        let Some(start) = tail.len().checked_sub(length(codec)) else { continue };
        let trailer = &tail[start..];
        let Some(payload) = undress(codec, trailer) else { continue };
        let (signed, signature) = payload.split_at(SIGNED);
        if !signed.starts_with(MAGIC) || Sha256::digest(signed)[..] != *signature {
            continue;
        }
        let mut numbers = [0_u64; 4];
        for (number, bytes) in numbers.iter_mut().zip(signed[16..48].as_chunks::<8>().0) {
            *number = u64::from_le_bytes(*bytes);
        }
        let version = u32::from_le_bytes([signed[8], signed[9], signed[10], signed[11]]);
        if version != VERSION || signed[12..16] != [0; 4] {
            return Found::TooNew(version);
        }
        let [offset, length, plain, end_length] = numbers;
        let (mut sha256, mut end_sha256) = ([0; 32], [0; 32]);
        sha256.copy_from_slice(&signed[48..80]);
        end_sha256.copy_from_slice(&signed[80..112]);
        return Found::Locator(codec, Locator { offset, length, plain, sha256, end_length, end_sha256 });
    }
    Found::Nothing
}

/// What stock tools make nothing of.
fn dress(codec: Codec, payload: &[u8; PAYLOAD]) -> Vec<u8> {
    let skippable = |magic: u32| [&magic.to_le_bytes(), &(PAYLOAD as u32).to_le_bytes(), &payload[..]].concat();
    match codec {
        Codec::Zstd => skippable(SKIPPABLE_ZSTD),
        Codec::Lz4 => skippable(SKIPPABLE_LZ4),
        Codec::Gzip => gzip(payload),
        Codec::Xz => xz(payload),
        Codec::None => {
            let mut block = payload.to_vec();
            block.resize(super::tarball::BLOCK, 0);
            block
        }
    }
}

/// The payload of a trailer that is, to the byte, what [`dress`] makes.
fn undress(codec: Codec, trailer: &[u8]) -> Option<[u8; PAYLOAD]> {
    let at = match codec {
        Codec::Zstd | Codec::Lz4 => 8,
        Codec::Gzip => 16,
        Codec::Xz => 27,
        Codec::None => 0,
    };
    let payload: [u8; PAYLOAD] = trailer.get(at..at + PAYLOAD)?.try_into().ok()?;
    (dress(codec, &payload) == trailer).then_some(payload)
}

/// An empty gzip member with the payload as an extra field `DB` (RFC 1952, 2.3.1.1).
fn gzip(payload: &[u8; PAYLOAD]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff];
    out.extend_from_slice(&(PAYLOAD as u16 + 4).to_le_bytes());
    out.extend_from_slice(b"DB");
    out.extend_from_slice(&(PAYLOAD as u16).to_le_bytes());
    out.extend_from_slice(payload);
    // An empty last block, then the checksum and the length of nothing.
    out.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out
}

/// An xz stream that holds the payload uncompressed in one LZMA2 chunk, so that its length does not depend on a compressor. It decompresses
/// to bytes after the end of the tar stream, where tar does not look. (The .xz file format 1.2.1, sections 2 to 4.)
fn xz(payload: &[u8; PAYLOAD]) -> Vec<u8> {
    const FLAGS: [u8; 2] = [0, 1];
    let crc = |bytes: &[u8]| libdeflater::crc32(bytes).to_le_bytes();
    let mut out = b"\xfd7zXZ\0".to_vec();
    out.extend_from_slice(&FLAGS);
    out.extend_from_slice(&crc(&FLAGS));
    // Block header: 12 bytes, one filter, LZMA2 with a dictionary of 4 KiB.
    let block = out.len();
    out.extend_from_slice(&[2, 0, 0x21, 1, 0, 0, 0, 0]);
    let check = crc(&out[block..]);
    out.extend_from_slice(&check);
    // One uncompressed chunk that resets the dictionary, then the end marker.
    out.push(1);
    out.extend_from_slice(&(PAYLOAD as u16 - 1).to_be_bytes());
    out.extend_from_slice(payload);
    out.push(0);
    let unpadded = out.len() - block + 4;
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(&crc(payload));
    // The index: one record, both numbers of two seven-bit groups.
    let index = out.len();
    let group = |number: usize| [(number & 0x7f) as u8 | 0x80, (number >> 7) as u8];
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&group(unpadded));
    out.extend_from_slice(&group(PAYLOAD));
    out.resize(out.len().next_multiple_of(4), 0);
    let check = crc(&out[index..]);
    out.extend_from_slice(&check);
    let backward = ((out.len() - index) / 4 - 1) as u32;
    let footer = [&backward.to_le_bytes()[..], &FLAGS].concat();
    out.extend_from_slice(&crc(&footer));
    out.extend_from_slice(&footer);
    out.extend_from_slice(b"YZ");
    out
}
