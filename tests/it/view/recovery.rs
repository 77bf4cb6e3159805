//! Archives of the log worth looking at: fifteen days with a gap and two branches, one whose archiver fails, none at all. Everything is fixed.

use super::fixtures::{self, HOSTILE, NOW, ready};
use crate::app::harness::Harness;
use dbbackup::app::model::Model;
use dbbackup::app::msg::{Clock, Msg, Reply};
use dbbackup::domain::job::{DatabaseProgress, Phase, Progress, Ratio, Summary, TableProgress};
use dbbackup::domain::listing::ArchiveSummary;
use dbbackup::domain::plan::Plan;
use dbbackup::domain::recovery::findings::{Cures, findings};
use dbbackup::domain::recovery::{
    BaseBackup, BaseKind, Bound, Micros, RecoveryReport, Stretch, Target, TargetAction, TimelineChoice, judge,
};
use dbbackup::domain::spec::{BaseSpec, CheckLogSpec, Checkpoint, Depth, JobSpec, NameTime, RecoverSpec, Start};
use dbbackup::domain::wal::{
    ArchiverState, CommandKind, Gap, Hour, Lsn, Segment, SegmentSize, SlotHold, Source, Timeline, TimelineSummary, WalReport, WalStats,
};
use dbbackup::domain::{Bytes, Compression, Stamp};
use dbbackup::engine::event::Event;
use dbbackup::engine::wal::check::{Checked, Damage};
use dbbackup::engine::wal::verify;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const FIRST: u64 = 0x42;

/// When the standby was promoted, twice.
const PROMOTED: [i64; 2] = [NOW - 7 * DAY - 3 * HOUR, NOW - 2 * DAY - 18 * HOUR];
/// 22 January, 03:10 CET, and seven segments later.
const LOST: (i64, i64) = (NOW - 8 * DAY - 11 * HOUR - 20 * MINUTE, NOW - 8 * DAY - 10 * HOUR - 3 * MINUTE);

/// A segment as it was archived.
struct Archived {
    segment: Segment,
    at: i64,
    bytes: u64,
}

fn size() -> SegmentSize {
    SegmentSize::default()
}

/// Every segment of fifteen days: one in four minutes by day, one in eleven by night.
fn log() -> (Vec<Archived>, [Lsn; 2]) {
    let (mut at, mut number, mut timeline) = (NOW - 15 * DAY - 6 * HOUR, FIRST, 1);
    let mut all = Vec::new();
    let mut forks = [Lsn(0); 2];
    while at < NOW - 19_000 {
        let hour = (at + HOUR).rem_euclid(DAY) / HOUR;
        let busy = (8..18).contains(&hour);
        if let Some(promoted) = PROMOTED.get(timeline as usize - 1).filter(|promoted| at > **promoted) {
            forks[timeline as usize - 1] = Lsn(number * size().bytes() + 0x1234);
            // The old primary went on for a while.
            for more in 0..12 {
                let segment = Segment { timeline: Timeline(timeline), number: number + more };
                all.push(Archived { segment, at: promoted + (more as i64 + 1) * 10 * MINUTE, bytes: 4_800_000 });
            }
            timeline += 1;
        }
        let bytes = if busy { 5_400_000 + number % 7 * 110_000 } else { 3_900_000 + number % 5 * 90_000 };
        all.push(Archived { segment: Segment { timeline: Timeline(timeline), number }, at, bytes });
        number += 1;
        at += if busy { 4 * MINUTE } else { 11 * MINUTE };
    }
    all.retain(|one| !(LOST.0..LOST.1).contains(&one.at) || one.segment.timeline != Timeline(1));
    all.sort_by_key(|one| one.segment);
    (all, forks)
}

fn stretches(all: &[Archived]) -> (Vec<Stretch>, Vec<Gap>) {
    let (mut stretches, mut gaps): (Vec<Stretch>, Vec<Gap>) = (Vec::new(), Vec::new());
    for one in all {
        let next = match stretches.last() {
            Some(last) if last.timeline == one.segment.timeline && last.last + 1 == one.segment.number => false,
            Some(last) if last.timeline == one.segment.timeline => {
                let missing = Segment { timeline: last.timeline, number: last.last + 1 };
                gaps.push(Gap {
                    timeline: last.timeline,
                    first: last.last + 1,
                    last: one.segment.number - 1,
                    name: missing.name(size()).to_string(),
                    from: last.to,
                    to: Stamp(one.at),
                });
                true
            }
            _ => true,
        };
        if next {
            stretches.push(Stretch {
                timeline: one.segment.timeline,
                first: one.segment.number,
                from: Stamp(one.at),
                ..Stretch::default()
            });
        }
        let last = stretches.last_mut().expect("one was just begun");
        (last.last, last.to) = (one.segment.number, Stamp(one.at));
        last.bytes = Bytes(last.bytes.0 + one.bytes);
        last.marks.push((Stamp(one.at), one.bytes));
    }
    (stretches, gaps)
}

/// A base backup that was consistent so many hours ago.
fn base(all: &[Archived], timeline: u32, hours: i64, kind: BaseKind, parent: Option<&str>) -> BaseBackup {
    let ended = NOW - hours * HOUR;
    let own = || all.iter().filter(|one| one.segment.timeline == Timeline(timeline));
    let number = own().filter(|one| one.at <= ended).map(|one| one.segment.number).max().unwrap_or(FIRST);
    let bytes = if kind == BaseKind::Full { 22_500_000_000 } else { 1_100_000_000 };
    BaseBackup {
        path: format!("/var/backups/dbbackup/base_{hours:03}h.tar.zst").into(),
        id: format!("base-{hours}"),
        system_identifier: "7312345678901234567".into(),
        version_num: 150_004,
        kind,
        parent: parent.map(str::to_owned),
        timeline: Timeline(timeline),
        start: Lsn(number * size().bytes() + 0x28),
        stop: Lsn(number * size().bytes() + 0x138),
        began: Stamp(ended - 12 * MINUTE),
        ended: Stamp(ended),
        segment_size: size(),
        bytes: Bytes(bytes),
        plain: Bytes(72_000_000_000),
        broken: None,
    }
}

fn hours(all: &[Archived]) -> Vec<Hour> {
    let mut hours: std::collections::BTreeMap<i64, Hour> = std::collections::BTreeMap::new();
    for one in all {
        let start = one.at.div_euclid(HOUR) * HOUR;
        let hour = hours.entry(start).or_insert(Hour { start: Stamp(start), ..Hour::default() });
        hour.segments += 1;
        hour.bytes = Bytes(hour.bytes.0 + one.bytes);
    }
    hours.into_values().collect()
}

fn timelines(all: &[Archived], forks: [Lsn; 2]) -> Vec<TimelineSummary> {
    (1..=3u32)
        .map(|number| {
            let own = || all.iter().filter(move |one| one.segment.timeline == Timeline(number));
            let (first, last) = (own().next().expect("a segment"), own().next_back().expect("a segment"));
            TimelineSummary {
                timeline: Timeline(number),
                parent: (number > 1).then(|| (Timeline(number - 1), forks[number as usize - 2])),
                reason: if number > 1 { "no recovery target specified".into() } else { String::new() },
                segments: own().count() as u64,
                bytes: Bytes(own().map(|one| one.bytes).sum()),
                range: Some((first.segment.start(size()), last.segment.end(size()))),
                times: Some((Stamp(first.at), Stamp(last.at))),
            }
        })
        .collect()
}

/// Fifteen days, six base backups, a gap on timeline 1, a promotion to timeline 2 and one to 3.
pub fn report() -> RecoveryReport {
    let (all, forks) = log();
    let (stretches, gaps) = stretches(&all);
    let bytes = Bytes(all.iter().map(|one| one.bytes).sum());
    let named = |one: &Archived| (one.segment.name(size()).to_string(), Stamp(one.at));
    let (oldest, newest) = (all.iter().min_by_key(|one| one.at), all.iter().max_by_key(|one| one.at));
    let newest = newest.map(named);
    let now = all.iter().rev().find(|one| one.segment.timeline == Timeline(3)).map(|one| one.segment.end(size()));
    let bases = vec![
        base(&all, 1, 15 * 24 + 2, BaseKind::Full, None),
        base(&all, 1, 12 * 24 + 12, BaseKind::Full, None),
        base(&all, 1, 8 * 24 + 4, BaseKind::Full, None),
        base(&all, 2, 5 * 24 + 12, BaseKind::Full, None),
        base(&all, 3, 60, BaseKind::Full, None),
        base(&all, 3, 36, BaseKind::Incremental, Some("base-60")),
        base(&all, 3, 12, BaseKind::Incremental, Some("base-36")),
    ];
    let wal = WalReport {
        source: Source {
            dir: Some("/wal".into()),
            command: Some("dbbackup wal archive --archive-dir /wal %p %f".into()),
            kind: CommandKind::Dbbackup,
        },
        system_identifier: Some("7312345678901234567".into()),
        stats: WalStats {
            files: all.len() as u64 + 2 + bases.len() as u64,
            segments: all.len() as u64,
            labels: bases.len() as u64,
            histories: 2,
            bytes,
            compressed: (all.len() as u64, bytes),
            encrypted: 0,
            segment_size: Some(size()),
            oldest: oldest.map(named),
            newest: newest.clone(),
            ..WalStats::default()
        },
        hours: hours(&all),
        gaps,
        timelines: timelines(&all, forks),
        archiver: Some(ArchiverState {
            wal_level: "replica".into(),
            archive_mode: "on".into(),
            archive_timeout: 300,
            archived: 2_912,
            last: newest,
            ready: Some(0),
            now: now.map(|lsn| (Timeline(3), lsn)),
            clock: Stamp(NOW),
            ..ArchiverState::default()
        }),
        room: Some((Bytes(41_000_000_000), Bytes(64_000_000_000))),
        full_in_ms: Some(9 * DAY as u64),
        ..WalReport::default()
    };
    judged(RecoveryReport { wal, bases, stretches, at: Stamp(NOW), ..RecoveryReport::default() })
}

fn judged(mut report: RecoveryReport) -> RecoveryReport {
    report.windows = judge::windows(&report);
    report
}

/// The archiver fails since a day and a half, and a forgotten slot holds the log.
pub fn failing() -> RecoveryReport {
    let mut report = report();
    let since = NOW - 36 * HOUR - 7 * MINUTE;
    for stretch in report.stretches.iter_mut().filter(|one| one.timeline == Timeline(3)) {
        stretch.marks.retain(|(at, _)| at.0 <= since);
        stretch.last = stretch.first + stretch.marks.len() as u64 - 1;
        stretch.to = stretch.marks.last().expect("some are older").0;
    }
    report.bases.truncate(5);
    report.wal.hours.retain(|hour| hour.start.0 <= since);
    report.wal.stats.newest = Some(("000000030000000000000A41".into(), Stamp(since)));
    report.wal.full_in_ms = Some(3 * DAY as u64);
    report.wal.room = Some((Bytes(1_900_000_000), Bytes(64_000_000_000)));
    report.wal.slots = vec![
        SlotHold { name: "old_standby".into(), active: false, held: Bytes(18_400_000_000) },
        SlotHold { name: "standby1".into(), active: true, held: Bytes(33_000_000) },
    ];
    report.wal.archiver = report.wal.archiver.map(|state| ArchiverState {
        last: Some(("000000030000000000000A41".into(), Stamp(since))),
        last_failed: Some(("000000030000000000000A42".into(), Stamp(NOW - 41_000))),
        failed: 2_160,
        ready: Some(312),
        ..state
    });
    judged(report)
}

/// One timeline without a gap: as it should be.
pub fn calm() -> RecoveryReport {
    let mut report = report();
    report.stretches.retain(|one| one.timeline == Timeline(3));
    report.bases.retain(|one| one.timeline == Timeline(3));
    report.wal.timelines = vec![TimelineSummary { parent: None, ..report.wal.timelines[2].clone() }];
    report.wal.gaps.clear();
    report.wal.full_in_ms = None;
    judged(report)
}

/// A server that archives nothing, and no base backup.
pub fn off() -> RecoveryReport {
    let archiver = ArchiverState { wal_level: "replica".into(), archive_mode: "off".into(), clock: Stamp(NOW), ..ArchiverState::default() };
    RecoveryReport { wal: WalReport { archiver: Some(archiver), ..WalReport::default() }, at: Stamp(NOW), ..RecoveryReport::default() }
}

/// Archiving was just switched on: the folder is there, and empty.
pub fn fresh() -> RecoveryReport {
    let mut report = off();
    report.wal.source = Source {
        dir: Some("/wal".into()),
        command: Some("dbbackup wal archive --archive-dir /wal %p %f".into()),
        kind: CommandKind::Dbbackup,
    };
    report.wal.archiver = report.wal.archiver.map(|state| ArchiverState { archive_mode: "on".into(), ready: Some(1), ..state });
    report
}

/// The server does not answer, and nobody has said where its log is: base backups alone.
pub fn lost() -> RecoveryReport {
    let bases = report().bases;
    let unknown = vec!["the server: CONNECTION_REFUSED: cannot connect to db01:5432: Connection refused (os error 111)".to_owned()];
    judged(RecoveryReport { wal: WalReport { unknown, ..WalReport::default() }, bases, at: Stamp(NOW), ..RecoveryReport::default() })
}

/// pgBackRest keeps the log.
pub fn foreign() -> RecoveryReport {
    let mut report = fresh();
    report.wal.source =
        Source { dir: None, command: Some("pgbackrest --stanza=main archive-push %p".into()), kind: CommandKind::PgBackRest };
    report
}

/// Every name is hostile, and there are more timelines than lines.
pub fn hostile() -> RecoveryReport {
    let mut report = failing();
    report.wal.source.dir = Some(format!("/wal/{HOSTILE}").into());
    for base in &mut report.bases {
        base.path = format!("/b/{HOSTILE}").into();
        base.broken = Some(HOSTILE.into());
    }
    for number in 4..40u32 {
        let stretch = Stretch { timeline: Timeline(number), ..report.stretches[3].clone() };
        report.stretches.push(stretch);
        let summary = TimelineSummary {
            timeline: Timeline(number),
            parent: Some((Timeline(number % 7), Lsn(u64::MAX))),
            reason: HOSTILE.into(),
            ..TimelineSummary::default()
        };
        report.wal.timelines.push(summary);
    }
    for slot in &mut report.wal.slots {
        slot.name = HOSTILE.into();
    }
    report.wal.gaps.iter_mut().for_each(|gap| gap.name = HOSTILE.into());
    report.wal.unknown = vec![HOSTILE.into(); 9];
    report.wal.archiver = report.wal.archiver.map(|state| ArchiverState { last_failed: Some((HOSTILE.into(), Stamp(NOW))), ..state });
    judged(report)
}

/// The report as the engine gives it: with what wants attention, and the zone of the clock.
pub fn told(mut report: RecoveryReport) -> Reply {
    report.zone = Some("Europe/Berlin".into());
    let cures = Cures { connection: Some(fixtures::connection()), backups: Some("/var/backups/dbbackup".into()) };
    report.findings = findings(&report, &cures);
    Reply::Recovery(Box::new(report))
}

/// The screen of a key with a report.
pub fn shown(key: &str, report: RecoveryReport) -> Model {
    Harness::of(ready()).keys(key).answer(Ok(told(report))).model
}

/// What Enter on the form asks for.
pub fn recover_spec() -> JobSpec {
    JobSpec::Recover(RecoverSpec {
        base: None,
        dir: "/var/backups/dbbackup".into(),
        wal_dir: Some("/wal".into()),
        target_dir: "/srv/recovered".into(),
        target: Target::Time(Micros(1_769_778_179_184_000)),
        bound: Bound::Inclusive,
        timeline: TimelineChoice::Latest,
        action: TargetAction::Pause,
        map_tablespaces: Vec::new(),
        bin_dir: None,
        start: Start::Yes,
        port: None,
        jobs: 4,
    })
}

/// What B on the backup screen asks for.
pub fn base_spec() -> JobSpec {
    JobSpec::Base(BaseSpec {
        connection: fixtures::connection(),
        dir: "/var/backups/dbbackup".into(),
        kind: BaseKind::Incremental,
        label: None,
        compression: Compression::default(),
        jobs: 4,
        memory: 512_000_000,
        verify: Some(Depth::Quick),
        name_time: NameTime::Local,
        checkpoint: Checkpoint::Fast,
        wal_dir: None,
    })
}

/// A job at work for half a minute, with the last figures.
fn at_work(spec: JobSpec, last: Progress) -> Model {
    let mut model = fixtures::at_plan(Plan { title: "a plan".into(), ..Plan::of(spec) });
    fixtures::feed(&mut model, [crate::app::harness::key("enter"), Msg::Engine(fixtures::JOB, Event::Started)]);
    for second in 0..=30u64 {
        let done = last.bytes.done.saturating_sub((30 - second) * 61_000_000 + (second % 5) * 4_000_000);
        let progress = Progress { bytes: Ratio { done, ..last.bytes }, ..last.clone() };
        let now = Stamp(NOW + second as i64 * 1000);
        let clock = Clock { now, ..fixtures::clock() };
        fixtures::feed(&mut model, [Msg::Tick(clock), Msg::Engine(fixtures::JOB, Event::Progress(Box::new(progress)))]);
    }
    model
}

/// A recovered server that replays the log.
pub fn replaying() -> Model {
    let bytes = Ratio { done: 3_400_000_000, total: 5_200_000_000 };
    let doing = "replaying, consistent, at D/9E000138, 202 segments taken, transactions of 2026-01-30 13:02:11 UTC".to_owned();
    let active = TableProgress { table: "log".into(), doing, bytes, workers: 1, ..TableProgress::default() };
    at_work(recover_spec(), Progress { phase: Phase::Replaying, bytes, active: vec![active], ..Progress::default() })
}

/// The same, at its target.
pub fn recovered() -> Model {
    let summary = Summary {
        archives: vec!["/var/backups/dbbackup/base_060h.tar.zst".into(), "/var/backups/dbbackup/base_012h.tar.zst".into()],
        row_bytes: Bytes(72_000_000_000),
        duration_ms: 672_000,
        notes: vec![
            "Recovered 2026-01-30 13:02:59.184 UTC into /srv/recovered.".into(),
            "Last transaction recovered: 81442 (2026-01-30 13:02:59.17993 UTC, at D/B21700C8).".into(),
            "First one that is not:      81443 (2026-01-30 13:02:59.184204 UTC, at D/B2170188).".into(),
            "Data directory: /srv/recovered; its log: /srv/recovered.log.".into(),
            "The server waits at the target on port 6543, open for reading. Look: psql -h /tmp/x -p 6543 -d postgres".into(),
        ],
        ..Summary::default()
    };
    let mut model = replaying();
    fixtures::feed(&mut model, [Msg::Engine(fixtures::JOB, Event::Finished(Box::new(summary)))]);
    model.toasts.clear();
    model
}

/// A base backup under way, that waits for nothing.
pub fn copying() -> Model {
    let bytes = Ratio { done: 9_800_000_000, total: 72_000_000_000 };
    let database = DatabaseProgress { name: "db01:5432".into(), bytes, ..DatabaseProgress::default() };
    let progress =
        Progress { phase: Phase::Data, bytes, estimated: true, written: 2_900_000_000, databases: vec![database], ..Progress::default() };
    at_work(base_spec(), progress)
}

/// A check of the log that a moment needs, on its way.
pub fn checking() -> Model {
    let bytes = Ratio { done: 3_400_000_000, total: 5_200_000_000 };
    let active = TableProgress { table: "log".into(), doing: "681 of 1,042 files".into(), bytes, ..TableProgress::default() };
    at_work(check_spec(), Progress { phase: Phase::Verifying, bytes, active: vec![active], ..Progress::default() })
}

fn check_spec() -> JobSpec {
    let segments = ["00000001000000000000006C..0000000100000007000000B5", "0000000200000007000000B6..000000020000000D000000B2"];
    JobSpec::CheckLog(CheckLogSpec {
        wal_dir: "/wal".into(),
        dir: "/var/backups/dbbackup".into(),
        segments: segments.iter().map(|text| text.parse().expect("a span")).collect(),
        jobs: 4,
    })
}

/// What it found: nothing is wrong.
pub fn checked() -> Model {
    let summary = Summary {
        archives: vec!["/wal".into()],
        row_bytes: Bytes(17_482_000_000),
        duration_ms: 84_000,
        verified: Some("full".into()),
        notes: vec![
            "1,042 files read: nothing is missing, nothing is damaged".into(),
            "timeline 1: 330 segments, 00000001000000000000006C to 0000000100000007000000B5".into(),
            "timeline 2: 711 segments, 0000000200000007000000B6 to 000000020000000D000000B2".into(),
        ],
        ..Summary::default()
    };
    let mut model = checking();
    fixtures::feed(&mut model, [Msg::Engine(fixtures::JOB, Event::Finished(Box::new(summary)))]);
    model.toasts.clear();
    model
}

/// A hole and a torn segment.
pub fn damaged() -> Model {
    let JobSpec::CheckLog(spec) = check_spec() else { unreachable!("it is one") };
    let gap = Gap { timeline: Timeline(1), first: 300, last: 306, name: "00000001000000010000002C".into(), ..Gap::default() };
    let damage = Damage { file: "0000000200000007000000C4.zst".into(), why: "at 7/C4002A18: the record's checksum is wrong".into() };
    let checked = Checked { gaps: vec![gap], damaged: vec![damage], ..Checked::default() };
    let fault = verify::obstacle(&checked, &spec).expect("it is not whole").cured();
    let mut model = checking();
    fixtures::feed(&mut model, [Msg::Engine(fixtures::JOB, Event::Failed(fault))]);
    model.toasts.clear();
    model
}

/// A base backup as the list of archives shows it.
pub fn base_archive() -> ArchiveSummary {
    let mut archive = fixtures::archive("server", 12, 22_500_000_000);
    archive.path = "/var/backups/dbbackup/base_012h.tar.zst".into();
    if let Ok(head) = &mut archive.head {
        head.kind = "base".into();
        head.databases.clear();
    }
    archive
}

/// A folder with a base backup in it.
pub fn with_base() -> Model {
    let mut model = fixtures::opened();
    let archives = [fixtures::archives(), vec![base_archive()]].concat();
    let server = Reply::Server(Box::new(fixtures::server_info()), fixtures::databases());
    fixtures::feed(&mut model, [Msg::Done(fixtures::SERVER, Ok(server)), Msg::Done(fixtures::ARCHIVES, Ok(Reply::Archives(archives)))]);
    model
}
