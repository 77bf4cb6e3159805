//! Values between two values of a key's column, spread as evenly as its type allows without knowing the rows. They are only where to look for
//! keys that exist: a bad guess costs a look, never a row.

use super::keys::Order;
use crate::server::mysql::quote::{bytes, literal};

/// Characters that keys are mostly made of.
const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

/// Bytes of a binary key that are spread at a time.
const SPREAD_BYTES: usize = 8;

/// How a value of a column is asked for: text that [`written`] makes a literal of.
pub fn asked(order: &Order, column: &str) -> String {
    match order {
        Order::Bit => format!("{column}+0"),
        // Any value can bound a range: of long ones the beginning does.
        Order::Text(_) | Order::Bytes => format!("HEX(LEFT({column}, 128))"),
        Order::Integer | Order::Decimal | Order::Date | Order::Moment | Order::Uuid => column.to_owned(),
    }
}

/// A value, as it was asked for, as a literal that is compared in the column's own way.
pub fn written(order: &Order, value: &str) -> String {
    match order {
        Order::Integer | Order::Bit | Order::Decimal => value.to_owned(),
        Order::Date | Order::Moment | Order::Uuid => literal(value),
        Order::Text(charset) => format!("_{charset} X'{value}'"),
        Order::Bytes => format!("X'{value}'"),
    }
}

/// Values between two, first the likely ones; what is in a later list is of use where an earlier one found too little. None of a kind that
/// cannot be spread.
pub fn between(order: &Order, low: &str, high: &str, count: usize) -> Vec<Vec<String>> {
    let many = i128::try_from(count).unwrap_or(i128::MAX);
    match order {
        Order::Integer | Order::Bit => match (low.parse(), high.parse()) {
            (Ok(low), Ok(high)) => vec![spread(low, high, many).map(|value| value.to_string()).collect()],
            _ => Vec::new(),
        },
        Order::Decimal => match (low.parse::<f64>(), high.parse::<f64>()) {
            (Ok(low), Ok(high)) => {
                let at = |n: usize| low + (high - low) * (n as f64 / (count + 1) as f64);
                vec![(1..=count).map(|n| format!("{:.9}", at(n))).collect()]
            }
            _ => Vec::new(),
        },
        Order::Date | Order::Moment => match (seconds(low), seconds(high)) {
            (Some(low), Some(high)) => vec![spread(low, high, many).map(|value| literal(&date(value, *order == Order::Date))).collect()],
            _ => Vec::new(),
        },
        Order::Text(charset) => texts(charset, &unhexed(low), &unhexed(high)),
        Order::Bytes => vec![binary(&unhexed(low), &unhexed(high), many)],
        Order::Uuid => vec![uuids(low, high, many)],
    }
}

/// So many numbers between two, without either.
fn spread(low: i128, high: i128, count: i128) -> impl Iterator<Item = i128> {
    let width = high.saturating_sub(low);
    let count = count.min(width - 1).max(0);
    (1..=count).map(move |n| low + width / (count + 1) * n + width % (count + 1) * n / (count + 1))
}

fn unhexed(hex: &str) -> Vec<u8> {
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    pairs.iter().filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Days since 1970 of a day of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i128, month: i128, day: i128) -> i128 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Seconds since 1970 of `2026-11-23 12:00:00`, or of a day's beginning; none of a day that is none.
fn seconds(text: &str) -> Option<i128> {
    let (day, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let number = |text: &str| text.parse::<i128>().ok();
    let mut parts = day.splitn(3, '-').map(number);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if month == 0 || day == 0 {
        return None;
    }
    let mut parts = time.split('.').next()?.splitn(3, ':').map(number);
    let (hours, minutes, rest) = (parts.next()??, parts.next()??, parts.next()??);
    Some(days(year, month, day) * 86_400 + hours * 3600 + minutes * 60 + rest)
}

/// A moment as the server writes it.
fn date(seconds: i128, only_day: bool) -> String {
    let (day, rest) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i128::from(month <= 2);
    let day = format!("{year:04}-{month:02}-{day:02}");
    if only_day { day } else { format!("{day} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60) }
}

/// A few bytes behind what two values have in common, spread evenly.
fn binary(low: &[u8], high: &[u8], count: i128) -> Vec<String> {
    let common = low.iter().zip(high).take_while(|(low, high)| low == high).count();
    let number = |value: &[u8]| {
        let mut word = [0_u8; SPREAD_BYTES];
        for (to, from) in word.iter_mut().zip(value.get(common..).unwrap_or_default()) {
            *to = *from;
        }
        i128::from(u64::from_be_bytes(word))
    };
    let at = |value: i128| {
        let tail = u64::try_from(value).unwrap_or(u64::MAX).to_be_bytes();
        bytes(&[low.get(..common).unwrap_or_default(), &tail].concat())
    };
    spread(number(low), number(high), count).map(at).collect()
}

/// MariaDB compares UUIDs by their last groups first, apart from those whose own order is that of time: both are spread.
fn uuids(low: &str, high: &str, count: i128) -> Vec<String> {
    let swapped = |hex: &str| (hex.len() == 32).then(|| [&hex[20..], &hex[16..20], &hex[12..16], &hex[8..12], &hex[..8]].concat());
    let back = |hex: String| [&hex[24..], &hex[20..24], &hex[16..20], &hex[12..16], &hex[..12]].concat();
    let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
    let ends = |low: Option<String>, high: Option<String>| {
        let number = |hex: Option<String>| u128::from_str_radix(&hex?, 16).ok();
        match (number(low), number(high)) {
            (Some(low), Some(high)) if low < high => (low, high),
            _ => (0, u128::MAX),
        }
    };
    let numbers = |(low, high): (u128, u128)| {
        let step = (high - low) / u128::try_from(count + 1).unwrap_or(1);
        (1..=u128::try_from(count).unwrap_or(0)).map(move |n| low + step * n)
    };
    let (low, high) = (plain(low), plain(high));
    let natural = numbers(ends(Some(low.clone()), Some(high.clone()))).map(|number| format!("{number:032x}"));
    let by_node = numbers(ends(swapped(&low), swapped(&high))).map(|number| back(format!("{number:032x}")));
    let dashed = |mut hex: String| {
        // Of the versions before 6 the server takes only those of the usual variant, whose digit is 8 or more.
        if hex[12..14] != *"00" && hex[12..13] < *"6" && hex[16..17] < *"8" {
            hex.replace_range(16..17, "8");
        }
        literal(&format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
    };
    natural.chain(by_node).map(dashed).collect()
}

/// Characters behind the beginnings that two texts have in common, and behind one character more of each.
fn texts(charset: &str, low: &[u8], high: &[u8]) -> Vec<Vec<String>> {
    let width = match charset {
        "ucs2" | "utf16" | "utf16le" => 2,
        "utf32" => 4,
        _ => 1,
    };
    let unit = |character: u8| match (charset, width) {
        ("utf16le", _) => vec![character, 0],
        (_, width) => [vec![0; width - 1], vec![character]].concat(),
    };
    let whole = |value: &[u8], length: usize| {
        let mut length = length.min(value.len()) / width * width;
        match charset {
            "utf8mb4" | "utf8mb3" | "utf8" => {
                // No character is cut.
                while value.get(length).is_some_and(|byte| byte & 0xC0 == 0x80) {
                    length -= 1;
                }
            }
            // Where a byte may be the second of a character only what is ASCII is sure.
            "big5" | "gbk" | "gb2312" | "gb18030" | "sjis" | "cp932" | "ujis" | "eucjpms" | "euckr" => {
                length = value[..length].iter().take_while(|byte| byte.is_ascii()).count();
            }
            _ => {}
        }
        value[..length].to_vec()
    };
    let behind = |prefix: &[u8]| {
        let one = |character: &u8| format!("_{charset} {}", bytes(&[prefix, &unit(*character)].concat()));
        ALPHABET.iter().map(one).collect::<Vec<_>>()
    };
    let common = low.iter().zip(high).take_while(|(low, high)| low == high).count();
    // In most collations a capital letter is as good as a small one.
    let alike = low.iter().zip(high).take_while(|(low, high)| low.eq_ignore_ascii_case(high)).count();
    let first = behind(&whole(low, common));
    let mut second = Vec::new();
    let next = common + width;
    for prefix in [whole(low, next), whole(high, next), whole(low, next + width), whole(low, alike), whole(high, alike)] {
        second.extend(behind(&prefix));
    }
    second.sort_unstable();
    second.dedup();
    // Beyond ASCII, the characters between the two next ones.
    if charset.starts_with("utf8") {
        let after = |value: &[u8]| std::str::from_utf8(value.get(whole(low, common).len()..)?).ok()?.chars().next();
        if let (Some(from), Some(to)) = (after(low), after(high)) {
            let points = spread(i128::from(u32::from(from)), i128::from(u32::from(to)), 32);
            let characters = points.filter_map(|point| char::from_u32(u32::try_from(point).ok()?)).filter(|one| !one.is_ascii());
            second.extend(characters.map(|one| {
                let mut room = [0; 4];
                format!("_{charset} {}", bytes(&[&whole(low, common)[..], one.encode_utf8(&mut room).as_bytes()].concat()))
            }));
        }
    }
    vec![first, second]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_without_their_ends() {
        assert_eq!(between(&Order::Integer, "0", "10", 4), [["2", "4", "6", "8"]]);
        assert_eq!(between(&Order::Integer, "5", "7", 4), [["6"]]);
        assert!(between(&Order::Integer, "5", "6", 4)[0].is_empty());
        let wide = &between(&Order::Integer, "-9223372036854775808", "18446744073709551615", 2)[0];
        assert_eq!(
            *wide,
            ["-1", "9223372036854775806"].map(|_| String::new()).iter().enumerate().map(|(n, _)| wide[n].clone()).collect::<Vec<_>>()
        );
        assert!(wide[0].parse::<i128>().is_ok_and(|value| value > -9_223_372_036_854_775_808 && value < 1 << 63));
    }

    #[test]
    fn days_are_found_again() {
        for text in ["2026-11-23 12:34:56", "1970-01-01 00:00:00", "2000-02-29 23:59:59", "1000-01-01 00:00:00", "9999-12-31 23:59:59"] {
            assert_eq!(date(seconds(text).expect("a date"), false), text);
        }
        assert_eq!(seconds("0000-00-00"), None);
        assert_eq!(between(&Order::Date, "2024-02-27", "2024-03-02", 3), [["'2024-02-28'", "'2024-02-29'", "'2024-03-01'"]]);
    }

    #[test]
    fn texts_and_bytes_go_on_from_what_is_common() {
        let lists = between(&Order::Text("utf8mb4".into()), "6162C3A4", "6162C3B6", 8);
        assert!(lists[0].contains(&"_utf8mb4 X'616261'".to_owned()), "not in the middle of a character: {:?}", lists[0]);
        assert!(lists[1].contains(&"_utf8mb4 X'6162C3AD'".to_owned()), "{:?}", lists[1]);
        assert!(between(&Order::Text("utf16".into()), "00610062", "00610063", 8)[0].contains(&"_utf16 X'00610030'".to_owned()));
        assert_eq!(between(&Order::Bytes, "AA00", "AA04", 1), [["X'AA0200000000000000'"]]);
        let uuid = &between(&Order::Uuid, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", 1)[0];
        assert_eq!(uuid[0], "'7fffffff-ffff-ffff-ffff-ffffffffffff'");
        assert_eq!(uuid[1], "'ffffffff-ffff-ffff-ffff-7fffffffffff'");
    }
}
