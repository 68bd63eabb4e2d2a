//! Writing the text format 0.0.4, and OpenMetrics 1.0 for those who ask for it.

use std::fmt::Write as _;

use crate::family::{Family, Kind};
use crate::negotiate::Format;

/// Appends a family: help, type, samples. `taken` says whether a name is another family's.
pub(crate) fn family(out: &mut String, family: &Family, format: Format, taken: impl Fn(&str) -> bool) {
    let open = format == Format::OpenMetrics;
    let (name, word) = if open {
        openmetrics_head(family, taken)
    } else {
        (family.name.as_str(), family.kind.word())
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "# HELP {name} ");
    if family.help.is_empty() {
        let _ = match family.kind {
            Kind::Untyped => write!(out, "Exposed without a type."),
            kind => write!(out, "A {} without a help text.", kind.word()),
        };
    } else {
        escape(out, &family.help, open);
    }
    let _ = write!(out, "\n# TYPE {name} {word}\n");
    if let Some(unit) = family.unit().filter(|_| open) {
        let ends = name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
        if ends {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
    }
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

/// In OpenMetrics the family of the counter `x_total` is `x`. Where that is somebody else's name, and where a counter
/// ends otherwise, the samples keep their names and lose their type.
fn openmetrics_head(family: &Family, taken: impl Fn(&str) -> bool) -> (&str, &'static str) {
    match (family.kind, family.name.strip_suffix("_total")) {
        (Kind::Counter, Some(base)) if !base.is_empty() && !taken(base) => (base, "counter"),
        (Kind::Counter, _) => (&family.name, Kind::Untyped.openmetrics_word()),
        (kind, _) => (&family.name, kind.openmetrics_word()),
    }
}

fn number(out: &mut String, value: f64) {
    // Writing to a String cannot fail.
    let _ = if value.is_nan() {
        write!(out, "NaN")
    } else if value == f64::INFINITY {
        write!(out, "+Inf")
    } else if value == f64::NEG_INFINITY {
        write!(out, "-Inf")
    } else if value != 0.0 && !(1e-5..1e17).contains(&value.abs()) {
        // Written out these have up to 300 digits.
        write!(out, "{value:e}")
    } else {
        write!(out, "{value}")
    };
}

fn escape(out: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            // Readers of the format take it for the end of everything.
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, written: &Family, taken: &[&str], want: &str) {
        let mut out = String::new();
        family(&mut out, written, format, |name| taken.contains(&name));
        assert_eq!(out, want);
    }

    #[test]
    fn openmetrics_names_a_counter_without_its_ending() {
        let counter = Family::counter("read_bytes_total", "What \"was\" read.").with(&[("disk", "a")], 1.5);
        check(
            Format::Text,
            &counter,
            &[],
            "# HELP read_bytes_total What \"was\" read.\n# TYPE read_bytes_total counter\n\
             read_bytes_total{disk=\"a\"} 1.5\n",
        );
        check(
            Format::OpenMetrics,
            &counter,
            &[],
            "# HELP read_bytes What \\\"was\\\" read.\n# TYPE read_bytes counter\n# UNIT read_bytes bytes\n\
             read_bytes_total{disk=\"a\"} 1.5\n",
        );
    }

    #[test]
    fn a_counter_that_openmetrics_cannot_name_loses_its_type_alone() {
        let counter = Family::counter("reads_total", "Reads.").with(&[], 1.0);
        check(
            Format::OpenMetrics,
            &counter,
            &["reads"],
            "# HELP reads_total Reads.\n# TYPE reads_total unknown\nreads_total 1\n",
        );
        let counter = Family::counter("reads", "Reads.").with(&[], 1.0);
        check(
            Format::OpenMetrics,
            &counter,
            &[],
            "# HELP reads Reads.\n# TYPE reads unknown\nreads 1\n",
        );
    }

    #[test]
    fn numbers_are_short_and_texts_have_no_end_within() {
        let family = Family::gauge("g", "").with(&[("l", "a\0b")], 1e300);
        check(
            Format::Text,
            &family,
            &[],
            "# HELP g A gauge without a help text.\n# TYPE g gauge\ng{l=\"a\u{fffd}b\"} 1e300\n",
        );
    }
}
