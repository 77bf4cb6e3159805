//! What of an archive of the binary log no kept backup needs any more. It is taken away as what of an archive of the write-ahead log is:
//! [`crate::engine::wal::keep::remove`].

use super::backups::Standing;
use crate::domain::binlog::{BinlogReport, LogName};
use crate::domain::text::clean;
use crate::domain::wal::Cleanup;
use crate::domain::{Code, Fault, Stamp};

const DAY_MS: i64 = 86_400_000;

/// Backups that are told one by one as reasons.
const TOLD: usize = 10;

/// What else decides, besides the backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    #[default]
    Backups,
    /// Only what is older than this file goes.
    Before(LogName),
    /// Only what was last written so many days ago goes.
    Days(u32),
}

/// Decides what goes: whatever lies before the oldest file that a backup needs, or that the rule keeps. The file in work never goes.
///
/// # Errors
/// `USAGE` where nothing says what is needed.
pub fn decide(report: &BinlogReport, backups: &[Standing], rule: &Rule, now: Stamp) -> Result<Cleanup, Fault> {
    if backups.is_empty() && *rule == Rule::Backups {
        return Err(Fault::new(
            Code::Usage,
            "nothing is removed: there is no backup with a place in this log, so nothing says what is needed",
        )
        .at("Archive", report.dir.display())
        .step("Give the folder of the backups with --backup-dir.")
        .step_run("Or say yourself what goes:", "dbbackup binlog cleanup --keep-days 14"));
    }
    let mut reasons: Vec<String> = backups
        .iter()
        .take(TOLD)
        .map(|backup| {
            let file = clean(&backup.path.file_name().unwrap_or_default().to_string_lossy());
            format!("{file} needs the log from {} on", backup.place)
        })
        .collect();
    if backups.len() > TOLD {
        reasons.push(format!("and {} more backups, which need later ones", backups.len() - TOLD));
    }
    let needed = backups.iter().map(|backup| &backup.place.log).min().cloned();
    let limit = match rule {
        Rule::Backups => None,
        Rule::Before(log) => {
            reasons.push(format!("--before {log}"));
            Some(log.clone())
        }
        Rule::Days(days) => {
            reasons.push(format!("--keep-days {days}"));
            let since = Stamp(now.0.saturating_sub(i64::from(*days) * DAY_MS));
            // Up to the first that is young enough, so that no hole comes behind one.
            let young = report.logs.iter().find(|held| held.last >= since).or(report.logs.last());
            Some(young.map_or_else(|| Err(Fault::new(Code::Usage, "the archive is empty")), |held| Ok(held.log.clone()))?)
        }
    };
    let horizon = match (needed, limit) {
        (Some(needed), Some(limit)) => Some(needed.min(limit)),
        (needed, limit) => needed.or(limit),
    };
    let mut plan = Cleanup { dir: report.dir.clone(), reasons, ..Cleanup::default() };
    for held in &report.logs {
        let same_name = horizon.as_ref().is_some_and(|horizon| horizon.base() == held.log.base());
        if held.whole && same_name && horizon.as_ref().is_some_and(|horizon| held.log < *horizon) {
            plan.remove.push(held.file.clone());
            plan.bytes += held.bytes;
        } else {
            plan.kept.0 += 1;
            plan.kept.1 += held.bytes;
            plan.from.get_or_insert(held.log.to_string());
        }
    }
    plan.from = plan.from.filter(|_| !plan.remove.is_empty());
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::manifest::Kind;
    use crate::domain::Bytes;
    use crate::domain::binlog::Held;

    fn archive(count: u64) -> BinlogReport {
        let log = |number: u64| format!("b.{number:06}").parse::<LogName>().expect("a name");
        let logs = (1..=count).map(|number| Held {
            log: log(number),
            file: format!("b.{number:06}.zst"),
            bytes: Bytes(10),
            plain: None,
            whole: number < count,
            first: None,
            last: Stamp(i64::try_from(number).expect("small") * DAY_MS),
            before: None,
        });
        BinlogReport { logs: logs.collect(), ..BinlogReport::default() }
    }

    fn backup(place: &str) -> Standing {
        let place = place.parse().expect("a place");
        Standing {
            path: "x.tar.zst".into(),
            kind: Kind::Cluster,
            databases: vec![],
            place,
            taken: Stamp(0),
            gtid: None,
            product: crate::domain::Product::Mysql,
            complete: true,
        }
    }

    #[test]
    fn what_any_backup_needs_stays() {
        let decide = |backups: &[Standing], rule: Rule| decide(&archive(6), backups, &rule, Stamp(6 * DAY_MS));
        let removed = |backups: &[Standing], rule: Rule| decide(backups, rule).expect("decided").remove;
        assert_eq!(removed(&[backup("b.000005:90"), backup("b.000003:4")], Rule::Backups), ["b.000001.zst", "b.000002.zst"]);
        assert_eq!(removed(&[backup("b.000004:4")], Rule::Before("b.000002".parse().expect("a name"))), ["b.000001.zst"]);
        assert_eq!(removed(&[backup("b.000002:4")], Rule::Days(1)), ["b.000001.zst"], "a backup's need goes before a rule");
        assert_eq!(removed(&[], Rule::Days(3)), ["b.000001.zst", "b.000002.zst"]);
        assert_eq!(removed(&[], Rule::Days(0)).len(), 5, "the file in work stays");
        assert_eq!(removed(&[backup("other.000004:4")], Rule::Backups), [""; 0], "of another log");
        assert!(decide(&[], Rule::Backups).is_err());
    }
}
