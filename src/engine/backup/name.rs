//! What an archive file is called (B8).

use crate::archive::names::component;
use crate::domain::codec::Codec;
use crate::domain::fault::{Code, Fault};
use crate::domain::spec::NameTime;
use jiff::Zoned;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// The longest name, in bytes. File systems take 255; the side files and the temporary file add to it.
const LONGEST: usize = 255 - 64;

/// What an archive is named after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// One database.
    Database(&'a str),
    /// The whole server.
    Cluster,
    /// The files of the whole server.
    Base,
}

/// The name without its ending: `db_shop_20260130_143000_EST`.
pub fn stem(subject: Subject<'_>, at: &Zoned, time: &NameTime) -> Result<String, Fault> {
    let time = stamp(at, time)?;
    let head = match subject {
        Subject::Database(name) => format!("db_{}", plain(&component(name))),
        Subject::Cluster => "cluster".to_owned(),
        Subject::Base => "base".to_owned(),
    };
    Ok(format!("{}_{time}", cut(&head, LONGEST.saturating_sub(time.len() + 1))))
}

/// The time as it stands in a name.
fn stamp(at: &Zoned, time: &NameTime) -> Result<String, Fault> {
    const PATTERN: &str = "%Y%m%d_%H%M%S_%Z";
    let (at, pattern) = match time {
        NameTime::Local => (at.clone(), PATTERN),
        NameTime::Utc => (at.with_time_zone(TimeZone::UTC), PATTERN),
        NameTime::Pattern(pattern) => (at.clone(), pattern.as_str()),
    };
    let text = jiff::fmt::strtime::format(pattern, &at).map_err(|error| {
        Fault::new(Code::Config, format!("{pattern:?} is no pattern for a time"))
            .caused_by(&error)
            .step("Use strftime letters in `timestamp`, for example \"%Y%m%d_%H%M%S_%Z\", or one of \"local\" and \"utc\".")
    })?;
    let text: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || "+-_.".contains(c) { c } else { '_' }).collect();
    if text.is_empty() || text.len() > 64 {
        return Err(Fault::new(Code::Config, format!("{pattern:?} gives a name of {} characters", text.len()))
            .step("Use a pattern for `timestamp` that gives 1 to 64 characters."));
    }
    Ok(text)
}

/// What a shell and every file system take as it is; the rest becomes an underscore, but `%41` stays readable.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || "+-_.%@".contains(c) { c } else { '_' }).collect()
}

/// At most so many bytes, cut neither within a character nor within a `%41`.
fn cut(name: &str, longest: usize) -> &str {
    if name.len() <= longest {
        return name;
    }
    let mut end = longest;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let head = &name[..end];
    match head.rfind('%') {
        Some(at) if at + 3 > end => &head[..at],
        _ => head,
    }
}

/// A path that no file has yet: the stem, else `_2`, `_3` and so on. A side file that was left alone counts too.
pub fn free(dir: &Path, stem: &str, codec: Codec) -> PathBuf {
    let taken = |path: &Path| {
        let beside = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name).symlink_metadata().is_ok()
        };
        ["", ".sha256", ".meta.json"].into_iter().any(beside)
    };
    let first = dir.join(format!("{stem}{}", codec.extension()));
    if !taken(&first) {
        return first;
    }
    (2u32..).map(|n| dir.join(format!("{stem}_{n}{}", codec.extension()))).find(|path| !taken(path)).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &str) -> Zoned {
        "2026-01-30T19:30:00Z".parse::<jiff::Timestamp>().expect("works here").in_tz(zone).expect("works here")
    }

    #[test]
    fn names_have_local_time_and_zone() {
        let stem = |zone, time: &NameTime| super::stem(Subject::Database("shop"), &at(zone), time).expect("works here");
        assert_eq!(stem("America/New_York", &NameTime::Local), "db_shop_20260130_143000_EST");
        assert_eq!(stem("America/New_York", &NameTime::Utc), "db_shop_20260130_193000_UTC");
        assert_eq!(stem("Asia/Riyadh", &NameTime::Local), "db_shop_20260130_223000_+03");
        assert_eq!(stem("UTC", &NameTime::Pattern("%Y/%m %H:%M".into())), "db_shop_2026_01_19_30");
        assert_eq!(super::stem(Subject::Cluster, &at("UTC"), &NameTime::Local).expect("works here"), "cluster_20260130_193000_UTC");
        assert_eq!(super::stem(Subject::Cluster, &at("UTC"), &NameTime::Pattern("%!".into())).expect_err("fails here").code, Code::Config);
        assert_eq!(
            super::stem(Subject::Cluster, &at("UTC"), &NameTime::Pattern(String::new())).expect_err("fails here").code,
            Code::Config
        );
    }

    #[test]
    fn long_names_are_cut_at_whole_characters() {
        assert_eq!(cut("abcdef", 4), "abcd");
        assert_eq!(cut("aböc", 3), "ab");
        assert_eq!(cut("ab%2Fc", 4), "ab");
        assert_eq!(cut("ab%2Fc", 5), "ab%2F");
        let name = "ö".repeat(63) + &"表".repeat(60);
        let stem = stem(Subject::Database(&name), &at("UTC"), &NameTime::Local).expect("works here");
        assert!(stem.len() <= LONGEST && stem.ends_with("_193000_UTC"), "{stem}");
    }

    #[test]
    fn a_file_that_exists_is_never_named_again() {
        let dir = tempfile::tempdir().expect("works here");
        let name = |path: PathBuf| path.file_name().expect("works here").to_str().expect("works here").to_owned();
        assert_eq!(name(free(dir.path(), "db_a", Codec::Zstd)), "db_a.tar.zst");
        std::fs::write(dir.path().join("db_a.tar.zst"), "").expect("works here");
        std::fs::write(dir.path().join("db_a_2.tar.zst.sha256"), "").expect("works here");
        assert_eq!(name(free(dir.path(), "db_a", Codec::Zstd)), "db_a_3.tar.zst");
    }
}
