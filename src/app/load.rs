//! Something that is fetched from outside: not yet, on its way, there, outdated, or failed.

use super::cmd::ReqId;
use crate::domain::{Fault, Stamp};

/// A remote datum.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Load<T> {
    /// Nobody asked.
    #[default]
    Idle,
    /// On its way.
    Loading(ReqId),
    /// There, since when.
    Ready(T, Stamp),
    /// An older value, and why there is no newer one.
    Stale(T, Fault),
    /// Not to be had.
    Failed(Fault),
}

impl<T> Load<T> {
    /// The value, be it stale.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Load::Ready(value, _) | Load::Stale(value, _) => Some(value),
            Load::Idle | Load::Loading(_) | Load::Failed(_) => None,
        }
    }

    /// What went wrong last.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Load::Stale(_, fault) | Load::Failed(fault) => Some(fault),
            Load::Idle | Load::Loading(_) | Load::Ready(..) => None,
        }
    }

    /// Notes that the value was asked for. One that is there stays, so that nothing flickers.
    pub fn ask(&mut self, id: ReqId) {
        if self.value().is_none() {
            *self = Load::Loading(id);
        }
    }

    /// Takes the answer.
    pub fn answer(&mut self, answer: Result<T, Fault>, now: Stamp) {
        *self = match (answer, std::mem::take(self)) {
            (Ok(value), _) => Load::Ready(value, now),
            (Err(fault), Load::Ready(value, _) | Load::Stale(value, _)) => Load::Stale(value, fault),
            (Err(fault), _) => Load::Failed(fault),
        };
    }
}
