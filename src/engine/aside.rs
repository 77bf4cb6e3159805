//! Work that may hang, such as a question to a network file system whose server is gone: it blocks whoever asks, uninterruptibly.

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// What a missing answer begins with.
pub const NO_ANSWER: &str = "no answer";

/// Does something on a thread of its own, which is left behind when the time is over.
pub async fn aside<T: Send + 'static>(name: &str, end: Instant, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let began = Instant::now();
    let (send, answer) = oneshot::channel();
    let made = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = send.send(work());
    });
    made.map_err(|error| format!("no thread to ask on: {error}"))?;
    match timeout_at(end, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err("the thread that asked failed".to_owned()),
        Err(_) => Err(format!("{NO_ANSWER} within {:.1} s", began.elapsed().as_secs_f64())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn what_hangs_is_left_behind_and_named() {
        let (block, blocked) = std::sync::mpsc::channel::<()>();
        let end = Instant::now() + Duration::from_millis(50);
        let answer = aside("dbbackup-test", end, move || blocked.recv().is_ok()).await;
        assert!(answer.expect_err("it hangs").starts_with(NO_ANSWER));
        drop(block);
    }
}
