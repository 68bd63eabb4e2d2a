//! A stream of bytes cut into lines of bounded length.

use std::io::BufRead;

use crate::limits::LINE_BYTES;

/// Cuts one stream into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The start of a line whose end has not come.
    partial: Vec<u8>,
    /// The rest of the present line is too long to be kept.
    skipping: bool,
    /// The present line has been thrown away from its start on.
    lost: bool,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// More belonged to it and was left out.
    pub(crate) cut: bool,
}

impl Lines {
    /// Takes bytes in and gives each line that ends in them, without its end. Returns how many lines ended that
    /// had been thrown away in part.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Piece<'_>)) -> u64 {
        let mut lost = 0;
        if self.lost && !bytes.is_empty() {
            let rest = bytes;
            let length = bytes.skip_until(b'\n').unwrap_or(rest.len());
            self.lost = rest.get(..length).is_none_or(|line| !line.ends_with(b"\n"));
            lost = u64::from(!self.lost);
        }
        while !bytes.is_empty() {
            let rest = bytes;
            // Reading from memory cannot fail; if it did, everything would count as one line.
            let length = bytes.skip_until(b'\n').unwrap_or(rest.len());
            let (line, ended) = match rest.get(..length) {
                Some([line @ .., b'\n']) => (line, true),
                Some(line) => (line, false),
                None => (rest, false),
            };
            if ended && self.partial.is_empty() && !self.skipping {
                each(piece(line));
                continue;
            }
            let room = LINE_BYTES.saturating_sub(self.partial.len()) + 1;
            self.partial.extend_from_slice(line.get(..room).unwrap_or(line));
            self.skipping |= line.len() > room;
            if ended {
                each(piece(&self.partial));
                self.partial.clear();
                self.skipping = false;
            }
        }
        lost
    }

    /// Throws bytes away, as fast as lines can be counted. Returns how many lines ended in them.
    pub(crate) fn skip(&mut self, mut bytes: &[u8]) -> u64 {
        let Some(last) = bytes.last().copied() else {
            return 0;
        };
        let mut ended = u64::from(last == b'\n');
        while bytes.skip_until(b'\n').is_ok_and(|length| length > 0) && !bytes.is_empty() {
            ended += 1;
        }
        self.partial.clear();
        self.skipping = false;
        self.lost = last != b'\n';
        ended
    }

    /// The stream ended: gives what came without an end of line.
    pub(crate) fn end(&mut self, mut each: impl FnMut(Piece<'_>)) {
        if !self.partial.is_empty() {
            each(piece(&self.partial));
            self.partial.clear();
        }
        self.skipping = false;
    }
}

fn piece(line: &[u8]) -> Piece<'_> {
    match line.get(..LINE_BYTES) {
        Some(kept) if line.len() > LINE_BYTES => Piece {
            bytes: kept,
            cut: true,
        },
        _ => Piece {
            bytes: line.strip_suffix(b"\r").unwrap_or(line),
            cut: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut each = |piece: Piece<'_>| found.push((piece.bytes.to_vec(), piece.cut));
        for piece in pieces {
            lines.feed(piece, &mut each);
        }
        lines.end(each);
        found
    }

    #[test]
    fn lines_are_found_across_reads() {
        let check = |pieces: &[&[u8]], expected: &[&str]| {
            let found: Vec<String> = cut(pieces)
                .into_iter()
                .map(|(line, _)| String::from_utf8(line).expect("text"))
                .collect();
            assert_eq!(found, expected);
        };
        check(&[b"a\nb\n"], &["a", "b"]);
        check(&[b"a", b"b\nc", b"\n"], &["ab", "c"]);
        check(&[b"a\r\nb"], &["a", "b"]);
        check(&[b"\n\n"], &["", ""]);
        check(&[b""], &[]);
    }

    #[test]
    fn long_lines_are_cut_and_take_no_more_memory() {
        let mebibyte = vec![b'x'; 1024 * 1024];
        let found = cut(&[&mebibyte, &mebibyte, b"\nshort\n"]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0.len(), found[0].1), (LINE_BYTES, true));
        assert_eq!(found[1], (b"short".to_vec(), false));

        let mut lines = Lines::default();
        lines.feed(&mebibyte, |_| panic!("no line ended"));
        assert!(lines.partial.capacity() <= 2 * LINE_BYTES + 2);
        let exact = vec![b'y'; LINE_BYTES];
        assert_eq!(cut(&[&exact, b"\n"]), [(exact.clone(), false)]);
        assert_eq!(cut(&[&exact, b"z\n"]), [(exact, true)]);
    }

    proptest! {
        #[test]
        fn every_line_is_given_or_counted(chunks in proptest::collection::vec((proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..20), any::<bool>()), 0..20)) {
            let mut lines = Lines::default();
            let (mut given, mut thrown) = (0u64, 0u64);
            for (chunk, skip) in &chunks {
                thrown += if *skip { lines.skip(chunk) } else { lines.feed(chunk, |_| given += 1) };
            }
            let ends = chunks.iter().flat_map(|(chunk, _)| chunk).filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(given + thrown, ends as u64);
        }

        #[test]
        fn where_reads_end_does_not_matter(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200), at in 0usize..200) {
            let at = at.min(bytes.len());
            let (head, tail) = bytes.split_at(at);
            prop_assert_eq!(cut(&[head, tail]), cut(&[&bytes]));
        }
    }
}
