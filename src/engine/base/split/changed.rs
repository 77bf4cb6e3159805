//! Files of which only what has changed goes into the archive: their blocks, and what stands before them.

use super::{Sink, Splitter};
use crate::archive::base::{self, Attributes, FileEntry, FileKind, Increment, PAGE};
use crate::domain::Fault;
use crate::engine::base::compare::{Compare, Verdict};
use crate::engine::base::press::{Pages, Task};
use std::sync::Arc;

impl<S: Sink> Splitter<S> {
    /// Compares what is held; where more has changed than goes into one frame, it goes on its way.
    pub(super) fn compare(&mut self, compare: &mut Compare, blocks: Option<u32>) -> Result<(), Fault> {
        let Some(earlier) = &mut self.earlier else { return Ok(()) };
        self.hashed += compare.judge(earlier.as_mut(), &mut self.hashes)?;
        let most = self.chunk / PAGE;
        while compare.changed() > most {
            if compare.reserved.is_none() {
                // What stands before the blocks is known at the end, and its frame comes before theirs.
                self.flush()?;
                compare.reserved = Some(self.next);
                self.next += 1;
            }
            self.flush()?;
            let path: Arc<str> = Arc::from(compare.path.as_str());
            let judged = self.since.is_some();
            let frame = self.frame()?;
            let numbers = compare.take(most, &mut frame.plain);
            if judged {
                let blocks = numbers.iter().map(|nth| blocks.unwrap_or(0).wrapping_add(*nth)).collect();
                frame.pages.push(Pages { path, at: 0, blocks });
            }
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what a comparison came to.
    pub(super) fn compared(
        &mut self,
        mut compare: Compare,
        blocks: Option<u32>,
        entry: &mut FileEntry,
        attributes: &Attributes,
    ) -> Result<(), Fault> {
        let verdict = compare.verdict();
        if verdict == Verdict::Unchanged {
            (entry.kind, entry.size, entry.whole) = (FileKind::Unchanged, 0, Some(attributes.size));
            return Ok(());
        }
        let numbers = compare.numbers().to_vec();
        let mut before = Vec::new();
        if verdict == Verdict::Partly {
            (entry.kind, entry.whole) = (FileKind::Increment, Some(attributes.size));
            let truncation = u32::try_from(attributes.size / PAGE as u64).unwrap_or(u32::MAX);
            before = Increment { truncation, blocks: numbers.clone() }.write();
        }
        entry.size = (before.len() + numbers.len() * PAGE) as u64;
        let name = entry.entry().unwrap_or_else(|| entry.path.clone());
        let attributes = Attributes { size: entry.size, ..attributes.clone() };
        let path: Arc<str> = Arc::from(entry.path.as_str());
        let judged = self.since.is_some();
        let block = |nth: &u32| blocks.unwrap_or(0).wrapping_add(*nth);
        let Some(reserved) = compare.reserved else {
            let mut header = Vec::new();
            base::header(&name, &attributes, &mut header);
            let whole = header.len() + before.len() + numbers.len() * PAGE;
            if self.frame.as_ref().is_some_and(|frame| frame.plain.len() + whole > self.chunk) {
                self.flush()?;
            }
            let frame = self.frame()?;
            frame.plain.extend_from_slice(&header);
            (entry.frame, entry.at) = (frame.number, frame.plain.len() as u64);
            frame.plain.extend_from_slice(&before);
            frame.entries.push(name);
            let at = frame.plain.len();
            let left = compare.take(numbers.len(), &mut frame.plain);
            if judged {
                frame.pages.push(Pages { path, at, blocks: left.iter().map(block).collect() });
            }
            frame.plain.extend_from_slice(base::padding(entry.size));
            return Ok(());
        };
        if compare.changed() > 0 {
            let count = compare.changed();
            let frame = self.frame()?;
            let left = compare.take(count, &mut frame.plain);
            if judged {
                frame.pages.push(Pages { path, at: 0, blocks: left.iter().map(block).collect() });
            }
            self.flush()?;
        }
        let (mut plain, lease) = self.sink.buffer()?;
        base::header(&name, &attributes, &mut plain);
        (entry.frame, entry.at) = if before.is_empty() { (reserved + 1, 0) } else { (reserved, plain.len() as u64) };
        plain.extend_from_slice(&before);
        let since = self.since.unwrap_or_default();
        self.sink.put(Task { number: reserved, plain, lease, entries: vec![name], pages: Vec::new(), since })
    }
}
