//! Signals: the first one ends the jobs in good order, the second one ends the program at once.

use super::inbox::Inbox;
use crate::app::msg::{Msg, Why};
use crate::domain::Fault;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

/// Listens from now on. Once listened to, a signal does not end the process by itself any more.
pub fn listen(handle: &Handle, inbox: &Arc<Inbox>) -> Result<(), Fault> {
    let _inside = handle.enter();
    for (kind, why, exit) in [
        (SignalKind::interrupt(), Why::Interrupt, 130),
        (SignalKind::terminate(), Why::Terminate, 143),
        (SignalKind::hangup(), Why::Hangup, 143),
    ] {
        let mut signals = signal(kind).map_err(|error| Fault::internal("cannot listen to signals").because(error))?;
        let inbox = Arc::clone(inbox);
        handle.spawn(async move {
            let mut seen = false;
            while signals.recv().await.is_some() {
                if seen {
                    super::terminal::restore();
                    super::log::flush(std::time::Duration::from_millis(200));
                    std::process::exit(exit);
                }
                seen = true;
                inbox.answer(Msg::Shutdown(why));
            }
        });
    }
    Ok(())
}
