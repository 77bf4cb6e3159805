//! Whether a file of the log is what its name says, and of the server whose archive it is in.

use super::identity::Identity;
use crate::domain::wal::{SegmentName, WalName, history};
use crate::domain::{Code, Fault};
use crate::server::postgres::wal::header::Header;

/// The largest history or label that is believed; the server's own are a few hundred bytes.
pub const LARGEST_TEXT: u64 = 1 << 20;

/// Compares a segment, whole or unfinished, with its name and the archive: `length` is that of its file.
///
/// # Errors
/// `WAL_FOREIGN`, with what does not fit.
pub fn segment(name: SegmentName, header: &Header, length: u64, archive: Option<&Identity>) -> Result<(), Fault> {
    let size = header.segment_size;
    let wrong = |why: String| Fault::new(Code::WalForeign, format!("{name} is not what its name says")).because(why);
    if length != size.bytes() {
        return Err(wrong(format!("it has {length} bytes, and its server's segments have {}", size.bytes())));
    }
    let Some(segment) = name.segment(size) else {
        return Err(wrong(format!("no segment of {} bytes has that name", size.bytes())));
    };
    if header.address != segment.start(size) {
        let own = header.segment().name(size);
        return Err(wrong(format!("it begins at {} and not at {}: it was {own}", header.address, segment.start(size))));
    }
    if header.timeline > name.timeline {
        return Err(wrong(format!("it was begun on timeline {}, which is later than that of its name", header.timeline)));
    }
    archive.map_or(Ok(()), |archive| server(name, header, archive))
}

/// Whether a cluster is the archive's.
pub fn server(file: impl std::fmt::Display, header: &Header, archive: &Identity) -> Result<(), Fault> {
    let (other, own) = (header.system_identifier, archive.system_identifier);
    let fault = || {
        Fault::new(Code::WalForeign, format!("{file} is of another server than the archive")).at("Server", other).at("Archive", own).step(
            "Two servers cannot share an archive: their files have the same names. Give this server a folder of its own (--archive-dir).",
        )
    };
    if other != own {
        return Err(fault().because(format!("the server's system identifier is {other}, the archive's is {own}")));
    }
    if header.segment_size != archive.segment_size {
        let sizes = (header.segment_size.bytes(), archive.segment_size.bytes());
        return Err(fault().because(format!("the server's segments have {} bytes, those of the archive {}", sizes.0, sizes.1)));
    }
    Ok(())
}

/// Whether a text can be the history or the label that its name says.
///
/// # Errors
/// `WAL_FOREIGN`, with what is wrong with it.
pub fn text(name: WalName, content: &[u8]) -> Result<(), Fault> {
    let said = std::str::from_utf8(content).map_err(|error| error.to_string());
    let checked = said.and_then(|text| match name {
        WalName::History(timeline) => history(timeline.0, text),
        WalName::Backup(segment, _) => label(segment, text),
        WalName::Segment(_) | WalName::Partial(_) => Ok(()),
    });
    checked.map_err(|why| Fault::new(Code::WalForeign, format!("{name} is not what its name says")).because(why))
}

fn history(timeline: u32, text: &str) -> Result<(), String> {
    let branches = history::read(text)?;
    match branches.last() {
        None => Err("it names no timeline that this one came from".to_owned()),
        Some(last) if last.from.0 >= timeline => Err(format!("timeline {timeline} cannot have come from timeline {}", last.from)),
        Some(_) => Ok(()),
    }
}

fn label(segment: SegmentName, text: &str) -> Result<(), String> {
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("START WAL LOCATION: ") && first.contains(&format!("(file {segment})")) {
        return Ok(());
    }
    Err(format!("its first line does not say that a base backup began in {segment}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::wal::{Segment, SegmentSize, Timeline};

    fn header(timeline: u32, number: u64, system_identifier: u64) -> Header {
        let segment_size = SegmentSize::default();
        let address = Segment { timeline: Timeline(timeline), number }.start(segment_size);
        Header { magic: 0xD110, timeline: Timeline(timeline), address, system_identifier, segment_size, page_size: 8192 }
    }

    #[test]
    fn a_segment_fits_its_name_and_its_archive_or_says_why_not() {
        let size = SegmentSize::default();
        let name = Segment { timeline: Timeline(3), number: 700 }.name(size);
        let own = Identity::new(7, size);
        let check = |header: &Header, length: u64, own: &Identity| {
            segment(name, header, length, Some(own)).map_err(|fault| fault.root_cause().to_owned())
        };
        assert_eq!(check(&header(3, 700, 7), size.bytes(), &own), Ok(()));
        assert_eq!(check(&header(2, 700, 7), size.bytes(), &own), Ok(()), "it was begun before the promotion");
        for (header, length, own, word) in [
            (header(3, 700, 7), size.bytes() - 1, &own, "16777215 bytes"),
            (header(3, 701, 7), size.bytes(), &own, "it was 0000000300000002000000BD"),
            (header(4, 700, 7), size.bytes(), &own, "later"),
            (header(3, 700, 8), size.bytes(), &own, "system identifier is 8"),
            (header(3, 700, 7), size.bytes(), &Identity::new(7, SegmentSize::new(1 << 20).expect("a size")), "1048576"),
        ] {
            let why = check(&header, length, own).expect_err(word);
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn histories_and_labels_are_known_by_their_form() {
        let history = WalName::History(Timeline(3));
        assert!(text(history, b"1\t0/3000000\tno recovery target specified\n\n2\t0/5000028\tbefore 2000-01-01\n").is_ok());
        for wrong in ["", "3\t0/1\tx\n", "2\t0/1\tx\n1\t0/2\ty\n", "SELECT 1;\n", "1\tsomewhere\tx\n"] {
            assert!(text(history, wrong.as_bytes()).is_err(), "{wrong}");
        }
        let name: WalName = "000000010000000000000002.00000028.backup".parse().expect("a name");
        assert!(text(name, b"START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nSTOP\n").is_ok());
        assert!(text(name, b"START WAL LOCATION: 0/3000028 (file 000000010000000000000003)\n").is_err());
        assert!(text(name, &[0xFF, 0xFE]).is_err());
    }
}
