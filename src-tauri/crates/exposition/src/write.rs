//! Writing the text format 0.0.4.

use std::fmt::Write as _;

use crate::family::Family;

/// Appends a family: help, type, samples.
pub(crate) fn family(out: &mut String, family: &Family) {
    // Writing to a String cannot fail.
    let _ = write!(out, "# HELP {} ", family.name);
    escape(out, &family.help, false);
    let _ = write!(out, "\n# TYPE {} {}\n", family.name, family.kind.word());
    for sample in &family.samples {
        out.push_str(&family.name);
        out.push_str(sample.suffix);
        for (n, (name, value)) in sample.labels.iter().enumerate() {
            out.push(if n == 0 { '{' } else { ',' });
            out.push_str(name);
            out.push_str("=\"");
            escape(out, value, true);
            out.push('"');
        }
        if !sample.labels.is_empty() {
            out.push('}');
        }
        out.push(' ');
        number(out, sample.value);
        out.push('\n');
    }
}

fn number(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value == f64::INFINITY {
        out.push_str("+Inf");
    } else if value == f64::NEG_INFINITY {
        out.push_str("-Inf");
    } else {
        let _ = write!(out, "{value}");
    }
}

fn escape(out: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}
