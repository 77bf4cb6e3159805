//! A single file as one frame of a codec, without tar around it: what `zstd`, `gzip` and `lz4` would make of it.

use super::codec::{Compressor, StreamEncoder, WHOLE_LIMIT};
use crate::domain::{Codec, Compression};
use std::io::{self, BufWriter, Read, Write};

/// Compresses `plain` bytes of `input` into `out`. Small files are compressed in one go, which is faster; large ones pass through.
///
/// # Errors
/// Those of reading and writing, and `InvalidData` when the input is not as long as was said.
pub fn compress(compression: Compression, plain: u64, input: &mut impl Read, out: &mut impl Write) -> io::Result<()> {
    let changed = |length: u64| io::Error::new(io::ErrorKind::InvalidData, format!("{length} bytes were read of a file that had {plain}"));
    match usize::try_from(plain) {
        Ok(length) if length <= WHOLE_LIMIT => {
            let mut whole = Vec::with_capacity(length + 1);
            let read = input.take(plain + 1).read_to_end(&mut whole)? as u64;
            if read != plain {
                return Err(changed(read));
            }
            if compression.codec == Codec::None {
                return out.write_all(&whole);
            }
            let packed = Compressor::new(compression)?.compress(&[&whole], length, Vec::new(), &|| false)?;
            out.write_all(&packed)
        }
        _ => {
            let buffered = BufWriter::with_capacity(1 << 20, out);
            let mut encoder = StreamEncoder::new(compression, plain, buffered)?;
            let read = io::copy(&mut input.take(plain + 1), &mut encoder)?;
            if read != plain {
                return Err(changed(read));
            }
            encoder.finish()?.flush()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream_decoder;
    use super::*;

    #[test]
    fn what_is_compressed_comes_back_whatever_its_length() {
        for codec in Codec::ALL {
            for length in [0, 1, 70_000, WHOLE_LIMIT + 5] {
                let plain: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
                let mut packed = Vec::new();
                let compression = Compression { codec, level: codec.levels().0 };
                compress(compression, length as u64, &mut plain.as_slice(), &mut packed).expect("compressed");
                let mut back = Vec::new();
                stream_decoder(codec, packed.as_slice()).expect("a decoder").read_to_end(&mut back).expect("decoded");
                assert!(back == plain, "{codec} {length}");
            }
        }
    }

    #[test]
    fn a_file_that_is_longer_or_shorter_than_was_said_is_refused() {
        for said in [9, 11] {
            let error = compress(Compression::default(), said, &mut [0_u8; 10].as_slice(), &mut Vec::new()).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
