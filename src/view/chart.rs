//! Bars over time with an axis at either side.

use super::look::Role;
use super::page::Row;
use super::text;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Bars of values, one a column, so many rows high, with the scale at the left: the most at the top. Nothing is no bar, something at least
/// the smallest one.
pub fn bars(values: &[Option<u64>], most: u64, height: usize, label: usize, words: &dyn Fn(u64) -> String) -> Vec<Row> {
    let height = height.max(1);
    let most = most.max(1);
    let eighths = |value: u64| {
        let full = u128::from(value) * (height as u128 * 8) / u128::from(most);
        usize::try_from(full).unwrap_or(usize::MAX).min(height * 8).max(usize::from(value > 0))
    };
    let mut rows = Vec::new();
    for row in 0..height {
        let below = (height - 1 - row) * 8;
        let said = match row {
            0 => words(most),
            _ if height > 2 && row * 2 == height => words(most / 2),
            _ => String::new(),
        };
        let line: String = values
            .iter()
            .map(|value| match value.map(|value| eighths(value).saturating_sub(below)) {
                None | Some(0) => ' ',
                Some(filled) => LEVELS[filled.min(8) - 1],
            })
            .collect();
        rows.push(Row::of(text::right(&said, label), Role::Muted).then("┤", Role::Rule).then(line, Role::Bar));
    }
    rows
}

/// The next number that reads well: 1, 2 or 5 with zeros.
pub fn round_up(value: u64) -> u64 {
    let mut step = 1u64;
    loop {
        for factor in [1, 2, 5] {
            let round = step.saturating_mul(factor);
            if round >= value {
                return round;
            }
        }
        step = step.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_bar_is_full_and_the_smallest_is_seen() {
        let drawn: Vec<String> =
            bars(&[None, Some(0), Some(1), Some(500), Some(1000)], 1000, 2, 5, &|value| value.to_string()).iter().map(Row::text).collect();
        assert_eq!(drawn, [" 1000┤    █", "     ┤  ▁██"]);
        assert_eq!([0, 1, 3, 13, 501, u64::MAX].map(round_up), [1, 1, 5, 20, 1000, u64::MAX]);
    }
}
