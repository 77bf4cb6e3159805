//! The sessions of one moment, lent to readers one at a time. None can be added: the moment is over.

use crate::domain::{Code, Fault};
use crate::server::mysql::session::Session;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Sessions that all see the same.
pub struct Pool {
    idle: Mutex<Vec<Session>>,
    /// One turn for each session that is of use. Closed when the last one is lost.
    turns: Arc<Semaphore>,
    left: Mutex<usize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Over sessions that see the same.
    pub fn new(sessions: Vec<Session>) -> Self {
        let count = sessions.len();
        Self { turns: Arc::new(Semaphore::new(count)), left: Mutex::new(count), idle: Mutex::new(sessions) }
    }

    /// The next session that is free. Waits while all are lent.
    pub async fn take(self: &Arc<Self>) -> Result<Lent, Fault> {
        let lost =
            || Fault::new(Code::ServerUnavailable, "no session is left that sees the backup's moment").because("each of them was lost");
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| lost())?;
        let session = lock(&self.idle).pop().ok_or_else(lost)?;
        Ok(Lent { session: Some(session), turn: Some(turn), sound: true, pool: self.clone() })
    }

    /// Takes all sessions that are not lent, for good.
    pub fn drain(&self) -> Vec<Session> {
        self.turns.close();
        std::mem::take(&mut *lock(&self.idle))
    }
}

/// A session that goes back when it is dropped, if it is still of use.
pub struct Lent {
    session: Option<Session>,
    turn: Option<OwnedSemaphorePermit>,
    sound: bool,
    pool: Arc<Pool>,
}

impl Lent {
    /// The session, about to be used: until [`Lent::is_sound`] it is of no use to anybody else.
    pub fn begin(&mut self) -> Result<&mut Session, Fault> {
        self.sound = false;
        self.session.as_mut().ok_or_else(|| Fault::internal("a reader that has given its session back"))
    }

    /// What was begun came to its end.
    pub fn is_sound(&mut self) {
        self.sound = true;
    }

    /// The session, to be looked at.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.sound && !self.pool.turns.is_closed() {
            lock(&self.pool.idle).extend(self.session.take());
            return;
        }
        // A session that stopped half-way is ended; its turn goes with it.
        if let Some(turn) = self.turn.take() {
            turn.forget();
        }
        let mut left = lock(&self.pool.left);
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.pool.turns.close();
        }
    }
}
