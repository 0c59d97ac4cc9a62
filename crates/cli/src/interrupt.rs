//! Signals that end a run: the first stops it in good order, the second ends it at once.
//!
//! Ctrl-C sends SIGINT, batch queues and `kill` send SIGTERM, and a closing terminal sends SIGHUP.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Exit code of an interrupted command, for every signal.
pub const CODE: u8 = 130;

/// A flag that is set once the run should stop.
pub fn watch() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM].into_iter().chain(hang_up()) {
        // The order matters: the first signal finds the flag unset and sets it.
        flag::register_conditional_shutdown(signal, i32::from(CODE), Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Turns the signal for a file larger than the process may write (`ulimit -f`) into a write error, which names
/// the file; the signal alone would end the program without a message.
#[cfg(unix)]
pub fn outlive_large_files() {
    // If this fails, the program works, but without the message.
    let _ = flag::register(libc::SIGXFSZ, Arc::default());
}

/// Does nothing, because this system does not have the signal.
#[cfg(not(unix))]
pub fn outlive_large_files() {}

/// SIGHUP, unless it is ignored, as it is under `nohup`.
#[cfg(unix)]
fn hang_up() -> Option<c_int> {
    // SAFETY: without a new action the call only fills in the present one, of which zeros are a valid value.
    let now = unsafe {
        let mut now = std::mem::zeroed::<libc::sigaction>();
        (libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut now) == 0).then_some(now)
    };
    now.filter(|now| now.sa_sigaction != libc::SIG_IGN).map(|_| libc::SIGHUP)
}

/// `None`, because this system does not have SIGHUP.
#[cfg(not(unix))]
fn hang_up() -> Option<c_int> {
    None
}
