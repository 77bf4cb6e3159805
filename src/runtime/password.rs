//! Asks a person for a password, when one is needed and none was found. Never without a terminal.

use super::work;
use crate::config::secrets::Secrets;
use crate::domain::{Code, Connection, Fault};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, stdin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

/// How long the server is given to say whether it wants a password. Whatever else is wrong shows later, in its place.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for the password of a connection if none was found, the server wants one, and somebody is there to type it. What comes out ends
/// the program on Ctrl-C for as long as it is kept: until somebody else listens, or to the end.
pub fn ask_if_wanted(handle: &Handle, secrets: &Secrets, connection: &Connection) -> Result<Option<Interrupts>, Fault> {
    if !stdin().is_terminal() || secrets.look_up(connection)?.password.is_some() {
        return Ok(None);
    }
    let (server, _) = work::server(secrets, connection)?;
    let tried = handle.spawn(async move { tokio::time::timeout(PATIENCE, server.info()).await });
    let wanted = matches!(handle.block_on(tried), Ok(Ok(Err(fault))) if fault.code == Code::AuthFailed);
    if !wanted {
        return Ok(None);
    }
    let prompt = format!("Password for {} on {}: ", connection.user, connection.address());
    let quiet = Arc::new(Quiet::begin());
    let mut interrupts = Interrupts::listen(handle, Arc::clone(&quiet))?;
    let typed = rpassword::prompt_password(crate::domain::text::clean(&prompt)).map_err(|error| {
        if error.kind() != ErrorKind::Interrupted {
            return Fault::new(Code::AuthFailed, "no password was typed").because(error);
        }
        // The one who listens ends the program, and knows by which signal.
        let _ = handle.block_on(async { tokio::time::timeout(PATIENCE, &mut interrupts.0).await });
        Fault::new(Code::Cancelled, "no password was typed")
    })?;
    quiet.end();
    secrets.remember(connection, SecretString::from(typed));
    Ok(Some(interrupts))
}

/// Ends the program on SIGINT and SIGTERM, with the terminal as it was. Dropping it ends the listening, not what the signals would do by
/// themselves: tokio keeps them.
pub struct Interrupts(JoinHandle<()>);

impl Interrupts {
    fn listen(handle: &Handle, quiet: Arc<Quiet>) -> Result<Self, Fault> {
        let _inside = handle.enter();
        let listen = |kind| signal(kind).map_err(|error| Fault::internal("cannot listen for signals").because(error));
        let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self(handle.spawn(async move {
            let code = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            };
            quiet.end();
            std::process::exit(code);
        })))
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The terminal without echo from before the prompt is written, for who types at once would otherwise see the first letters: rpassword
/// writes its prompt first.
struct Quiet(Mutex<Option<(File, Termios)>>);

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
        Self(Mutex::new(quieten()))
    }

    /// The terminal as it was; once only, for then it is somebody else's.
    fn end(&self) {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((terminal, before)) = before {
            // Nothing can be done about a terminal that is gone.
            let _ = tcsetattr(terminal, OptionalActions::Now, &before);
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.end();
    }
}
