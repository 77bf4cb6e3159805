//! Whatever is pushed in whatever order, the archive holds the first content of each name and nothing else.

use super::{OWN, SIZE, Site, content, name};
use dbbackup::domain::{Code, Codec, Compression};
use dbbackup::engine::wal::fetch::{self, Fetched};
use dbbackup::engine::wal::push::{self, Done};
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_first_content_of_each_name_stays(steps in prop::collection::vec((1u64..4, 0u64..2, 0usize..4, 1usize..3), 1..10)) {
        let site = Site::new();
        let codecs = [Codec::Zstd, Codec::Gzip, Codec::Lz4, Codec::None];
        let mut first = BTreeMap::new();
        for (number, seed, codec, jobs) in steps {
            let name = site.segment(number, seed);
            let order = push::Order { dir: site.archive(), compression: Compression::default_of(codecs[codec]), jobs, spool: None };
            let done = push::archive(&order, &site.wal().join(&name), name.parse().expect("a name")).map_err(|fault| fault.code);
            match first.get(&number) {
                None => {
                    prop_assert_eq!(done, Ok(Done::Archived));
                    first.insert(number, seed);
                }
                Some(known) if *known == seed => prop_assert_eq!(done, Ok(Done::Already)),
                Some(_) => prop_assert_eq!(done, Err(Code::WalConflict)),
            }
        }
        let order = fetch::Order { dir: site.archive(), spool: None, ahead: 0, jobs: 1 };
        for number in 1..4 {
            let fetched = fetch::restore(&order, name(number).parse().expect("a name"), &site.handed()).map_err(|fault| fault.code);
            match first.get(&number) {
                None => prop_assert_eq!(fetched, Ok(Fetched::NotThere)),
                Some(seed) => {
                    prop_assert_eq!(fetched, Ok(Fetched::Handed));
                    let handed = std::fs::read(site.handed()).expect("handed over");
                    prop_assert!(handed.len() == SIZE && handed == content(OWN, number, *seed));
                }
            }
        }
    }
}
