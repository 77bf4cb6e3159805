//! The first packet of a server: what it is, and what it can.

use super::answer::Take;
use super::{Error, REFUSED, refusal};
use mysql_common::constants::CapabilityFlags;

/// What a server says first (`Protocol::HandshakeV10`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its version, in its own words: `5.5.5-10.11.19-MariaDB-log`.
    pub version: String,
    /// What it can.
    pub capabilities: CapabilityFlags,
    /// The 20 bytes that a proof of the password is bound to.
    pub nonce: Vec<u8>,
    /// The way to prove who we are that it would like best.
    pub plugin: String,
}

impl Greeting {
    /// Reads it. A server that lets nobody in says so in its place.
    pub fn read(packet: &[u8]) -> Result<Self, Error> {
        let mut take = Take(packet);
        match take.byte()? {
            10 => {}
            REFUSED => return Err(refusal(packet)),
            other => return Err(Error::Protocol(format!("it speaks version {other}, and only 10 is known"))),
        }
        let version = String::from_utf8_lossy(take.until_nul()).into_owned();
        take.long()?;
        let mut nonce = take.bytes(8)?.to_vec();
        take.byte()?;
        let low = take.short()?;
        take.bytes(3)?;
        let high = take.short()?;
        let capabilities = CapabilityFlags::from_bits_truncate(u32::from(low) | u32::from(high) << 16);
        let length = take.byte()?;
        take.bytes(10)?;
        nonce.extend_from_slice(take.bytes(usize::from(length.saturating_sub(8)).max(13))?);
        let plugin = String::from_utf8_lossy(take.until_nul()).into_owned();
        Ok(Self { version, capabilities, nonce: without_end(&nonce).to_vec(), plugin })
    }
}

/// A nonce without the NUL byte that ends one of 20 bytes and is no part of it. Those of another length (ed25519 has 32 bytes) end as they end.
pub fn without_end(nonce: &[u8]) -> &[u8] {
    match nonce {
        [head @ .., 0] if head.len() == 20 => head,
        whole => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Vec<u8> {
        let mut packet = b"\x0A8.4.0\0\x01\0\0\0ABCDEFGH\0".to_vec();
        packet.extend([0xFF, 0xFF, 45, 2, 0, 0xFF, 0xDF, 21]);
        packet.extend([0; 10]);
        packet.extend(b"IJKLMNOPQRST\0caching_sha2_password\0");
        packet
    }

    #[test]
    fn only_the_end_of_a_nonce_is_taken_away() {
        assert_eq!(without_end(&[0; 21]), [0; 20]);
        assert_eq!(without_end(&[0; 20]), [0; 20]);
        assert_eq!(without_end(&[0; 32]), [0; 32], "one in 256 of MariaDB's ends with a zero of its own");
    }

    #[test]
    fn a_greeting_is_read_and_no_piece_of_one_is() {
        let read = Greeting::read(&packet()).expect("a greeting");
        assert_eq!(
            (read.version.as_str(), read.nonce.as_slice(), read.plugin.as_str()),
            ("8.4.0", &b"ABCDEFGHIJKLMNOPQRST"[..], "caching_sha2_password")
        );
        assert!(read.capabilities.contains(CapabilityFlags::CLIENT_SSL | CapabilityFlags::CLIENT_DEPRECATE_EOF));
        for length in 0..60.min(packet().len() - 23) {
            assert!(Greeting::read(&packet()[..length]).is_err(), "{length}");
        }
        assert!(matches!(Greeting::read(b"\xFF\x69\x04Host 'h' is blocked"), Err(Error::Server { number: 1129, .. })));
    }
}
