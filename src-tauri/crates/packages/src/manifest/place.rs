//! Words in braces that are replaced in arguments, environment and socket path.

use std::path::{Path, PathBuf};

/// Where a plugin's things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// `{socket}`: its socket. `{plugins_dir}`, for programs that make `<id>/<id>.sock` below a directory
    /// themselves, is the directory two above.
    pub socket: PathBuf,
    /// `{state_dir}`: where it may keep things.
    pub state_dir: PathBuf,
    /// `{config_file}`: its config.
    pub config_file: PathBuf,
    /// `{log_file}`: where it may write a log of its own.
    pub log_file: PathBuf,
    /// `{package_dir}`: where it is unpacked.
    pub package_dir: PathBuf,
}

/// Words that are replaced.
pub(super) const WORDS: [&str; 6] = [
    "socket",
    "plugins_dir",
    "state_dir",
    "config_file",
    "log_file",
    "package_dir",
];

impl Places {
    /// Text with its words replaced. Braces around anything else stay as they are.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        for part in parts(text) {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Word(word) => match self.word(word) {
                    Some(path) => filled.push_str(&path.to_string_lossy()),
                    None => {
                        filled.push('{');
                        filled.push_str(word);
                        filled.push('}');
                    }
                },
            }
        }
        filled
    }

    fn word(&self, word: &str) -> Option<&Path> {
        match word {
            "socket" => Some(&self.socket),
            "plugins_dir" => self.socket.parent().and_then(Path::parent),
            "state_dir" => Some(&self.state_dir),
            "config_file" => Some(&self.config_file),
            "log_file" => Some(&self.log_file),
            "package_dir" => Some(&self.package_dir),
            _ => None,
        }
    }
}

/// The first word in braces that looks like one of ours and is none.
pub(super) fn unknown_word(text: &str) -> Option<&str> {
    parts(text).into_iter().find_map(|part| match part {
        Part::Word(word) if !WORDS.contains(&word) => Some(word),
        _ => None,
    })
}

enum Part<'a> {
    Text(&'a str),
    Word(&'a str),
}

/// Cuts text at words in braces. Only lower-case letters and underscores make a word, so that JSON and
/// the like pass through untouched.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let after = &rest[open + 1..];
        let length = after
            .find(|c: char| !c.is_ascii_lowercase() && c != '_')
            .unwrap_or(after.len());
        if length > 0 && after[length..].starts_with('}') {
            parts.push(Part::Text(&rest[..open]));
            parts.push(Part::Word(&after[..length]));
            rest = &after[length + 1..];
        } else {
            parts.push(Part::Text(&rest[..=open]));
            rest = after;
        }
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_and_everything_else_stays() {
        let places = Places {
            socket: "/run/p/a/a.sock".into(),
            state_dir: "/state".into(),
            config_file: "/c.json".into(),
            log_file: "/l.log".into(),
            package_dir: "/pkg".into(),
        };
        for (text, filled) in [
            ("", ""),
            ("--socket={socket}", "--socket=/run/p/a/a.sock"),
            ("{plugins_dir}", "/run/p"),
            ("{state_dir}:{config_file}", "/state:/c.json"),
            ("{log_file}{package_dir}", "/l.log/pkg"),
            ("{other}", "{other}"),
            ("{{socket}", "{/run/p/a/a.sock"),
            ("{\"a\": {socket}}", "{\"a\": /run/p/a/a.sock}"),
            ("{", "{"),
            ("{socket", "{socket"),
            ("{}", "{}"),
            ("ä{socket}ö", "ä/run/p/a/a.sockö"),
        ] {
            assert_eq!(places.fill(text), filled, "{text}");
        }
        assert_eq!(unknown_word("--x={sockets}"), Some("sockets"));
        assert_eq!(unknown_word("{\"json\": {socket}}"), None);
    }
}
