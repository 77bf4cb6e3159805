//! Bars and sparklines.

use super::look::Role;
use super::page::Row;
use crate::domain::job::Ratio;

const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar of so many cells; full only when all is done.
pub fn bar(ratio: Ratio, over: Over, cells: usize) -> Row {
    let percent = percent(ratio, over);
    let eighths = (percent / 100.0 * (cells * 8) as f64).floor() as usize;
    let eighths = if percent < 100.0 { eighths.min((cells * 8).saturating_sub(1)) } else { cells * 8 };
    let mut full = "█".repeat(eighths / 8);
    if eighths % 8 > 0 {
        full.push(EIGHTHS[eighths % 8]);
    }
    let rest = cells.saturating_sub(full.chars().count());
    Row::of(full, Role::Bar).then("·".repeat(rest), Role::Track)
}

/// Whether the thing that is measured has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It goes on: 100 % is not said, even where an estimate was too low.
    No,
    /// It is done.
    Yes,
}

/// Percent, 100 only when it is over.
pub fn percent(ratio: Ratio, over: Over) -> f64 {
    match over {
        Over::Yes => 100.0,
        Over::No => ratio.percent().min(99.9),
    }
}

/// Percent in a width that never changes: ` 34.2 %`.
pub fn percent_text(ratio: Ratio, over: Over) -> String {
    match over {
        Over::Yes => "  100 %".to_owned(),
        // Rounded down: 99.96 must not print as 100.0.
        Over::No => format!("{:>5.1} %", (percent(ratio, over) * 10.0).floor() / 10.0),
    }
}

/// The last values as a line of so many cells, the largest at full height.
pub fn spark<'a>(values: impl DoubleEndedIterator<Item = &'a u64> + Clone, cells: usize) -> String {
    let shown: Vec<u64> = values.rev().take(cells).copied().collect();
    let most = shown.iter().copied().max().unwrap_or(0).max(1);
    shown.into_iter().rev().map(|value| LEVELS[(u128::from(value) * 7 / u128::from(most)) as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        let almost = Ratio { done: 99_999, total: 100_000 };
        assert_eq!(percent_text(almost, Over::No), " 99.9 %");
        assert_eq!(percent_text(Ratio { done: 12, total: 10 }, Over::No), " 99.9 %");
        assert_eq!(percent_text(almost, Over::Yes), "  100 %");
        assert_eq!(percent_text(Ratio::default(), Over::No), "  0.0 %");
        assert_eq!(bar(almost, Over::No, 4).width(), 4);
        assert_eq!(bar(almost, Over::Yes, 0).width(), 0);
    }

    #[test]
    fn a_sparkline_scales_to_its_largest_value() {
        assert_eq!(spark([0, 5, 10].iter(), 8), "▁▄█");
        assert_eq!(spark([1, 2, 3].iter(), 2), "▅█");
    }
}
