//! The archive of the log: `wal archive` and `wal restore` as a server calls them.

mod belonging;
mod faults;
mod handing;
mod killed;
mod pushing;
mod same;
mod server;

use crate::support::program::{self, Outcome};
use dbbackup::archive::stream_decoder;
use dbbackup::domain::wal::{Segment, SegmentSize, Stored, Timeline};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The system identifier of segments that no server wrote.
const OWN: u64 = 7_321_455_120_984_321_001;

/// The smallest size that segments can have, so that tests are quick.
const SIZE: usize = 1 << 20;

/// A data directory as far as an archive_command sees it, and an archive.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(dir.path().join("pg_wal/archive_status")).expect("a folder");
        std::fs::create_dir(dir.path().join("archive")).expect("a folder");
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn archive(&self) -> PathBuf {
        self.path().join("archive")
    }

    fn wal(&self) -> PathBuf {
        self.path().join("pg_wal")
    }

    /// Writes a segment of a server; gives its name. `seed` makes its content.
    fn segment(&self, number: u64, seed: u64) -> String {
        self.segment_of(OWN, number, seed)
    }

    fn segment_of(&self, system: u64, number: u64, seed: u64) -> String {
        let name = name(number);
        std::fs::write(self.wal().join(&name), content(system, number, seed)).expect("a segment");
        name
    }

    /// Says that a file waits to be archived, as the server does.
    fn ready(&self, name: &str) {
        std::fs::write(self.wal().join(format!("archive_status/{name}.ready")), "").expect("a mark");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = program::dbbackup(self.path(), words);
        command.args(["--archive-dir", "archive"]);
        command
    }

    fn push(&self, name: &str, flags: &[&str]) -> Outcome {
        let path = format!("pg_wal/{name}");
        program::run(self.command(&["wal", "archive", &path, name]).args(flags))
    }

    fn restore(&self, name: &str, flags: &[&str]) -> Outcome {
        program::run(self.command(&["wal", "restore", name, "pg_wal/RECOVERYXLOG"]).args(flags))
    }

    fn handed(&self) -> PathBuf {
        self.wal().join("RECOVERYXLOG")
    }

    /// What the archive holds under final names, and that each of it is what the server wrote: nothing half there counts.
    #[track_caller]
    fn complete(&self) -> Vec<String> {
        let all = program::names(&self.archive());
        let stored: Vec<String> = all.into_iter().filter(|name| !name.starts_with('.') && name != "dbbackup-wal.json").collect();
        for file in &stored {
            let name = Stored::parse(file).unwrap_or_else(|| panic!("a stranger: {file}")).name.to_string();
            assert!(decoded(&self.archive().join(file)) == std::fs::read(self.wal().join(&name)).expect("the server's"), "{file}");
        }
        stored
    }
}

/// The name of a segment on the first timeline.
fn name(number: u64) -> String {
    let size = SegmentSize::new(SIZE as u32).expect("a size");
    Segment { timeline: Timeline(1), number }.name(size).to_string()
}

/// A segment: a header as a server writes it, and bytes that compress as a log does.
fn content(system: u64, number: u64, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    bytes[..8].copy_from_slice(&[0x10, 0xD1, 0x06, 0, 1, 0, 0, 0]);
    bytes[8..16].copy_from_slice(&(number * SIZE as u64).to_le_bytes());
    bytes[24..32].copy_from_slice(&system.to_le_bytes());
    bytes[32..36].copy_from_slice(&(SIZE as u32).to_le_bytes());
    bytes[36..40].copy_from_slice(&8192_u32.to_le_bytes());
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for word in bytes[40..SIZE / 4].chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word[..3].copy_from_slice(&state.to_le_bytes()[..3]);
    }
    bytes
}

/// What is in a stored file, whatever is around it.
fn decoded(path: &Path) -> Vec<u8> {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let stored = Stored::parse(&name).expect("a stored file");
    let file = std::io::BufReader::new(std::fs::File::open(path).expect("a file"));
    let mut bytes = Vec::new();
    let codec = stored.wrapping.codec.unwrap_or(dbbackup::domain::Codec::None);
    stream_decoder(codec, file).expect("a decoder").read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    bytes
}

/// A script in a shell whose mounts nobody else sees.
fn alone(site: &Site, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", script, "sh", env!("CARGO_BIN_EXE_dbbackup")]);
    program::clean(&mut command, site.path());
    command
}
