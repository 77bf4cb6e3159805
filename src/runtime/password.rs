//! Asks a person for a password, when one is needed and none was found. Never without a terminal.

use super::work;
use crate::config::secrets::Secrets;
use crate::domain::{Code, Connection, Fault};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use std::fs::File;
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
    let _quiet = Quiet::begin();
    let typed = rpassword::prompt_password(crate::domain::text::clean(&prompt))
        .map_err(|error| Fault::new(Code::AuthFailed, "no password was typed").because(error))?;
    secrets.remember(connection, SecretString::from(typed));
    Ok(())
}

/// The terminal without echo from before the prompt is written, for who types at once would otherwise see the first letters: rpassword
/// writes its prompt first. As it was when dropped.
struct Quiet(Option<(File, Termios)>);

impl Quiet {
    fn begin() -> Self {
        let quieten = || {
            let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
            let before = tcgetattr(&terminal).ok()?;
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&terminal, OptionalActions::Now, &silent).ok()?;
            Some((terminal, before))
        };
        Self(quieten())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some((terminal, before)) = &self.0 {
            // Nothing can be done about a terminal that is gone.
            let _ = tcsetattr(terminal, OptionalActions::Now, before);
        }
    }
}
