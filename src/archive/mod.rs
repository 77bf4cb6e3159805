//! The archive format: frames, codecs, manifest, writer, reader, fingerprints. Knows bytes; knows no servers.

pub mod fingerprint;
pub mod frame;
pub mod manifest;
pub mod names;
pub mod reader;
pub mod writer;
