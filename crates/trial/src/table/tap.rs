//! Writer that counts bytes and keeps its first error.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Writer that is shared by the encoder of a file and by its owner. The first error is kept, because encoders turn it
/// into another that lacks the message of the operating system.
pub(super) struct Tap<W> {
    tapped: Arc<Mutex<Tapped<W>>>,
    /// Number of bytes received.
    written: Arc<AtomicU64>,
}

struct Tapped<W> {
    out: W,
    /// Number of leading bytes that are already in the file, and are not written again.
    there: u64,
    error: Option<io::Error>,
}

impl<W> Clone for Tap<W> {
    fn clone(&self) -> Self {
        Self { tapped: Arc::clone(&self.tapped), written: Arc::clone(&self.written) }
    }
}

impl<W> Tap<W> {
    pub(super) fn new(out: W) -> Self {
        Self { tapped: Arc::new(Mutex::new(Tapped { out, there: 0, error: None })), written: Arc::default() }
    }

    /// Declares the first `bytes` bytes to be in the file already.
    pub(super) fn has(&self, bytes: u64) {
        self.lock().there = bytes;
    }

    /// Counter of the bytes received.
    pub(super) fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }

    /// First error; returned only once.
    pub(super) fn error(&self) -> Option<io::Error> {
        self.lock().error.take()
    }

    fn lock(&self) -> MutexGuard<'_, Tapped<W>> {
        self.tapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Tapped<W> {
    /// Keeps an error, and passes on another of the same kind.
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.error.get_or_insert(error);
            }
            kind.into()
        })
    }
}

impl<W: Write> Write for Tap<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut tapped = self.lock();
        let there = tapped.there.saturating_sub(self.written.load(Ordering::Relaxed));
        let taken = if there > 0 {
            bytes.len().min(usize::try_from(there).unwrap_or(usize::MAX))
        } else {
            let taken = tapped.out.write(bytes);
            tapped.noted(taken)?
        };
        self.written.fetch_add(taken as u64, Ordering::Relaxed);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut tapped = self.lock();
        let flushed = tapped.out.flush();
        tapped.noted(flushed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writer that takes four bytes and no more.
    struct Full(Vec<u8>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(4 - self.0.len());
            self.0.extend_from_slice(&bytes[..taken]);
            if taken > 0 { Ok(taken) } else { Err(io::Error::from_raw_os_error(28)) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_there_is_not_written_again_and_what_fails_is_told() {
        let tap = Tap::new(Full(Vec::new()));
        tap.has(3);
        tap.clone().write_all(b"abcdefg").unwrap();
        assert_eq!((tap.written().load(Ordering::Relaxed), &tap.lock().out.0[..]), (7, &b"defg"[..]));
        assert!(tap.error().is_none());
        tap.clone().write_all(b"h").unwrap_err();
        assert_eq!(tap.error().unwrap().raw_os_error(), Some(28));
    }
}
