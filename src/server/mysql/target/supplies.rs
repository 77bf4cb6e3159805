//! What a server has to offer to a restore: accounts, collations, and what our user may make.

use crate::domain::Fault;
use crate::server::Supplies;
use crate::server::mysql::connect::Connector;
use crate::server::mysql::source::account;
use crate::server::mysql::wire::Error;

/// Our user's rights for the whole server, and those to make things in some database: a name of a database there may be a pattern.
const RIGHTS: &str = "SELECT privilege_type FROM information_schema.user_privileges \
      WHERE grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') \
     UNION SELECT CONCAT(privilege_type, ' SOME') FROM information_schema.schema_privileges \
      WHERE grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')";

/// See [`crate::server::Server::supplies`].
pub async fn read(connector: &Connector) -> Result<Supplies, Fault> {
    let failed = |error: Error| connector.fault("cannot ask the server what it has", &error, "");
    let mut session = connector.session(None).await?;
    let rights: Vec<String> = session.query(RIGHTS).await.map_err(failed)?.iter().map(|row| row.owned(0)).collect();
    let collations = session.query("SELECT collation_name FROM information_schema.collations").await.map_err(failed)?;
    // Who may not read the accounts is told of none that is missing: the server says so when it is named.
    let roles = match session.query("SELECT user, host FROM mysql.user").await {
        Ok(rows) => rows.iter().map(|row| account(session.flavour().product, row.owned(0), row.owned(1)).to_string()).collect(),
        Err(Error::Server { .. }) => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    session.close().await;
    let may = |right: &str| rights.iter().any(|there| there == right);
    Ok(Supplies {
        roles,
        may_create: may("CREATE") || may("CREATE SOME"),
        may_create_roles: may("CREATE USER"),
        locales: collations.iter().map(|row| row.owned(0)).filter(|name| !name.is_empty()).collect(),
        // There is no other order than that of collations.
        icu: true,
        ..Supplies::default()
    })
}
