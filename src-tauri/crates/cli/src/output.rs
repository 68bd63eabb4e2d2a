//! Tables for people, JSON for programs.

use std::io::Write as _;

use comfy_table::{Table, presets};

use crate::exit::Exit;

/// Prints a line to standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

/// Prints a line; see [`print`].
pub(crate) fn line(text: std::fmt::Arguments<'_>) {
    if let Err(exit) = print(format!("{text}\n").as_bytes()) {
        eprintln!("orrery: {}", exit.message);
        std::process::exit(1);
    }
}

/// Writes to standard output. A reader who has seen enough, such as `head`, ends the command in peace.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Exit> {
    let mut out = std::io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| Exit::failed(format!("cannot write to standard output: {error}"))),
    }
}

/// A table without lines, like every Unix tool's.
pub(crate) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(head.iter().copied());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Prints a table; columns are separated by blanks and lines carry none at their end.
pub(crate) fn print_table(table: &Table) {
    for line in table.lines() {
        say!("{}", line.trim_end());
    }
}

/// Prints a value as JSON, indented.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), Exit> {
    let text = serde_json::to_string_pretty(value).map_err(Exit::failed)?;
    say!("{text}");
    Ok(())
}

/// Writes to a file, or to standard output for `-`.
pub(crate) fn write(path: &std::path::Path, bytes: &[u8]) -> Result<(), Exit> {
    if path == std::path::Path::new("-") {
        return print(bytes);
    }
    std::fs::write(path, bytes).map_err(|e| Exit::failed(format!("cannot write {}: {e}", path.display())))?;
    eprintln!("wrote {} bytes to {}", bytes.len(), path.display());
    Ok(())
}

/// A size for people, such as `41.9 KiB`.
pub(crate) fn file_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

/// The text of a field, or a dash.
pub(crate) fn text(value: &serde_json::Value, key: &str) -> String {
    let text = value.get(key).and_then(serde_json::Value::as_str);
    printable(text.filter(|s| !s.is_empty()).unwrap_or(DASH))
}

/// So many of something, such as `1 metric` or `2 metrics`; `one` is its singular, which takes an s.
pub(crate) fn count(number: &serde_json::Value, one: &str) -> String {
    match number.as_u64() {
        Some(1) => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

/// The texts of fields that say something, with blanks between them.
pub(crate) fn beside(value: &serde_json::Value, keys: [&str; 2]) -> String {
    let said = keys.map(|key| text(value, key));
    let said: Vec<&str> = said
        .iter()
        .map(String::as_str)
        .filter(|text| *text != DASH)
        .collect();
    said.join("  ")
}

/// What stands for nothing in a column.
pub(crate) const DASH: &str = "–";

/// Names come from processes and plugins, which may put anything into them: nothing but text reaches the
/// terminal, and it stays on its line.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_binary_units() {
        for (bytes, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (42_906, "41.9 KiB"),
            (512 << 20, "512.0 MiB"),
            (3 << 40, "3.0 TiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(file_size(bytes), told);
        }
    }

    #[test]
    fn escapes_and_line_ends_do_not_reach_the_terminal() {
        let value = serde_json::json!({ "label": "\u{1b}[31mred\nline\u{7}" });
        assert_eq!(text(&value, "label"), "\u{fffd}[31mred line\u{fffd}");
        assert_eq!(text(&value, "nothing"), "–");
    }

    #[test]
    fn one_of_a_thing_is_told_as_one_and_what_is_not_there_not_at_all() {
        let value = serde_json::json!({ "one": 1, "two": 2, "none": 0, "label": "vm", "minor": "" });
        let said = ["one", "two", "none"].map(|key| count(&value[key], "metric"));
        assert_eq!(said, ["1 metric", "2 metrics", "0 metrics"]);
        assert_eq!(beside(&value, ["label", "minor"]), "vm");
        assert_eq!(beside(&value, ["label", "label"]), "vm  vm");
    }
}
