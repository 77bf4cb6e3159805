//! The server's tar streams, taken apart: headers, data, padding. Knows nothing of archives.

use crate::archive::base::{Attributes, FileKind};
use crate::archive::names;
use crate::domain::{Code, Fault};
use tar::{EntryType, Header};

const BLOCK: usize = 512;

/// What a tar stream is made of.
pub enum Found<'a> {
    /// A file, folder or link begins: its path as the server calls it.
    Begin(String, Attributes),
    /// Bytes of the file that began last.
    Data(&'a [u8]),
    /// That file is at its end.
    End,
}

/// Takes one stream apart, however it is cut.
#[derive(Default)]
pub struct Incoming {
    block: Vec<u8>,
    /// Bytes of data, and of padding, that are still to come.
    left: u64,
    padding: u64,
    open: bool,
    /// A block of zeros has come: the stream is at its end.
    over: bool,
}

impl Incoming {
    /// Takes the next bytes.
    pub fn take(&mut self, mut bytes: &[u8], found: &mut dyn FnMut(Found<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        while !bytes.is_empty() && !self.over {
            if self.left > 0 {
                let (data, rest) = bytes.split_at(bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
                found(Found::Data(data))?;
                self.left -= data.len() as u64;
                bytes = rest;
                self.close(found)?;
                continue;
            }
            if self.padding > 0 {
                let skip = bytes.len().min(usize::try_from(self.padding).unwrap_or(usize::MAX));
                self.padding -= skip as u64;
                bytes = &bytes[skip..];
                continue;
            }
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(part);
            bytes = rest;
            if self.block.len() == BLOCK {
                let block = std::mem::take(&mut self.block);
                self.header(&block, found)?;
            }
        }
        Ok(())
    }

    fn close(&mut self, found: &mut dyn FnMut(Found<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.open && self.left == 0 {
            self.open = false;
            found(Found::End)?;
        }
        Ok(())
    }

    fn header(&mut self, block: &[u8], found: &mut dyn FnMut(Found<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        if block.iter().all(|byte| *byte == 0) {
            self.over = true;
            return Ok(());
        }
        let header = Header::from_byte_slice(block);
        let sum = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum::<u32>();
        if header.cksum().ok() != Some(sum) {
            return Err(odd("a header is damaged"));
        }
        let kind = match header.entry_type() {
            EntryType::Regular => FileKind::File,
            EntryType::Directory => FileKind::Dir,
            EntryType::Symlink => FileKind::Link,
            other => return Err(odd(format!("it sends something of type {:?}", char::from(other.as_byte())))),
        };
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).map_err(|_| odd("a name is not UTF-8"));
        let path = text(Some(&header.path_bytes()))?;
        let path = path.trim_start_matches("./").trim_end_matches('/').to_owned();
        if !path.is_empty() && !names::is_legal(&path) {
            return Err(odd(format!("it sends a file called {path:?}")));
        }
        let number = |value: std::io::Result<u64>| value.map_err(|error| odd(error.to_string()));
        let size = if kind == FileKind::File { number(header.entry_size())? } else { 0 };
        let attributes = Attributes {
            kind,
            size,
            mode: header.mode().map_err(|error| odd(error.to_string()))? & 0o7777,
            mtime: i64::try_from(number(header.mtime())?).unwrap_or(0),
            owner: (header.uid().unwrap_or(0), header.gid().unwrap_or(0)),
            owner_names: (text(header.username_bytes())?, text(header.groupname_bytes())?),
            link: text(header.link_name_bytes().as_deref())?,
        };
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
        self.open = true;
        found(Found::Begin(path, attributes))?;
        self.close(found)
    }

    /// Whether the stream ended where an entry does.
    pub fn is_whole(&self) -> bool {
        self.over || (self.left == 0 && self.padding == 0 && self.block.is_empty())
    }
}

fn odd(why: impl Into<String>) -> Fault {
    Fault::new(Code::ServerUnavailable, "the server's base backup cannot be read")
        .because(why.into())
        .step("See the server's log, and run this again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, size) in [("backup_label", 3), ("base/5/1", 512), ("empty", 0), ("base/5/2", 1000)] {
            let mut header = Header::new_ustar();
            header.set_size(size as u64);
            header.set_mode(0o100_600);
            header.set_username("postgres").expect("a name");
            header.set_cksum();
            builder.append_data(&mut header, name, &vec![b'x'; size][..]).expect("in memory");
        }
        builder.into_inner().expect("in memory")
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let whole = stream();
        for cut in [1, 7, 511, 512, 513, 100_000] {
            let mut incoming = Incoming::default();
            let (mut names, mut bytes, mut ends) = (Vec::new(), 0, 0);
            for piece in whole.chunks(cut) {
                let took = incoming.take(piece, &mut |found| {
                    match found {
                        Found::Begin(path, attributes) => names.push((path, attributes.size, attributes.mode, attributes.owner_names.0)),
                        Found::Data(data) => bytes += data.len(),
                        Found::End => ends += 1,
                    }
                    Ok(())
                });
                took.expect("a good stream");
            }
            assert_eq!((names.len(), bytes, ends), (4, 1515, 4), "{cut}");
            assert_eq!(names[1], ("base/5/1".to_owned(), 512, 0o600, "postgres".to_owned()));
            assert!(incoming.is_whole());
        }
    }

    #[test]
    fn a_stream_that_is_cut_off_or_leads_elsewhere_is_noticed() {
        let mut incoming = Incoming::default();
        incoming.take(&stream()[..700], &mut |_| Ok(())).expect("so far");
        assert!(!incoming.is_whole());
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..9].copy_from_slice(b"../passwd");
        header.set_size(0);
        header.set_mode(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        assert!(Incoming::default().take(header.as_bytes(), &mut |_| Ok(())).is_err());
    }
}
