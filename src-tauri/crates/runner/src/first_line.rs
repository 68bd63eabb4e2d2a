//! The first line that a program writes to its standard output, for whoever waits for what it says there.

use tokio::sync::oneshot;

use crate::limits::FIRST_LINE_BYTES;

/// Who waits for a program's first line.
pub type FirstLineSender = oneshot::Sender<Result<String, FirstLineError>>;

/// Why there is no first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FirstLineError {
    /// It does not end within the limit.
    #[error("the first line of its standard output has more than {FIRST_LINE_BYTES} bytes")]
    TooLong,
    /// It is not text.
    #[error("the first line of its standard output is not UTF-8")]
    NotText,
    /// The program closed its standard output before it had written one.
    #[error("it closed its standard output without a first line")]
    Closed,
}

/// Collects the first line out of what is read, and hands it over once.
pub(crate) struct FirstLine {
    bytes: Vec<u8>,
    sender: Option<FirstLineSender>,
}

impl FirstLine {
    pub(crate) fn new(sender: Option<FirstLineSender>) -> Self {
        Self {
            bytes: Vec::new(),
            sender,
        }
    }

    /// Takes in more of the output.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.sender.is_none() {
            return;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let room = FIRST_LINE_BYTES.saturating_sub(self.bytes.len());
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if part.len() > room {
            self.tell(Err(FirstLineError::TooLong));
            return;
        }
        self.bytes.extend_from_slice(part);
        if end.is_some() {
            self.tell_line();
        }
    }

    /// There is no more: a line without its end is one all the same.
    pub(crate) fn end(&mut self) {
        if self.bytes.is_empty() {
            self.tell(Err(FirstLineError::Closed));
        } else {
            self.tell_line();
        }
    }

    fn tell_line(&mut self) {
        let line = String::from_utf8(std::mem::take(&mut self.bytes));
        self.tell(match line {
            Ok(line) => Ok(line.trim_end_matches('\r').to_owned()),
            Err(_) => Err(FirstLineError::NotText),
        });
    }

    fn tell(&mut self, line: Result<String, FirstLineError>) {
        self.bytes = Vec::new();
        if let Some(sender) = self.sender.take() {
            // Nobody waits for it any more when the process is being ended.
            let _ = sender.send(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]], ends: bool) -> Option<Result<String, FirstLineError>> {
        let (sender, mut told) = oneshot::channel();
        let mut first = FirstLine::new(Some(sender));
        for piece in pieces {
            first.feed(piece);
        }
        if ends {
            first.end();
        }
        told.try_recv().ok()
    }

    #[test]
    fn the_first_line_is_told_once_however_it_comes() {
        let line = |text: &str| Some(Ok(text.to_owned()));
        assert_eq!(told(&[b"/a.sock\nmore\n"], false), line("/a.sock"));
        assert_eq!(told(&[b"/a", b".sock", b"\r\nmore"], false), line("/a.sock"));
        assert_eq!(told(&[b"/a.sock"], false), None, "it may go on");
        assert_eq!(told(&[b"/a.sock"], true), line("/a.sock"));
        assert_eq!(told(&[b"\n"], false), line(""));
        assert_eq!(told(&[], true), Some(Err(FirstLineError::Closed)));
        assert_eq!(told(&[b"\xff\n"], false), Some(Err(FirstLineError::NotText)));
        let most = vec![b'x'; FIRST_LINE_BYTES];
        assert!(told(&[&most, b"\n"], false).unwrap().is_ok());
        assert_eq!(told(&[&most, b"x"], false), Some(Err(FirstLineError::TooLong)));
    }
}
