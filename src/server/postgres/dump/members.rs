//! The parts of dumps that come as several files: a folder, a tar, a folder in a tar. Every file that the table of contents names must be
//! there and be whole.

use super::wrapper::Wrapper;
use super::{Dump, Form, Input, Inspection, Item, corrupted, truncated, unreadable};
use crate::domain::{Code, Fault, text};
use crate::server::postgres::toc::Place;
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

const BLOCK: u64 = 512;

/// The longest name of a member.
const NAME_LIMIT: u64 = 4096;

/// Endings that pg_dump gives to the files of a folder.
const ENDINGS: [&str; 4] = ["", ".gz", ".lz4", ".zst"];

/// A member of a tar.
pub(super) struct Member {
    /// Its path.
    pub name: String,
    /// Bytes of its content.
    pub size: u64,
    /// Whether it is a file.
    pub is_file: bool,
}

impl Member {
    /// Bytes that its content takes, filled up to whole blocks.
    pub fn padded(&self) -> u64 {
        self.size.next_multiple_of(BLOCK)
    }
}

/// Reads the header of the next member; its content follows. None at the two blocks of zeros that end a tar.
pub(super) fn next(input: &mut Input) -> io::Result<Option<Member>> {
    let mut long = None;
    loop {
        let mut block = [0; BLOCK as usize];
        input.read_exact(&mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            // The second block of the end.
            input.read_exact(&mut block)?;
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block);
        let sum: u32 = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        if header.cksum().ok() != Some(sum) {
            return Err(wrong("a header of the tar is damaged"));
        }
        let size = header.entry_size()?;
        match header.entry_type() {
            EntryType::GNULongName if size <= NAME_LIMIT => {
                let mut name = vec![0; size as usize];
                input.read_exact(&mut name)?;
                input.skip(size.next_multiple_of(BLOCK) - size)?;
                name.retain(|byte| *byte != 0);
                long = Some(String::from_utf8_lossy(&name).into_owned());
            }
            EntryType::XHeader | EntryType::XGlobalHeader => input.skip(size.next_multiple_of(BLOCK))?,
            kind => {
                let name = long.take().unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
                // pg_dump writes no type at all.
                let is_file = matches!(kind, EntryType::Regular | EntryType::Continuous) || kind.as_byte() == 0;
                return Ok(Some(Member { name, size, is_file }));
            }
        }
    }
}

/// The name of the first member, where the bytes are those of a tar.
pub(super) fn first_name(head: &[u8]) -> Option<String> {
    let block = head.get(..BLOCK as usize).filter(|block| block[257..262] == *b"ustar")?;
    Some(String::from_utf8_lossy(&Header::from_byte_slice(block).path_bytes()).into_owned())
}

/// Whether a member's name is one that a dump has.
pub(super) fn is_of_a_dump(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default();
    let digits = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
    // A folder comes before what is in it; that of one of our own archives does not come first.
    file.is_empty() || file == "toc.dat" || (digits && file.contains(".dat")) || file.starts_with("blob")
}

/// The names of the files that the table of contents wants.
fn wanted(items: &[Item]) -> impl Iterator<Item = (&Item, &str)> {
    items.iter().filter_map(|item| match &item.place {
        Place::File(name) => Some((item, name.as_str())),
        _ => None,
    })
}

/// Looks at each file of a folder.
pub(super) fn folder(dump: &Dump) -> Result<Inspection, Fault> {
    let mut data = Vec::new();
    let mut plain = 0;
    for (item, name) in wanted(&dump.facts.items) {
        let mut bytes = file(&dump.path, name, item)?;
        if name.ends_with(".toc") {
            for blob in blobs(&dump.path, name)? {
                bytes += file(&dump.path, &blob, item)?;
            }
        }
        data.push((item.id, bytes));
        plain += bytes;
    }
    Ok(Inspection { plain, data, ..Inspection::default() })
}

/// Finds a file of a folder under the ending that it has, reads a compressed one to its end, and gives what it takes on the disk.
fn file(dir: &Path, name: &str, item: &Item) -> Result<u64, Fault> {
    if name.contains('/') || name == ".." {
        return Err(corrupted(dir, format!("the table of contents names a file outside of the dump: {}", text::clean(name))));
    }
    let found = ENDINGS.iter().map(|ending| dir.join(format!("{name}{ending}"))).find(|path| path.is_file());
    let Some(path) = found else {
        let what = format!("the file {} with the data of {} {} is missing", text::clean(name), item.kind, text::clean(&item.title()));
        return Err(truncated(dir, what));
    };
    let failed = |error: io::Error| unreadable(&path, &error);
    let length = path.metadata().map_err(failed)?.len();
    let compressed = path.extension().is_some_and(|ending| ending == "gz" || ending == "lz4" || ending == "zst");
    if compressed {
        let mut start = [0; 6];
        let read = File::open(&path).and_then(|mut file| file.read(&mut start)).map_err(failed)?;
        let wrapper = Wrapper::of(&start[..read]).ok_or_else(|| truncated(&path, "the file is cut off, or not what its name says"))?;
        Input::open(&path, Some(wrapper)).and_then(Input::finish).map_err(failed)?;
    } else if item.copies && name.ends_with(".dat") && !ends_rows(&path).map_err(failed)? {
        return Err(truncated(&path, format!("the rows of {} have no end", text::clean(&item.title()))));
    }
    Ok(length)
}

/// Whether a file of rows ends as pg_dump ends them.
fn ends_rows(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(16)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(tail.trim_ascii_end().ends_with(b"\\."))
}

/// The files that a list of large objects names: lines of a number and a name.
fn blobs(dir: &Path, name: &str) -> Result<Vec<String>, Fault> {
    let found =
        ENDINGS.iter().map(|ending| dir.join(format!("{name}{ending}"))).find(|path| path.is_file()).unwrap_or_else(|| dir.join(name));
    let mut list = String::new();
    let wrapper = match found.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => Some(Wrapper::Gzip),
        Some("lz4") => Some(Wrapper::Lz4),
        Some("zst") => Some(Wrapper::Zstd),
        _ => None,
    };
    Input::open(&found, wrapper).and_then(|mut input| input.read_to_string(&mut list)).map_err(|error| unreadable(&found, &error))?;
    if !list.is_empty() && !list.ends_with('\n') {
        return Err(truncated(&found, "the list of large objects is cut off"));
    }
    list.lines()
        .map(|line| {
            let name = line.split_once(' ').map(|(_, name)| name.to_owned());
            name.ok_or_else(|| corrupted(&found, "the list of large objects is damaged"))
        })
        .collect()
}

/// Walks a tar from member to member to its end; every file that the table of contents names must be among them.
pub(super) fn tar(dump: &Dump) -> Result<Inspection, Fault> {
    let path = &dump.path;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => truncated(path, "the tar is cut off").because(error),
        _ => unreadable(path, &error),
    };
    let mut input = Input::open(path, dump.wrapper).map_err(failed)?;
    let mut members: HashMap<String, u64> = HashMap::new();
    let mut lists = HashSet::new();
    while let Some(member) = next(&mut input).map_err(failed)? {
        let name = member.name.rsplit('/').next().unwrap_or_default().to_owned();
        if name.starts_with("blobs") && name.ends_with(".toc") && dump.form == Form::Tar && member.size < 1 << 28 {
            let mut list = vec![0; member.size as usize];
            input.read_exact(&mut list).map_err(failed)?;
            input.skip(member.padded() - member.size).map_err(failed)?;
            lists.extend(String::from_utf8_lossy(&list).lines().filter_map(|line| line.split_once(' ').map(|(_, name)| name.to_owned())));
        } else {
            input.skip(member.padded()).map_err(failed)?;
        }
        members.insert(name, member.size);
    }
    // The tar format has its large objects beside a list of them, and no file of the name that its table of contents gives.
    let large_objects = |item: &Item| {
        let lists = [format!("blobs_{}.toc", item.id), "blobs.toc".to_owned()];
        (item.kind == "BLOBS").then(|| lists.iter().find_map(|list| members.get(list)).copied()).flatten()
    };
    let size = |name: &str| ENDINGS.iter().find_map(|ending| members.get(&format!("{name}{ending}"))).copied();
    let mut data = Vec::new();
    for (item, name) in wanted(&dump.facts.items) {
        match size(name).or_else(|| large_objects(item)) {
            Some(bytes) => data.push((item.id, bytes)),
            None => {
                let what =
                    format!("the file {} with the data of {} {} is missing", text::clean(name), item.kind, text::clean(&item.title()));
                return Err(truncated(path, what));
            }
        }
    }
    if let Some(blob) = lists.iter().find(|name| size(name).is_none()) {
        return Err(truncated(path, format!("the file {} of a large object is missing", text::clean(blob))));
    }
    let plain = input.finish().map_err(failed)?;
    Ok(Inspection { plain, data, ..Inspection::default() })
}

/// Writes what is in a compressed or packed dump into a folder (files 0600) and gives the path that a program is to read. `room` is asked
/// before each piece and ends it by a fault. Blocks.
pub fn unpack(dump: &Dump, into: &Path, room: &mut dyn FnMut(u64) -> Result<(), Fault>) -> Result<PathBuf, Fault> {
    let failed = |error: io::Error| unreadable(&dump.path, &error);
    let mut input = Input::open(&dump.path, dump.wrapper).map_err(failed)?;
    if dump.form != Form::PackedFolder {
        let path = into.join(if dump.form == Form::Tar { "dump.tar" } else { "dump" });
        copy(&mut input, u64::MAX, &path, &dump.path, room)?;
        return Ok(path);
    }
    let folder = into.join("dump");
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
        .create(&folder)
        .map_err(|error| unwritable(&folder, &error))?;
    while let Some(member) = next(&mut input).map_err(failed)? {
        let name = member.name.rsplit('/').next().unwrap_or_default();
        // All files of a dump lie in one folder; what has another name is none of it.
        if member.is_file && is_of_a_dump(name) && !name.is_empty() {
            copy(&mut input, member.size, &folder.join(name), &dump.path, room)?;
            input.skip(member.padded() - member.size).map_err(failed)?;
        } else {
            input.skip(member.padded()).map_err(failed)?;
        }
    }
    input.finish().map_err(failed)?;
    Ok(folder)
}

fn unwritable(path: &Path, error: &io::Error) -> Fault {
    let code = match Code::of_io(error) {
        Code::DiskFull => Code::TempFull,
        Code::Io | Code::FileMissing | Code::FilePermission => Code::OutputUnwritable,
        code => code,
    };
    Fault::new(code, "cannot unpack the dump").at("File", path.display()).because(error).step("Choose another folder with --workdir.")
}

fn copy(input: &mut Input, length: u64, to: &Path, dump: &Path, room: &mut dyn FnMut(u64) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|error| unwritable(to, &error))?;
    let mut piece = vec![0; 1 << 20];
    let mut left = length;
    while left > 0 {
        let want = left.min(piece.len() as u64) as usize;
        let read = input.read(&mut piece[..want]).map_err(|error| unreadable(dump, &error))?;
        if read == 0 {
            return if length == u64::MAX { Ok(()) } else { Err(truncated(dump, "the tar is cut off")) };
        }
        room(read as u64)?;
        out.write_all(&piece[..read]).map_err(|error| unwritable(to, &error))?;
        left -= read as u64;
    }
    Ok(())
}
