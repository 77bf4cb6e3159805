//! Pages of relation files: which files have them, and whether a page is what its checksum says.
//!
//! The checksum is that of `storage/checksum_impl.h`: 32 FNV-1a sums side by side, folded, mixed with the block's number, and reduced to 1 to 65535.
//! The header is `PageHeaderData` of `storage/bufpage.h`: position of the last change (two u32), checksum u16, flags u16, lower u16, upper u16.

use crate::domain::wal::Lsn;

/// Bytes of a page.
pub const PAGE: usize = 8192;

/// Blocks in one file of a relation, as every distributed server is built.
pub const SEGMENT_BLOCKS: u32 = 131_072;

const SUMS: usize = 32;
const PRIME: u32 = 16_777_619;

/// What the sums begin with.
const OFFSETS: [u32; SUMS] = [
    0x5B1F_36E9,
    0xB852_5960,
    0x02AB_50AA,
    0x1DE6_6D2A,
    0x79FF_467A,
    0x9BB9_F8A3,
    0x217E_7CD2,
    0x83E1_3D2C,
    0xF8D4_474F,
    0xE39E_B970,
    0x42C6_AE16,
    0x9932_16FA,
    0x7B09_3B5D,
    0x98DA_FF3C,
    0xF718_902A,
    0x0B1C_9CDB,
    0xE58F_764B,
    0x1876_36BC,
    0x5D7B_3BB1,
    0xE73D_E7DE,
    0x92BE_C979,
    0xCCA6_C0B2,
    0x304A_0979,
    0x85AA_43D4,
    0x7831_25BB,
    0x6CA8_EAA2,
    0xE407_EAC6,
    0x4B5C_FC3E,
    0x9FBF_8C76,
    0x15CA_20BE,
    0xF2CA_9FD3,
    0x959B_D756,
];

/// The number of the first block in a file, if it is one of a relation's: its path in the data directory or tablespace, such as `base/5/16401.2`
/// or `PG_15_202209061/5/16401_fsm`.
pub fn first_block(path: &str) -> Option<u32> {
    let (dir, name) = path.rsplit_once('/')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if dir != "global" && !dir.rsplit('/').next().is_some_and(digits) {
        return None;
    }
    let (name, segment) = match name.split_once('.') {
        Some((name, segment)) if digits(segment) => (name, segment.parse::<u32>().ok()?),
        Some(_) => return None,
        None => (name, 0),
    };
    let node = name.split_once('_').map_or(Some(name), |(node, fork)| matches!(fork, "fsm" | "vm" | "init").then_some(node))?;
    if !digits(node) {
        return None;
    }
    segment.checked_mul(SEGMENT_BLOCKS)
}

/// Whether a page is as its checksum says. New pages have none, and pages changed after `since` may have been read half-way: what they should be
/// comes from the log.
pub fn is_sound(page: &[u8; PAGE], block: u32, since: Lsn) -> bool {
    let short = |at: usize| u16::from_le_bytes([page[at], page[at + 1]]);
    let long = |at: usize| u64::from(u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]));
    let upper = short(14);
    let changed = Lsn(long(0) << 32 | long(4));
    upper == 0 || changed >= since || checksum(page, block) == short(8)
}

/// The checksum of a page, whatever stands in its place.
fn checksum(page: &[u8; PAGE], block: u32) -> u16 {
    let mut sums = OFFSETS;
    let mix = |sum: &mut u32, value: u32| {
        let mixed = *sum ^ value;
        *sum = mixed.wrapping_mul(PRIME) ^ (mixed >> 17);
    };
    for (nth, row) in page.as_chunks::<{ 4 * SUMS }>().0.iter().enumerate() {
        let mut words = [0_u32; SUMS];
        for (word, bytes) in words.iter_mut().zip(row.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        if nth == 0 {
            // The checksum itself counts as zero: the lower half of the third word.
            words[2] &= 0xFFFF_0000;
        }
        sums.iter_mut().zip(words).for_each(|(sum, word)| mix(sum, word));
    }
    for _ in 0..2 {
        sums.iter_mut().for_each(|sum| mix(sum, 0));
    }
    let folded = sums.iter().fold(0, |folded, sum| folded ^ sum) ^ block;
    // Never 65536, so it fits.
    u16::try_from(folded % 65_535 + 1).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_relations_are_known_by_their_names() {
        for (path, block) in [
            ("base/5/16401", Some(0)),
            ("base/5/16401.2", Some(262_144)),
            ("base/5/16401_fsm", Some(0)),
            ("base/5/16401_init", Some(0)),
            ("PG_15_202209061/5/16401_vm.1", Some(131_072)),
            ("global/1260", Some(0)),
            ("global/pg_control", None),
            ("base/5/pg_filenode.map", None),
            ("base/5/PG_VERSION", None),
            ("base/5/t3_16401", None),
            ("base/5/16401_x", None),
            ("base/5/INCREMENTAL.16401", None),
            ("pg_xact/0000", None),
            ("16401", None),
        ] {
            assert_eq!(first_block(path), block, "{path}");
        }
    }

    #[test]
    fn a_changed_bit_is_noticed_unless_the_log_has_the_page() {
        let mut page = [7_u8; PAGE];
        page[..8].copy_from_slice(&[0, 0, 0, 0, 0, 1, 0, 0]);
        let sum = checksum(&page, 5);
        page[8..10].copy_from_slice(&sum.to_le_bytes());
        assert!(is_sound(&page, 5, Lsn(0x200)));
        assert!(!is_sound(&page, 6, Lsn(0x200)), "a page in another block's place");
        page[4000] ^= 1;
        assert!(!is_sound(&page, 5, Lsn(0x200)));
        assert!(is_sound(&page, 5, Lsn(0x50)), "changed since");
        page[14..16].copy_from_slice(&[0, 0]);
        assert!(is_sound(&page, 5, Lsn(0x200)), "new");
    }
}
