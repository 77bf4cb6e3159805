//! Waits for a call to the server so that it can be cancelled.

use crate::domain::{Code, Fault};
use crate::server::Cancel;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often a statement is asked to end, and how often it is asked again.
const CANCEL_EVERY: Duration = Duration::from_millis(500);
const CANCEL_TRIES: usize = 20;

/// Waits for a call; when the job ends before, asks the server to end the statement until it does.
pub async fn guarded<T>(
    call: impl std::future::Future<Output = Result<T, Fault>>,
    canceller: Arc<dyn Cancel>,
    halt: &CancellationToken,
) -> Result<T, Fault> {
    let mut call = std::pin::pin!(call);
    tokio::select! {
        biased;
        done = &mut call => return done,
        () = halt.cancelled() => {}
    }
    for _ in 0..CANCEL_TRIES {
        canceller.cancel().await;
        if let Ok(done) = tokio::time::timeout(CANCEL_EVERY, &mut call).await {
            return done;
        }
    }
    Err(Fault::new(Code::Cancelled, "cancelled").because("the server did not end the statement in time"))
}
