//! The archive format: frames, codecs, manifest, writer, reader, fingerprints. Knows bytes; knows no servers.

pub mod base;
mod codec;
mod damage;
pub mod fingerprint;
pub mod frame;
mod index;
mod locator;
pub mod lone;
pub mod manifest;
mod manifest_json;
pub mod names;
mod place;
pub mod reader;
pub mod readme;
mod scan;
pub mod sidecar;
mod tarball;
pub mod writer;

#[cfg(test)]
mod tests;

pub use codec::stream_decoder;
pub use damage::is_damage;
