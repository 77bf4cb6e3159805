//! Where the server gets changes from, when it is a replica: by the names of columns, which differ between products and versions.

use super::{limited, said};
use crate::domain::diagnosis::Fact;
use crate::domain::diagnosis::mysql::Channel;
use crate::domain::{Product, text};
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;
use std::collections::HashMap;
use tokio::time::Instant;

/// The first version of MySQL that says "replica".
const SAYS_REPLICA: u32 = 80_022;

/// All channels; none for a server that is no replica.
pub async fn read(session: &mut Session, deadline: Instant) -> Fact<Vec<Channel>> {
    let sql = match (session.flavour().product, session.flavour().version_num) {
        (Product::Mariadb, _) => "SHOW ALL SLAVES STATUS",
        (_, SAYS_REPLICA..) => "SHOW REPLICA STATUS",
        _ => "SHOW SLAVE STATUS",
    };
    match limited(deadline, rows(session, sql)).await {
        Ok(Ok(rows)) => Fact::Known(rows.iter().map(channel).collect()),
        Ok(Err(error)) => Fact::Unknown(said(&error)),
        Err(why) => Fact::Unknown(why),
    }
}

type Named = HashMap<String, String>;

/// Rows with the names of their columns in small letters, and the words for the two roles as they are today.
async fn rows(session: &mut Session, sql: &str) -> Result<Vec<Named>, Error> {
    let mut stream = session.stream(sql).await?;
    let names: Vec<String> = stream
        .columns()
        .iter()
        .map(|column| column.name.to_ascii_lowercase().replace("slave", "replica").replace("master", "source"))
        .collect();
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await? {
        let values = row.iter().map(|value| value.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
        rows.push(names.iter().cloned().zip(values).filter_map(|(name, value)| Some((name, value?))).collect());
    }
    Ok(rows)
}

fn channel(row: &Named) -> Channel {
    let field = |name: &str| row.get(name).map(|value| text::clean(value)).filter(|value| !value.is_empty());
    let error = |kind: &str| {
        let message = field(&format!("last_{kind}_error"))?;
        Some(format!("{message} (error {})", field(&format!("last_{kind}_errno")).unwrap_or_default()))
    };
    Channel {
        // MySQL calls its one and only channel by an empty name as well.
        name: field("channel_name").or_else(|| field("connection_name")).unwrap_or_default(),
        source: format!("{}:{}", field("source_host").unwrap_or_default(), field("source_port").unwrap_or_default()),
        receives: field("replica_io_running").unwrap_or_default(),
        applies: field("replica_sql_running").unwrap_or_default(),
        behind_seconds: field("seconds_behind_source").and_then(|text| text.parse().ok()),
        error: error("sql").or_else(|| error("io")),
        gtid: field("executed_gtid_set").or_else(|| field("gtid_replica_pos")).or_else(|| field("gtid_io_pos")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_either_time_are_read() {
        let row: Named = [
            ("connection_name", ""),
            ("source_host", "db01"),
            ("source_port", "3306"),
            ("replica_io_running", "Connecting"),
            ("replica_sql_running", "Yes"),
            ("last_io_errno", "2003"),
            ("last_io_error", "error connecting"),
            ("last_sql_error", ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let one = channel(&row);
        assert_eq!((one.words().as_str(), one.works(), one.behind_seconds), ("db01:3306", false, None));
        assert_eq!(one.error.as_deref(), Some("error connecting (error 2003)"));
    }
}
