//! Ctrl-C: the first one lets a run end in good order, the second ends the program.

use signal_hook::consts::SIGINT;
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The exit code of what was interrupted.
pub const CODE: u8 = 130;

/// A flag that is up once the run is to stop.
pub fn watch() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    // In this order: the first signal finds the flag down and raises it.
    flag::register_conditional_shutdown(SIGINT, i32::from(CODE), Arc::clone(&stop))?;
    flag::register(SIGINT, Arc::clone(&stop))?;
    Ok(stop)
}
