//! The server's own list of what it sent (`backup_manifest`), compared with what came. (Documentation, "Backup Manifest Format".)

use crate::archive::base::{FileEntry, FileKind, INCREMENTAL};
use crate::domain::{Code, Fault};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

#[derive(Deserialize)]
struct List {
    #[serde(rename = "Files", default)]
    files: Vec<Listed>,
    #[serde(rename = "Manifest-Checksum")]
    checksum: String,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Path")]
    path: Option<String>,
    #[serde(rename = "Size")]
    size: u64,
    #[serde(rename = "Checksum-Algorithm")]
    algorithm: Option<String>,
    #[serde(rename = "Checksum")]
    checksum: Option<String>,
}

/// The most differences that are told.
const TOLD: usize = 8;

/// Whether every file that the list names came with the size and checksum that it gives, and no other came. What stands in the log's folder is not
/// listed.
pub fn check(manifest: &[u8], files: &[FileEntry]) -> Result<(), Fault> {
    let odd = |why: String| {
        Fault::new(Code::Incomplete, "what the server sent is not what its list (backup_manifest) says").because(why).step(
            "Run this again. If it happens again, look for failures of the network and of memory on the way, and for files that something changes \
             behind the server's back.",
        )
    };
    let list: List = serde_json::from_slice(manifest).map_err(|error| odd(format!("the list cannot be read: {error}")))?;
    // The checksum is over everything before its own line.
    let line = memchr::memmem::rfind(manifest, b"\"Manifest-Checksum\"").unwrap_or(0);
    if !hex(&Sha256::digest(&manifest[..line])).eq_ignore_ascii_case(&list.checksum) {
        return Err(odd("the list is not what its own checksum says".to_owned()));
    }
    let mut came: HashMap<String, &FileEntry> = HashMap::with_capacity(files.len());
    for file in files.iter().filter(|file| !matches!(file.kind, FileKind::Dir | FileKind::Link)) {
        came.insert(path(file), file);
    }
    let mut differences = Vec::new();
    let mut count = 0_u64;
    let mut differs = |text: String| {
        count += 1;
        if differences.len() < TOLD {
            differences.push(text);
        }
    };
    for listed in &list.files {
        // Names that are not UTF-8 are listed in hexadecimal, and were refused when they came.
        let Some(name) = &listed.path else { continue };
        let Some(file) = came.remove(name.as_str()) else {
            differs(format!("{name} did not come"));
            continue;
        };
        let size = file.whole.unwrap_or(file.size);
        if size != listed.size {
            differs(format!("{name} has {size} bytes instead of {}", listed.size));
        } else if listed.algorithm.as_deref() == Some("CRC32C")
            && listed.checksum.as_deref().map(str::to_ascii_lowercase) != file.crc32c.map(|crc| hex(&crc.to_le_bytes()))
        {
            differs(format!("{name} has another checksum"));
        }
    }
    for name in came.keys().filter(|name| *name != "backup_manifest" && !name.starts_with("pg_wal/")) {
        differs(format!("{name} is not in the list"));
    }
    if count == 0 {
        return Ok(());
    }
    let fault = differences.into_iter().fold(odd(format!("{count} files differ")), |fault, text| fault.at(&format!("File {text}"), ""));
    Err(fault)
}

/// A file's path as the list has it.
fn path(file: &FileEntry) -> String {
    let (tablespace, path) = file.place();
    let mut path = tablespace.map_or_else(|| path.to_owned(), |oid| format!("pg_tblspc/{oid}/{path}"));
    // An increment of our own is a whole file to the server.
    if file.kind == FileKind::Increment && file.whole.is_none() {
        let at = path.rfind('/').map_or(0, |at| at + 1);
        path.insert_str(at, INCREMENTAL);
    }
    path
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(files: &str) -> Vec<u8> {
        let head = format!("{{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n{files}],\n");
        let sum = hex(&Sha256::digest(head.as_bytes()));
        format!("{head}\"Manifest-Checksum\": \"{sum}\"}}\n").into_bytes()
    }

    fn file(path: &str, size: u64, crc: u32) -> FileEntry {
        FileEntry { path: path.into(), size, crc32c: Some(crc), ..FileEntry::default() }
    }

    #[test]
    fn every_difference_is_told() {
        let manifest = list(
            "{ \"Path\": \"base/5/1\", \"Size\": 8192, \"Last-Modified\": \"\", \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"0d0c0b0a\" },\n\
             { \"Path\": \"pg_tblspc/16400/PG_15/5/2\", \"Size\": 0, \"Last-Modified\": \"\", \"Checksum-Algorithm\": \"NONE\" }",
        );
        let good = [
            file("base/base/5/1", 8192, 0x0a0b_0c0d),
            file("tablespaces/16400/PG_15/5/2", 0, 0),
            file("base/backup_manifest", 5, 0),
            file("base/pg_wal/000000010000000000000001", 5, 0),
            FileEntry { path: "base/base".into(), kind: FileKind::Dir, ..FileEntry::default() },
        ];
        check(&manifest, &good).expect("as listed");
        for (at, wrong, why) in [
            (0, file("base/base/5/1", 8192, 1), "another checksum"),
            (0, file("base/base/5/1", 16384, 0x0a0b_0c0d), "16384 bytes"),
            (0, file("base/base/5/9", 8192, 0x0a0b_0c0d), "did not come"),
            (2, file("base/extra", 1, 1), "not in the list"),
        ] {
            let mut files = good.to_vec();
            files[at] = wrong;
            let fault = check(&manifest, &files).expect_err("it differs");
            assert!(fault.context.iter().any(|(text, _)| text.contains(why)), "{why}: {fault:?}");
        }
        let mut changed = manifest.clone();
        changed[60] ^= 1;
        assert!(check(&changed, &good).is_err());
    }
}
