//! Timeline histories: `00000003.history` has a line for each timeline that led to timeline 3: its number, where it ended, why
//! (PostgreSQL, `access/transam/timeline.c`). The last line is the parent.

use super::{Lsn, Timeline};

/// A line of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The timeline that was left.
    pub from: Timeline,
    /// Where it was left.
    pub at: Lsn,
    /// Why, in the server's words.
    pub reason: String,
}

/// Reads a history, oldest branch first; the error says which line is none.
pub fn read(text: &str) -> Result<Vec<Branch>, String> {
    let mut branches: Vec<Branch> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let wrong = || format!("{line:?} is no line of a timeline's history");
        let mut words = line.splitn(3, |c: char| c.is_ascii_whitespace());
        let from = words.next().and_then(|word| word.parse().ok()).map(Timeline).ok_or_else(wrong)?;
        let at = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
        if branches.last().is_some_and(|last| last.from >= from) {
            return Err(wrong());
        }
        branches.push(Branch { from, at, reason: words.next().unwrap_or_default().trim().to_owned() });
    }
    Ok(branches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_parent() {
        let text = "# a comment\n1\t0/3000158\tno recovery target specified\n\n2\t1/A0\tbefore 2026-01-30 14:02:59+01\n";
        let branches = read(text).expect("a history");
        assert_eq!(branches.len(), 2);
        assert_eq!((branches[1].from, branches[1].at), (Timeline(2), Lsn(1 << 32 | 0xA0)));
        assert_eq!(branches[1].reason, "before 2026-01-30 14:02:59+01");
        assert_eq!(read(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_history_is_refused() {
        for wrong in ["one\t0/1\tx", "1 0x1 x", "1", "2\t0/1\tx\n2\t0/2\ty", "2\t0/1\tx\n1\t0/2\ty"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
