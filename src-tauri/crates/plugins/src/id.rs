//! A plugin's id: its socket's file name without the last extension.

use std::ffi::OsStr;

/// Why a file name gives no id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidId {
    /// The file name, as far as it is text.
    pub(crate) name: String,
    /// What was taken for the id.
    pub(crate) stem: String,
}

/// The id that a socket's file name gives: runs of ASCII letters and digits joined by single dashes.
pub(crate) fn from_file_name(name: &OsStr) -> Result<String, InvalidId> {
    let text = name.to_string_lossy();
    let stem = text.rsplit_once('.').map_or(&*text, |(stem, _)| stem);
    if is_valid(stem) {
        Ok(stem.to_owned())
    } else {
        Err(InvalidId {
            name: text.clone().into_owned(),
            stem: stem.to_owned(),
        })
    }
}

fn is_valid(id: &str) -> bool {
    id.split('-')
        .all(|run| !run.is_empty() && run.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn ids_are_file_names_without_the_last_extension() {
        let check = |name: &[u8], want: Option<&str>| {
            let got = from_file_name(OsStr::from_bytes(name)).ok();
            assert_eq!(got.as_deref(), want, "{}", name.escape_ascii());
        };
        check(b"iowait.sock", Some("iowait"));
        check(b"iowait", Some("iowait"));
        check(b"http-statistics.sock", Some("http-statistics"));
        check(b"a-b-c1.anything", Some("a-b-c1"));
        check(b"7.sock", Some("7"));
        check(b"a.b.sock", None);
        check(b"my_plugin.sock", None);
        check(b"-a.sock", None);
        check(b"a-.sock", None);
        check(b"a--b.sock", None);
        check(b".sock", None);
        check(b"caf\xc3\xa9.sock", None);
        check(b"a\xff.sock", None);
        check(b"a b.sock", None);
        check(b"a~b.sock", None);
    }
}
