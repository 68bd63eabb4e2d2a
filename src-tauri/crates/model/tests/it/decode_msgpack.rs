//! msgpack as Scope's probes write it: old and new string types, and three binary forms of time.

use std::io::Write as _;

use orrery_model::{Report, Timestamp, TopologyKind, limits};

use crate::decode::NOW;

/// Writes msgpack by hand, in the old dialect where it matters.
#[derive(Default)]
struct Pack(Vec<u8>);

impl Pack {
    fn map(mut self, entries: u8) -> Self {
        self.0.push(0x80 | entries);
        self
    }

    /// A string in the old raw form, which may hold any bytes.
    fn raw(mut self, bytes: &[u8]) -> Self {
        match u8::try_from(bytes.len()) {
            Ok(len @ 0..=31) => self.0.push(0xa0 | len),
            _ => {
                self.0.push(0xda);
                self.0.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
            }
        }
        self.0.extend(bytes);
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
}

/// The timestamp of a fact whose time is written like this, and the number of warnings.
#[track_caller]
fn time(written: &[u8]) -> (Timestamp, usize) {
    let packed = Pack::default()
        .map(1)
        .raw(b"Host")
        .map(1)
        .raw(b"nodes")
        .map(1)
        .raw(b"h")
        .map(1)
        .raw(b"latest")
        .map(1)
        .raw(b"k")
        .map(2)
        .raw(b"timestamp")
        .bytes(written)
        .raw(b"value")
        .raw(b"v");
    let decoded = Report::from_msgpack(&packed.0, NOW).unwrap();
    let node = decoded.report.node(TopologyKind::Host, "h").unwrap();
    assert_eq!(node.latest("k"), Some("v"));
    (node.latest["k"].timestamp, decoded.warnings.len())
}

#[test]
fn times_in_every_form() {
    let expect = Timestamp::parse("2026-11-21T00:23:04.308582759Z").unwrap().0;
    let (seconds, nanos) = (expect.0 / 1_000_000_000, expect.0 % 1_000_000_000);
    let text = Pack::default().raw(b"2026-11-21T00:23:04.308582759Z").0;
    assert_eq!(time(&text), (expect, 0));

    let short = u32::try_from(seconds).unwrap().to_be_bytes();
    let packed = ((u64::try_from(nanos).unwrap() << 34) | u64::try_from(seconds).unwrap()).to_be_bytes();
    let mut long = u32::try_from(nanos).unwrap().to_be_bytes().to_vec();
    long.extend(seconds.to_be_bytes());
    let mut go = vec![1];
    go.extend((seconds + 62_135_596_800).to_be_bytes());
    go.extend(u32::try_from(nanos).unwrap().to_be_bytes());
    go.extend([0xff, 0xff]);

    let whole = Timestamp(seconds * 1_000_000_000);
    for (form, expect) in [
        (&short[..], whole),
        (&packed, expect),
        (&long, expect),
        (&go, expect),
    ] {
        // As a raw string, as the bin type, and as the extension for time.
        assert_eq!(
            time(&Pack::default().raw(form).0),
            (expect, 0),
            "raw of {}",
            form.len()
        );
        let len = u8::try_from(form.len()).unwrap();
        assert_eq!(
            time(&[&[0xc4, len][..], form].concat()),
            (expect, 0),
            "bin of {len}"
        );
        assert_eq!(
            time(&[&[0xc7, len, 0xff][..], form].concat()),
            (expect, 0),
            "extension of {len}"
        );
    }
    assert_eq!(
        time(&[&[0xd6, 0xff][..], &short].concat()),
        (whole, 0),
        "fixed extension"
    );
    assert_eq!(time(&[0xc0]), (Timestamp::ZERO, 0), "nil");
    let mut zero = vec![0xaf, 1];
    zero.extend([0; 14]);
    assert_eq!(time(&zero), (Timestamp::ZERO, 0), "Go's zero time");
}

#[test]
fn unreadable_times_are_the_time_of_receipt() {
    for written in [
        &[0x05][..],
        &[0xc3],
        &[0x92, 1, 2],
        &[0x81, 0xa1, b'x', 1],
        &[0xd6, 0x07, 1, 2, 3, 4],
        &[0xa3, 1, 2, 3],
    ] {
        assert_eq!(time(written), (NOW, 1), "{written:x?}");
    }
}

#[test]
fn texts_that_are_not_utf8_are_mended() {
    let packed = Pack::default()
        .map(1)
        .raw(b"Host")
        .map(1)
        .raw(b"nodes")
        .map(1)
        .raw(b"h\xff")
        .map(1);
    let packed = packed.raw(b"adjacency").bytes(&[0x91]).raw(b"x\xfe");
    let decoded = Report::from_msgpack(&packed.0, NOW).unwrap();
    let node = decoded.report.node(TopologyKind::Host, "h\u{fffd}").unwrap();
    assert!(node.adjacency.contains("x\u{fffd}"));
}

#[test]
fn deep_nesting_is_refused() {
    let mut packed = Pack::default().map(1).raw(b"x").0;
    packed.extend(vec![0x91; 100_000]);
    let error = Report::from_msgpack(&packed, NOW).unwrap_err().to_string();
    assert!(error.contains("depth"), "{error}");
    const { assert!(limits::DEPTH < 1000) };
}

#[test]
fn counts_that_lie_are_refused() {
    // A map that claims four thousand million entries and ends.
    let error = Report::from_msgpack(&[0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, b'x', 0xc0], NOW).unwrap_err();
    assert!(!error.to_string().is_empty());
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bodies_read_by_type_and_encoding_or_by_what_they_look_like() {
    let mut report = Report {
        ts: NOW,
        ..Report::default()
    };
    report
        .topology_mut(TopologyKind::Host)
        .insert(orrery_model::Node::new("h", "host"));
    let (json, msgpack) = (report.to_json(), report.to_msgpack());
    #[track_caller]
    fn check(bytes: &[u8], content_type: &str, encoding: &str, report: &Report) {
        let decoded = Report::decode_body(bytes, content_type, encoding, NOW).unwrap();
        assert_eq!(decoded.report, *report);
    }
    check(&json, "application/json", "", &report);
    check(&json, "application/json; charset=utf-8", "identity", &report);
    check(&json, "", "", &report);
    check(&msgpack, "application/msgpack", "", &report);
    check(&msgpack, "application/x-msgpack", "", &report);
    check(&msgpack, "application/octet-stream", "", &report);
    check(&gzip(&msgpack), "application/msgpack", "gzip", &report);
    check(&gzip(&msgpack), "", "", &report);
    check(&gzip(&json), "application/json", "GZIP", &report);
}

/// The readings of a metric that are written like this, and the number of warnings.
#[track_caller]
fn readings(written: &[Vec<u8>]) -> (Vec<orrery_model::Sample>, usize) {
    let count = u8::try_from(written.len()).unwrap();
    let packed = ["Host", "nodes", "h", "metrics", "m", "samples"]
        .iter()
        .fold(Pack::default(), |p, key| p.map(1).raw(key.as_bytes()))
        .bytes(&[0x90 | count])
        .bytes(&written.concat());
    let decoded = Report::from_msgpack(&packed.0, NOW).unwrap();
    let node = decoded.report.node(TopologyKind::Host, "h").unwrap();
    (node.metrics["m"].samples.to_vec(), decoded.warnings.len())
}

#[test]
fn readings_are_the_same_in_every_order_and_form() {
    let at = Timestamp::parse("2026-11-21T00:23:04.308582759Z").unwrap().0;
    let expect = vec![orrery_model::Sample { date: at, value: 2.5 }];
    let text = Pack::default().raw(b"2026-11-21T00:23:04.308582759Z").0;
    let bin = [&[0xc4, 30], &text[1..]].concat();
    let long = [&[0xd9, 30], &text[1..]].concat();
    let mut go = vec![0xaf, 1];
    go.extend((at.0 / 1_000_000_000 + 62_135_596_800).to_be_bytes());
    go.extend(u32::try_from(at.0 % 1_000_000_000).unwrap().to_be_bytes());
    go.extend([0xff, 0xff]);
    let value = [&[0xcb][..], &2.5_f64.to_be_bytes()].concat();
    let float = [&[0xca][..], &2.5_f32.to_be_bytes()].concat();
    let date_first = |date: &[u8], value: &[u8]| {
        let head = Pack::default().map(2).raw(b"date").bytes(date);
        head.raw(b"value").bytes(value).0
    };
    let value_first = |date: &[u8], value: &[u8]| {
        let head = Pack::default().map(2).raw(b"value").bytes(value);
        head.raw(b"date").bytes(date).0
    };
    for date in [&text, &long, &go] {
        for value in [&value, &float] {
            assert_eq!(readings(&[date_first(date, value)]), (expect.clone(), 0));
            assert_eq!(readings(&[value_first(date, value)]), (expect.clone(), 0));
        }
    }
    // A text where bytes should be says its time all the same.
    assert_eq!(readings(&[date_first(&bin, &value)]).0, expect);
    // What is no time is the time of receipt; what is no number is no reading.
    let odd = Pack::default().raw(b"yesterday").0;
    let received = orrery_model::Sample {
        date: NOW,
        value: 2.5,
    };
    assert_eq!(readings(&[date_first(&odd, &value)]), (vec![received], 1));
    let nan = [&[0xcb][..], &f64::NAN.to_be_bytes()].concat();
    assert_eq!(readings(&[date_first(&text, &nan)]), (vec![], 2));
    // Anything may follow that is no reading of this form.
    let more = Pack::default().map(3).raw(b"date").bytes(&text).raw(b"value");
    let more = more.bytes(&value).raw(b"note").bytes(&[0x93, 1, 0xc0, 0xc3]).0;
    assert_eq!(readings(&[more, date_first(&text, &value)]), (expect, 0));
}
