//! What happens when a bug panics: the screen is restored if the screen's own thread is hit, a report is written, its place is said.

use crate::domain::Fault;
use std::any::Any;
use std::backtrace::Backtrace;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

/// The exit code of a bug (sysexits.h: EX_SOFTWARE).
pub const EXIT: u8 = 70;

static WRITTEN: Mutex<Option<PathBuf>> = Mutex::new(None);
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Installs the hook; to be called on the thread that draws, before the terminal is touched. A panic of another thread leaves the
/// screen alone: the job fails, the program goes on.
pub fn install() {
    let screen: ThreadId = thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        let report = write_report(info);
        let place = info.location().map(ToString::to_string);
        tracing::error!(target: "dbbackup::runtime", place, "internal error: {}", message(info.payload()));
        if thread::current().id() == screen {
            super::terminal::restore();
            let mut err = std::io::stderr().lock();
            // Nothing can be done about a stderr that is gone.
            let _ = writeln!(err, "dbbackup: internal error: {}", message(info.payload()));
            let _ = match &report {
                Some(path) => writeln!(err, "A report was written to {}. It holds no passwords and no data.", path.display()),
                None => writeln!(err, "No report could be written to {}.", std::env::temp_dir().display()),
            };
        }
        *WRITTEN.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }));
}

/// The fault of a task that panicked.
pub fn fault(payload: &(dyn Any + Send)) -> Fault {
    let fault = Fault::internal("a part of dbbackup failed in a way it should not").because(message(payload));
    match WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        Some(path) => fault.at("Report", path.display()).step("Please report this bug with the file named above."),
        None => fault.step("Please report this bug with the lines above."),
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "unknown",
    }
}

fn write_report(info: &PanicHookInfo<'_>) -> Option<PathBuf> {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("dbbackup-report-{}-{number}.txt", std::process::id()));
    // A new file of our own: a link that somebody put there is not followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).ok()?;
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    write!(
        file,
        "dbbackup {} internal error\n\nMessage: {}\nPlace:   {place}\nThread:  {}\nSystem:  {} {}\n\n{}\n",
        env!("CARGO_PKG_VERSION"),
        crate::domain::text::clean(message(info.payload())),
        thread.name().unwrap_or("unnamed"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        Backtrace::force_capture()
    )
    .ok()?;
    Some(path)
}

/// The variable that makes a debug build panic, so that tests see what happens then: `ui` or `worker`.
#[cfg(debug_assertions)]
const VARIABLE: &str = "DBBACKUP_TEST_PANIC";

#[cfg(debug_assertions)]
fn wanted(place: &str) -> bool {
    std::env::var(VARIABLE).is_ok_and(|wanted| wanted == place)
}

/// Panics in the screen's thread when a test asks for it.
pub fn test_screen() {
    #[cfg(debug_assertions)]
    assert!(!wanted("ui"), "panic in the screen, as {VARIABLE} asked");
}

/// Panics in a worker when a test asks for it.
pub fn test_worker() {
    #[cfg(debug_assertions)]
    assert!(!wanted("worker"), "panic in a worker, as {VARIABLE} asked");
}
