//! Ends a session that is in the way, when a person asked for it.

use super::locks::{self, Sight};
use crate::domain::wait::{Blocker, Ending};
use crate::domain::{Code, Fault, Product};
use crate::server::mysql::connect::Connector;
use crate::server::mysql::fault;
use crate::server::mysql::quote::literal;

/// See [`crate::server::Server::end_session`].
pub async fn end(connector: &Connector, blocker: &Blocker, ending: Ending) -> Result<(), Fault> {
    let (what, sql) = match ending {
        Ending::Cancel => (format!("cannot cancel the statement of session {}", blocker.pid), format!("KILL QUERY {}", blocker.pid)),
        Ending::Terminate => (format!("cannot end session {}", blocker.pid), format!("KILL {}", blocker.pid)),
    };
    // A number that the list of waits has no room for.
    let reason = if blocker.pid == i32::MAX { Some("its number is too large to be sure who it is") } else { blocker.untouchable() };
    if let Some(reason) = reason {
        return Err(Fault::new(Code::PermissionDenied, what).because(reason));
    }
    let mut session = connector.session(None).await?;
    let id = u64::try_from(blocker.pid).unwrap_or(0);
    let ours = connector.roll().ids();
    let asked = match locks::known(&mut session, &[id], &ours, Sight::Own).await {
        // Numbers are not used again while a server runs; after a restart somebody else may have it.
        Ok(known) => match known.get(&blocker.pid) {
            Some(one) if one.user == blocker.user && one.client == blocker.client && !one.ours => session.run(&sql).await.map(|_| true),
            _ => Ok(false),
        },
        Err(error) => Err(error),
    };
    let product = session.flavour().product;
    session.close().await;
    match asked {
        Ok(true) => Ok(()),
        // 1094: no such session.
        Ok(false) | Err(crate::server::mysql::wire::Error::Server { number: 1094, .. }) => {
            Err(Fault::new(Code::Conflict, what).because("it is gone already").step("Look again: the wait may be over."))
        }
        Err(error) => {
            let fault = fault::located(fault::classify(what, &error), connector.connection(), "");
            let right = if product == Product::Mariadb { "CONNECTION ADMIN" } else { "CONNECTION_ADMIN" };
            Err(if fault.code == Code::PermissionDenied {
                let user = literal(&connector.connection().user);
                fault
                    .step_run("Let this user end other users' sessions:", format!("GRANT {right} ON *.* TO {user}@'%';"))
                    .step_run("Or end it by hand, as a user who may:", format!("{sql};"))
            } else {
                fault
            })
        }
    }
}
