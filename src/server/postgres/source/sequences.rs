//! The values of sequences. They belong to no snapshot: what is read is never behind the rows of a snapshot that was taken before.

use crate::domain::schema::{SequenceState, TableName};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::{Connector, fault};
use crate::server::postgres::quote::qualified;
use tokio_postgres::Client;

/// Sequences of the user's, with whether their value may be read.
const LIST: &str = "
SELECT n.nspname::text, c.relname::text, has_sequence_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (EXISTS (SELECT 1 FROM pg_extension x WHERE c.oid = ANY (x.extconfig))
        OR NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
 ORDER BY 1, 2";

/// Sequences in one query. Each holds a lock while its query runs.
const BATCH: usize = 500;

/// So few are read by the session that holds the snapshot, which keeps their locks: a further session would cost more.
const FEW: usize = 50;

/// The sequences that `catalog` sees, with their values. Many are read by a session outside the snapshot's transaction, so that the locks of
/// one batch are gone before the next.
pub async fn read(catalog: &Client, connector: &Connector, database: &str) -> Result<Vec<SequenceState>, Fault> {
    let names = list(catalog).await?;
    if names.len() <= FEW {
        return values(catalog, names).await;
    }
    let session = connector.session(database).await?;
    let read = values(&session.client, names).await;
    session.close().await;
    read
}

/// Their names; a fault where a value may not be read.
async fn list(catalog: &Client) -> Result<Vec<TableName>, Fault> {
    let rows = catalog.query(LIST, &[]).await.map_err(|error| fault("cannot list the sequences", &error))?;
    let hidden: Vec<TableName> =
        rows.iter().filter(|row| !row.get::<_, bool>(2)).map(|row| TableName { schema: row.get(0), name: row.get(1) }).collect();
    if !hidden.is_empty() {
        let names: Vec<String> = hidden.iter().take(20).map(TableName::to_string).collect();
        return Err(Fault::new(Code::Incomplete, format!("the values of {} sequences cannot be read", hidden.len()))
            .because(format!("no right to read {}", names.join(", ")))
            .step_run("Give the role the right to read everything:", "GRANT pg_read_all_data TO backup;"));
    }
    Ok(rows.iter().map(|row| TableName { schema: row.get(0), name: row.get(1) }).collect())
}

async fn values(client: &Client, names: Vec<TableName>) -> Result<Vec<SequenceState>, Fault> {
    let mut states = Vec::with_capacity(names.len());
    for batch in names.chunks(BATCH) {
        let parts: Vec<String> = batch
            .iter()
            .enumerate()
            .map(|(at, name)| format!("SELECT {at}::int4, last_value, is_called FROM {}", qualified(name)))
            .collect();
        let rows = client.query(&parts.join(" UNION ALL "), &[]).await.map_err(|error| {
            let fault = fault("cannot read the values of the sequences", &error);
            if fault.code == Code::MissingObject { dropped_meanwhile(fault) } else { fault }
        })?;
        for row in rows {
            let at = usize::try_from(row.get::<_, i32>(0)).map_err(|_| Fault::internal("a sequence without its number"))?;
            let name = batch.get(at).ok_or_else(|| Fault::internal("a sequence that was not asked for"))?;
            states.push(SequenceState { name: name.clone(), last_value: row.get(1), is_called: row.get(2), ..SequenceState::default() });
        }
    }
    states.sort();
    Ok(states)
}

/// Something that the snapshot sees is gone already: another try works.
pub fn dropped_meanwhile(mut fault: Fault) -> Fault {
    fault.code = Code::Conflict;
    fault.step("Something was dropped while the backup began. Run this again.")
}
