//! Threads for work that needs a processor: hashing and compressing. Knows not what the work is.

use super::halt::{Halt, panicked};
use crate::domain::Fault;
use crossbeam_channel::{Receiver, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one thread does with one piece of work. One for each thread, so that it can keep buffers.
pub type Worker<T> = Box<dyn FnMut(T) -> Result<(), Fault> + Send>;

/// The threads. They end when the last [`Feed`] is dropped.
pub struct Pool {
    threads: Vec<JoinHandle<()>>,
}

/// Gives work to a [`Pool`]. The channel behind it holds as many pieces as there are threads; when it is full, [`Feed::put`] waits without
/// holding a thread; it is closed by dropping every clone. The room in it is counted by the semaphore, which is what can be awaited.
pub struct Feed<T> {
    tasks: Sender<(T, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Self { tasks: self.tasks.clone(), room: self.room.clone() }
    }
}

impl<T: Send + 'static> Feed<T> {
    /// Hands over a piece of work; waits while the threads are behind.
    pub async fn put(&self, task: T) -> Result<(), Fault> {
        let stopped = || Fault::internal("the compressing threads have ended early");
        let permit = self.room.clone().acquire_owned().await.map_err(|_| stopped())?;
        self.tasks.send((task, permit)).map_err(|_| stopped())
    }
}

impl Pool {
    /// Starts threads, one for each worker. After a failure they throw away what still comes, so that nobody waits for them.
    pub fn start<T: Send + 'static>(name: &str, workers: Vec<Worker<T>>, halt: &Halt) -> Result<(Self, Feed<T>), Fault> {
        let room = workers.len();
        let (tasks, incoming) = crossbeam_channel::bounded(room);
        let feed = Feed { tasks, room: Arc::new(Semaphore::new(room)) };
        let mut threads = Vec::new();
        for worker in workers {
            let (incoming, halt) = (incoming.clone(), halt.clone());
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&incoming, worker, &halt));
            threads.push(thread.map_err(|error| Fault::internal("cannot start a thread").caused_by(&error))?);
        }
        Ok((Self { threads }, feed))
    }

    /// Waits until the threads have ended. Blocks: not for async threads.
    pub fn join(self) {
        for thread in self.threads {
            // A panic was caught and reported inside.
            let _ = thread.join();
        }
    }
}

fn work<T>(incoming: &Receiver<(T, OwnedSemaphorePermit)>, mut worker: Worker<T>, halt: &Halt) {
    for (task, permit) in incoming {
        drop(permit);
        if halt.stopped() {
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| worker(task))) {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => halt.fail(fault),
            Err(panic) => halt.fail(panicked("a compressing thread", panic.as_ref())),
        }
    }
}
