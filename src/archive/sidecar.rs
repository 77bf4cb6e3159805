//! The two small files beside an archive: `<archive>.sha256` for `sha256sum -c`, and `<archive>.meta.json`, a copy of the manifest's head
//! that lists can be drawn from. Nothing needs them. Text in and out; who writes them is storage's business.

use super::index::unhex;
use super::manifest::{FORMAT, Head};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// No side file of ours is longer, in bytes; a cluster of ten thousand databases fits.
const LIMIT: u64 = 4 << 20;

/// What `<archive>.meta.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The manifest's head.
    #[serde(flatten)]
    pub head: Head,
    /// The archive's length.
    pub bytes: u64,
    /// SHA-256 of the archive, in hexadecimal.
    pub sha256: String,
}

/// `<archive>.sha256`.
pub fn sha256_path(archive: &Path) -> PathBuf {
    beside(archive, ".sha256")
}

/// `<archive>.meta.json`.
pub fn meta_path(archive: &Path) -> PathBuf {
    beside(archive, ".meta.json")
}

fn beside(archive: &Path, ending: &str) -> PathBuf {
    let mut path = archive.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// The content of `<archive>.sha256`: digits, two spaces, file name without folder. As sha256sum does, a line with a backslash or line
/// break in the name starts with a backslash.
pub fn sha256_text(archive: &Path, sha256: &str) -> String {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    let mark = if escaped == name { "" } else { "\\" };
    format!("{mark}{sha256}  {escaped}\n")
}

/// The content of `<archive>.meta.json`.
pub fn meta_text(head: &Head, bytes: u64, sha256: &str) -> String {
    let meta = Meta { head: head.clone(), bytes, sha256: sha256.to_owned() };
    // A head is strings and numbers: there is nothing in it that JSON cannot say.
    serde_json::to_string_pretty(&meta).unwrap_or_default() + "\n"
}

/// Reads `<archive>.meta.json`; none where there is none, or none that can be trusted to be ours.
pub fn read_meta(archive: &Path) -> Option<Meta> {
    let meta: Meta = serde_json::from_str(&read(&meta_path(archive))?).ok()?;
    (meta.head.format <= FORMAT).then_some(meta)
}

/// Reads the SHA-256 from `<archive>.sha256`.
pub fn read_sha256(archive: &Path) -> SideSum {
    let path = sha256_path(archive);
    if !path.exists() {
        return SideSum::Missing;
    }
    let sum = read(&path).and_then(|text| {
        let digits = text.trim_start_matches('\\').get(..64)?.to_ascii_lowercase();
        unhex(&digits).map(|_| digits)
    });
    sum.map_or(SideSum::Unreadable, SideSum::Known)
}

/// What `<archive>.sha256` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SideSum {
    /// There is no such file.
    Missing,
    /// It holds no SHA-256.
    Unreadable,
    /// 64 hexadecimal digits.
    Known(String),
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    File::open(path).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}
