//! Opening an archive: a reader that sums, counts, and stops when there is too much or nobody wants it.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tokio_util::sync::CancellationToken;

use super::caps::Caps;
use super::error::{UnpackError, what_io};
use crate::digest::Sum;
use crate::limits::{CHUNK_BYTES, ZSTD_WINDOW_LOG_MAX};

/// What has been read so far, and why reading was stopped.
pub(super) struct Gauge {
    caps: Caps,
    cancel: CancellationToken,
    packed: u64,
    unpacked: u64,
    sum: Sum,
    stopped: Option<UnpackError>,
}

/// The gauge, shared by both ends of the decompressor.
#[derive(Clone)]
pub(super) struct Shared(Rc<RefCell<Gauge>>);

impl Shared {
    /// What an error from within really is: ours if we stopped, otherwise the archive is damaged.
    pub(super) fn explain(&self, error: &io::Error) -> UnpackError {
        match self.0.borrow_mut().stopped.take() {
            Some(stopped) => stopped,
            None => UnpackError::Corrupt(error.to_string()),
        }
    }

    /// Fails once somebody has cancelled.
    pub(super) fn check_cancelled(&self) -> Result<(), UnpackError> {
        if self.0.borrow().cancel.is_cancelled() {
            return Err(UnpackError::Cancelled);
        }
        Ok(())
    }

    /// Sum of everything read from the file, in hexadecimal.
    pub(super) fn sum(&self) -> String {
        self.0.borrow().sum.clone().finish()
    }

    fn stop(&self, error: UnpackError) -> io::Error {
        self.0.borrow_mut().stopped = Some(error);
        io::Error::other("stopped")
    }
}

/// The file as it is.
pub(super) struct Packed {
    file: File,
    shared: Shared,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Err(cancelled) = self.shared.check_cancelled() {
            return Err(self.shared.stop(cancelled));
        }
        let read = match self.file.read(buffer) {
            Ok(read) => read,
            Err(source) if source.kind() == io::ErrorKind::Interrupted => return Err(source),
            Err(source) => {
                let what = "reading the package".to_owned();
                return Err(self.shared.stop(UnpackError::Io { what, source }));
            }
        };
        let mut gauge = self.shared.0.borrow_mut();
        gauge.sum.update(&buffer[..read]);
        gauge.packed += read as u64;
        Ok(read)
    }
}

enum Decoder {
    Gzip(MultiGzDecoder<BufReader<Packed>>),
    Zstd(zstd::stream::read::Decoder<'static, BufReader<Packed>>),
}

/// The archive's bytes.
pub(super) struct Unpacked {
    decoder: Decoder,
    shared: Shared,
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(CHUNK_BYTES);
        let read = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.read(&mut buffer[..room])?,
            Decoder::Zstd(decoder) => decoder.read(&mut buffer[..room])?,
        };
        let mut gauge = self.shared.0.borrow_mut();
        gauge.unpacked += read as u64;
        let Gauge {
            caps,
            packed,
            unpacked,
            ..
        } = *gauge;
        drop(gauge);
        if unpacked > caps.unpacked_bytes {
            let most = caps.unpacked_bytes;
            return Err(self.shared.stop(UnpackError::TooMany(format!(
                "it unpacks to more than {most} bytes"
            ))));
        }
        if unpacked > caps.ratio_free_bytes && unpacked / caps.ratio.max(1) > packed {
            return Err(self.shared.stop(UnpackError::TooMany(format!(
                "it unpacks to more than {} times its size",
                caps.ratio
            ))));
        }
        Ok(read)
    }
}

/// First bytes of what gzip writes.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// First bytes of what zstd writes.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Opens an archive; its first bytes say how it is compressed, whatever its name says.
pub(super) fn open(
    path: &Path,
    caps: &Caps,
    cancel: &CancellationToken,
) -> Result<(Unpacked, Shared), UnpackError> {
    let read_error = |error| what_io("reading", path)(error);
    let metadata = std::fs::metadata(path).map_err(read_error)?;
    if !metadata.is_file() {
        return Err(UnpackError::Corrupt(format!("{} is no file", path.display())));
    }
    if metadata.len() > caps.archive_bytes {
        return Err(UnpackError::TooMany(format!(
            "it has {} bytes, and at most {} are taken",
            metadata.len(),
            caps.archive_bytes
        )));
    }
    let mut file = File::open(path).map_err(read_error)?;
    let mut first = Vec::new();
    (&mut file)
        .take(ZSTD.len() as u64)
        .read_to_end(&mut first)
        .and_then(|_| file.rewind())
        .map_err(read_error)?;
    let shared = Shared(Rc::new(RefCell::new(Gauge {
        caps: *caps,
        cancel: cancel.clone(),
        packed: 0,
        unpacked: 0,
        sum: Sum::default(),
        stopped: None,
    })));
    let packed = BufReader::with_capacity(
        CHUNK_BYTES,
        Packed {
            file,
            shared: shared.clone(),
        },
    );
    let decoder = if first.starts_with(&GZIP) {
        Decoder::Gzip(MultiGzDecoder::new(packed))
    } else if first.starts_with(&ZSTD) {
        let zstd_error = |error: io::Error| UnpackError::Corrupt(error.to_string());
        let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(zstd_error)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(zstd_error)?;
        Decoder::Zstd(decoder)
    } else {
        return Err(UnpackError::Corrupt(
            "it is neither .tar.gz nor .tar.zst, and no program either".to_owned(),
        ));
    };
    Ok((
        Unpacked {
            decoder,
            shared: shared.clone(),
        },
        shared,
    ))
}
