//! Ends a session that is in the way, when a person asked for it.

use crate::domain::wait::{Blocker, Ending};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::quote::ident;

/// See [`crate::server::Server::end_session`].
pub async fn end(connector: &Connector, blocker: &Blocker, ending: Ending) -> Result<(), Fault> {
    let what = match ending {
        Ending::Cancel => format!("cannot cancel the statement of pid {}", blocker.pid),
        Ending::Terminate => format!("cannot terminate pid {}", blocker.pid),
    };
    if let Some(reason) = blocker.untouchable() {
        return Err(Fault::new(Code::PermissionDenied, what).because(reason));
    }
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let function = match ending {
        Ending::Cancel => "pg_cancel_backend",
        Ending::Terminate => "pg_terminate_backend",
    };
    // The pid alone could be somebody else's by now: who began at another moment is left alone. Roles that may not know when a session
    // began have no other way than the pid.
    let sql = format!(
        "SELECT pg_catalog.{function}(a.pid) FROM pg_catalog.pg_stat_activity a \
          WHERE a.pid = $1 AND (a.backend_start IS NULL OR (extract(epoch FROM a.backend_start) * 1000)::int8 = $2) AND a.pid <> pg_catalog.pg_backend_pid() \
            AND coalesce(a.application_name, '') <> 'dbbackup' AND coalesce(a.application_name, '') NOT LIKE 'dbbackup: %'"
    );
    let answer = session.client.query_opt(&sql, &[&blocker.pid, &blocker.since.0]).await;
    session.close().await;
    match answer {
        Ok(Some(row)) if row.get::<_, bool>(0) => Ok(()),
        Ok(_) => Err(Fault::new(Code::Conflict, what).because("it is gone already").step("Look again: the wait may be over.")),
        Err(error) => {
            let user = ident(&connector.connection().user);
            let fault = crate::server::postgres::connect::fault(what, &error);
            let fault = crate::server::postgres::fault::located(fault, connector.connection(), database);
            Err(if fault.code == Code::PermissionDenied {
                fault
                    .step_run("Let this role end other roles' sessions:", format!("GRANT pg_signal_backend TO {user};"))
                    .step("A superuser's sessions can be ended by a superuser only.")
                    .step_run("Or end it by hand, as a superuser:", format!("SELECT {function}({});", blocker.pid))
            } else {
                fault
            })
        }
    }
}
