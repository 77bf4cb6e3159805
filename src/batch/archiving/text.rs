//! The words of `wal stats | list | timeline` and `pitr status`.

use crate::batch::table::{Side, table};
use crate::domain::diagnosis::Finding;
use crate::domain::recovery::RecoveryReport;
use crate::domain::size::grouped;
use crate::domain::text::clean;
use crate::domain::time::span;
use crate::domain::wal::{
    Answer, ArchiverState, Cleanup, CommandKind, Direction, Gap, Segment, SegmentSize, Switch, SwitchCheck, WalReport,
};
use crate::domain::{Bytes, Stamp};
use crate::engine::wal::check::Checked;
use crate::engine::wal::figures::Entry;

/// Gaps and slots that are told one by one.
const TOLD: usize = 20;

/// A moment in the host's zone: `2026-01-15 08:30:00`.
fn moment(at: Stamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same with its zone.
fn moment_zoned(at: Stamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// `1 segment`, `7 segments`.
fn count(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A line `  Name:             value`.
fn line(name: &str, value: impl AsRef<str>) -> String {
    format!("  {:<17} {}\n", format!("{name}:"), clean(value.as_ref()))
}

/// What the archive's command is called.
const fn kind(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Nothing => "nothing",
        CommandKind::Dbbackup => "dbbackup",
        CommandKind::Copy => "a copying command",
        CommandKind::PgBackRest => "pgBackRest",
        CommandKind::WalG => "WAL-G",
        CommandKind::Barman => "Barman",
        CommandKind::Other => "another program",
    }
}

/// The figures of an archive.
pub fn stats(wal: &WalReport) -> String {
    let stats = &wal.stats;
    let mut out = String::from("WAL Archive Statistics:\n======================================================\n");
    out.push_str(&line("Total Files", grouped(stats.files)));
    out.push_str(&line("Total Size", stats.bytes.to_string()));
    out.push_str(&line("Average Size", stats.average().to_string()));
    let saved = stats.saved().map_or_else(String::new, |saved| format!(" ({saved:.1}% saved)"));
    out.push_str(&line("Compressed", format!("{} files{saved}", grouped(stats.compressed.0))));
    out.push_str(&line("Encrypted", format!("{} files", grouped(stats.encrypted))));
    out.push('\n');
    for (name, segment) in [("Oldest WAL", &stats.oldest), ("Newest WAL", &stats.newest)] {
        if let Some((segment, at)) = segment {
            out.push_str(&line(name, segment));
            out.push_str(&line("  Created", moment(*at)));
        }
    }
    out.push_str(&line("Time Span", format!("{:.1} days", stats.span_ms() as f64 / 86_400_000.0)));
    out.push('\n');
    if let Some(dir) = &wal.source.dir {
        let by = wal.source.command.as_ref().map_or_else(String::new, |_| format!(" (written by {})", kind(wal.source.kind)));
        out.push_str(&line("Archive", format!("{}{by}", dir.display())));
    }
    out.push_str(&line(
        "Segments",
        format!("{}, {} unfinished, {} labels, {} histories", grouped(stats.segments), stats.partials, stats.labels, stats.histories),
    ));
    if stats.strangers > 0 {
        out.push_str(&line("Other Files", grouped(stats.strangers)));
    }
    let size = stats.segment_size.map_or_else(|| "not known".to_owned(), |size| format!("{} MiB", size.bytes() >> 20));
    out.push_str(&line("Segment Size", size));
    let timelines: Vec<String> = wal.timelines.iter().map(|one| one.timeline.to_string()).collect();
    out.push_str(&line("Timelines", if timelines.is_empty() { "none".to_owned() } else { timelines.join(", ") }));
    out.push_str(&gaps(wal));
    growth(wal, &mut out);
    server(wal, &mut out);
    unknown(wal, &mut out);
    out
}

fn gaps(wal: &WalReport) -> String {
    let missing: u64 = wal.gaps.iter().map(Gap::count).sum();
    if missing == 0 {
        return line("Gaps", "none");
    }
    let mut out = line("Gaps", format!("{} missing", count(missing, "segment")));
    for gap in wal.gaps.iter().take(TOLD) {
        let last = Segment { timeline: gap.timeline, number: gap.last }.name(wal.stats.segment_size.unwrap_or_default());
        let names = if gap.first == gap.last { gap.name.clone() } else { format!("{} to {last}", gap.name) };
        let text = format!("{} {names}, {} to {}", count(gap.count(), "segment"), moment(gap.from), moment(gap.to));
        out.push_str(&line(&format!("  Timeline {}", gap.timeline), text));
    }
    if wal.gaps.len() > TOLD {
        out.push_str(&format!("    and {} more\n", wal.gaps.len() - TOLD));
    }
    out
}

fn growth(wal: &WalReport, out: &mut String) {
    let grows = wal.growth.map_or_else(
        || "nothing in the last days".to_owned(),
        |growth| format!("{growth} per hour, {} per day", Bytes(growth.0.saturating_mul(24))),
    );
    out.push_str(&line("Growth", grows));
    if let Some((free, all)) = wal.room {
        let full = wal.full_in_ms.map_or_else(String::new, |left| format!("; at this rate full in {}", span(left)));
        out.push_str(&line("Room", format!("{free} free of {all}{full}")));
    }
}

fn server(wal: &WalReport, out: &mut String) {
    let Some(archiver) = &wal.archiver else { return };
    out.push_str(&line("Archiver", archiver_words(archiver)));
    if let Some(command) = wal.source.command.as_ref().filter(|command| !command.is_empty()) {
        out.push_str(&line("Command", command));
    }
    slots(wal, out);
}

fn slots(wal: &WalReport, out: &mut String) {
    if wal.slots.is_empty() {
        out.push_str(&line("Slots", "none hold WAL"));
        return;
    }
    for (nth, slot) in wal.slots.iter().take(TOLD).enumerate() {
        let state = if slot.active { "active" } else { "nobody reads it" };
        out.push_str(
            &line(if nth == 0 { "Slots" } else { "" }, format!("{} holds {} ({state})", slot.name, slot.held)).replace("  :", "   "),
        );
    }
}

/// `on, last 00000003000000470000002F 19 s ago, 0 failed, 0 waiting`.
fn archiver_words(state: &ArchiverState) -> String {
    let mut parts = vec![match state.archive_mode.as_str() {
        "" => "not known".to_owned(),
        mode => mode.to_owned(),
    }];
    if state.is_failing() {
        parts.push("FAILING".to_owned());
    }
    match &state.last {
        Some((name, at)) => parts.push(format!("last {name} {} ago", span(state.clock.since(*at)))),
        None => parts.push("nothing archived yet".to_owned()),
    }
    parts.push(format!("{} failed", grouped(state.failed)));
    if let Some((name, at)) = &state.last_failed {
        parts.push(format!("the last {name} {} ago", span(state.clock.since(*at))));
    }
    parts.extend(state.ready.map(|ready| format!("{} waiting", grouped(ready))));
    parts.join(", ")
}

fn unknown(wal: &WalReport, out: &mut String) {
    for text in &wal.unknown {
        out.push_str(&line("Not known", text));
    }
}

/// The files, one a line.
pub fn list<'a>(entries: impl Iterator<Item = Entry<'a>>) -> String {
    let heads = [("FILE", Side::Left), ("KIND", Side::Left), ("TIMELINE", Side::Right), ("SIZE", Side::Right), ("WRITTEN", Side::Left)];
    table(
        heads,
        entries.map(|entry| {
            let around = [entry.compressed.then_some("compressed"), entry.encrypted.then_some("encrypted")];
            let kind = [Some(entry.kind)].into_iter().chain(around).flatten().collect::<Vec<_>>().join(", ");
            [entry.file.to_owned(), kind, entry.timeline.to_string(), entry.bytes.to_string(), moment(entry.at)]
        }),
    )
}

/// The timelines, and what of each is there.
pub fn timelines(report: &RecoveryReport) -> String {
    let heads = [
        ("TIMELINE", Side::Right),
        ("FROM", Side::Left),
        ("SEGMENTS", Side::Right),
        ("SIZE", Side::Right),
        ("FIRST", Side::Left),
        ("LAST", Side::Left),
        ("WRITTEN", Side::Left),
        ("WHY", Side::Left),
    ];
    let size = report.wal.stats.segment_size.unwrap_or_default();
    let name = |timeline, lsn, size: SegmentSize| Segment::at(timeline, lsn, size).name(size).to_string();
    let mut out = table(
        heads,
        report.wal.timelines.iter().map(|one| {
            let from = match one.parent {
                Some((parent, at)) => format!("{parent} at {at}"),
                None if one.timeline.0 == 1 => String::new(),
                None => "? (no history)".to_owned(),
            };
            let ends = one.range.map_or_else(Default::default, |(first, end)| {
                [name(one.timeline, first, size), name(one.timeline, crate::domain::wal::Lsn(end.0.saturating_sub(1)), size)]
            });
            let [first, last]: [String; 2] = ends;
            let times = one.times.map_or_else(String::new, |(from, to)| format!("{} to {}", moment(from), moment(to)));
            [one.timeline.to_string(), from, grouped(one.segments), one.bytes.to_string(), first, last, times, one.reason.clone()]
        }),
    );
    out.push('\n');
    out.push_str(&gaps(&report.wal));
    unknown(&report.wal, &mut out);
    out
}

/// What a check found: a line for what is there, what is missing and what is damaged.
pub fn checked(checked: &Checked) -> String {
    let name = |timeline, number| Segment { timeline, number }.name(checked.segment_size).to_string();
    let run = |timeline, first, last| match first == last {
        true => name(timeline, first),
        false => format!("{} to {}", name(timeline, first), name(timeline, last)),
    };
    let mut out = String::new();
    for part in &checked.found {
        let names = run(part.timeline, part.first, part.last);
        out.push_str(&format!("FOUND    timeline {}  {names}  {}\n", part.timeline, count(part.count(), "segment")));
    }
    for gap in &checked.gaps {
        let names = run(gap.timeline, gap.first, gap.last);
        let times = format!("{} to {}", moment(gap.from), moment(gap.to));
        out.push_str(&format!("MISSING  timeline {}  {names}  {}, {times}\n", gap.timeline, count(gap.count(), "segment")));
    }
    for history in &checked.histories {
        out.push_str(&format!("MISSING  {history}  without it nobody finds the way to that timeline\n"));
    }
    for damage in &checked.damaged {
        out.push_str(&format!("DAMAGED  {}  {}\n", clean(&damage.file), damage.why));
    }
    let unread = if checked.unread == 0 { String::new() } else { format!(", {} not readable here", count(checked.unread, "file")) };
    out.push_str(&format!("\n{} read ({} of log){unread}: ", count(checked.read, "file"), checked.plain));
    out.push_str(if checked.is_whole() { "nothing is missing, nothing is damaged\n" } else { "not whole\n" });
    out
}

/// What a cleanup takes away.
pub fn cleanup(plan: &Cleanup) -> String {
    let mut out = line("Archive", plan.dir.display().to_string());
    let files = |files: u64, bytes: Bytes| format!("{}, {bytes}", count(files, "file"));
    out.push_str(&line("Goes", files(plan.remove.len() as u64, plan.bytes)));
    if let (Some(first), Some(last)) = (plan.remove.first(), plan.remove.last()) {
        out.push_str(&line("  From", first));
        out.push_str(&line("  To", last));
    }
    let from = plan.from.as_ref().map_or_else(String::new, |from| format!(", segments from {from} on"));
    out.push_str(&line("Stays", format!("{}{from}", files(plan.kept.0, plan.kept.1))));
    for reason in &plan.reasons {
        out.push_str(&line("  Because", reason));
    }
    out
}

/// What a switch changes.
pub fn switch(switch: &Switch) -> String {
    let direction = match switch.direction {
        Direction::On => "on",
        Direction::Off => "off",
    };
    let mut out = format!("Switching archiving {direction} at {}:\n\n", clean(&switch.server));
    if switch.changes.is_empty() {
        out.push_str("  Nothing has to change.\n");
    } else {
        let heads = [("SETTING", Side::Left), ("NOW", Side::Left), ("THEN", Side::Left), ("HOLDS", Side::Left)];
        let shown = |text: &str| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() };
        out.push_str(&table(
            heads,
            switch.changes.iter().map(|change| {
                let then = change.to.as_deref().map_or_else(|| "as the configuration file says".to_owned(), shown);
                let holds = if change.setting.needs_restart() { "after a restart" } else { "at once" };
                [change.setting.name().to_owned(), shown(&change.from), then, holds.to_owned()]
            }),
        ));
    }
    out.push('\n');
    out.push_str(&checks(&switch.checks));
    for note in &switch.notes {
        out.push_str(&format!("  {}\n", clean(note)));
    }
    out
}

/// Questions and what came of them.
pub fn checks(checks: &[SwitchCheck]) -> String {
    let word = |answer: &Answer| match answer {
        Answer::Good => "[OK]",
        Answer::NotTested => "[NOT TESTED]",
        Answer::Later => "[THEN]",
    };
    checks.iter().map(|check| format!("  {:<12} {}\n", word(&check.answer), clean(&check.text))).collect()
}

/// What can be recovered.
pub fn status(report: &RecoveryReport) -> String {
    let wal = &report.wal;
    let mut out = String::from("Point-in-time recovery:\n======================================================\n");
    match report.windows.as_slice() {
        [] => out.push_str(&line("Recoverable", "nothing")),
        windows => {
            for (nth, (from, to)) in windows.iter().enumerate() {
                let text = line("Recoverable", format!("{} to {}", moment_zoned(*from), moment_zoned(*to)));
                out.push_str(&if nth == 0 { text } else { text.replace("Recoverable:", "and         ") });
            }
        }
    }
    if let Some((timeline, at)) = wal.archiver.as_ref().and_then(|archiver| archiver.now) {
        out.push_str(&line("Server Writes", format!("{at} on timeline {timeline}")));
    }
    if let Some(state) = &wal.archiver {
        let timeout = if state.archive_timeout == 0 {
            "no archive_timeout".to_owned()
        } else {
            format!("archive_timeout {} s", state.archive_timeout)
        };
        out.push_str(&line("Settings", format!("wal_level {}, archive_mode {}, {timeout}", state.wal_level, state.archive_mode)));
    }
    server(wal, &mut out);
    match &wal.source.dir {
        Some(dir) => {
            let held = format!("{}, {}", count(wal.stats.segments, "segment"), wal.stats.bytes);
            out.push_str(&line("Archive", format!("{} ({held})", dir.display())));
            out.push_str(&gaps(wal));
            growth(wal, &mut out);
        }
        None => out.push_str(&line("Archive", "not known")),
    }
    out.push('\n');
    out.push_str(&bases(report));
    findings(&report.findings, &mut out);
    unknown(wal, &mut out);
    out
}

fn bases(report: &RecoveryReport) -> String {
    if report.bases.is_empty() {
        return "  No base backup.\n".to_owned();
    }
    let heads = [
        ("BASE BACKUP", Side::Left),
        ("KIND", Side::Left),
        ("RECOVERS FROM", Side::Left),
        ("TIMELINE", Side::Right),
        ("START", Side::Left),
        ("SIZE", Side::Right),
        ("", Side::Left),
    ];
    table(
        heads,
        report.bases.iter().map(|base| {
            let kind = match base.kind {
                crate::domain::recovery::BaseKind::Full => "full",
                crate::domain::recovery::BaseKind::Differential => "differential",
                crate::domain::recovery::BaseKind::Incremental => "incremental",
            };
            let file = base.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let broken = base.broken.clone().unwrap_or_default();
            [
                file,
                kind.to_owned(),
                moment_zoned(base.ended),
                base.timeline.to_string(),
                base.start.to_string(),
                base.bytes.to_string(),
                broken,
            ]
        }),
    )
}

fn findings(findings: &[Finding], out: &mut String) {
    for finding in findings {
        out.push_str(&format!("\n[{}] {}\n", finding.severity.as_str().to_uppercase(), clean(&finding.title)));
        for evidence in &finding.evidence {
            out.push_str(&format!("    {}\n", clean(evidence)));
        }
        for step in &finding.steps {
            out.push_str(&format!("    {}\n", clean(&step.to_string())));
        }
    }
    if !findings.is_empty() {
        out.push('\n');
    }
}
