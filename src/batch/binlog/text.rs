//! The words of `binlog list | stats | cleanup`.

use crate::batch::table::{Side, table};
use crate::domain::Stamp;
use crate::domain::binlog::{BinlogGap, BinlogReport};
use crate::domain::size::grouped;
use crate::domain::text::clean;
use crate::domain::time::span;
use crate::domain::wal::Cleanup;

/// Gaps that are told one by one.
const TOLD: usize = 20;

/// Files of a cleanup that are told one by one.
const NAMED: usize = 10;

/// A moment in the host's zone.
fn moment(at: Stamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn line(name: &str, value: impl AsRef<str>) -> String {
    format!("  {:<17} {}\n", format!("{name}:"), clean(value.as_ref()))
}

fn files(count: u64) -> String {
    format!("{} file{}", grouped(count), if count == 1 { "" } else { "s" })
}

fn gap(gap: &BinlogGap) -> String {
    let names = if gap.first == gap.last { gap.first.to_string() } else { format!("{} to {}", gap.first, gap.last) };
    format!("{names}: {} missing, between {} and {}", files(gap.count()), moment(gap.from), moment(gap.to))
}

fn gaps(report: &BinlogReport) -> String {
    let mut out = String::new();
    for one in report.gaps.iter().take(TOLD) {
        out.push_str(&line("Gap", gap(one)));
    }
    if report.gaps.len() > TOLD {
        out.push_str(&line("Gap", format!("and {} more", report.gaps.len() - TOLD)));
    }
    if !report.gaps.is_empty() {
        out.push_str("  To fix: no moment in a gap, and none after it from a backup before it, can be recovered. Make a new backup:\n          dbbackup backup cluster\n");
    }
    out
}

/// The files.
pub fn list(report: &BinlogReport) -> String {
    let heads = [
        ("LOG", Side::Left),
        ("FIRST EVENT", Side::Left),
        ("LAST EVENT", Side::Left),
        ("SIZE", Side::Right),
        ("STORED", Side::Right),
        ("STATE", Side::Left),
        ("TRANSACTIONS BEFORE", Side::Left),
    ];
    let rows = report.logs.iter().map(|held| {
        [
            held.log.to_string(),
            held.first.map(moment).unwrap_or_default(),
            moment(held.last),
            held.plain.map_or_else(|| "?".to_owned(), |bytes| bytes.to_string()),
            held.bytes.to_string(),
            if held.whole { "whole" } else { "in work" }.to_owned(),
            held.before.clone().unwrap_or_default(),
        ]
    });
    let mut out = table(heads, rows);
    out.push_str(&gaps(report));
    out
}

/// The figures.
pub fn stats(report: &BinlogReport) -> String {
    let stats = &report.stats;
    let mut out = String::from("Binary Log Archive Statistics:\n======================================================\n");
    out.push_str(&line("Archive", report.dir.display().to_string()));
    if let Some(owner) = &report.owner {
        out.push_str(&line("Server", owner));
    }
    out.push_str(&line("Total Files", grouped(stats.files)));
    let saved = stats.saved().map_or_else(String::new, |saved| format!(" ({saved:.1}% saved)"));
    out.push_str(&line("Total Size", format!("{}{saved}", stats.bytes)));
    if let Some((log, bytes)) = &stats.open {
        out.push_str(&line("In Work", format!("{log}, {bytes}")));
    }
    for (name, held) in [("Oldest Log", report.logs.first()), ("Newest Log", report.logs.last())] {
        if let Some(held) = held {
            out.push_str(&line(name, held.log.to_string()));
            out.push_str(&line("  First Event", held.first.map_or_else(|| "?".to_owned(), moment)));
            out.push_str(&line("  Last Event", moment(held.last)));
        }
    }
    if let Some(before) = report.logs.first().and_then(|held| held.before.as_ref()).filter(|before| !before.is_empty()) {
        out.push_str(&line("Not Before", format!("transactions up to {before} are not in it")));
    }
    if let Some(growth) = report.growth {
        out.push_str(&line("Growth", format!("{growth} per hour")));
    }
    if let Some((free, all)) = report.room {
        let full = report.full_in_ms.map_or_else(String::new, |ms| format!(", used up in {}", span(ms)));
        out.push_str(&line("Room", format!("{free} of {all} free{full}")));
    }
    if let Some(upstream) = &report.upstream {
        if let (Some(oldest), Some(end)) = (&upstream.oldest, &upstream.end) {
            out.push_str(&line("Server's Log", format!("{oldest} to {end}")));
        }
        out.push_str(&line(
            "Behind",
            upstream.behind.map_or_else(|| "the server no longer has what follows the archive".to_owned(), |bytes| bytes.to_string()),
        ));
    }
    if stats.strangers > 0 {
        out.push_str(&line("Other Files", grouped(stats.strangers)));
    }
    out.push_str(&if report.gaps.is_empty() { line("Gaps", "none") } else { gaps(report) });
    for unknown in &report.unknown {
        out.push_str(&line("Unknown", unknown));
    }
    out
}

/// What would go.
pub fn cleanup(plan: &Cleanup, again: &str) -> String {
    let mut out = String::new();
    for reason in &plan.reasons {
        out.push_str(&line("Kept", reason));
    }
    if plan.remove.is_empty() {
        out.push_str("\nNothing has to go.\n");
        return out;
    }
    out.push_str(&line("To remove", format!("{}, {}", files(plan.remove.len() as u64), plan.bytes)));
    for file in plan.remove.iter().take(NAMED) {
        out.push_str(&format!("    {}\n", clean(file)));
    }
    if plan.remove.len() > NAMED {
        out.push_str(&format!("    and {} more\n", plan.remove.len() - NAMED));
    }
    out.push_str(&line(
        "To keep",
        format!("{}, {}, from {} on", files(plan.kept.0), plan.kept.1, plan.from.as_deref().unwrap_or("the first")),
    ));
    out.push_str(&format!("\nNothing was removed. To remove it:\n  {again}\n"));
    out
}
