//! Reading of complete files, which excludes folders, devices, sockets and endless input.

use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::memory::available_memory;
use crate::present::bytes_in_words;

/// Reads all bytes of a file, or of a pipe to which another program writes.
///
/// # Errors
///
/// Errors of the operating system. A folder, a device, a socket, and a pipe to which no program writes are rejected,
/// because reading them would never begin or never end, as is content that takes more memory than is available.
pub fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    // The kind is checked before the file is opened: opening a pipe waits, and opening a device may have an effect.
    let about = fs::metadata(path)?;
    let kind = about.file_type();
    if kind.is_file() {
        fits(about.len())?;
        return up_to(File::open(path)?, about.len());
    }
    if is_pipe(kind) {
        return up_to(pipe(path)?, 0);
    }
    let (kind, what) = if kind.is_dir() {
        (ErrorKind::IsADirectory, "it is a folder, and not a file")
    } else {
        (ErrorKind::InvalidInput, "it is a device or a socket, and not a file")
    };
    Err(io::Error::new(kind, what))
}

/// Reads all text of a file, or of a pipe to which another program writes.
///
/// # Errors
///
/// Errors of [`read_whole`], and [`ErrorKind::InvalidData`] if the content is not UTF-8.
pub fn read_whole_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_whole(path)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// Number of bytes for which there is memory in any case.
const FEW: u64 = 1 << 26;

/// Reads all bytes of a reader, if there is memory for them.
pub(crate) fn up_to(mut reader: impl Read, expected: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(expected).unwrap_or(usize::MAX))?;
    reader.by_ref().take(FEW).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < FEW {
        return Ok(bytes);
    }
    let most = available_memory() as u64;
    let more = reader.take(most).read_to_end(&mut bytes)?;
    if more as u64 == most {
        return Err(too_large(format!("more than {}", bytes_in_words(bytes.len() as f64))));
    }
    Ok(bytes)
}

/// Rejects a length that does not fit into memory.
fn fits(length: u64) -> io::Result<()> {
    if length <= FEW || length as f64 <= available_memory() {
        return Ok(());
    }
    Err(too_large(bytes_in_words(length as f64)))
}

fn too_large(length: String) -> io::Error {
    let available = bytes_in_words(available_memory());
    let why = format!("it has {length}, and {available} of memory are available");
    io::Error::new(ErrorKind::OutOfMemory, why)
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.is_fifo()
}

#[cfg(not(unix))]
fn is_pipe(_: FileType) -> bool {
    false
}

/// Opens a pipe, which is read without waiting for a writer that does not exist.
#[cfg(unix)]
fn pipe(path: &Path) -> io::Result<impl Read> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut first = [0];
    let read = Patient(&mut file).read(&mut first)?;
    if read == 0 {
        let what = "it is a pipe that nothing writes to: start the writer first, or write to a file";
        return Err(io::Error::new(ErrorKind::UnexpectedEof, what));
    }
    Ok(io::Cursor::new(first).chain(Patient(file)))
}

#[cfg(not(unix))]
fn pipe(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Pipe that is opened without waiting: while it has no data yet, the read is repeated.
#[cfg(unix)]
struct Patient<R>(R);

#[cfg(unix)]
impl<R: Read> Read for Patient<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        const PAUSE: std::time::Duration = std::time::Duration::from_millis(1);
        loop {
            match self.0.read(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
                read => return read,
            }
        }
    }
}
