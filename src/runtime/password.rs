//! Asks a person for a password, when one is needed and none was found. Never without a terminal.

use super::work;
use crate::config::secrets::Secrets;
use crate::domain::{Code, Connection, Fault};
use secrecy::SecretString;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long the server is given to say whether it wants a password. Whatever else is wrong shows later, in its place.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for the password of a connection if none was found and the server wants one.
pub fn ask_if_wanted(handle: &Handle, secrets: &Secrets, connection: &Connection) -> Result<(), Fault> {
    if secrets.look_up(connection)?.password.is_some() {
        return Ok(());
    }
    let (server, _) = work::server(secrets, connection)?;
    let tried = handle.spawn(async move { tokio::time::timeout(PATIENCE, server.info()).await });
    let wanted = matches!(handle.block_on(tried), Ok(Ok(Err(fault))) if fault.code == Code::AuthFailed);
    if !wanted {
        return Ok(());
    }
    let prompt = format!("Password for {} on {}: ", connection.user, connection.address());
    let typed = rpassword::prompt_password(crate::domain::text::clean(&prompt))
        .map_err(|error| Fault::new(Code::AuthFailed, "no password was typed").because(error))?;
    secrets.remember(connection, SecretString::from(typed));
    Ok(())
}
