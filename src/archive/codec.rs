//! Compression of one frame: whole, with contexts kept from frame to frame; and as a stream, for the manifest. Knows no tar.
//!
//! A decoder never writes past the length that it was told, and never allocates for a length that its input cannot have.

use crate::domain::codec::{Codec, Compression};
use liblzma::stream::{Action, Check, Filters, LzmaOptions, Status, Stream};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::io::{self, Read, Write};
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective};

/// The largest frame that is read, compressed or plain. A row has at most 1 GB in text form and little more in binary.
pub(super) const FRAME_LIMIT: u64 = 4 << 30;

/// What an xz decoder may take; level 9 needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// The most that `length` compressed bytes can become. A manifest that says more lies.
pub(super) fn most(codec: Codec, length: u64) -> u64 {
    // zstd: a run-length block of 128 KiB takes 4 bytes. deflate: 1032:1. LZ4: 255:1. LZMA2: its own limit lies near 7000:1.
    let ratio = match codec {
        Codec::Zstd => 32_768,
        Codec::Gzip => 1_040,
        Codec::Lz4 => 256,
        Codec::Xz => 16_384,
        Codec::None => return length,
    };
    length.saturating_mul(ratio).saturating_add(1 << 16)
}

/// Frames up to this many plain bytes are copied together before they are compressed; a larger one, which is one giant row, is not
/// worth the memory.
pub(super) const WHOLE_LIMIT: usize = 32 << 20;

/// From this level on zstd takes longer than a moment for a frame: it is given pieces, between which it can be told to stop.
const ZSTD_SLOW: i32 = 10;

/// What a slow compressor is given at a time: a tenth of a second of work for the slowest level.
const SLICE: usize = 128 << 10;

/// What a fast one is given of a giant row.
const GIANT_SLICE: usize = 8 << 20;

/// Asked between pieces of work: whether to stop.
pub(super) type Stop = dyn Fn() -> bool + Send;

/// The error of a compressor that was told to stop.
fn told_to_stop() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "told to stop")
}

/// Whether an error only says that the compressor was told to stop.
pub(super) fn is_stop(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionAborted
}

/// Gives `take` all segments piece by piece, unless it is time to stop.
fn slices(segments: &[&[u8]], size: usize, stop: &Stop, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    for piece in segments.iter().flat_map(|segment| segment.chunks(size)) {
        if stop() {
            return Err(told_to_stop());
        }
        take(piece)?;
    }
    Ok(())
}

/// The default level is tuned for COPY text: a smaller table of short matches that stays in the cache, and no matches of five bytes, which
/// such text is full of and which cost more than they save. Measured on words, hashes, numbers and hexadecimal: 14 % faster; 4 to 6 %
/// smaller with numbers and hexadecimal, 1 % larger with words.
const COPY_TEXT_LEVEL: i32 = 3;
const COPY_TEXT_CHAIN: u32 = 15;
const COPY_TEXT_MATCH: u32 = 6;

/// Compresses frames one after another.
pub(super) enum Compressor {
    /// The context keeps its tables. One contiguous buffer, the scratch, is a third faster than segments: a stream wraps round its window,
    /// and matches across the seam are looked for by a slower search.
    Zstd {
        context: CCtx<'static>,
        level: i32,
        scratch: Vec<u8>,
    },
    /// libdeflate wants one contiguous buffer: the scratch.
    Gzip {
        compressor: libdeflater::Compressor,
        level: i32,
        scratch: Vec<u8>,
    },
    Lz4,
    Xz(u32),
    None,
}

impl Compressor {
    pub fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression.codec {
            Codec::Zstd => {
                let mut context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
                context.set_parameter(CParameter::CompressionLevel(compression.level)).map_err(zstd_error)?;
                // Found by `zstd -t` too, and what a manifest that is found without its locator is checked by.
                context.set_parameter(CParameter::ChecksumFlag(true)).map_err(zstd_error)?;
                if compression.level == COPY_TEXT_LEVEL {
                    context.set_parameter(CParameter::ChainLog(COPY_TEXT_CHAIN)).map_err(zstd_error)?;
                    context.set_parameter(CParameter::MinMatch(COPY_TEXT_MATCH)).map_err(zstd_error)?;
                }
                Self::Zstd { context, level: compression.level, scratch: Vec::new() }
            }
            Codec::Gzip => {
                let level = libdeflater::CompressionLvl::new(compression.level).map_err(|_| io::ErrorKind::InvalidInput)?;
                Self::Gzip { compressor: libdeflater::Compressor::new(level), level: compression.level, scratch: Vec::new() }
            }
            Codec::Lz4 => Self::Lz4,
            Codec::Xz => Self::Xz(u32::try_from(compression.level).map_err(|_| io::ErrorKind::InvalidInput)?),
            Codec::None => Self::None,
        })
    }

    /// Makes one frame of `segments`, which are `plain` bytes together. What `out` held is lost, its memory is used again. Work that takes
    /// longer than a moment ends with an error of [`is_stop`] soon after `stop` says so.
    pub fn compress(&mut self, segments: &[&[u8]], plain: usize, mut out: Vec<u8>, stop: &Stop) -> io::Result<Vec<u8>> {
        out.clear();
        match self {
            Self::Zstd { context, level, scratch } if plain <= WHOLE_LIMIT && *level < ZSTD_SLOW => {
                context.reset(ResetDirective::SessionOnly).map_err(zstd_error)?;
                gather(segments, plain, scratch);
                out.reserve(zstd::zstd_safe::compress_bound(plain));
                context.compress2(&mut out, scratch).map_err(zstd_error)?;
            }
            Self::Zstd { context, .. } => {
                context.reset(ResetDirective::SessionOnly).map_err(zstd_error)?;
                context.set_pledged_src_size(Some(plain as u64)).map_err(zstd_error)?;
                out.reserve(zstd::zstd_safe::compress_bound(plain));
                let mut sink = OutBuffer::around(&mut out);
                slices(segments, SLICE, stop, |piece| {
                    let mut input = InBuffer::around(piece);
                    while input.pos() < piece.len() {
                        context.compress_stream(&mut sink, &mut input).map_err(zstd_error)?;
                    }
                    Ok(())
                })?;
                if context.end_stream(&mut sink).map_err(zstd_error)? != 0 {
                    return Err(io::Error::other("zstd needs more room than its own bound"));
                }
            }
            Self::Gzip { compressor, scratch, .. } if plain <= WHOLE_LIMIT => {
                gather(segments, plain, scratch);
                out.resize(compressor.gzip_compress_bound(plain), 0);
                let length = compressor.gzip_compress(scratch, &mut out).map_err(|error| io::Error::other(format!("{error:?}")))?;
                out.truncate(length);
            }
            // libdeflate takes seconds for a giant row and cannot be stopped; as a stream it is slower, and not copied together either.
            Self::Gzip { level, .. } => {
                let mut encoder = flate2::write::GzEncoder::new(out, stream_level(*level));
                slices(segments, SLICE, stop, |piece| encoder.write_all(piece))?;
                out = encoder.finish()?;
            }
            Self::Lz4 => {
                let mut encoder = FrameEncoder::with_frame_info(lz4_info(plain as u64), out);
                slices(segments, GIANT_SLICE, stop, |piece| encoder.write_all(piece))?;
                out = encoder.finish().map_err(io::Error::other)?;
            }
            Self::Xz(level) => {
                let mut stream = xz_encoder(*level, plain as u64)?;
                slices(segments, SLICE, stop, |piece| feed(&mut stream, piece, &mut out, Action::Run))?;
                feed(&mut stream, &[], &mut out, Action::Finish)?;
            }
            Self::None => {
                out.reserve(plain);
                segments.iter().for_each(|segment| out.extend_from_slice(segment));
            }
        }
        Ok(out)
    }
}

/// All segments in one buffer.
fn gather(segments: &[&[u8]], plain: usize, scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.reserve_exact(plain);
    segments.iter().for_each(|segment| scratch.extend_from_slice(segment));
}

/// The level of a deflate stream: libdeflate knows higher ones.
fn stream_level(level: i32) -> flate2::Compression {
    flate2::Compression::new(u32::try_from(level).unwrap_or(6).clamp(1, 9))
}

fn zstd_error(code: usize) -> io::Error {
    io::Error::other(zstd::zstd_safe::get_error_name(code))
}

fn lz4_info(plain: u64) -> FrameInfo {
    FrameInfo::new().content_size(Some(plain)).content_checksum(true).block_size(BlockSize::Max4MB).block_mode(BlockMode::Independent)
}

fn xz_encoder(level: u32, plain: u64) -> io::Result<Stream> {
    let mut options = LzmaOptions::new_preset(level)?;
    // A dictionary larger than the data is memory for nothing, in the encoder and in every decoder.
    const DICTIONARIES: [u32; 10] = [256 << 10, 1 << 20, 2 << 20, 4 << 20, 4 << 20, 8 << 20, 8 << 20, 16 << 20, 32 << 20, 64 << 20];
    let preset = DICTIONARIES.get(level as usize).copied().unwrap_or(8 << 20);
    options.dict_size(u32::try_from(plain).unwrap_or(u32::MAX).clamp(4096, preset));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    Ok(Stream::new_stream_encoder(&filters, Check::Crc64)?)
}

/// Puts all of `input` through, making room in `out` as needed.
fn feed(stream: &mut Stream, input: &[u8], out: &mut Vec<u8>, action: Action) -> io::Result<()> {
    let start = stream.total_in();
    loop {
        let done = usize::try_from(stream.total_in() - start).map_err(io::Error::other)?;
        if matches!(action, Action::Run) && done == input.len() {
            return Ok(());
        }
        if out.spare_capacity_mut().is_empty() {
            out.reserve((input.len() / 4).max(1 << 16));
        }
        if stream.process_vec(&input[done..], out, action)? == Status::StreamEnd {
            return Ok(());
        }
    }
}

/// Decompresses frames one after another.
pub(super) enum Decompressor {
    Zstd(zstd::bulk::Decompressor<'static>),
    Gzip(libdeflater::Decompressor),
    Lz4,
    Xz,
    None,
}

impl Decompressor {
    pub fn new(codec: Codec) -> io::Result<Self> {
        Ok(match codec {
            Codec::Zstd => Self::Zstd(zstd::bulk::Decompressor::new()?),
            Codec::Gzip => Self::Gzip(libdeflater::Decompressor::new()),
            Codec::Lz4 => Self::Lz4,
            Codec::Xz => Self::Xz,
            Codec::None => Self::None,
        })
    }

    /// Decompresses one frame that must become exactly `plain` bytes. The caller has compared `plain` with [`most`].
    pub fn decompress(&mut self, input: &[u8], plain: usize, mut out: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd(context) => {
                out.clear();
                out.reserve_exact(plain);
                let length = context.decompress_to_buffer(input, &mut out)?;
                expect_length(length, plain)?;
            }
            Self::Gzip(context) => {
                out.resize(plain, 0);
                let length = context.gzip_decompress(input, &mut out).map_err(|_| invalid("the deflate stream is damaged"))?;
                expect_length(length, plain)?;
            }
            Self::Lz4 => {
                out.resize(plain, 0);
                let mut decoder = FrameDecoder::new(input);
                decoder.read_exact(&mut out)?;
                // The end of the frame is read only by asking for more; what follows it must be nothing.
                if decoder.read(&mut [0])? != 0 || !decoder.get_ref().is_empty() {
                    return Err(invalid("there is more in the frame than it should hold"));
                }
            }
            Self::Xz => {
                out.resize(plain, 0);
                let mut stream = Stream::new_stream_decoder(XZ_MEMORY, 0)?;
                let mut status = Status::Ok;
                let mut last = (u64::MAX, u64::MAX);
                while status != Status::StreamEnd {
                    let at = (stream.total_in(), stream.total_out());
                    if at == last {
                        return Err(invalid("the xz stream is not as long as it should be"));
                    }
                    last = at;
                    let (taken, made) = (at.0 as usize, at.1 as usize);
                    status = stream.process(&input[taken..], &mut out[made..], Action::Finish)?;
                }
                expect_length(usize::try_from(stream.total_out()).unwrap_or(usize::MAX), plain)?;
                expect_length(usize::try_from(stream.total_in()).unwrap_or(usize::MAX), input.len())?;
            }
            Self::None => {
                expect_length(input.len(), plain)?;
                out.clear();
                out.extend_from_slice(input);
            }
        }
        Ok(out)
    }
}

fn expect_length(found: usize, expected: usize) -> io::Result<()> {
    if found == expected { Ok(()) } else { Err(invalid(format!("it becomes {found} bytes and should become {expected}"))) }
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// One frame compressed as a stream, for data that need not be in memory at once.
pub(super) enum StreamEncoder<W: Write> {
    Zstd(Box<zstd::stream::write::Encoder<'static, W>>),
    Gzip(flate2::write::GzEncoder<W>),
    Lz4(Box<FrameEncoder<W>>),
    Xz(liblzma::write::XzEncoder<W>),
    None(W),
}

impl<W: Write> StreamEncoder<W> {
    /// For `plain` bytes.
    pub fn new(compression: Compression, plain: u64, out: W) -> io::Result<Self> {
        Ok(match compression.codec {
            Codec::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(out, compression.level)?;
                encoder.include_checksum(true)?;
                encoder.set_pledged_src_size(Some(plain))?;
                Self::Zstd(Box::new(encoder))
            }
            Codec::Gzip => Self::Gzip(flate2::write::GzEncoder::new(out, stream_level(compression.level))),
            Codec::Lz4 => Self::Lz4(Box::new(FrameEncoder::with_frame_info(lz4_info(plain), out))),
            Codec::Xz => {
                let level = u32::try_from(compression.level).unwrap_or(3);
                Self::Xz(liblzma::write::XzEncoder::new_stream(out, xz_encoder(level, plain)?))
            }
            Codec::None => Self::None(out),
        })
    }

    /// Ends the frame; gives what it went into.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
            Self::Xz(encoder) => encoder.finish(),
            Self::None(out) => Ok(out),
        }
    }
}

impl<W: Write> Write for StreamEncoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Lz4(encoder) => encoder.write(bytes),
            Self::Xz(encoder) => encoder.write(bytes),
            Self::None(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads one frame as a stream; what follows it in `input` is left alone.
pub fn stream_decoder<'a, R: io::BufRead + Send + 'a>(codec: Codec, input: R) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match codec {
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?.single_frame();
            // 128 MiB, the most that any level uses without asking for long distances.
            decoder.window_log_max(27)?;
            Box::new(decoder)
        }
        Codec::Gzip => Box::new(flate2::bufread::GzDecoder::new(input)),
        Codec::Lz4 => Box::new(FrameDecoder::new(input)),
        Codec::Xz => Box::new(liblzma::bufread::XzDecoder::new_stream(input, Stream::new_stream_decoder(XZ_MEMORY, 0)?)),
        Codec::None => Box::new(input),
    })
}
