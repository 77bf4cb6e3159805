//! From what an archive holds to its figures: stretches, gaps, timelines, hours, growth. Pure.

use super::survey::{Seen, Survey};
use crate::domain::recovery::Stretch;
use crate::domain::text::clean;
use crate::domain::wal::{Gap, Hour, Segment, SegmentSize, Timeline, TimelineSummary, WalName, WalStats};
use crate::domain::{Bytes, Stamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// Hours that are told one by one.
const HOURS: usize = 24 * 31;

/// Above this number of segments a stretch keeps only when its first and last one were written.
const MARKED: usize = 100_000;

const HOUR_MS: i64 = 3_600_000;

/// Growth is measured over the last days, so that one busy night is neither everything nor nothing.
const GROWTH_MS: u64 = 7 * 24 * 3_600_000;

/// The least time that growth is measured over: the first minutes of an archive say nothing.
const LEAST_GROWTH_MS: u64 = 3_600_000;

/// The figures.
pub fn stats(survey: &Survey) -> WalStats {
    let mut stats = WalStats { strangers: survey.strangers, segment_size: survey.segment_size, ..WalStats::default() };
    for seen in &survey.files {
        stats.files += 1;
        stats.bytes += Bytes(seen.bytes);
        match seen.stored.name {
            WalName::Segment(_) => stats.segments += 1,
            WalName::Partial(_) => stats.partials += 1,
            WalName::Backup(..) => stats.labels += 1,
            WalName::History(_) => stats.histories += 1,
        }
        if seen.is_compressed() && matches!(seen.stored.name, WalName::Segment(_)) {
            stats.compressed.0 += 1;
            stats.compressed.1 += Bytes(seen.bytes);
        }
        stats.encrypted += u64::from(seen.stored.wrapping.encrypted);
    }
    let segments = || survey.files.iter().filter_map(|seen| Some((segment_name(seen)?, seen)));
    let told = |(name, seen): (crate::domain::wal::SegmentName, &Seen)| (name.to_string(), seen.at);
    stats.oldest = segments().min_by_key(|(name, _)| (name.log, name.segment, name.timeline)).map(told);
    stats.newest = segments().max_by_key(|(name, _)| (name.timeline, name.log, name.segment)).map(told);
    stats
}

fn segment_name(seen: &Seen) -> Option<crate::domain::wal::SegmentName> {
    match seen.stored.name {
        WalName::Segment(name) => Some(name),
        _ => None,
    }
}

/// A file as lists show it.
#[derive(Clone, Debug, Serialize)]
pub struct Entry<'a> {
    /// Its name.
    pub file: &'a str,
    /// `segment`, `partial`, `label`, `history`.
    pub kind: &'static str,
    /// Its timeline.
    pub timeline: Timeline,
    /// Its bytes as stored.
    pub bytes: Bytes,
    /// When it was last written.
    pub at: Stamp,
    /// Whether it is compressed.
    pub compressed: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
}

/// The files of the log, by name.
pub fn entries(survey: &Survey) -> impl Iterator<Item = Entry<'_>> {
    survey.files.iter().map(|seen| {
        let (kind, timeline) = match seen.stored.name {
            WalName::Segment(name) => ("segment", name.timeline),
            WalName::Partial(name) => ("partial", name.timeline),
            WalName::Backup(name, _) => ("label", name.timeline),
            WalName::History(timeline) => ("history", timeline),
        };
        let (compressed, encrypted) = (seen.is_compressed(), seen.stored.wrapping.encrypted);
        Entry { file: seen.file(), kind, timeline, bytes: Bytes(seen.bytes), at: seen.at, compressed, encrypted }
    })
}

/// The whole segments by number, each once.
pub fn segments(survey: &Survey, size: SegmentSize) -> Vec<(Segment, &Seen)> {
    let mut found: Vec<(Segment, &Seen)> =
        survey.files.iter().filter_map(|seen| Some((segment_name(seen)?.segment(size)?, seen))).collect();
    found.sort_by_key(|(segment, _)| *segment);
    found.dedup_by_key(|(segment, _)| *segment);
    found
}

/// Runs of segments that follow one another, by timeline and number.
pub fn stretches(segments: &[(Segment, &Seen)]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (segment, seen) in segments {
        match stretches.last_mut() {
            Some(last) if last.timeline == segment.timeline && last.last + 1 == segment.number => {
                last.last = segment.number;
                last.to = seen.at;
                last.bytes += Bytes(seen.bytes);
            }
            _ => stretches.push(Stretch {
                timeline: segment.timeline,
                first: segment.number,
                last: segment.number,
                from: seen.at,
                to: seen.at,
                bytes: Bytes(seen.bytes),
                marks: Vec::new(),
            }),
        }
        if segments.len() <= MARKED
            && let Some(last) = stretches.last_mut()
        {
            last.marks.push((seen.at, seen.bytes));
        }
    }
    stretches
}

/// The timelines that there is anything of, by number.
pub fn timelines(survey: &Survey, stretches: &[Stretch], size: SegmentSize) -> Vec<TimelineSummary> {
    let mut found: BTreeMap<Timeline, TimelineSummary> = BTreeMap::new();
    for (timeline, branches) in &survey.histories {
        let mut child = *timeline;
        // A history tells its ancestors' branches too, so that one that is lost costs nothing while a younger one is there.
        for branch in branches.iter().flatten().rev() {
            let one = found.entry(child).or_default();
            one.parent = one.parent.or(Some((branch.from, branch.at)));
            if one.reason.is_empty() {
                one.reason = clean(&branch.reason);
            }
            child = branch.from;
        }
        found.entry(*timeline).or_default();
    }
    // What is known only from a history, and has no segment and no history of its own, is no timeline of this archive.
    found.retain(|timeline, _| {
        survey.histories.iter().any(|(own, _)| own == timeline) || stretches.iter().any(|one| one.timeline == *timeline)
    });
    for stretch in stretches {
        let one = found.entry(stretch.timeline).or_default();
        one.segments += stretch.last - stretch.first + 1;
        one.bytes += stretch.bytes;
        let (first, last) =
            (Segment { timeline: stretch.timeline, number: stretch.first }, Segment { timeline: stretch.timeline, number: stretch.last });
        one.range = Some((one.range.map_or(first.start(size), |(from, _)| from), last.end(size)));
        one.times = Some((one.times.map_or(stretch.from, |(from, _)| from), stretch.to));
    }
    found.into_iter().map(|(timeline, one)| TimelineSummary { timeline, ..one }).collect()
}

/// What is missing within each timeline, and between one and the timeline that branched off from it; oldest first.
pub fn gaps(stretches: &[Stretch], timelines: &[TimelineSummary], size: SegmentSize) -> Vec<Gap> {
    let gap = |timeline: Timeline, first: u64, last: u64, from: Stamp, to: Stamp| Gap {
        timeline,
        first,
        last,
        name: Segment { timeline, number: first }.name(size).to_string(),
        from,
        to,
    };
    let mut gaps: Vec<Gap> = stretches
        .windows(2)
        .filter(|two| two[0].timeline == two[1].timeline)
        .map(|two| gap(two[0].timeline, two[0].last + 1, two[1].first - 1, two[0].to, two[1].from))
        .collect();
    for child in timelines {
        let Some((parent, at)) = child.parent else { continue };
        let switch = Segment::at(child.timeline, at, size).number;
        let Some(first) = stretches.iter().find(|one| one.timeline == child.timeline) else { continue };
        // Where nothing of the parent is there, it was taken away.
        let Some(before) = stretches.iter().rfind(|one| one.timeline == parent && one.first < switch) else { continue };
        if before.last + 1 < switch && !stretches.iter().any(|one| one.timeline == parent && one.first > before.last) {
            gaps.push(gap(parent, before.last + 1, switch - 1, before.to, first.from));
        }
        if first.first > switch {
            gaps.push(gap(child.timeline, switch, first.first - 1, before.to, first.from));
        }
    }
    gaps.sort_by_key(|gap| (gap.from, gap.timeline, gap.first));
    gaps
}

/// What was archived in each hour in which something was, oldest first.
pub fn hours(segments: &[(Segment, &Seen)]) -> Vec<Hour> {
    let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
    for (_, seen) in segments {
        let start = seen.at.0.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
        let hour = hours.entry(start).or_insert(Hour { start: Stamp(start), ..Hour::default() });
        hour.segments += 1;
        hour.bytes += Bytes(seen.bytes);
    }
    let skipped = hours.len().saturating_sub(HOURS);
    hours.into_values().skip(skipped).collect()
}

/// Bytes by which the archive has grown per hour in the last days; none where nothing was archived then.
pub fn growth(segments: &[(Segment, &Seen)], now: Stamp) -> Option<Bytes> {
    pace(segments.iter().map(|(_, seen)| (seen.at, seen.bytes)), now)
}

/// The same of files by their times and bytes.
pub fn pace(files: impl Iterator<Item = (Stamp, u64)> + Clone, now: Stamp) -> Option<Bytes> {
    let oldest = files.clone().map(|(at, _)| at).min()?;
    let span = now.since(oldest).clamp(LEAST_GROWTH_MS, GROWTH_MS);
    let since = now.0.saturating_sub(i64::try_from(span).unwrap_or(i64::MAX));
    let bytes: u128 = files.filter(|(at, _)| at.0 >= since).map(|(_, bytes)| u128::from(bytes)).sum();
    let per_hour = u64::try_from(bytes * 3_600_000 / u128::from(span)).unwrap_or(u64::MAX);
    (per_hour > 0).then_some(Bytes(per_hour))
}

/// Milliseconds until room is used up.
pub fn full_in(free: Bytes, per_hour: Bytes) -> Option<u64> {
    u64::try_from(u128::from(free.0) * 3_600_000 / u128::from(per_hour.0.max(1))).ok()
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
