//! What InnoDB's tables take on the server's disk. The statistics that `information_schema.tables` has sizes from are renewed some time after a
//! load; the files are as large as they are.

use super::rights::is_refused;
use crate::domain::Product;
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;
use std::collections::HashMap;

/// Statistics are older than the files where these are larger than twice what they say, and so much more, in bytes: the least file has room
/// to spare.
const SLACK: u64 = 1 << 20;

/// Bytes in files by database, as the files' folders are called: a name with other signs than ASCII's letters, digits and `_` is written
/// in a way of its own there, and is left to the statistics. One question, in which the server looks at each file: nothing to ask for each
/// database. Without the right PROCESS none is known.
pub async fn read(session: &mut Session) -> Result<HashMap<String, u64>, Error> {
    let list = if session.flavour().product == Product::Mariadb { "INNODB_SYS_TABLESPACES" } else { "INNODB_TABLESPACES" };
    let sql = format!(
        "SELECT SUBSTRING_INDEX(NAME, '/', 1), CAST(SUM(FILE_SIZE) AS UNSIGNED) FROM information_schema.{list} WHERE NAME LIKE '%/%' GROUP BY 1"
    );
    match session.query(&sql).await {
        Ok(rows) => Ok(rows.iter().map(|row| (row.owned(0), row.number(1).unwrap_or(0))).collect()),
        Err(error) if is_refused(&error) => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}

/// What a database takes: as its statistics say, or as its files do where these are much larger.
pub fn larger(told: u64, files: u64) -> u64 {
    if files > told.saturating_mul(2).saturating_add(SLACK) { files } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_where_statistics_are_old() {
        assert_eq!(larger(16384, 64 << 20), 64 << 20);
        assert_eq!(larger(48 << 20, 64 << 20), 48 << 20);
        assert_eq!(larger(16384, 114_688), 16384, "the least file is no news");
    }
}
