//! An alert in a sentence, in the words and units of the window.

use crate::sample::Sample;
use crate::seams::Names;

/// A sample in a sentence: `CPU of postgres (pid 41) is 97.3 %, above 90 %`.
pub(super) fn told(sample: &Sample, names: &Names) -> String {
    let series = &sample.series;
    let tag = |name: &str| series.tags.get(name).map(String::as_str);
    let what = format!(
        "{} of {} is {}",
        names.metric,
        names.node,
        with_unit(sample.value, &series.unit)
    );
    let line = tag("threshold").map(|line| line_with_unit(line, &series.unit));
    let what = match (tag("event"), line) {
        (Some("cleared"), Some(line)) => format!("{what}, no more {line}"),
        (Some(_), Some(line)) => format!("{what}, {line}"),
        _ => what,
    };
    match tag("text") {
        Some(text) => format!("{text}: {what}"),
        None => what,
    }
}

/// A threshold's `above 90` with its unit; what reads otherwise stays as it is.
fn line_with_unit(line: &str, unit: &str) -> String {
    let parts = line
        .split_once(' ')
        .and_then(|(relation, value)| Some((relation, value.parse().ok()?)));
    match parts {
        Some((relation, value)) => format!("{relation} {}", with_unit(value, unit)),
        None => line.to_owned(),
    }
}

/// A value as the window shows it.
fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "percent" => format!("{} %", readable((value * 10.0).round() / 10.0)),
        "filesize" => bytes(value),
        _ => readable(value),
    }
}

/// Bytes with three digits, in steps of 1024 as memory is counted.
fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if !value.is_finite() || value.abs() < 1_024.0 {
        return format!("{} B", readable(value));
    }
    let mut scaled = value / 1_024.0;
    let mut unit = 0;
    while scaled.abs() >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1_024.0;
        unit += 1;
    }
    let digits = match scaled.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    let scale = 10_f64.powi(digits);
    format!("{} {}", (scaled * scale).round() / scale, UNITS[unit])
}

/// A value with as many digits as a person reads: three behind the point, or three in all where it is small.
fn readable(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() || size >= 1e12 {
        return value.to_string();
    }
    if size >= 1.0 {
        return ((value * 1_000.0).round() / 1_000.0).to_string();
    }
    let places = 2.0 - size.log10().floor();
    let scale = 10_f64.powf(places.min(300.0));
    ((value * scale).round() / scale).to_string()
}

#[cfg(test)]
mod tests {
    use super::{line_with_unit, readable, with_unit};

    #[test]
    fn values_are_told_with_the_digits_that_a_person_reads() {
        let cases = [
            (85.807_253_654_525_96, "85.807"),
            (-1.0, "-1"),
            (0.0, "0"),
            (0.001_234_56, "0.00123"),
            (2.5e20, "250000000000000000000"),
            (1e-310, "0"),
            (f64::NAN, "NaN"),
        ];
        for (value, told) in cases {
            assert_eq!(readable(value), told);
        }
    }

    #[test]
    fn values_have_the_unit_that_the_window_shows() {
        let cases = [
            (97.3456, "percent", "97.3 %"),
            (0.0, "percent", "0 %"),
            (512.0, "filesize", "512 B"),
            (1_536.0, "filesize", "1.5 kB"),
            (54_630_000.0, "filesize", "52.1 MB"),
            (1_073_741_824.0, "filesize", "1 GB"),
            (-2_097_152.0, "filesize", "-2 MB"),
            (f64::INFINITY, "filesize", "inf B"),
            (1e30, "filesize", "888178419700125 PB"),
            (3.0, "integer", "3"),
        ];
        for (value, unit, told) in cases {
            assert_eq!(with_unit(value, unit), told, "{value} {unit}");
        }
        assert_eq!(line_with_unit("above 90", "percent"), "above 90 %");
        assert_eq!(line_with_unit("below 1073741824", "filesize"), "below 1 GB");
        assert_eq!(line_with_unit("out of line", "percent"), "out of line");
    }
}
