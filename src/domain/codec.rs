//! The compression codecs that an archive can be written with.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How frames are compressed. Every codec's concatenation of frames is one legal file of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Zstandard frames (RFC 8878); levels 1 to 19, default 3.
    Zstd,
    /// gzip members (RFC 1952); levels 1 to 9, default 6.
    Gzip,
    /// LZ4 frames; one level.
    Lz4,
    /// xz streams; levels 0 to 9, default 3.
    Xz,
    /// Raw tar.
    None,
}

impl Codec {
    /// All codecs, in the order they are offered.
    pub const ALL: [Codec; 5] = [Codec::Zstd, Codec::Gzip, Codec::Lz4, Codec::Xz, Codec::None];

    /// The word used on the command line and in the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Zstd => "zstd",
            Codec::Gzip => "gzip",
            Codec::Lz4 => "lz4",
            Codec::Xz => "xz",
            Codec::None => "none",
        }
    }

    /// The file name ending of an archive, with its dot: `.tar.zst`.
    pub const fn extension(self) -> &'static str {
        match self {
            Codec::Zstd => ".tar.zst",
            Codec::Gzip => ".tar.gz",
            Codec::Lz4 => ".tar.lz4",
            Codec::Xz => ".tar.xz",
            Codec::None => ".tar",
        }
    }

    /// The smallest, default and largest level.
    pub const fn levels(self) -> (i32, i32, i32) {
        match self {
            Codec::Zstd => (1, 3, 19),
            Codec::Gzip => (1, 6, 9),
            Codec::Lz4 | Codec::None => (1, 1, 1),
            Codec::Xz => (0, 3, 9),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A codec with its level: `zstd:3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compression {
    /// The codec.
    pub codec: Codec,
    /// The level, within [`Codec::levels`].
    pub level: i32,
}

impl Compression {
    /// A codec at its default level.
    pub const fn default_of(codec: Codec) -> Self {
        Self { codec, level: codec.levels().1 }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::default_of(Codec::Zstd)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.codec {
            Codec::None | Codec::Lz4 => f.write_str(self.codec.name()),
            codec => write!(f, "{codec}:{}", self.level),
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        let codec = match name.to_ascii_lowercase().as_str() {
            "zstd" | "zst" => Codec::Zstd,
            "gzip" | "gz" => Codec::Gzip,
            "lz4" => Codec::Lz4,
            "xz" => Codec::Xz,
            "none" => Codec::None,
            _ => return Err(format!("no codec {name:?}: use zstd, gzip, lz4, xz or none")),
        };
        let (low, default, high) = codec.levels();
        let level = match level {
            None => default,
            Some(level) => level.parse::<i32>().map_err(|_| format!("{level:?} is not a level"))?,
        };
        if !(low..=high).contains(&level) {
            return Err(format!("{codec} has levels {low} to {high}, not {level}"));
        }
        Ok(Self { codec, level })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints_and_refuses_levels_out_of_range() {
        for codec in Codec::ALL {
            let compression = Compression::default_of(codec);
            assert_eq!(compression.to_string().parse(), Ok(compression));
        }
        assert_eq!("zstd:19".parse(), Ok(Compression { codec: Codec::Zstd, level: 19 }));
        assert!("zstd:20".parse::<Compression>().is_err());
        assert!("gzip:0".parse::<Compression>().is_err());
        assert!("bzip2".parse::<Compression>().is_err());
    }
}
