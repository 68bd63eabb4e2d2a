//! Reports that are too much: each is refused, or cut with a warning, with a text that names the culprit and
//! within stated memory.
//!
//! The allocator of this binary counts; the cases run one after the other in one test so that it counts them
//! alone.

#![expect(unsafe_code, reason = "only an allocator can count what is allocated")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use orrery_model::{Report, Timestamp, limits};
use orrery_tests::excess;

/// The system's allocator, which remembers how much is held and how much was at most.
struct Counting;

static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK_BYTES: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let held = HELD_BYTES.fetch_add(bytes, Relaxed) + bytes;
    PEAK_BYTES.fetch_max(held, Relaxed);
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // Both may exist while bytes move from one to the other.
        grow(bytes);
        HELD_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, bytes) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What becomes of a body.
enum Outcome {
    /// It is refused with an error that contains each of these.
    Refused(&'static [&'static str]),
    /// It is read with this many nodes at its top, with a warning that contains this unless it is empty.
    Read(usize, &'static str),
}
use Outcome::{Read, Refused};

struct Case {
    what: &'static str,
    body: fn() -> Vec<u8>,
    encoding: &'static str,
    outcome: Outcome,
    /// Memory beyond the body itself, in MiB.
    most_mib: usize,
}

const CASES: &[Case] = &[
    Case {
        what: "a million nodes",
        body: excess::million_nodes,
        encoding: "",
        outcome: Refused(&["Host: ", "node \"500000\"", "more than 500000 nodes"]),
        most_mib: 512,
    },
    Case {
        what: "an id of a megabyte",
        body: excess::long_id,
        encoding: "",
        outcome: Refused(&["Host: ", "key \"xxx", "longer than 4096 bytes"]),
        most_mib: 4,
    },
    Case {
        what: "a neighbour's id of a megabyte",
        body: || {
            let id = "x".repeat(1 << 20);
            format!(r#"{{"Host":{{"nodes":{{"h":{{"adjacency":["{id}"]}}}}}}}}"#).into()
        },
        encoding: "",
        outcome: Refused(&["Host: ", "node \"h\"", "longer than 4096 bytes"]),
        most_mib: 4,
    },
    Case {
        what: "everything adjacent to everything",
        body: || excess::all_to_all(2_000),
        encoding: "",
        outcome: Read(2_000, ""),
        most_mib: 256,
    },
    Case {
        what: "ten thousand controls",
        body: || excess::many_controls(10_000),
        encoding: "",
        outcome: Refused(&["Host: ", "a map of controls", "more than 5000 entries"]),
        most_mib: 16,
    },
    Case {
        what: "as many controls as are allowed",
        body: || excess::many_controls(limits::CONTROLS),
        encoding: "",
        outcome: Read(0, ""),
        most_mib: 16,
    },
    Case {
        what: "nodes nested a hundred deep",
        body: excess::nested,
        encoding: "",
        outcome: Refused(&["Pod: ", "node \"p\"", "nest deeper than 8 levels"]),
        most_mib: 1,
    },
    Case {
        what: "a hundred thousand brackets",
        body: || format!("{{\"x\":{}", "[".repeat(100_000)).into(),
        encoding: "",
        outcome: Refused(&["EOF while parsing", "line 1"]),
        most_mib: 1,
    },
    Case {
        what: "a map of four billion entries",
        body: || b"\xdf\xff\xff\xff\xff".to_vec(),
        encoding: "",
        outcome: Refused(&[]),
        most_mib: 1,
    },
    Case {
        what: "a list of four billion plugins",
        body: || b"\x81\xa7Plugins\xdd\xff\xff\xff\xff".to_vec(),
        encoding: "",
        outcome: Refused(&[]),
        most_mib: 1,
    },
    Case {
        what: "a topology of four billion nodes",
        body: || b"\x81\xa4Host\x81\xa5nodes\xdf\xff\xff\xff\xff\xa1h\x80".to_vec(),
        encoding: "",
        outcome: Refused(&["Host: "]),
        most_mib: 1,
    },
    Case {
        what: "a text of four billion bytes",
        body: || b"\x81\xa2ID\xdb\xff\xff\xff\xff".to_vec(),
        encoding: "",
        outcome: Refused(&[]),
        most_mib: 1,
    },
    Case {
        what: "bytes of four billion",
        body: || b"\x81\xa2TS\xc6\xff\xff\xff\xff".to_vec(),
        encoding: "",
        outcome: Refused(&[]),
        most_mib: 1,
    },
    Case {
        what: "a gigabyte of zeros in gzip",
        body: excess::bomb,
        encoding: "gzip",
        outcome: Refused(&["too large: more than 67108864 bytes", "UNPACKED_BYTES"]),
        most_mib: 200,
    },
    Case {
        what: "the same without saying so",
        body: excess::bomb,
        encoding: "",
        outcome: Refused(&["too large: more than 67108864 bytes", "UNPACKED_BYTES"]),
        most_mib: 200,
    },
    Case {
        what: "zlib that claims to be gzip",
        body: || b"\x78\x9c\xab\xae\x05\x00\x01\x75\x00\xf9".to_vec(),
        encoding: "gzip",
        outcome: Refused(&["gzip: "]),
        most_mib: 1,
    },
    Case {
        what: "deflate, which is not taken",
        body: || b"\x78\x9c\xab\xae\x05\x00\x01\x75\x00\xf9".to_vec(),
        encoding: "deflate",
        outcome: Refused(&["unknown content encoding \"deflate\""]),
        most_mib: 1,
    },
];

#[test]
fn too_much_is_refused_within_bounds() {
    let failed: Vec<String> = CASES
        .iter()
        .filter_map(|case| check(case).err().map(|why| format!("{}: {why}", case.what)))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn check(case: &Case) -> Result<(), String> {
    let body = (case.body)();
    let start = HELD_BYTES.load(Relaxed);
    PEAK_BYTES.store(start, Relaxed);
    let read = Report::decode_body(&body, "", case.encoding, Timestamp::ZERO);
    let peak_bytes = PEAK_BYTES.load(Relaxed).saturating_sub(start);
    if peak_bytes > case.most_mib << 20 {
        let kib = peak_bytes >> 10;
        return Err(format!("{kib} KiB at its peak, at most {} MiB", case.most_mib));
    }
    match (read, &case.outcome) {
        (Err(error), Refused(reasons)) => {
            let error = error.to_string();
            let missing = reasons.iter().find(|reason| !error.contains(**reason));
            match missing {
                Some(reason) => Err(format!("{reason:?} is not in: {error}")),
                None if error.is_empty() || error.len() > 400 => {
                    Err(format!("{} bytes of error", error.len()))
                }
                None => Ok(()),
            }
        }
        (Ok(decoded), Read(nodes, warning)) => {
            let held = decoded.report.node_count();
            let warned = decoded.warnings.iter().any(|w| w.text.contains(warning));
            if held != *nodes || !(warned || warning.is_empty()) {
                return Err(format!("{held} nodes with {:?}", decoded.warnings));
            }
            Ok(())
        }
        (Err(error), Read(..)) => Err(format!("refused: {error}")),
        (Ok(_), Refused(_)) => Err("read".to_owned()),
    }
}
