//! Cuts tables into parts that are read separately, so that the last part is small and no core idles while one giant table is read.

use crate::domain::schema::{Range, Table};

/// A table below this is read in one piece: a further query would cost more than it gains.
const SMALLEST_CUT: u64 = 16 << 20;

/// Parts that each reader should get, if tables can be cut that way: the last one to end is then a small share of the run.
const PARTS_PER_JOB: u64 = 16;

/// A table of no more than this share of what one job gets, in percent, is read in one piece too. Reading is less than half of the work, so
/// one session keeps up; and the server reads a whole table through a small ring of buffers, but ranges of it through its whole cache,
/// which costs it a tenth more and pushes out what its users need.
const WHOLE_SHARE: u64 = 120;

/// A piece of a table, read by one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The table's place in the list.
    pub table: usize,
    /// The part's place in the table.
    pub part: u32,
    /// The rows; all of the table without.
    pub range: Option<Range>,
    /// Bytes on the server's disk, TOAST included: what work is weighed by.
    pub weight: u64,
}

/// Into how many pieces each table is best cut.
pub fn pieces(tables: &[Table], jobs: u32) -> Vec<u64> {
    let total: u64 = tables.iter().map(|table| table.total_bytes).sum();
    let jobs = u64::from(jobs.max(1));
    let limit = (total / (jobs * PARTS_PER_JOB)).max(SMALLEST_CUT);
    let whole = total / jobs * WHOLE_SHARE / 100;
    let of = |table: &Table| {
        // Pages are weighed with their TOAST: 25,000 pages of pointers can stand for 200 GB.
        if table.splittable && table.total_bytes > whole { table.total_bytes.div_ceil(limit).max(1) } else { 1 }
    };
    tables.iter().map(of).collect()
}

/// The parts of all tables, the heaviest first; `cuts`: the ranges of each table, none where it is read whole.
pub fn parts(tables: &[Table], cuts: Vec<Vec<Range>>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(tables.len());
    for (at, (table, ranges)) in tables.iter().zip(cuts).enumerate() {
        let whole = ranges.len() < 2;
        let weight = table.total_bytes / ranges.len().max(1) as u64;
        let ranges = if whole { vec![None] } else { ranges.into_iter().map(Some).collect() };
        for (place, range) in ranges.into_iter().enumerate() {
            parts.push(Part { table: at, part: u32::try_from(place).unwrap_or(u32::MAX), range, weight });
        }
    }
    parts.sort_by(|a, b| b.weight.cmp(&a.weight).then(a.table.cmp(&b.table)).then(a.part.cmp(&b.part)));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::PageRange;
    use proptest::prelude::*;

    const PAGE: u64 = 8192;

    /// As PostgreSQL's snapshots cut.
    fn cut(tables: &[Table], jobs: u32) -> Vec<Part> {
        let cuts = tables.iter().zip(pieces(tables, jobs)).map(|(table, pieces)| match pieces {
            1 => Vec::new(),
            _ => PageRange::split(table.heap_bytes / PAGE, pieces).map(Range::Pages).collect(),
        });
        parts(tables, cuts.collect())
    }

    fn table(heap_bytes: u64, toast: u64, splittable: bool) -> Table {
        Table { heap_bytes, total_bytes: heap_bytes + toast, splittable, ..Table::default() }
    }

    #[test]
    fn a_giant_table_is_cut_and_small_ones_are_not() {
        let tables = [table(8 << 20, 0, true), table(4 << 30, 0, true), table(4 << 30, 0, false)];
        let parts = cut(&tables, 4);
        assert_eq!(parts[0].table, 2, "what cannot be cut is the heaviest part and goes first");
        assert_eq!(parts.iter().filter(|part| part.table == 1).count(), 32);
        assert_eq!(parts.last().map(|part| (part.table, part.range.clone())), Some((0, None)));
    }

    #[test]
    fn a_table_that_one_session_can_keep_up_with_is_read_whole() {
        let others = || (0..10).map(|_| table(60 << 20, 0, true));
        let parts = |giant: u64, jobs| cut(&others().chain([table(giant, 0, true)]).collect::<Vec<_>>(), jobs).len() - 10;
        assert_eq!(parts(600 << 20, 2), 1, "half of everything, for two jobs");
        assert!(parts(1800 << 20, 2) > 4, "three quarters of everything, for two jobs");
        assert!(parts(600 << 20, 4) > 4, "half of everything, for four jobs");
        assert_eq!(parts(6000 << 20, 1), 1, "one job reads all of it anyway");
    }

    #[test]
    fn few_pages_with_much_toast_are_cut_too() {
        let parts = cut(&[table(100 * PAGE, 10 << 30, true)], 4);
        assert_eq!(parts.len(), 64);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn every_page_is_in_exactly_one_part(
            sizes in proptest::collection::vec((0u64..1 << 45, 0u64..1 << 40, any::<bool>()), 0..8), jobs in 1u32..64,
        ) {
            let tables: Vec<_> = sizes.iter().map(|(heap, toast, cut)| table(*heap, *toast, *cut)).collect();
            let parts = cut(&tables, jobs);
            prop_assert!(parts.is_sorted_by(|a, b| a.weight >= b.weight));
            for (at, table) in tables.iter().enumerate() {
                let mut of: Vec<_> = parts.iter().filter(|part| part.table == at).collect();
                of.sort_by_key(|part| part.part);
                prop_assert!(!of.is_empty());
                if of.len() == 1 {
                    prop_assert_eq!(&of[0].range, &None);
                    continue;
                }
                prop_assert!(table.splittable);
                let mut next = 0;
                for (number, part) in of.iter().enumerate() {
                    let Some(Range::Pages(range)) = &part.range else { panic!("a cut table has ranges") };
                    prop_assert_eq!(range.from, next);
                    match range.to {
                        Some(to) => { prop_assert!(to > range.from); next = to; }
                        None => prop_assert_eq!(number + 1, of.len(), "only the last is open"),
                    }
                }
                prop_assert!(matches!(of.last().and_then(|part| part.range.as_ref()), Some(Range::Pages(range)) if range.to.is_none()));
            }
        }
    }
}
