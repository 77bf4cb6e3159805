//! Members of ENUM and SET that MySQL shows with `?` in the place of characters of four bytes, as its definitions are kept in utf8mb3.
//!
//! What they are is asked of the column itself: a temporary table gets a column of its type, and each member by its number.

use super::created::Created;
use crate::domain::Fault;
use crate::domain::schema::TableName;
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::definition::lexer::{Placed, Quotes, Token, value, words};
use crate::server::mysql::definition::table::{ItemKind, TableText};
use crate::server::mysql::quote::{ident, literal, qualified};
use crate::server::mysql::wire::Error;
use std::ops::Range;

/// The temporary table. Nobody else sees it, and it may not have the name of one that is there.
const NAME: &str = "_dbbackup_members";

/// A column whose members are in doubt.
#[derive(Debug, PartialEq, Eq)]
struct Doubtful {
    column: String,
    set: bool,
    /// The members as they are shown.
    shown: Vec<String>,
    /// Where the list stands in the definition, without its parentheses.
    at: Range<usize>,
    /// Where its default stands, if that is in doubt too.
    default: Option<Range<usize>>,
}

/// What a column really has.
struct Asked {
    members: Vec<String>,
    default: Option<String>,
}

/// Writes the true members into definitions of tables. Gives the columns whose members could not be asked for.
pub async fn mend(connector: &Connector, database: &str, names: &[String], tables: &mut [Created]) -> Result<Vec<String>, Fault> {
    let mut unknown = Vec::new();
    let mut session = None;
    for (name, created) in names.iter().zip(tables) {
        // From the last to the first: what stands before keeps its place.
        for doubt in doubtful(&created.sql).into_iter().rev() {
            let session = match &mut session {
                Some(open) => open,
                None => session.insert(connector.session(None).await?),
            };
            match ask(session, &TableName::new(database, name), &doubt).await {
                Ok(Some(asked)) => {
                    if let (Some(at), Some(default)) = (doubt.default, asked.default) {
                        created.sql.replace_range(at, &literal(&default));
                    }
                    let list: Vec<String> = asked.members.iter().map(|member| literal(member)).collect();
                    created.sql.replace_range(doubt.at, &list.join(","));
                }
                Ok(None) => unknown.push(format!("{name}.{}", doubt.column)),
                Err(Error::Server { number, message, .. }) => {
                    tracing::info!(number, message, table = name, column = doubt.column, "members cannot be asked for");
                    unknown.push(format!("{name}.{}", doubt.column));
                }
                Err(lost) => return Err(connector.fault("cannot read the members of a column", &lost, database)),
            }
        }
    }
    if let Some(session) = session {
        session.close().await;
    }
    Ok(unknown)
}

/// None: the column is no longer the one that was shown.
async fn ask(session: &mut Session, table: &TableName, doubt: &Doubtful) -> Result<Option<Asked>, Error> {
    let own = qualified(&TableName::new(&table.schema, NAME));
    session.run(&format!("DROP TEMPORARY TABLE IF EXISTS {own}")).await?;
    session.run(&format!("CREATE TEMPORARY TABLE {own} SELECT {} AS m FROM {} LIMIT 0", ident(&doubt.column), qualified(table))).await?;
    let number = |at: usize| if doubt.set { format!("({})", 1_u64 << at) } else { format!("({})", at + 1) };
    let numbers: Vec<String> = (0..doubt.shown.len()).map(number).collect();
    session.run(&format!("INSERT INTO {own} VALUES {}", numbers.join(", "))).await?;
    let default = if doubt.default.is_some() { "DEFAULT(m)" } else { "NULL" };
    let rows =
        session.query(&format!("SELECT CONVERT(m USING utf8mb4), CONVERT({default} USING utf8mb4) FROM {own} ORDER BY m + 0")).await?;
    session.run(&format!("DROP TEMPORARY TABLE {own}")).await?;
    let members: Vec<String> = rows.iter().map(|row| row.owned(0)).collect();
    // Only what was lost may differ.
    let alike = |(shown, member): (&String, &String)| shown == member || shown.contains('?');
    let same = members.len() == doubt.shown.len() && doubt.shown.iter().zip(&members).all(alike);
    let default = rows.first().and_then(|row| row.text(1)).map(std::borrow::Cow::into_owned);
    Ok(same.then_some(Asked { members, default }))
}

/// The columns of a definition that have a `?` among their members.
fn doubtful(sql: &str) -> Vec<Doubtful> {
    let Some(text) = sql.contains('?').then(|| TableText::parse(sql)).flatten() else { return Vec::new() };
    let mut found = Vec::new();
    let mut at = text.head.len();
    for item in &text.items {
        if item.kind == ItemKind::Column && item.raw.contains('?') {
            found.extend(members(item.raw, &item.name, at));
        }
        at += item.raw.len() + 1;
    }
    found
}

/// The members of a column, whose text begins at a place of the definition.
fn members(raw: &str, name: &str, from: usize) -> Option<Doubtful> {
    let mut words = words(raw, Quotes::default());
    words.next()?;
    let set = match words.next()?.token {
        word if word.is("set") => true,
        word if word.is("enum") => false,
        _ => return None,
    };
    let open = words.next().filter(|placed| placed.token == Token::Mark('('))?;
    let mut shown = Vec::new();
    let close = words.by_ref().find(|placed| {
        if let Token::Literal(member) = placed.token {
            shown.push(value(member));
        }
        placed.token == Token::Mark(')')
    })?;
    if !shown.iter().any(|member| member.contains('?')) {
        return None;
    }
    let said = words.by_ref().find(|placed| placed.token.is("default") || placed.token.is("comment"));
    let default = said.filter(|placed| placed.token.is("default")).and_then(|_| words.next());
    let default = default.filter(|placed| matches!(placed.token, Token::Literal(text) if text.contains('?')));
    Some(Doubtful {
        column: name.to_owned(),
        set,
        shown,
        at: from + open.to..from + close.from,
        default: default.map(|placed: Placed<'_>| from + placed.from..from + placed.to),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_with_a_question_mark_are_in_doubt() {
        let sql = "CREATE TABLE `t` (\n  `a` enum('x','it''s ?)') DEFAULT 'it''s ?',\n  `q?` varchar(9) COMMENT 'a?',\n  `s` set('b\\\\c','ü?') DEFAULT NULL,\n  \
                   `e` enum('x','y') COMMENT '?',\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB";
        let found = doubtful(sql);
        assert_eq!(found.iter().map(|one| one.column.as_str()).collect::<Vec<_>>(), ["a", "s"]);
        assert_eq!((&sql[found[0].at.clone()], found[0].set), ("'x','it''s ?)'", false));
        assert_eq!(found[0].default.clone().map(|at| &sql[at]), Some("'it''s ?'"));
        assert_eq!(found[1].default, None);
        assert_eq!((&sql[found[1].at.clone()], found[1].set), ("'b\\\\c','ü?'", true));
        assert_eq!(found[1].shown, ["b\\c", "ü?"]);
        assert_eq!(doubtful("CREATE TABLE `t` (\n  `a` int COMMENT '?'\n)"), []);
    }
}
