//! Root causes: what many failures come from, what is missing because of each, and what cures it. Plain data and words; how failures are
//! folded into causes is the engine's business.

use super::fault::{Code, Step};
use super::size::grouped;
use serde::{Deserialize, Serialize};

/// One reason why something is not there after a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The kind of failure.
    pub code: Code,
    /// In one line: "extension postgis is missing". Names in it come from servers and archives: clean it before it is shown.
    pub what: String,
    /// What the server said, once.
    pub said: String,
    /// The server's SQLSTATE.
    pub sqlstate: Option<String>,
    /// The databases in which something is missing because of it, sorted.
    pub databases: Vec<String>,
    /// Objects that failed.
    pub failed: u64,
    /// Objects that were skipped because they need those.
    pub skipped: u64,
    /// What is missing, most first.
    pub lost: Vec<Lost>,
    /// What cures it.
    pub steps: Vec<Step>,
}

/// Objects of one kind that are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The kind as the archive names it: `FK CONSTRAINT`.
    pub kind: String,
    /// How many.
    pub count: u64,
}

impl Cause {
    /// "19 tables, 42 indexes, 7 foreign keys not restored"; empty where nothing else is missing.
    pub fn consequences(&self) -> String {
        if self.lost.is_empty() { String::new() } else { format!("{} not restored", lost_words(&self.lost)) }
    }

    /// What, and what follows: "extension postgis is missing → 19 tables not restored".
    pub fn line(&self) -> String {
        match self.consequences() {
            none if none.is_empty() => self.what.clone(),
            lost => format!("{} → {lost}", self.what),
        }
    }
}

/// "19 tables, 42 indexes, 7 foreign keys".
pub fn lost_words(lost: &[Lost]) -> String {
    lost.iter().map(|one| kind_words(&one.kind, one.count)).collect::<Vec<_>>().join(", ")
}

/// "1 cause", "3 causes".
pub fn causes_words(causes: &[Cause]) -> String {
    format!("{} {}", grouped(causes.len() as u64), if causes.len() == 1 { "cause" } else { "causes" })
}

/// A number of objects of a kind (pg_dump's word for it) in plain words: "7 foreign keys".
pub fn kind_words(kind: &str, count: u64) -> String {
    let number = grouped(count);
    let (one, many) = match kind {
        // Rows and contents belong to something that is counted by itself.
        "TABLE DATA" => return format!("rows of {number} {}", if count == 1 { "table" } else { "tables" }),
        "MATERIALIZED VIEW DATA" => {
            return format!("contents of {number} {}", if count == 1 { "materialized view" } else { "materialized views" });
        }
        "SEQUENCE SET" | "SEQUENCES" => return format!("values of {number} {}", if count == 1 { "sequence" } else { "sequences" }),
        "INDEX" => ("index", "indexes"),
        "FK CONSTRAINT" => ("foreign key", "foreign keys"),
        "CONSTRAINT" => ("key", "keys"),
        "CHECK CONSTRAINT" | "DOMAIN CONSTRAINT" => ("check", "checks"),
        "ACL" => ("grant", "grants"),
        "DEFAULT ACL" => ("default grant", "default grants"),
        "DEFAULT" => ("column default", "column defaults"),
        "POLICY" | "ROW SECURITY" => ("row policy", "row policies"),
        "SEQUENCE OWNED BY" => ("sequence's owner", "sequences' owners"),
        "TABLE ATTACH" => ("partition's place", "partitions' places"),
        "INDEX ATTACH" => ("partition's index", "partitions' indexes"),
        "SERVER" => ("foreign server", "foreign servers"),
        "STATISTICS" => ("extended statistic", "extended statistics"),
        "OPERATOR CLASS" => ("operator class", "operator classes"),
        "OPERATOR FAMILY" => ("operator family", "operator families"),
        "TEXT SEARCH DICTIONARY" => ("text search dictionary", "text search dictionaries"),
        "BLOB" | "BLOBS" | "BLOB METADATA" => ("large object", "large objects"),
        "PROPERTIES" => ("database's properties", "databases' properties"),
        "" => ("object", "objects"),
        other => {
            let word = super::text::clean(&other.to_lowercase());
            return format!("{number} {word}{}", if count == 1 { "" } else { "s" });
        }
    };
    format!("{number} {}", if count == 1 { one } else { many })
}

/// One object that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Kind and name: "TABLE public.roads".
    pub object: String,
    /// The kind as the archive names it.
    pub kind: String,
    /// Why it failed; none for what was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What the server said; empty for what was skipped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its place in the summary's causes.
    pub cause: usize,
}

/// How many objects a restore had to make, and what came of them. Each is in one of the three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Made.
    pub done: u64,
    /// Failed by themselves.
    pub failed: u64,
    /// Not tried, because something that they need is not there.
    pub skipped: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { done: self.done + other.done, failed: self.failed + other.failed, skipped: self.skipped + other.skipped }
    }

    /// Objects that are not there.
    pub const fn missing(self) -> u64 {
        self.failed + self.skipped
    }

    /// "partial: 3 objects failed, 61 more needed them, 204 are there".
    pub fn words(self) -> String {
        let objects = |count: u64| if count == 1 { "1 object".to_owned() } else { format!("{} objects", grouped(count)) };
        let needed = match self.skipped {
            0 => String::new(),
            1 => ", 1 more was skipped because of that".to_owned(),
            many => format!(", {} more were skipped because of that", grouped(many)),
        };
        format!("{} failed{needed}, {} done", objects(self.failed), grouped(self.done))
    }
}

/// What became of a database that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It stands as it is: whole, in part, or never made.
    #[default]
    Kept,
    /// It was dropped.
    Dropped,
    /// It was given this name.
    Renamed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_reads_as_people_say_it() {
        let lost = |kind: &str, count| Lost { kind: kind.into(), count };
        let cause = Cause {
            code: Code::MissingObject,
            what: "extension postgis is missing".into(),
            said: String::new(),
            sqlstate: None,
            databases: vec!["gis".into()],
            failed: 1,
            skipped: 68,
            lost: vec![lost("INDEX", 42), lost("TABLE", 19), lost("FK CONSTRAINT", 7)],
            steps: Vec::new(),
        };
        assert_eq!(cause.line(), "extension postgis is missing → 42 indexes, 19 tables, 7 foreign keys not restored");
        assert_eq!(Cause { lost: Vec::new(), ..cause }.line(), "extension postgis is missing");
    }

    #[test]
    fn kinds_have_plain_words() {
        for (kind, count, words) in [
            ("TABLE", 1, "1 table"),
            ("TABLE DATA", 3, "rows of 3 tables"),
            ("INDEX", 1, "1 index"),
            ("POLICY", 2, "2 row policies"),
            ("MATERIALIZED VIEW", 1200, "1,200 materialized views"),
            ("ODD\u{1b}", 2, "2 odd\\x1bs"),
        ] {
            assert_eq!(kind_words(kind, count), words);
        }
    }
}
