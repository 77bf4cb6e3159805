//! Looks through an archive of the binary log: one listing, and for each file its size, its times and the first events in it.

use super::identity::{self, Identity};
use super::quoted;
use crate::archive::stream_decoder;
use crate::domain::binlog::{BinlogGap, BinlogReport, BinlogStats, Held, LogName, Upstream};
use crate::domain::text::clean;
use crate::domain::wal::Hour;
use crate::domain::{Bytes, Code, Codec, Fault, Stamp};
use crate::engine::wal::figures;
use crate::server::binlog::Binlogs;
use crate::server::mysql::binlog::event::{self, Body};
use crate::server::mysql::binlog::reader::Reader;
use crate::storage::io_fault;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The end of the name of the file in work.
pub const PARTIAL: &str = ".partial";

/// What can be around a file.
const ENDINGS: [(&str, Codec); 4] = [(".zst", Codec::Zstd), (".gz", Codec::Gzip), (".lz4", Codec::Lz4), (".xz", Codec::Xz)];

/// Events at the beginning of a file among which is the one that names what was before.
const FIRST_EVENTS: usize = 4;

/// Bytes of a file that are needed to know its uncompressed size: a frame's header has 18 at most.
const FRAME_HEADER: usize = 18;

const HOUR_MS: i64 = 3_600_000;

/// Hours that are told.
const HOURS: usize = 24 * 31;

/// The name under which a file is stored.
pub fn stored_name(log: &LogName, codec: Codec) -> String {
    let ending = ENDINGS.iter().find(|(_, other)| *other == codec).map_or("", |(ending, _)| ending);
    format!("{log}{ending}")
}

/// What a name in the folder says: the log, its codec, and whether it is whole.
fn parse(name: &str) -> Option<(LogName, Codec, bool)> {
    if let Some(log) = name.strip_suffix(PARTIAL) {
        return Some((log.parse().ok()?, Codec::None, false));
    }
    let (log, codec) = ENDINGS.iter().find_map(|(ending, codec)| Some((name.strip_suffix(ending)?, *codec))).unwrap_or((name, Codec::None));
    Some((log.parse().ok()?, codec, true))
}

/// The folder, as it is.
///
/// # Errors
/// `WAL_ARCHIVE_MISSING` where there is no such folder; those of reading it.
pub fn survey(dir: &Path) -> Result<BinlogReport, Fault> {
    let fault = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => missing(dir),
        _ => io_fault("cannot look through the archive of the binary log", dir, &error),
    };
    let mut report = BinlogReport { dir: dir.to_owned(), ..BinlogReport::default() };
    for entry in std::fs::read_dir(dir).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        if name == identity::FILE {
            continue;
        }
        let parsed = name.to_str().and_then(|name| Some((name, parse(name)?)));
        // What has gone since it was listed is not there.
        let Ok(meta) = std::fs::metadata(entry.path()) else { continue };
        match parsed.filter(|_| meta.is_file()) {
            Some((name, (log, codec, whole))) => report.logs.push(held(dir, name, log, codec, whole, &meta, &mut report.unknown)),
            None => report.stats.strangers += u64::from(!name.to_string_lossy().starts_with('.')),
        }
    }
    // A whole one stands before the one in work of the same name, which is then left over.
    report.logs.sort_by(|one, other| (&one.log, !one.whole, &one.file).cmp(&(&other.log, !other.whole, &other.file)));
    report.logs.dedup_by(|later, first| later.log == first.log);
    report.owner = match Identity::read(dir) {
        Ok(identity) => identity.map(|identity| identity.title()),
        Err(fault) => {
            report.unknown.push(clean(&fault.to_string()));
            None
        }
    };
    Ok(report)
}

/// The fault of an archive that is not where it should be.
pub fn missing(dir: &Path) -> Fault {
    let shown = quoted(dir);
    Fault::new(Code::WalArchiveMissing, "the archive of the binary log is not there")
        .at("Folder", dir.display())
        .step_run("If its disk should be mounted there, see whether it is:", format!("findmnt -T {shown}; ls -la {shown}"))
        .step_run("If it is to be a new archive, make the folder:", format!("mkdir -m 700 {shown}"))
}

fn held(dir: &Path, name: &str, log: LogName, codec: Codec, whole: bool, meta: &std::fs::Metadata, unknown: &mut Vec<String>) -> Held {
    let last = Stamp(meta.mtime().saturating_mul(1000).saturating_add(meta.mtime_nsec() / 1_000_000));
    let mut held = Held { log, file: name.to_owned(), bytes: Bytes(meta.len()), plain: None, whole, first: None, last, before: None };
    let path = dir.join(name);
    let looked = (|| -> Result<(), String> {
        let mut file = File::open(&path).map_err(|error| error.to_string())?;
        held.plain = match codec {
            Codec::None => Some(held.bytes),
            Codec::Zstd => {
                let mut head = Vec::with_capacity(FRAME_HEADER);
                file.by_ref().take(FRAME_HEADER as u64).read_to_end(&mut head).map_err(|error| error.to_string())?;
                zstd::zstd_safe::get_frame_content_size(&head).ok().flatten().map(Bytes)
            }
            _ => None,
        };
        let mut reader = open(dir, &held).map_err(|fault| fault.to_string())?;
        for _ in 0..FIRST_EVENTS {
            let Some(event) = reader.next().map_err(|trouble| trouble.to_string())? else { break };
            held.first.get_or_insert(Stamp(i64::from(event.header.timestamp) * 1000));
            let content = reader.format().map_or(&event.bytes[..], |format| format.content(&event.bytes));
            if let Some(Body::Before(text)) = event::read(&event.header, content) {
                held.before = Some(text);
                break;
            }
        }
        Ok(())
    })();
    // One that has just been begun has nothing to read.
    if let Err(why) = looked
        && whole
    {
        unknown.push(format!("{} cannot be read: {}", clean(name), clean(&why)));
    }
    held
}

/// A file of an archive as the server wrote it.
pub fn plain(path: &Path, name: &str) -> Result<Box<dyn Read + Send>, Fault> {
    let fault = |error: std::io::Error| io_fault("cannot read an archived binary log", path, &error);
    let (_, codec, _) = parse(name).ok_or_else(|| Fault::internal(format!("{name:?} is no file of the archive")))?;
    let input = BufReader::with_capacity(1 << 17, File::open(path).map_err(fault)?);
    Ok(Box::new(BufReader::with_capacity(1 << 17, stream_decoder(codec, input).map_err(fault)?)))
}

/// Its events.
pub fn open(dir: &Path, held: &Held) -> Result<Reader<Box<dyn Read + Send>>, Fault> {
    let path = dir.join(&held.file);
    Reader::new(plain(&path, &held.file)?).map_err(|trouble| damaged(&path, trouble))
}

/// The fault of a file that is not what it should be.
pub fn damaged(path: &Path, trouble: crate::server::mysql::binlog::reader::Trouble) -> Fault {
    use crate::server::mysql::binlog::reader::Trouble;
    match trouble {
        Trouble::Io(error) if error.raw_os_error().is_some() => io_fault("cannot read an archived binary log", path, &error),
        trouble => Fault::new(Code::CorruptedBackup, "an archived binary log is damaged")
            .at("Path", path.display())
            .because(trouble)
            .step("If the server still has the file, move the damaged one away and archive again; what a backup taken after it holds is not concerned."),
    }
}

/// What follows from the files, and from what the server says.
pub fn conclude(report: &mut BinlogReport, server: Option<&Binlogs>, now: Stamp) {
    let whole = || report.logs.iter().filter(|held| held.whole);
    report.stats = BinlogStats {
        files: whole().count() as u64,
        bytes: Bytes(whole().map(|held| held.bytes.0).sum()),
        plain: whole().map(|held| held.plain.map(|bytes| bytes.0)).sum::<Option<u64>>().map(Bytes),
        open: report.logs.last().filter(|held| !held.whole).map(|held| (held.log.clone(), held.bytes)),
        strangers: report.stats.strangers,
    };
    report.gaps = gaps(&report.logs);
    let seen: Vec<(Stamp, u64)> = whole().map(|held| (held.last, held.bytes.0)).collect();
    report.hours = hours(&seen);
    report.growth = figures::pace(seen.iter().copied(), now);
    if let (Some((free, _)), Some(growth)) = (report.room, report.growth) {
        report.full_in_ms = figures::full_in(free, growth);
    }
    report.upstream = server.map(|server| upstream(report, server));
}

/// What is missing between two files, and the rest of one that was never finished although later ones are there.
fn gaps(logs: &[Held]) -> Vec<BinlogGap> {
    let between = logs.windows(2).filter_map(|two| {
        let (one, next) = (&two[0], &two[1]);
        // The rest of a file that is not whole is missing too.
        let first = if one.whole { one.log.next() } else { one.log.clone() };
        let follows = first == next.log || one.log.base() != next.log.base();
        let last = next.log.with_number(next.log.number().saturating_sub(1));
        (!follows && first <= last).then(|| BinlogGap { first, last, from: one.last, to: next.first.unwrap_or(next.last) })
    });
    between.collect()
}

fn hours(seen: &[(Stamp, u64)]) -> Vec<Hour> {
    let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
    for (at, bytes) in seen {
        let start = at.0.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
        let hour = hours.entry(start).or_insert(Hour { start: Stamp(start), ..Hour::default() });
        hour.segments += 1;
        hour.bytes += Bytes(*bytes);
    }
    let skipped = hours.len().saturating_sub(HOURS);
    hours.into_values().skip(skipped).collect()
}

/// How far the server is beyond the archive.
fn upstream(report: &BinlogReport, server: &Binlogs) -> Upstream {
    let end = server.logs.last().map(|(log, bytes)| crate::domain::binlog::Place { log: log.clone(), offset: *bytes });
    let oldest = server.logs.first().map(|(log, _)| log.clone());
    let behind = match report.logs.last() {
        None => Some(server.logs.iter().map(|(_, bytes)| bytes).sum()),
        Some(last) => {
            let next = if last.whole { last.log.next() } else { last.log.clone() };
            server.logs.iter().any(|(log, _)| *log == next).then(|| {
                let done = if last.whole { 0 } else { last.bytes.0 };
                let rest: u64 = server.logs.iter().filter(|(log, _)| *log >= next).map(|(_, bytes)| bytes).sum();
                rest.saturating_sub(done)
            })
        }
    };
    Upstream { oldest, end, behind: behind.map(Bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(log: &str, whole: bool, last: i64) -> Held {
        let log: LogName = log.parse().expect("a name");
        Held {
            file: log.to_string(),
            log,
            bytes: Bytes(100),
            plain: Some(Bytes(100)),
            whole,
            first: Some(Stamp(last - 5)),
            last: Stamp(last),
            before: None,
        }
    }

    #[test]
    fn what_is_missing_between_files_is_a_gap() {
        let logs = [
            held("b.000001", true, 10),
            held("b.000002", true, 20),
            held("b.000005", true, 50),
            held("b.000006", false, 60),
            held("b.000008", true, 80),
        ];
        let gaps = gaps(&logs);
        let told: Vec<(String, String)> = gaps.iter().map(|gap| (gap.first.to_string(), gap.last.to_string())).collect();
        assert_eq!(told, [("b.000003".into(), "b.000004".into()), ("b.000006".into(), "b.000007".into())]);
        assert_eq!((gaps[0].from, gaps[0].to, gaps[0].count()), (Stamp(20), Stamp(45), 2));
    }

    #[test]
    fn the_way_to_the_server_is_counted_only_where_it_is_whole() {
        let server = |logs: &[(&str, u64)]| Binlogs {
            logs: logs.iter().map(|(name, bytes)| (name.parse().expect("a name"), *bytes)).collect(),
            ..Binlogs::default()
        };
        let mut report = BinlogReport { logs: vec![held("b.000001", true, 10), held("b.000002", false, 20)], ..BinlogReport::default() };
        let behind = |report: &BinlogReport, logs: &[(&str, u64)]| upstream(report, &server(logs)).behind;
        assert_eq!(behind(&report, &[("b.000001", 1000), ("b.000002", 150), ("b.000003", 40)]), Some(Bytes(90)));
        assert_eq!(behind(&report, &[("b.000003", 40)]), None);
        report.logs.pop();
        assert_eq!(behind(&report, &[("b.000002", 150), ("b.000003", 40)]), Some(Bytes(190)));
    }

    #[test]
    fn names_in_the_folder_are_told_apart() {
        assert_eq!(parse("b.000001.zst").map(|(_, codec, whole)| (codec, whole)), Some((Codec::Zstd, true)));
        assert_eq!(parse("b.000001").map(|(_, codec, whole)| (codec, whole)), Some((Codec::None, true)));
        assert_eq!(parse("b.000001.partial").map(|(_, codec, whole)| (codec, whole)), Some((Codec::None, false)));
        assert!(parse(".b.000001.zst.12-0123456789ab.partial").is_none() && parse("readme.txt").is_none());
    }
}
