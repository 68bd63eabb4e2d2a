//! Readings and facts with their units, as people read them; `--json` has the numbers.

use serde_json::Value;

use crate::output::{file_size, text};

/// A reading in its metric's format, such as `41.9 %` or `2.5 GiB`; a dash where there is none. `id` is the metric's:
/// rates are told by their name.
pub(crate) fn reading(value: &Value, format: &str, id: &str) -> String {
    let Some(number) = value.as_f64() else {
        return "–".to_owned();
    };
    let shown = match format {
        "percent" => return format!("{number:.1} %"),
        "duration" => return span(number),
        "filesize" => size(number),
        "integer" => format!("{number:.0}"),
        _ => plain(number),
    };
    let is_rate = id.ends_with("per_second") || id.ends_with("per_sec") || id.ends_with("_rate");
    if is_rate { format!("{shown}/s") } else { shown }
}

/// The value of a fact, a span of time in its units.
pub(crate) fn fact(row: &Value) -> String {
    let value = text(row, "value");
    match (text(row, "data_type").as_str(), value.parse()) {
        ("duration", Ok(seconds)) => span(seconds),
        _ => value,
    }
}

fn size(bytes: f64) -> String {
    if bytes < 0.0 {
        return format!("-{}", size(-bytes));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float stays within its type, and less than nothing was told apart"
    )]
    let whole = bytes.round() as u64;
    file_size(whole)
}

/// Two decimals at most, and none that say nothing.
fn plain(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The two largest units of a span, such as `10 h 15 min`.
fn span(seconds: f64) -> String {
    if seconds.abs() < 1.0 {
        return format!("{:.0} ms", seconds * 1_000.0);
    }
    if seconds.abs() < 60.0 {
        return format!("{seconds:.0} s");
    }
    let (big, small, big_unit, small_unit) = match seconds.abs() {
        below if below < 3_600.0 => (60.0, 1.0, "min", "s"),
        below if below < 86_400.0 => (3_600.0, 60.0, "h", "min"),
        _ => (86_400.0, 3_600.0, "d", "h"),
    };
    let whole = (seconds / big).trunc();
    let rest = ((seconds % big) / small).abs().floor();
    if rest < 1.0 {
        return format!("{whole} {big_unit}");
    }
    format!("{whole} {big_unit} {rest} {small_unit}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn readings_have_their_units() {
        let check = |value: Value, format: &str, id: &str, want: &str| {
            assert_eq!(reading(&value, format, id), want);
        };
        check(json!(99.96), "percent", "cpu", "100.0 %");
        check(json!(2_653_306_880.0), "filesize", "memory", "2.5 GiB");
        check(json!(-2048), "filesize", "change", "-2.0 KiB");
        check(json!(42_906.4), "filesize", "received_per_second", "41.9 KiB/s");
        check(json!(163.0), "integer", "open_files_count", "163");
        check(json!(6.994), "", "load1", "6.99");
        check(json!(0.0), "", "load1", "0");
        check(json!(20.0), "", "load1", "20");
        check(json!(0.25), "duration", "latency", "250 ms");
        check(json!(7_261.0), "duration", "uptime", "2 h 1 min");
        check(json!(null), "percent", "cpu", "–");
    }

    #[test]
    fn facts_that_are_spans_are_told_in_units() {
        let check = |value: &str, data_type: &str, want: &str| {
            assert_eq!(fact(&json!({ "value": value, "data_type": data_type })), want);
        };
        check("36912", "duration", "10 h 15 min");
        check("172800", "duration", "2 d");
        check("59", "duration", "59 s");
        check("soon", "duration", "soon");
        check("36912", "number", "36912");
    }
}
