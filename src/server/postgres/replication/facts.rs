//! What a base backup needs to know of the server beforehand, and how far its archiver is afterwards. Asked in an ordinary session.

use crate::domain::Fault;
use crate::domain::wal::{SegmentSize, Timeline};
use crate::server::base::{Archived, BaseFacts};
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::base_facts`].
pub async fn facts(connector: &Connector) -> Result<BaseFacts, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let failed = |error: tokio_postgres::Error| connector.fault("cannot ask the server about base backups", &error, database);
    // Settings that not every version or role knows are read by name; pg_settings leaves out what the role may not see.
    let row = session
        .client
        .query_one(
            "SELECT (SELECT rolsuper OR rolreplication FROM pg_catalog.pg_roles WHERE rolname = current_user), \
                    pg_catalog.current_setting('max_wal_senders')::int4, \
                    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender')::int4, \
                    pg_catalog.current_setting('wal_level'), pg_catalog.current_setting('archive_mode'), \
                    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'archive_command'), \
                    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'archive_library'), \
                    pg_catalog.current_setting('data_checksums') = 'on', \
                    (SELECT setting = 'on' FROM pg_catalog.pg_settings WHERE name = 'summarize_wal'), \
                    (SELECT setting::int8 FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size'), \
                    pg_catalog.current_setting('block_size')::int4, \
                    (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::int8, \
                    CASE WHEN pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE') \
                         THEN (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()) END",
            &[],
        )
        .await
        .map_err(failed)?;
    let text = |at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
    let number = |at: usize| u32::try_from(row.get::<_, i32>(at)).unwrap_or(0);
    let segment = row.get::<_, Option<i64>>(9).and_then(|bytes| u32::try_from(bytes).ok()).and_then(SegmentSize::new);
    let mut facts = BaseFacts {
        may_replicate: row.get::<_, Option<bool>>(0).unwrap_or(false),
        senders: (number(1), number(2)),
        wal_level: text(3),
        archive_mode: text(4),
        // pg_settings shows this where nothing can be archived.
        archive_command: text(5).replace("(disabled)", ""),
        archive_library: text(6),
        checksums: row.get(7),
        summaries: row.get::<_, Option<bool>>(8).unwrap_or(false),
        timeline: Timeline(row.get::<_, Option<i32>>(12).and_then(|timeline| u32::try_from(timeline).ok()).unwrap_or(0)),
        segment_size: segment.unwrap_or_default(),
        page_size: number(10),
        now_ms: row.get(11),
        tablespaces: Vec::new(),
    };
    let rows = session
        .client
        .query(
            "SELECT oid::int8, spcname::text, \
                    CASE WHEN pg_catalog.has_tablespace_privilege(oid, 'CREATE') \
                           OR pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') \
                         THEN pg_catalog.pg_tablespace_size(oid) END \
               FROM pg_catalog.pg_tablespace WHERE spcname <> 'pg_global' ORDER BY oid",
            &[],
        )
        .await
        .map_err(failed)?;
    for row in rows {
        let bytes = row.get::<_, Option<i64>>(2).and_then(|bytes| u64::try_from(bytes).ok());
        facts.tablespaces.push((u32::try_from(row.get::<_, i64>(0)).unwrap_or(0), row.get(1), bytes));
    }
    session.close().await;
    Ok(facts)
}

/// See [`crate::server::Server::archived`].
pub async fn archived(connector: &Connector) -> Result<Archived, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let row = session
        .client
        .query_one(
            "SELECT last_archived_wal, \
                    CASE WHEN last_archived_time IS NULL OR last_failed_time > last_archived_time THEN last_failed_wal END, failed_count, \
                    (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::int8 \
               FROM pg_catalog.pg_stat_archiver",
            &[],
        )
        .await
        .map_err(|error| connector.fault("cannot ask the server about its archiver", &error, database))?;
    let archived =
        Archived { last: row.get(0), failing: row.get(1), failures: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0), now_ms: row.get(3) };
    session.close().await;
    Ok(archived)
}
