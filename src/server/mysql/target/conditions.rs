//! What of a server's settings decides over a restore: how rows come in, what is logged, how names are compared, which engines there are.

use super::{additions, rights};
use crate::domain::spec::Binlog;
use crate::domain::{Bytes, Code, Fault, text};
use crate::server::mysql::connect::Connector;
use crate::server::mysql::source::grants;
use crate::server::mysql::wire::Error;
use crate::server::{Condition, Demands, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// How many names a line tells.
const TOLD: usize = 5;

/// What is asked of the server.
#[derive(Clone, Debug, Default)]
struct Settings {
    /// Rows may come as a stream.
    streams: bool,
    /// The largest statement, in bytes.
    packet: u64,
    /// `lower_case_table_names`.
    lower_case: u8,
    /// A binary log is written.
    logs: bool,
    /// Why not everybody may write: `read_only`, `super_read_only`.
    read_only: Option<&'static str>,
    /// Whether our user may write all the same.
    may_write: bool,
    /// Tables need a primary key, whatever our sessions say: by which setting.
    wants_keys: Option<&'static str>,
    /// Engines that work, in small letters.
    engines: BTreeSet<String>,
    /// Whether our user may keep a session out of the log; none where it was not asked for.
    unlogged: Option<bool>,
}

/// See [`crate::server::Server::conditions`].
pub async fn look(connector: &Connector, demands: &Demands) -> Result<Vec<Condition>, Fault> {
    let failed = |error: Error| connector.fault("cannot ask for the server's settings", &error, "");
    let mut session = connector.session(None).await?;
    let sql = "SELECT @@local_infile, @@max_allowed_packet, @@lower_case_table_names, @@log_bin, @@read_only";
    let rows = session.query(sql).await.map_err(failed)?;
    let engines =
        session.query("SELECT engine FROM information_schema.engines WHERE support IN ('YES', 'DEFAULT')").await.map_err(failed)?;
    let unlogged = match demands.binlog {
        Binlog::On => None,
        Binlog::Off => Some(match session.run("SET SESSION sql_log_bin = 0").await {
            Ok(_) => true,
            Err(Error::Server { .. }) => false,
            Err(error) => return Err(failed(error)),
        }),
    };
    let named = session
        .query("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('super_read_only', 'sql_require_primary_key', 'innodb_force_primary_key')")
        .await
        .map_err(failed)?;
    let is_on = |name: &str| named.iter().any(|row| row.owned(0) == name && row.owned(1) == "ON");
    let wants_keys = match (is_on("innodb_force_primary_key"), is_on("sql_require_primary_key")) {
        (true, _) => Some("innodb_force_primary_key"),
        // Our sessions do without, where our user may say so.
        (_, true) => match session.run("SET SESSION sql_require_primary_key = 0").await {
            Ok(_) => None,
            Err(Error::Server { .. }) => Some("sql_require_primary_key"),
            Err(error) => return Err(failed(error)),
        },
        (false, false) => None,
    };
    let rights = grants::read(&mut session).await.map_err(failed)?;
    let mut more = rights::look(&mut session, &rights, demands).await.map_err(failed)?;
    more.extend(additions::look(&mut session, demands).await.map_err(failed)?);
    session.close().await;
    let number = |at: usize| rows.first().and_then(|row| row.number::<u64>(at)).unwrap_or(0);
    let settings = Settings {
        streams: number(0) == 1,
        packet: number(1),
        lower_case: u8::try_from(number(2)).unwrap_or(0),
        logs: number(3) == 1,
        read_only: match (is_on("super_read_only"), number(4)) {
            (true, _) => Some("super_read_only"),
            (false, 0) => None,
            (false, _) => Some("read_only"),
        },
        may_write: ["SUPER", "CONNECTION_ADMIN", "READ ONLY ADMIN", "READ_ONLY ADMIN"].iter().any(|right| rights.has(right)),
        wants_keys,
        engines: engines.iter().map(|row| row.owned(0).to_ascii_lowercase()).collect(),
        unlogged,
    };
    let mut found = judge(&settings, demands);
    found.extend(more);
    Ok(found)
}

fn judge(settings: &Settings, demands: &Demands) -> Vec<Condition> {
    let mut found = vec![stream(settings, demands), log(settings), names(settings, demands), engines(settings, demands)];
    found.extend(writing(settings));
    found.extend(keys(settings, demands));
    found
}

/// Whether we may write.
fn writing(settings: &Settings) -> Option<Condition> {
    const NAME: &str = "writing";
    let set = settings.read_only?;
    let cure = format!("Restore to the primary server, or end that: SET GLOBAL {set} = OFF;");
    Some(match (set, settings.may_write) {
        ("read_only", true) => {
            let detail = "read_only is set, as on a replica; our user may write all the same, and its source does not get what is restored";
            Condition::of(Verdict::Warning, NAME, detail, cure)
        }
        ("read_only", false) => {
            let detail = "read_only is set: only users with a special right may write (CONNECTION_ADMIN, READ ONLY ADMIN, SUPER)";
            Condition::of(Verdict::Refusal(Code::ServerReadOnly), NAME, detail, cure)
        }
        (set, _) => Condition::of(Verdict::Refusal(Code::ServerReadOnly), NAME, format!("{set} is set: nobody may write"), cure),
    })
}

/// Tables that the server would not make.
fn keys(settings: &Settings, demands: &Demands) -> Option<Condition> {
    let set = settings.wants_keys?;
    // Of tables without transactions no key is noted.
    let is_inno = |engine: &Option<String>| engine.as_deref().is_none_or(|engine| engine.eq_ignore_ascii_case("InnoDB"));
    let without: Vec<String> = demands
        .tables
        .iter()
        .filter(|table| table.key.is_empty() && is_inno(&table.engine))
        .map(|table| text::clean(&table.name))
        .collect();
    if without.is_empty() {
        return None;
    }
    let detail = format!("the server makes no table without a primary key ({set}), and of these none is known: {}", few(&without));
    let cure = match set {
        "sql_require_primary_key" => "SET GLOBAL sql_require_primary_key = OFF; or give our user the right SESSION_VARIABLES_ADMIN.",
        _ => "SET GLOBAL innodb_force_primary_key = OFF;",
    };
    Some(Condition::of(Verdict::Warning, "primary keys", detail, cure))
}

/// How rows come in.
fn stream(settings: &Settings, demands: &Demands) -> Condition {
    const NAME: &str = "rows";
    if settings.streams {
        return Condition::fine(NAME, "as a stream (LOAD DATA LOCAL INFILE)");
    }
    let longest = demands.tables.iter().max_by_key(|table| table.row);
    if let Some(table) = longest.filter(|table| table.row > settings.packet) {
        let detail = format!(
            "rows come as statements, because local_infile is off; {} has a row of {} and more, and max_allowed_packet is {}",
            text::clean(&table.name),
            Bytes(table.row),
            Bytes(settings.packet)
        );
        let cure = "SET GLOBAL local_infile = ON; or a larger max_allowed_packet (1 GB at the most).";
        return Condition::of(Verdict::Obstacle(Code::OutOfRange), NAME, detail, cure);
    }
    let detail = "local_infile is off: rows come as INSERT statements, which takes the server about twice the time";
    Condition::of(Verdict::Warning, NAME, detail, "Let them come as a stream: SET GLOBAL local_infile = ON;")
}

/// What is logged.
fn log(settings: &Settings) -> Condition {
    const NAME: &str = "binary log";
    match (settings.logs, settings.unlogged) {
        (false, _) => Condition::fine(NAME, "the server writes none"),
        (true, None) => Condition::fine(NAME, "all of it is logged, so that replicas and recovery to a moment have it"),
        (true, Some(true)) => {
            let detail = "nothing of it is logged (--binlog off): replicas do not get it, and recovery to a later moment does not have it";
            Condition::of(
                Verdict::Warning,
                NAME,
                detail,
                "Have it logged: --binlog on; or make a new backup, and new replicas, afterwards.",
            )
        }
        (true, Some(false)) => {
            let detail = "our user may not keep anything out of it (--binlog off)";
            let cure = "Grant SESSION_VARIABLES_ADMIN (MySQL) or BINLOG ADMIN (MariaDB) to it, or have it logged: --binlog on";
            Condition::of(Verdict::Refusal(Code::PermissionDenied), NAME, detail, cure)
        }
    }
}

/// Whether names that differ stay different.
fn names(settings: &Settings, demands: &Demands) -> Condition {
    const NAME: &str = "names";
    if settings.lower_case == 0 {
        return Condition::fine(NAME, "large and small letters are told apart");
    }
    let mut alike: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for table in &demands.tables {
        alike.entry((table.database.to_lowercase(), table.name.to_lowercase())).or_default().push(&table.name);
    }
    let double: Vec<String> = alike.values().filter(|names| names.len() > 1).map(|names| text::clean(&names.join(" and "))).collect();
    if !double.is_empty() {
        let detail = format!("the server does not tell large and small letters apart (lower_case_table_names): {}", few(&double));
        let cure = "Restore to a server with lower_case_table_names = 0, which is chosen when it is made.";
        return Condition::of(Verdict::Refusal(Code::DuplicateObject), NAME, detail, cure);
    }
    let large: Vec<String> = demands
        .tables
        .iter()
        .filter(|table| settings.lower_case == 1 && table.name != table.name.to_lowercase())
        .map(|table| text::clean(&table.name))
        .collect();
    if large.is_empty() {
        return Condition::fine(NAME, "large and small letters are not told apart; no two tables differ by them");
    }
    let detail = format!("the server makes all letters of tables' names small (lower_case_table_names = 1): {}", few(&large));
    Condition::of(Verdict::Warning, NAME, detail, "They are found under their small names; the proof takes them for missing.")
}

/// Whether the engines are there.
fn engines(settings: &Settings, demands: &Demands) -> Condition {
    const NAME: &str = "storage engines";
    let needed: BTreeSet<&str> = demands.tables.iter().filter_map(|table| table.engine.as_deref()).collect();
    let there = |engine: &str| {
        let engine = engine.to_ascii_lowercase();
        settings.engines.contains(&engine) || (engine == "merge" && settings.engines.contains("mrg_myisam"))
    };
    let lacking: Vec<String> = needed.iter().filter(|engine| !there(engine)).map(|engine| text::clean(engine)).collect();
    if lacking.is_empty() {
        let all: Vec<String> = needed.iter().map(|engine| text::clean(engine)).collect();
        return Condition::fine(NAME, if all.is_empty() { "none are needed".into() } else { format!("{}: there", few(&all)) });
    }
    let which: Vec<String> = demands
        .tables
        .iter()
        .filter(|table| table.engine.as_deref().is_some_and(|engine| !there(engine)))
        .map(|table| text::clean(&table.name))
        .collect();
    let detail = format!("the server does not have {}, of which are {}", few(&lacking), few(&which));
    Condition::of(
        Verdict::Obstacle(Code::MissingExtension),
        NAME,
        detail,
        "Install the engine's plugin, or restore to a server that has it.",
    )
}

/// The first names of many.
pub fn few(names: &[String]) -> String {
    let mut told = names.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > TOLD {
        told.push_str(&format!(" and {} more", names.len() - TOLD));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Demanded;

    fn table(name: &str, engine: &str, row: u64) -> Demanded {
        Demanded { database: "d".into(), name: name.into(), engine: Some(engine.into()), row, key: Vec::new() }
    }

    #[test]
    fn each_setting_says_what_it_means() {
        let demands = Demands { tables: vec![table("Big", "InnoDB", 10 << 20), table("big", "FEDERATED", 1)], ..Demands::default() };
        let settings =
            Settings { streams: true, packet: 1 << 20, logs: true, engines: BTreeSet::from(["innodb".to_owned()]), ..Settings::default() };
        let verdicts = |settings: &Settings| judge(settings, &demands).into_iter().map(|one| one.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(&settings), [Verdict::Fine, Verdict::Fine, Verdict::Fine, Verdict::Obstacle(Code::MissingExtension)]);
        let worse = Settings {
            streams: false,
            lower_case: 1,
            unlogged: Some(false),
            read_only: Some("read_only"),
            may_write: true,
            ..settings.clone()
        };
        assert_eq!(
            verdicts(&worse),
            [
                Verdict::Obstacle(Code::OutOfRange),
                Verdict::Refusal(Code::PermissionDenied),
                Verdict::Refusal(Code::DuplicateObject),
                Verdict::Obstacle(Code::MissingExtension),
                Verdict::Warning
            ]
        );
        let refused = |read_only, may_write| {
            judge(&Settings { read_only: Some(read_only), may_write, ..settings.clone() }, &demands).pop().map(|one| one.verdict)
        };
        assert_eq!(refused("read_only", false), Some(Verdict::Refusal(Code::ServerReadOnly)));
        assert_eq!(refused("super_read_only", true), Some(Verdict::Refusal(Code::ServerReadOnly)));
        let keyed = judge(&Settings { wants_keys: Some("sql_require_primary_key"), ..settings }, &demands).pop().expect("a line");
        assert!(keyed.detail.ends_with("of these none is known: Big"), "{}", keyed.detail);
    }
}
