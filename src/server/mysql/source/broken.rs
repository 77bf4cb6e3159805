//! Views that no server could make anew: what they refer to is gone. The server's own word for them does not tell that from a definer without
//! rights, so that the query of a view that looks so is prepared.

use crate::server::mysql::connect::Session;
use crate::server::mysql::quote::literal;
use crate::server::mysql::wire::Error;
use std::collections::HashSet;

/// No such table, column or function; a view below that is broken itself.
const GONE: [u16; 5] = [1146, 1054, 1305, 1356, 1051];

/// Those of some views, each with its statement, that are broken. The session is inside their database.
pub async fn of(session: &mut Session, suspects: Vec<(String, String)>) -> Result<HashSet<String>, Error> {
    let mut broken = HashSet::new();
    for (name, statement) in suspects {
        let Some(query) = query(&statement) else { continue };
        match session.run(&format!("PREPARE dbbackup_view FROM {}", literal(query))).await {
            Ok(_) => drop(session.run("DEALLOCATE PREPARE dbbackup_view").await?),
            Err(error) if error.number().is_some_and(|number| GONE.contains(&number)) => drop(broken.insert(name)),
            Err(Error::Server { .. }) => {}
            Err(lost) => return Err(lost),
        }
    }
    Ok(broken)
}

/// The query in the statement that makes a view, as `SHOW CREATE VIEW` writes it: what is behind the first AS that is no part of a name.
fn query(statement: &str) -> Option<&str> {
    let mut named = false;
    let at = statement.char_indices().find_map(|(at, character)| {
        named ^= character == '`';
        (!named && statement.get(at..).is_some_and(|rest| rest.starts_with(" AS "))).then_some(at + " AS ".len())
    })?;
    let query = statement.get(at..)?;
    let checked = [" WITH CASCADED CHECK OPTION", " WITH LOCAL CHECK OPTION"];
    Some(checked.iter().find_map(|words| query.strip_suffix(words)).unwrap_or(query))
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn the_query_is_behind_the_first_as() {
        let head = "CREATE ALGORITHM=UNDEFINED DEFINER=`x AS y`@`%` SQL SECURITY DEFINER VIEW `a`` AS b` (`c AS d`)";
        let text = format!("{head} AS select `t`.`a` AS `b` from `t` WITH CASCADED CHECK OPTION");
        assert_eq!(query(&text), Some("select `t`.`a` AS `b` from `t`"));
        assert_eq!(query("CREATE VIEW `v`"), None);
    }
}
