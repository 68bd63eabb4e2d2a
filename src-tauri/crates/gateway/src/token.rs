//! The token that opens the HTTP surface: made at first start, kept in a file that only its owner reads.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use subtle::ConstantTimeEq as _;

/// A secret. It never prints itself.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or made.
    #[error("cannot use the token file {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// What the file or the caller gives is no token.
    #[error("a token has 16 to 256 visible ASCII characters; {from} has none such")]
    Malformed {
        /// Where it came from.
        from: String,
    },
}

impl Token {
    /// From text that a person or a file gives.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] when it is too short, too long or not plain text.
    pub fn parse(text: &str, from: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let plain = text.bytes().all(|b| b.is_ascii_graphic());
        if plain && (16..=256).contains(&text.len()) {
            Ok(Token(text.to_owned()))
        } else {
            Err(TokenError::Malformed {
                from: from.to_owned(),
            })
        }
    }

    /// The token of a data directory; made (mode 0600) when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn of(data_dir: &Path) -> Result<Self, TokenError> {
        let path = data_dir.join("token");
        let io = |source| TokenError::Io {
            path: path.display().to_string(),
            source,
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => return Self::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
        }
        let token = Self::random().map_err(io)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        writeln!(file, "{}", token.0).map_err(io)?;
        Ok(token)
    }

    /// 128 random bits from the kernel, in hex.
    fn random() -> std::io::Result<Self> {
        let mut bytes = [0_u8; 16];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Token(bytes.iter().map(|b| format!("{b:02x}")).collect()))
    }

    /// True when `text` is this token; takes the same time whatever differs.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// The secret itself, for showing it to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let made = Token::of(dir.path()).unwrap();
        let read = Token::of(dir.path()).unwrap();
        assert!(
            read.is(made.reveal()),
            "the second start uses the first one's token"
        );
        let mode = std::fs::metadata(dir.path().join("token"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
        assert!(
            !format!("{made:?}").contains(made.reveal()),
            "it never prints itself"
        );
    }

    #[test]
    fn short_and_unprintable_tokens_are_refused() {
        for bad in [
            "",
            "short",
            "sixteen chars ok? no: spaces",
            "\u{1}0123456789abcdef",
        ] {
            assert!(Token::parse(bad, "a flag").is_err(), "{bad:?} is no token");
        }
    }
}
