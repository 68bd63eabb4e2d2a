//! Reading: line by line, all or nothing, with the line at fault named.

use std::collections::BTreeMap;

use crate::family::{Family, Kind, Sample, is_label_name, is_metric_name};
use crate::limits::{
    FAMILIES_MAX, HELP_BYTES_MAX, LABELS_MAX, NAME_BYTES_MAX, SAMPLES_MAX, TEXT_BYTES_MAX, VALUE_BYTES_MAX,
};

/// Why text is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Reads what a plugin exposes. Exemplars, timestamps and creation times are read over.
///
/// # Errors
/// The first line that is not of the format, or that goes beyond a limit; nothing of the text is taken then.
pub fn parse(text: &str) -> Result<Vec<Family>, ParseError> {
    let mut reader = Reader::default();
    if text.len() > TEXT_BYTES_MAX {
        return Err(ParseError {
            line: 1,
            message: format!("the text is longer than {TEXT_BYTES_MAX} bytes"),
        });
    }
    for (number, line) in text.lines().enumerate() {
        let read = reader.line(line.trim_end_matches('\r'));
        match read {
            Ok(More::Yes) => {}
            Ok(More::No) => break,
            Err(message) => {
                return Err(ParseError {
                    line: number + 1,
                    message,
                });
            }
        }
    }
    Ok(reader.families())
}

/// Whether there may be further lines.
enum More {
    Yes,
    No,
}

#[derive(Default)]
struct Reader {
    families: Vec<Family>,
    by_name: BTreeMap<String, usize>,
    /// Family of the last line.
    current: Option<usize>,
    samples: usize,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<More, String> {
        let trimmed = line.trim_start_matches([' ', '\t']);
        if let Some(comment) = trimmed.strip_prefix('#') {
            return self.comment(comment.trim_start_matches([' ', '\t']));
        }
        if !trimmed.is_empty() {
            self.sample(trimmed)?;
        }
        Ok(More::Yes)
    }

    fn comment(&mut self, text: &str) -> Result<More, String> {
        if text.trim_end() == "EOF" {
            return Ok(More::No);
        }
        let (word, rest) = split_word(text);
        let (name, rest) = split_word(rest);
        match word {
            "HELP" if is_metric_name(name) => {
                let at = self.family(name)?;
                let help = unescape(rest, false)?;
                let end = floor_char_boundary(&help, HELP_BYTES_MAX);
                self.families[at].help = help[..end].to_owned();
                self.current = Some(at);
            }
            "TYPE" if is_metric_name(name) => {
                let kind = match rest.trim() {
                    "counter" => Kind::Counter,
                    "gauge" | "info" | "stateset" => Kind::Gauge,
                    "histogram" => Kind::Histogram,
                    "summary" => Kind::Summary,
                    "untyped" | "unknown" | "gaugehistogram" => Kind::Untyped,
                    other => return Err(format!("{:?} is no type of a metric", short(other))),
                };
                let at = self.family(name)?;
                if !self.families[at].samples.is_empty() {
                    return Err(format!("the type of {name} comes after its samples"));
                }
                self.families[at].kind = kind;
                self.current = Some(at);
            }
            "HELP" | "TYPE" => return Err(format!("{:?} is no name of a metric", short(name))),
            _ => {}
        }
        Ok(More::Yes)
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let end = line
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
            .unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if !is_metric_name(name) {
            return Err(format!(
                "{:?} does not begin with the name of a metric",
                short(line)
            ));
        }
        let rest = rest.trim_start_matches([' ', '\t']);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Vec::new(), rest),
        };
        let (value, rest) = split_word(rest.trim_start_matches([' ', '\t']));
        let value = number(value)?;
        let (timestamp, rest) = split_word(rest);
        if !timestamp.is_empty() && timestamp != "#" {
            number(timestamp).map_err(|e| format!("the timestamp: {e}"))?;
            if !(rest.is_empty() || rest.starts_with('#')) {
                return Err(format!("{:?} follows the timestamp", short(rest)));
            }
        }
        self.samples += 1;
        if self.samples > SAMPLES_MAX {
            return Err(format!("there are more than {SAMPLES_MAX} samples"));
        }
        let (at, suffix) = self.belongs(name)?;
        if suffix != "_created" {
            self.families[at].samples.push(Sample {
                suffix,
                labels,
                value,
            });
        }
        self.current = Some(at);
        Ok(())
    }

    /// The family that a sample's name belongs to, and its ending there.
    fn belongs(&mut self, name: &str) -> Result<(usize, &'static str), String> {
        let ending = |family: &Family| {
            let rest = name.strip_prefix(family.name.as_str())?;
            family.kind.suffixes().iter().find(|s| **s == rest).copied()
        };
        if let Some(at) = self.current
            && let Some(suffix) = ending(&self.families[at])
        {
            return Ok((at, suffix));
        }
        for suffix in ["", "_bucket", "_sum", "_count", "_total", "_created"] {
            let at = name.strip_suffix(suffix).and_then(|base| self.by_name.get(base));
            if let Some(at) = at
                && let Some(suffix) = ending(&self.families[*at])
            {
                return Ok((*at, suffix));
            }
        }
        Ok((self.family(name)?, ""))
    }

    fn family(&mut self, name: &str) -> Result<usize, String> {
        if let Some(at) = self.by_name.get(name) {
            return Ok(*at);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(format!("a metric's name is longer than {NAME_BYTES_MAX} bytes"));
        }
        if self.families.len() >= FAMILIES_MAX {
            return Err(format!("there are more than {FAMILIES_MAX} metrics"));
        }
        self.families.push(Family {
            name: name.to_owned(),
            kind: Kind::Untyped,
            help: String::new(),
            samples: Vec::new(),
        });
        self.by_name.insert(name.to_owned(), self.families.len() - 1);
        Ok(self.families.len() - 1)
    }

    fn families(self) -> Vec<Family> {
        let mut families = self.families;
        for family in &mut families {
            // OpenMetrics names the family `x` and its samples `x_total`; 0.0.4 names both `x_total`.
            if family.kind == Kind::Counter && family.samples.iter().all(|s| s.suffix == "_total") {
                family.name.push_str("_total");
                family.samples.iter_mut().for_each(|s| s.suffix = "");
            }
        }
        families.retain(|f| !f.samples.is_empty());
        families
    }
}

/// Names and values.
type Labels = Vec<(String, String)>;

/// The labels after `{`, and what follows their `}`.
fn labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !is_label_name(name) {
            return Err(format!(
                "{:?} does not begin with the name of a label",
                short(rest)
            ));
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(format!("a label's name is longer than {NAME_BYTES_MAX} bytes"));
        }
        let after = after.trim_start_matches([' ', '\t']);
        let Some(after) = after.strip_prefix('=') else {
            return Err(format!("the label {name} has no value"));
        };
        let after = after.trim_start_matches([' ', '\t']);
        let Some(after) = after.strip_prefix('"') else {
            return Err(format!("the value of the label {name} is not in quotes"));
        };
        let end =
            closing_quote(after).ok_or_else(|| format!("the value of the label {name} does not end"))?;
        let value = unescape(&after[..end], true)?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(format!(
                "the value of the label {name} is longer than {VALUE_BYTES_MAX} bytes"
            ));
        }
        if labels.iter().any(|(n, _)| n == name) {
            return Err(format!("the label {name} is there twice"));
        }
        if labels.len() >= LABELS_MAX {
            return Err(format!("a sample has more than {LABELS_MAX} labels"));
        }
        labels.push((name.to_owned(), value));
        rest = after[end + 1..].trim_start_matches([' ', '\t']);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err(format!("{:?} follows a label", short(rest))),
        }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })
}

/// `\\` and `\n`, and in label values `\"`.
fn unescape(text: &str, quotes: bool) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('\\') => out.push('\\'),
            Some('n') => out.push('\n'),
            Some('"') if quotes => out.push('"'),
            // Help texts are prose: a backslash that escapes nothing is one.
            Some(other) if !quotes => out.extend(['\\', other]),
            None if !quotes => out.push('\\'),
            _ => return Err("a backslash in a label's value escapes nothing".to_owned()),
        }
    }
    Ok(out)
}

fn number(text: &str) -> Result<f64, String> {
    match text {
        "+Inf" | "Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        "NaN" => Ok(f64::NAN),
        // Rust reads words such as `infinity`, which the format does not know.
        _ if text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) => text
            .parse()
            .map_err(|_| format!("{:?} is no number", short(text))),
        _ => Err(format!("{:?} is no number", short(text))),
    }
}

/// The first word and what follows it.
fn split_word(text: &str) -> (&str, &str) {
    match text.find([' ', '\t']) {
        Some(at) => (&text[..at], text[at..].trim_start_matches([' ', '\t'])),
        None => (text, ""),
    }
}

/// Enough of a text to recognise it in an error.
fn short(text: &str) -> &str {
    &text[..floor_char_boundary(text, 40)]
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Families as `name kind help | suffix{labels} value …`.
    fn shown(text: &str) -> Result<Vec<String>, String> {
        let families = parse(text).map_err(|e| e.to_string())?;
        let sample = |s: &Sample| format!(" | {}{:?} {}", s.suffix, s.labels, s.value);
        let family = |f: &Family| {
            let samples: String = f.samples.iter().map(sample).collect();
            format!("{} {} {}{samples}", f.name, f.kind.word(), f.help)
        };
        Ok(families.iter().map(family).collect())
    }

    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        assert_eq!(shown(text).unwrap(), want, "{text}");
    }

    #[track_caller]
    fn refused(text: &str, want: &str) {
        assert_eq!(shown(text).unwrap_err(), want, "{text}");
    }

    #[test]
    fn every_kind_is_read() {
        check(
            "a 1\nb{x=\"y\"} 2.5 1700000000000\n",
            &["a untyped  | [] 1", "b untyped  | [(\"x\", \"y\")] 2.5"],
        );
        check(
            "# HELP h How long.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 3\nh_sum 1.5\nh_count 3\n",
            &["h histogram How long. | _bucket[(\"le\", \"+Inf\")] 3 | _sum[] 1.5 | _count[] 3"],
        );
        check(
            "# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_sum -Inf\ns_count 0\n",
            &["s summary  | [(\"quantile\", \"0.5\")] NaN | _sum[] -inf | _count[] 0"],
        );
        check(
            "# just a remark\n\n  # TYPE g gauge\n\tg\t7\r\n",
            &["g gauge  | [] 7"],
        );
    }

    #[test]
    fn openmetrics_is_read_as_the_same() {
        check(
            "# TYPE r counter\n# UNIT r seconds\nr_total{a=\"b\"} 4 1.5 # {trace=\"x\"} 1 2\nr_created 9\n# EOF\nnot read",
            &["r_total counter  | [(\"a\", \"b\")] 4"],
        );
        check(
            "# TYPE i info\ni_info{v=\"1\"} 1\n",
            &["i_info untyped  | [(\"v\", \"1\")] 1"],
        );
        check(
            "# TYPE c_total counter\nc_total 1\n",
            &["c_total counter  | [] 1"],
        );
    }

    #[test]
    fn odd_values_survive() {
        check(
            "a:b{v=\"x,y=z}\\\"\\\\\\n\",} 1e3\n",
            &["a:b untyped  | [(\"v\", \"x,y=z}\\\"\\\\\\n\")] 1000"],
        );
        check(
            "# HELP a back\\slash \\\\ and\\nline\na 1\n",
            &["a untyped back\\slash \\ and\nline | [] 1"],
        );
    }

    #[test]
    fn interleaved_families_find_their_own() {
        check(
            "# TYPE a counter\n# TYPE h histogram\na 1\nh_sum 1\na{x=\"1\"} 2\nh_count 1\n",
            &[
                "a counter  | [] 1 | [(\"x\", \"1\")] 2",
                "h histogram  | _sum[] 1 | _count[] 1",
            ],
        );
    }

    #[test]
    fn faults_name_their_line() {
        refused("a 1\nb", "line 2: \"\" is no number");
        refused(
            "1a 1",
            "line 1: \"1a 1\" does not begin with the name of a metric",
        );
        refused("a{x} 1", "line 1: the label x has no value");
        refused("a{x=1} 1", "line 1: the value of the label x is not in quotes");
        refused("a{x=\"1} 1", "line 1: the value of the label x does not end");
        refused(
            "a{x=\"\\q\"} 1",
            "line 1: a backslash in a label's value escapes nothing",
        );
        refused("a{x=\"1\",x=\"2\"} 1", "line 1: the label x is there twice");
        refused("a infinity", "line 1: \"infinity\" is no number");
        refused("a 1 x", "line 1: the timestamp: \"x\" is no number");
        refused(
            "a 1\n# TYPE a gauge",
            "line 2: the type of a comes after its samples",
        );
        refused("# TYPE a thing", "line 1: \"thing\" is no type of a metric");
        refused(
            "<html>",
            "line 1: \"<html>\" does not begin with the name of a metric",
        );
    }

    #[test]
    fn limits_hold() {
        let many: String = (0..=SAMPLES_MAX).map(|n| format!("a{{n=\"{n}\"}} 1\n")).collect();
        assert!(parse(&many).unwrap_err().message.contains("samples"));
        let families: String = (0..=FAMILIES_MAX).map(|n| format!("a{n} 1\n")).collect();
        assert!(parse(&families).unwrap_err().message.contains("metrics"));
        assert!(
            parse(&" ".repeat(TEXT_BYTES_MAX + 1))
                .unwrap_err()
                .message
                .contains("bytes")
        );
        let labels: String = (0..=LABELS_MAX).map(|n| format!("l{n}=\"\",")).collect();
        assert!(
            parse(&format!("a{{{labels}}} 1"))
                .unwrap_err()
                .message
                .contains("labels")
        );
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        assert!(parse(&format!("{long} 1")).is_err());
        assert!(parse(&format!("a{{{long}=\"\"}} 1")).is_err());
        let value = "v".repeat(VALUE_BYTES_MAX + 1);
        assert!(parse(&format!("a{{x=\"{value}\"}} 1")).is_err());
    }
}
