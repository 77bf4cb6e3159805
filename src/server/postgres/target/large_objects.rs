//! Large objects: made, given their owners, rights and comments, and filled, from rows that pass through temporary tables.

use super::ledger::Page;
use super::loader::Target;
use super::{copy, ledger};
use crate::domain::Fault;
use crate::domain::schema::{RowFormat, Table};
use crate::server::postgres::quote::{ident, literal};
use crate::server::{Claim, RowSource};

/// Large objects for each transaction: each takes a lock while its owner or rights change.
const AT_ONCE: i64 = 500;

/// Bytes in a page of a large object: a quarter of the server's block (`LOBLKSIZE` in PostgreSQL's large_object.h).
const PAGE: &str = "(pg_catalog.current_setting('block_size')::int8 / 4)";

/// Makes large objects from rows of oid, owner, rights (the text of an `aclitem[]`) and comment.
pub async fn metadata(target: &mut Target, table: &Table, source: &mut dyn RowSource, claim: Claim<'_>) -> Result<u64, Fault> {
    let what = "cannot create large objects";
    target
        .batch(
            what,
            "DROP TABLE IF EXISTS pg_temp.dbbackup_lo_metadata; \
             CREATE TEMPORARY TABLE dbbackup_lo_metadata (oid oid PRIMARY KEY, owner text, acl text, comment text)",
        )
        .await?;
    let rows = copy::send(target, table, &format!("COPY pg_temp.dbbackup_lo_metadata FROM STDIN{}", format(table)), source).await?;
    let rows = copy::complete(table, rows, claim)?;
    // What a run that was interrupted has made is in its ledger, one by one: a chunk's objects are made in several transactions.
    let kept = !claim.marks.is_empty();
    if kept {
        let gone =
            "DELETE FROM pg_temp.dbbackup_lo_metadata t USING _dbbackup.ledger l WHERE l.kind = 'large object' AND l.a = t.oid::int8";
        target.batch(what, gone).await?;
    }
    let mut last = 0_i64;
    loop {
        let some = target
            .session
            .client
            .query(
                "SELECT oid::int8, owner, acl::text[], comment FROM pg_temp.dbbackup_lo_metadata WHERE oid::int8 > $1 ORDER BY oid::int8 LIMIT $2",
                &[&last, &AT_ONCE],
            )
            .await
            .map_err(|error| target.fault(what, &error))?;
        let Some(end) = some.last() else { break };
        last = end.get(0);
        let mut sql = String::from("BEGIN;\n");
        if kept {
            let from = some.first().map_or(0, |row| row.get::<_, i64>(0));
            sql.push_str(&format!(
                "INSERT INTO _dbbackup.ledger (kind, a, b) SELECT 'large object', oid::int8, 0 FROM pg_temp.dbbackup_lo_metadata \
                  WHERE oid::int8 BETWEEN {from} AND {last};\n"
            ));
        }
        for row in &some {
            let owner: Option<String> = row.get(1);
            let acl: Option<Vec<String>> = row.get(2);
            let comment: Option<String> = row.get(3);
            describe(&mut sql, target, row.get(0), owner.as_deref(), acl.as_deref(), comment.as_deref());
        }
        sql.push_str("COMMIT;");
        if let Err(error) = target.session.client.batch_execute(&sql).await {
            let fault = target.fault(what, &error);
            target.batch(what, "ROLLBACK").await?;
            return Err(fault.step("Roles that own large objects must exist: restore the globals first, or use --no-owner --no-acl."));
        }
    }
    let end = format!("BEGIN;\n{}DROP TABLE pg_temp.dbbackup_lo_metadata; COMMIT", ledger::claim(claim.marks, Page::Logged));
    if let Err(error) = target.session.client.batch_execute(&end).await {
        target.rollback().await;
        return Err(copy::begin_fault(target, table, &error));
    }
    Ok(rows)
}

/// Fills large objects from rows of oid, page number and bytes; one transaction.
pub async fn pages(target: &mut Target, table: &Table, source: &mut dyn RowSource, claim: Claim<'_>) -> Result<u64, Fault> {
    let what = "cannot fill large objects";
    let begin = format!(
        "BEGIN;\n{}CREATE TEMPORARY TABLE dbbackup_lo_data (oid oid, page int4, data bytea) ON COMMIT DROP",
        ledger::claim(claim.marks, Page::Logged)
    );
    if let Err(error) = target.session.client.batch_execute(&begin).await {
        target.rollback().await;
        return Err(copy::begin_fault(target, table, &error));
    }
    let sql = format!("COPY pg_temp.dbbackup_lo_data FROM STDIN{}", format(table));
    let loaded = match copy::send(target, table, &sql, source).await.and_then(|rows| copy::complete(table, rows, claim)) {
        Ok(rows) => {
            let put = format!(
                "SELECT pg_catalog.count(pg_catalog.lo_put(oid, page::int8 * {PAGE}, data)::text) FROM pg_temp.dbbackup_lo_data; COMMIT"
            );
            target.batch(what, &put).await.map(|()| rows)
        }
        Err(fault) => Err(fault),
    };
    if loaded.is_err() {
        target.rollback().await;
    }
    loaded
}

fn format(table: &Table) -> &'static str {
    match table.format {
        RowFormat::Text | RowFormat::Tsv => "",
        RowFormat::Binary => " WITH (FORMAT binary)",
    }
}

/// The statements that make one large object.
fn describe(sql: &mut String, target: &Target, oid: i64, owner: Option<&str>, acl: Option<&[String]>, comment: Option<&str>) {
    let choices = &target.choices;
    let mapped = |role: &str| -> String {
        let renamed = choices.map_roles.iter().find(|(from, _)| from == role).map(|(_, to)| to.as_str());
        ident(renamed.unwrap_or(role))
    };
    sql.push_str(&format!("SELECT pg_catalog.lo_create({oid}::oid);\n"));
    if let Some(owner) = owner.filter(|_| !choices.no_owner) {
        sql.push_str(&format!("ALTER LARGE OBJECT {oid} OWNER TO {};\n", mapped(owner)));
    }
    if let Some(items) = acl.filter(|_| !choices.no_acl) {
        // An ACL that is there says everything, the owner's own rights included.
        if let Some(owner) = owner.filter(|_| !choices.no_owner) {
            sql.push_str(&format!("REVOKE ALL ON LARGE OBJECT {oid} FROM {};\n", mapped(owner)));
        }
        for (grantee, rights) in items.iter().filter_map(|item| aclitem(item)) {
            let grantee = if grantee.is_empty() { "PUBLIC".to_owned() } else { mapped(&grantee) };
            for (right, grantable) in rights {
                let option = if grantable { " WITH GRANT OPTION" } else { "" };
                sql.push_str(&format!("GRANT {right} ON LARGE OBJECT {oid} TO {grantee}{option};\n"));
            }
        }
    }
    if let Some(comment) = comment {
        sql.push_str(&format!("COMMENT ON LARGE OBJECT {oid} IS {};\n", literal(comment)));
    }
}

/// What an `aclitem` gives on a large object: `alice=r*w/postgres`, the names quoted where they need it (`putid` in PostgreSQL's acl.c).
fn aclitem(item: &str) -> Option<(String, Vec<(&'static str, bool)>)> {
    let (grantee, rest) = if let Some(quoted) = item.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = quoted.char_indices().peekable();
        let mut end = None;
        while let Some((at, c)) = chars.next() {
            if c != '"' {
                name.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
                name.push('"');
                chars.next();
            } else {
                end = Some(at + 1);
                break;
            }
        }
        (name, quoted.get(end?..)?)
    } else {
        let at = item.find('=')?;
        (item[..at].to_owned(), &item[at..])
    };
    let letters = rest.strip_prefix('=')?;
    let letters = &letters[..letters.find('/').unwrap_or(letters.len())];
    let mut rights = Vec::new();
    for letter in letters.chars() {
        match letter {
            'r' => rights.push(("SELECT", false)),
            'w' => rights.push(("UPDATE", false)),
            '*' => rights.last_mut()?.1 = true,
            _ => return None,
        }
    }
    Some((grantee, rights))
}

#[cfg(test)]
mod tests {
    use super::aclitem;

    #[test]
    fn aclitems_are_read_with_quoted_names() {
        assert_eq!(aclitem("alice=r*w/postgres"), Some(("alice".into(), vec![("SELECT", true), ("UPDATE", false)])));
        assert_eq!(aclitem("=r/postgres"), Some((String::new(), vec![("SELECT", false)])));
        assert_eq!(aclitem("\"a\"\"=b\"=w/x"), Some(("a\"=b".into(), vec![("UPDATE", false)])));
        assert_eq!(aclitem("nonsense"), None);
        assert_eq!(aclitem("\"open"), None);
        assert_eq!(aclitem("a=*/x"), None);
    }
}
