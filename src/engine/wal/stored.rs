//! Reads files of an archive of the log, whatever is around them.

use crate::archive::stream_decoder;
use crate::domain::wal::Stored;
use crate::domain::{Code, Codec, Fault};
use crate::server::postgres::wal::header::{Header, LENGTH};
use crate::storage::io_fault;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The file as the server wrote it. One frame is read; what follows it is not looked at.
pub fn open(path: &Path, stored: Stored) -> Result<Box<dyn Read + Send>, Fault> {
    if stored.wrapping.encrypted {
        return Err(Fault::new(Code::ForeignFile, "an archived file of the log is encrypted by another program")
            .at("Path", path.display())
            .step("Decrypt it with the program that wrote it."));
    }
    let fault = |error: io::Error| io_fault("cannot read an archived file of the log", path, &error);
    let file = BufReader::with_capacity(1 << 17, File::open(path).map_err(fault)?);
    stream_decoder(stored.wrapping.codec.unwrap_or(Codec::None), file).map_err(fault)
}

/// A segment's header; none for a file that is too short to have one, or begins otherwise: the text says what is wrong.
pub fn header(path: &Path, stored: Stored) -> Result<Result<Header, String>, Fault> {
    let mut bytes = Vec::with_capacity(LENGTH);
    let read = open(path, stored)?.take(LENGTH as u64).read_to_end(&mut bytes);
    Ok(match read {
        Ok(_) => Header::read(&bytes),
        Err(error) => Err(error.to_string()),
    })
}
