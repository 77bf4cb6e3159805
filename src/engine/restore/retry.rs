//! What may pass is tried again: after a pause that doubles, on a new session, as often as the spec says.

use crate::domain::spec::Retries;
use crate::domain::{Code, Fault};
use crate::engine::Context;
use crate::engine::event::Level;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Whether a failure may pass by itself: lost connections (class 08), conflicts (40), a lack of room, memory or connections (53), a server
/// that stops, starts or ends sessions (57, but not statements that were cancelled), locks that were not granted (55P03).
pub fn may_pass(fault: &Fault) -> bool {
    match fault.sqlstate.as_deref() {
        Some("57014") => false,
        // MySQL has no state for most of its errors.
        Some("HY000") => matches!(
            fault.code,
            Code::LockTimeout | Code::Deadlock | Code::ServerUnavailable | Code::ServerDiskFull | Code::TooManyConnections
        ),
        Some(state) => ["08", "40", "53", "57"].iter().any(|class| state.starts_with(class)) || state == "55P03",
        None => {
            matches!(fault.code, Code::ConnectionRefused | Code::ConnectTimeout | Code::ServerUnavailable | Code::Conflict | Code::Deadlock)
        }
    }
}

/// Whether the server itself said that nothing of a transaction stayed: then it can be run again without asking what became of it.
pub fn was_undone(fault: &Fault) -> bool {
    fault.sqlstate.as_deref().is_some_and(|state| {
        state.starts_with("40") || state.starts_with("53") || state == "55P03" || (state == "HY000" && fault.code == Code::LockTimeout)
    })
}

/// How long before the next try, the first one being 0.
fn pause(tries: u32) -> Duration {
    FIRST.saturating_mul(1_u32.checked_shl(tries).unwrap_or(u32::MAX)).min(LONGEST)
}

/// Counts the tries of one thing.
pub struct Tries<'a> {
    context: &'a Context,
    halt: &'a CancellationToken,
    limit: u32,
    made: u32,
}

impl<'a> Tries<'a> {
    /// None made yet. `halt` ends a pause.
    pub const fn new(context: &'a Context, halt: &'a CancellationToken, limit: Retries) -> Self {
        Self { context, halt, limit: limit.0, made: 0 }
    }

    /// Waits before the next try; gives the fault back where there is none: it does not pass, the tries are used up, or the job ends.
    pub async fn again(&mut self, fault: Fault) -> Result<(), Fault> {
        if self.made >= self.limit || !may_pass(&fault) || self.halt.is_cancelled() {
            return Err(fault);
        }
        let pause = pause(self.made);
        self.made += 1;
        let text = format!("{fault}; try {} of {} in {} s", self.made, self.limit, pause.as_secs());
        self.context.events.log(Level::Warn, text);
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.halt.cancelled() => Err(fault),
        }
    }
}

/// Calls what can be called twice without harm until it works.
pub async fn insist<T, F: Future<Output = Result<T, Fault>>>(
    context: &Context,
    limit: Retries,
    mut call: impl FnMut() -> F,
) -> Result<T, Fault> {
    let mut tries = Tries::new(context, &context.cancel, limit);
    loop {
        match call().await {
            Ok(done) => return Ok(done),
            Err(fault) => tries.again(fault).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let of = |state: &str| Fault::new(Code::SqlFailed, "x").with_sqlstate(state);
        for state in ["08006", "40001", "40P01", "53100", "53300", "57P01", "57P03", "55P03"] {
            assert!(may_pass(&of(state)), "{state}");
        }
        for state in ["57014", "55006", "23505", "42P01", "42501", "22P02"] {
            assert!(!may_pass(&of(state)), "{state}");
        }
        assert!(may_pass(&Fault::new(Code::ServerUnavailable, "connection closed")));
        assert!(!may_pass(&Fault::new(Code::CorruptedBackup, "damaged")));
        assert!(was_undone(&of("40001")) && !was_undone(&of("57P01")));
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        assert_eq!([0, 1, 2, 4, 5, 40].map(|tries| pause(tries).as_secs()), [1, 2, 4, 16, 30, 30]);
    }
}
