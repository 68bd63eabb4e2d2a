//! From a program's pipes into its output.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::first_line::FirstLine;
use crate::limits::READ_BYTES;
use crate::output::{Blocks, Budget, Lines, Output, Stream};

/// Reads to the end. The program is never made to wait for longer than it takes to read: what is too much is
/// counted and thrown away.
pub(crate) async fn pump(pipe: OwnedFd, stream: Stream, output: Output, mut first: FirstLine) {
    let mut receiver = match Receiver::from_owned_fd(pipe) {
        Ok(receiver) => receiver,
        Err(error) => {
            tracing::error!(%error, stream = stream.as_str(), "a program's output cannot be read");
            return;
        }
    };
    let mut sink = Sink {
        lines: Lines::default(),
        blocks: Blocks::default(),
        budget: Budget::new(Instant::now()),
        stream,
        output,
    };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let pause = sink
            .blocks
            .due()
            .map(|until| until.saturating_duration_since(Instant::now()));
        let read = tokio::select! {
            read = receiver.read(&mut buffer) => read,
            () = tokio::time::sleep(pause.unwrap_or(Duration::MAX)), if pause.is_some() => {
                sink.end_block();
                continue;
            }
        };
        match read {
            Ok(count) if count > 0 => {
                let bytes = buffer.get(..count).unwrap_or(&buffer);
                first.feed(bytes);
                sink.feed(bytes);
            }
            // A pipe has no faults that its end does not also say.
            _ => break,
        }
    }
    sink.end();
    first.end();
}

struct Sink {
    lines: Lines,
    blocks: Blocks,
    budget: Budget,
    stream: Stream,
    output: Output,
}

impl Sink {
    fn feed(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        self.budget.refill(now);
        let Self {
            lines,
            blocks,
            budget,
            stream,
            output,
        } = self;
        if budget.is_spent() {
            output.count_dropped(lines.skip(bytes));
            return;
        }
        let mut dropped = 0;
        let lost = lines.feed(bytes, |piece| {
            if budget.take(piece.bytes.len()) {
                blocks.feed(piece.bytes, piece.cut, now, |entry| {
                    output.push(*stream, entry.level, entry.text);
                });
            } else {
                dropped += 1;
            }
        });
        if dropped + lost > 0 {
            output.count_dropped(dropped + lost);
        }
    }

    fn end_block(&mut self) {
        self.blocks
            .end(|entry| self.output.push(self.stream, entry.level, entry.text));
    }

    fn end(mut self) {
        let now = Instant::now();
        let Self {
            lines,
            blocks,
            stream,
            output,
            ..
        } = &mut self;
        lines.end(|piece| {
            blocks.feed(piece.bytes, piece.cut, now, |entry| {
                output.push(*stream, entry.level, entry.text);
            });
        });
        self.end_block();
    }
}
