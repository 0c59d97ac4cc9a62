//! Signals that end a run: the first one in good order, the second at once.
//!
//! Ctrl-C sends SIGINT, batch queues and `kill` send SIGTERM, a terminal that goes away sends SIGHUP.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The exit code of what was interrupted, whatever the signal.
pub const CODE: u8 = 130;

/// A flag that is up once the run is to stop.
pub fn watch() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM].into_iter().chain(hang_up()) {
        // In this order: the first signal finds the flag down and raises it.
        flag::register_conditional_shutdown(signal, i32::from(CODE), Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Makes a file that is larger than the process may write (`ulimit -f`) an error of writing, which says which file it is: the
/// signal that is sent beside it would end the program without a word.
#[cfg(unix)]
pub fn outlive_large_files() {
    // Without it the program works as well, but for that.
    let _ = flag::register(libc::SIGXFSZ, Arc::default());
}

/// There is no such signal.
#[cfg(not(unix))]
pub fn outlive_large_files() {}

/// SIGHUP, unless it is ignored: `nohup` asks for that.
#[cfg(unix)]
fn hang_up() -> Option<c_int> {
    // SAFETY: without a new action the call only fills in the present one, of which zeros are a valid value.
    let now = unsafe {
        let mut now = std::mem::zeroed::<libc::sigaction>();
        (libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut now) == 0).then_some(now)
    };
    now.filter(|now| now.sa_sigaction != libc::SIG_IGN).map(|_| libc::SIGHUP)
}

/// There is none.
#[cfg(not(unix))]
fn hang_up() -> Option<c_int> {
    None
}
