//! Files that may be compressed as a whole, read as a stream of what is in them. Knows codecs by their first bytes; knows no dumps.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an xz decoder may take; level 9 needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// The most memory that a zstd frame may ask for, as a power of two: what level 22 with long distances uses.
const ZSTD_WINDOW: u32 = 31;

const BUFFER: usize = 1 << 17;

/// How a file is compressed from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// gzip, of one member or several.
    Gzip,
    /// Zstandard, of one frame or several.
    Zstd,
    /// xz, of one stream or several.
    Xz,
    /// LZ4 frames.
    Lz4,
    /// bzip2, of one stream or several.
    Bzip2,
}

impl Wrapper {
    /// The codec by the first bytes of a file.
    pub fn of(head: &[u8]) -> Option<Self> {
        const MAGIC: [(&[u8], Wrapper); 5] = [
            (&[0x1f, 0x8b, 8], Wrapper::Gzip),
            (&[0x28, 0xb5, 0x2f, 0xfd], Wrapper::Zstd),
            (b"\xfd7zXZ\0", Wrapper::Xz),
            (&[4, 0x22, 0x4d, 0x18], Wrapper::Lz4),
            (b"BZh", Wrapper::Bzip2),
        ];
        MAGIC.into_iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, wrapper)| wrapper)
    }

    /// Its name, which is that of the stock program too.
    pub const fn name(self) -> &'static str {
        match self {
            Wrapper::Gzip => "gzip",
            Wrapper::Zstd => "zstd",
            Wrapper::Xz => "xz",
            Wrapper::Lz4 => "lz4",
            Wrapper::Bzip2 => "bzip2",
        }
    }
}

/// Counts the bytes that were read of a file.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(out)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.file.seek(to)?;
        self.read.store(at, Ordering::Relaxed);
        Ok(at)
    }
}

enum Inner {
    /// As it is: parts that nobody wants are skipped without being read.
    Plain(BufReader<Counted>),
    Decoded(Box<dyn Read + Send>),
}

/// A file read as a stream of what is in it. A compressed one that ends too early is an error of kind `UnexpectedEof`, as is a skip beyond
/// the end.
pub struct Input {
    inner: Inner,
    length: u64,
    at: u64,
    read: Arc<AtomicU64>,
}

impl Input {
    /// Opens it.
    pub fn open(path: &Path, wrapper: Option<Wrapper>) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let read = Arc::new(AtomicU64::new(0));
        let reader = BufReader::with_capacity(BUFFER, Counted { file, read: Arc::clone(&read) });
        let inner = match wrapper {
            None => Inner::Plain(reader),
            Some(wrapper) => Inner::Decoded(Box::new(BufReader::with_capacity(BUFFER, decoder(wrapper, reader)?))),
        };
        Ok(Self { inner, length, at: 0, read })
    }

    /// An input of nothing.
    pub fn nothing() -> Self {
        Self { inner: Inner::Decoded(Box::new(io::empty())), length: 0, at: 0, read: Arc::default() }
    }

    /// How many bytes of the file were read so far, for whoever watches.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// How many bytes were read or skipped of what is in it.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Passes over bytes.
    pub fn skip(&mut self, count: u64) -> io::Result<()> {
        match &mut self.inner {
            Inner::Plain(reader) => {
                let beyond = self.at.checked_add(count).is_none_or(|end| end > self.length);
                let step = i64::try_from(count).ok().filter(|_| !beyond).ok_or(io::ErrorKind::UnexpectedEof)?;
                reader.seek_relative(step)?;
                self.at += count;
            }
            Inner::Decoded(_) => {
                let passed = io::copy(&mut self.by_ref().take(count), &mut io::sink())?;
                if passed < count {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        Ok(())
    }

    /// Reads what is left, so that the checksum at the end of a compressed file is looked at; gives the length of what is in it.
    pub fn finish(mut self) -> io::Result<u64> {
        match self.inner {
            Inner::Plain(_) => Ok(self.length),
            Inner::Decoded(_) => {
                io::copy(&mut self, &mut io::sink())?;
                Ok(self.at)
            }
        }
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = match &mut self.inner {
            Inner::Plain(reader) => reader.read(out)?,
            Inner::Decoded(reader) => reader.read(out)?,
        };
        self.at += length as u64;
        Ok(length)
    }
}

/// A decoder of all that a file holds, members or frames one after another.
fn decoder<R: BufRead + Send + 'static>(wrapper: Wrapper, input: R) -> io::Result<Box<dyn Read + Send>> {
    Ok(match wrapper {
        Wrapper::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Wrapper::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
        Wrapper::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
            Box::new(Xz { input, stream, ended: false })
        }
        Wrapper::Lz4 => Box::new(Lz4(lz4_flex::frame::FrameDecoder::new(Tail { input, start: Vec::new(), last: [0; 8] }))),
        Wrapper::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
    })
}

/// Streams of xz one after another. The end of the file must be the end of a stream.
struct Xz<R> {
    input: R,
    stream: liblzma::stream::Stream,
    ended: bool,
}

impl<R: BufRead> Read for Xz<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        use liblzma::stream::{Action, Status};
        while !self.ended && !out.is_empty() {
            let bytes = self.input.fill_buf()?;
            let at_end = bytes.is_empty();
            let before = (self.stream.total_in(), self.stream.total_out());
            let action = if at_end { Action::Finish } else { Action::Run };
            let status = self.stream.process(bytes, out, action)?;
            let taken = (self.stream.total_in() - before.0) as usize;
            let made = (self.stream.total_out() - before.1) as usize;
            self.input.consume(taken);
            self.ended = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if at_end && !self.ended {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the xz stream is cut off"));
            }
        }
        Ok(0)
    }
}

/// Frames of LZ4 one after another. The decoder takes the end of its input for the end of a frame; here it must be the mark of one.
struct Lz4<R: Read>(lz4_flex::frame::FrameDecoder<Tail<R>>);

/// Remembers how a frame begins and what was read last.
struct Tail<R> {
    input: R,
    start: Vec<u8>,
    last: [u8; 8],
}

impl<R: Read> Tail<R> {
    /// Whether the frame ended with its mark, four zeros: behind them is the checksum of the content, if the flags in the fifth byte of the
    /// frame say so (LZ4 Frame Format Description 1.6.1).
    fn is_marked(&self) -> bool {
        let checksum = self.start.get(4).is_some_and(|flags| flags & 4 != 0);
        let mark = if checksum { &self.last[..4] } else { &self.last[4..] };
        mark.iter().all(|byte| *byte == 0)
    }
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(out)?;
        let read = &out[..length];
        let room = 5_usize.saturating_sub(self.start.len());
        self.start.extend_from_slice(&read[..length.min(room)]);
        let keep = length.min(8);
        self.last.copy_within(keep.., 0);
        self.last[8 - keep..].copy_from_slice(&read[length - keep..]);
        Ok(length)
    }
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.0.read(out)?;
            if length > 0 || out.is_empty() {
                return Ok(length);
            }
            let tail = self.0.get_mut();
            if !tail.is_marked() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the LZ4 frame is cut off"));
            }
            if tail.input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            tail.start.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A text of `lines` lines, compressed in two members or frames.
    fn compressed(wrapper: Wrapper, lines: u32) -> (Vec<u8>, Vec<u8>) {
        let text: Vec<u8> = (0..lines).flat_map(|line| format!("{line} {}\n", line.wrapping_mul(2_654_435_761)).into_bytes()).collect();
        let halves = text.split_at(text.len() / 2);
        let one = |half: &[u8]| match wrapper {
            Wrapper::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(half).expect("memory");
                encoder.finish().expect("memory")
            }
            Wrapper::Zstd => zstd::stream::encode_all(half, 3).expect("memory"),
            Wrapper::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(half).expect("memory");
                encoder.finish().expect("memory")
            }
            Wrapper::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(half).expect("memory");
                encoder.finish().expect("memory")
            }
            Wrapper::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(half).expect("memory");
                encoder.finish().expect("memory")
            }
        };
        ([one(halves.0), one(halves.1)].concat(), text)
    }

    #[test]
    fn whole_files_are_read_and_cut_ones_are_never_taken_for_whole() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x");
        for wrapper in [Wrapper::Gzip, Wrapper::Zstd, Wrapper::Xz, Wrapper::Lz4, Wrapper::Bzip2] {
            let (bytes, text) = compressed(wrapper, 20_000);
            let (first, _) = compressed(wrapper, 1);
            assert_eq!(Wrapper::of(&bytes), Some(wrapper));
            std::fs::write(&path, &bytes).expect("written");
            let mut found = Vec::new();
            Input::open(&path, Some(wrapper)).expect("a file").read_to_end(&mut found).expect("whole");
            assert!(found == text, "{wrapper:?}");
            let mut input = Input::open(&path, Some(wrapper)).expect("a file");
            input.skip(1000).expect("there is more");
            assert_eq!(input.finish().expect("whole"), text.len() as u64);
            assert!(first.len() < 1000);
            for cut in [bytes.len() - 1, bytes.len() - 5, bytes.len() * 3 / 4, bytes.len() / 4, 12] {
                std::fs::write(&path, &bytes[..cut]).expect("written");
                let input = Input::open(&path, Some(wrapper));
                let outcome = input.and_then(Input::finish);
                assert!(outcome.is_err(), "{wrapper:?} cut at {cut} of {}", bytes.len());
            }
        }
        std::fs::write(&path, b"0123456789").expect("written");
        let mut plain = Input::open(&path, None).expect("a file");
        plain.skip(4).expect("within");
        assert_eq!(plain.skip(7).expect_err("beyond").kind(), io::ErrorKind::UnexpectedEof);
    }
}
