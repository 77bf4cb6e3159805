//! The walk over a log that is written here, as the server lays it out; the server's own is compared in the integration tests.

use super::*;
use crate::domain::recovery::Micros;
use crate::domain::wal::Timeline;
use crate::server::postgres::wal::record::{Outcome, What};
use proptest::prelude::*;

const PAGE: usize = 8192;

/// Writes records as the server does: at multiples of 8, going on behind the header of the next page.
struct Writer {
    bytes: Vec<u8>,
    start: u64,
    previous: u64,
}

impl Writer {
    fn new(start: u64) -> Self {
        Self { bytes: Vec::new(), start, previous: 0 }
    }

    fn size() -> SegmentSize {
        SegmentSize::new(1 << 20).expect("a size")
    }

    fn position(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The header of a page, where one has to stand.
    fn page(&mut self, rest: usize) {
        let at = self.position();
        if !at.is_multiple_of(PAGE as u64) {
            return;
        }
        let is_long = at.is_multiple_of(1 << 20);
        let flags = if rest > 0 { CONTINUES } else { 0 } | if is_long { IS_LONG } else { 0 };
        self.bytes.extend(0xD110_u16.to_le_bytes());
        self.bytes.extend(flags.to_le_bytes());
        self.bytes.extend(1_u32.to_le_bytes());
        self.bytes.extend(at.to_le_bytes());
        self.bytes.extend((rest as u32).to_le_bytes());
        self.bytes.extend([0; 4]);
        if is_long {
            self.bytes.extend(7_u64.to_le_bytes());
            self.bytes.extend((1_u32 << 20).to_le_bytes());
            self.bytes.extend((PAGE as u32).to_le_bytes());
        }
    }

    fn record(&mut self, manager: u8, info: u8, xid: u32, data: &[u8]) -> u64 {
        let mut record = Vec::new();
        record.extend(((RECORD + data.len()) as u32).to_le_bytes());
        record.extend(xid.to_le_bytes());
        record.extend(self.previous.to_le_bytes());
        record.extend([info, manager, 0, 0]);
        let crc = crc32c::crc32c_append(crc32c::crc32c(data), &record);
        record.extend(crc.to_le_bytes());
        record.extend(data);
        self.page(0);
        self.previous = self.position();
        let at = self.previous;
        let mut rest = record.as_slice();
        while !rest.is_empty() {
            self.page(rest.len());
            let room = PAGE - (self.position() % PAGE as u64) as usize;
            let (part, after) = rest.split_at(room.min(rest.len()));
            self.bytes.extend(part);
            rest = after;
        }
        while !self.position().is_multiple_of(8) {
            self.bytes.push(0);
        }
        at
    }

    fn commit(&mut self, xid: u32, at: i64) -> u64 {
        let mut data = vec![255, 8];
        data.extend((at - 946_684_800_000_000).to_le_bytes());
        self.record(1, 0, xid, &data)
    }

    /// Zeroes up to the end of the page.
    fn pages(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(PAGE), 0);
        self.bytes
    }
}

/// What is read, and why it ended, if the bytes did not just end.
fn scan(bytes: &[u8]) -> (Vec<Event>, u64, Option<End>) {
    let mut scanner = Scanner::new(Writer::size());
    let mut events = Vec::new();
    for page in bytes.chunks_exact(PAGE) {
        if let Err(end) = scanner.page(page, &mut |event| {
            events.push(event);
            true
        }) {
            return (events, scanner.records(), Some(end));
        }
    }
    (events, scanner.records(), None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn records_are_joined_wherever_pages_and_segments_part_them(lengths in proptest::collection::vec(2usize..40_000, 1..60), first in 0u64..127) {
        let mut writer = Writer::new((5 << 20) + first * PAGE as u64);
        let mut wanted = Vec::new();
        for (number, length) in lengths.iter().enumerate() {
            // A record of some other kind, then the end of a transaction.
            writer.record(10, 0x20, 0, &vec![number as u8; *length]);
            let xid = 700 + number as u32;
            wanted.push((writer.commit(xid, 1_700_000_000_000_000 + number as i64), xid));
        }
        let last = writer.position();
        let (events, records, end) = scan(&writer.pages());
        let found: Vec<_> = events.iter().map(|event| match event.what {
            What::Ended { xid, outcome: Outcome::Commit, at } => {
                assert_eq!(at, Micros(1_700_000_000_000_000 + i64::from(xid) - 700));
                (event.at.0, xid)
            }
            _ => panic!("{event:?}"),
        }).collect();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(records, 2 * lengths.len() as u64);
        prop_assert!(end.is_none_or(|end| end.at == Lsn(last)));
    }

    #[test]
    fn a_walk_begins_in_the_middle_with_the_next_whole_record(lengths in proptest::collection::vec(2usize..40_000, 1..40), from in 0usize..40) {
        let mut writer = Writer::new(5 << 20);
        let commits: Vec<u64> = lengths.iter().map(|length| {
            writer.record(10, 0x20, 0, &vec![1; *length]);
            writer.commit(9, 1_700_000_000_000_000)
        }).collect();
        let bytes = writer.pages();
        let from = (from * PAGE).min(bytes.len() - PAGE);
        let (events, _, _) = scan(&bytes[from..]);
        let found: Vec<u64> = events.iter().map(|event| event.at.0).collect();
        let start = (5 << 20) + from as u64;
        // One that begins in the page before, at most, is not seen.
        let wanted: Vec<u64> = commits.into_iter().filter(|at| *at >= start).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn damage_ends_the_walk_and_nothing_else(at in 40usize..600_000, with in 1u8..) {
        let mut writer = Writer::new(5 << 20);
        for number in 0..20 {
            writer.record(10, 0, 0, &vec![3; 30_000]);
            writer.commit(number, 1_700_000_000_000_000);
        }
        let mut bytes = writer.pages();
        let (whole, records, _) = scan(&bytes);
        let at = at % bytes.len();
        bytes[at] ^= with;
        let (events, fewer, _) = scan(&bytes);
        // Padding and what a header says of its timeline may change unseen; no event may.
        prop_assert!(fewer <= records);
        prop_assert_eq!(&whole[..events.len()], &events[..]);
    }

    #[test]
    fn garbage_is_no_reason_to_panic(mut bytes in proptest::collection::vec(any::<u8>(), PAGE..3 * PAGE), looks_right: bool) {
        if looks_right {
            let mut writer = Writer::new(5 << 20);
            writer.page(0);
            bytes.splice(..40, writer.bytes);
        }
        bytes.resize(bytes.len() / PAGE * PAGE, 0);
        let _ = scan(&bytes);
        let _ = record::read(bytes[0] % 2, bytes[1], 5, &bytes[2..], 0xD118);
    }
}

#[test]
fn what_follows_a_switch_is_passed_over() {
    let mut writer = Writer::new(5 << 20);
    writer.commit(1, 1_700_000_000_000_000);
    let switch = writer.record(0, 0x40, 0, &[]);
    writer.bytes.resize(1 << 20, 0);
    let commit = writer.commit(2, 1_700_000_000_000_000);
    let (events, ..) = scan(&writer.pages());
    assert_eq!(events.iter().map(|event| event.at.0).collect::<Vec<_>>()[1..], [switch, commit]);
}

#[test]
fn a_record_that_was_given_up_in_a_crash_is_none() {
    let mut writer = Writer::new(5 << 20);
    writer.commit(1, 1_700_000_000_000_000);
    let previous = writer.previous;
    writer.record(10, 0, 0, &[1; 9000]);
    writer.bytes.truncate(PAGE);
    writer.previous = previous;
    writer.page(0);
    writer.bytes[PAGE + 2] = 8;
    let after = writer.commit(2, 1_700_000_000_000_000);
    let (events, records, _) = scan(&writer.pages());
    assert_eq!((events.len(), records, events[1].at.0), (2, 2, after));
}

#[test]
fn times_names_and_timelines_are_read() {
    let mut writer = Writer::new(5 << 20);
    let time = (1_700_000_000_123_456_i64 - 946_684_800_000_000).to_le_bytes();
    let mut point = vec![255, 72];
    point.extend(time);
    point.extend(b"before_release\0");
    point.resize(2 + 72, 0);
    writer.record(0, 0x70, 0, &point);
    let mut end = vec![255, 16];
    end.extend(time);
    end.extend([3, 0, 0, 0, 2, 0, 0, 0]);
    writer.record(0, 0x90, 0, &end);
    // COMMIT PREPARED of 4711 with two subtransactions and its database.
    let mut prepared = vec![253, 1, 0, 254, 0, 0, 0, 0];
    prepared.extend(time);
    prepared.extend(0b1_0011_u32.to_le_bytes());
    prepared.extend([0; 8]);
    prepared.extend([2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    prepared.extend(4711_u32.to_le_bytes());
    writer.record(1, 0xB0, 0, &prepared);
    let (events, ..) = scan(&writer.pages());
    let at = Micros(1_700_000_000_123_456);
    let whats: Vec<What> = events.into_iter().map(|event| event.what).collect();
    assert_eq!(
        whats,
        [
            What::RestorePoint { at, name: "before_release".to_owned() },
            What::EndOfRecovery { at, timeline: (Timeline(3), Timeline(2)) },
            What::Ended { xid: 4711, outcome: Outcome::Commit, at },
        ]
    );
}
