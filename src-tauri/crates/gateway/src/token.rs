//! The token that opens the HTTP surface: made at first start, kept in a file that only its owner reads.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::secret;

/// Random bytes of a token.
const RANDOM_BYTES: usize = 32;

/// SHA-256 of a token.
pub(crate) type Digest = [u8; 32];

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

impl TokenError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        TokenError::Io {
            path: path.display().to_string(),
            source,
        }
    }
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
    /// When the file cannot be read or made, or when others may read it.
    pub fn of(data_dir: &Path) -> Result<Self, TokenError> {
        if let Some(token) = Self::read(data_dir)? {
            return Ok(token);
        }
        let token = Self::random().map_err(|source| TokenError::io(&data_dir.join("token"), source))?;
        token.keep(data_dir)?;
        Ok(token)
    }

    /// Makes this the token of a data directory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn keep(&self, data_dir: &Path) -> Result<(), TokenError> {
        let path = data_dir.join("token");
        let written = secret::write(&path, format!("{}\n", self.0).as_bytes());
        written.map_err(|source| TokenError::io(&path, source))
    }

    /// The token of a data directory, if one was made.
    ///
    /// # Errors
    /// When the file cannot be read, or when others may read it.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, TokenError> {
        let path = data_dir.join("token");
        match secret::read(&path) {
            Ok(Some(text)) => Self::parse(&text, &path.display().to_string()).map(Some),
            Ok(None) => Ok(None),
            Err(source) => Err(TokenError::io(&path, source)),
        }
    }

    /// 256 random bits from the kernel, in URL-safe base64. None that begins with a dash, which programs take for an
    /// option: one in 64 is drawn again.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub(crate) fn random() -> std::io::Result<Self> {
        let mut bytes = [0_u8; RANDOM_BYTES];
        let mut source = std::fs::File::open("/dev/urandom")?;
        loop {
            source.read_exact(&mut bytes)?;
            let text = URL_SAFE_NO_PAD.encode(bytes);
            if !text.starts_with('-') {
                return Ok(Token(text));
            }
        }
    }

    /// What is kept of a token that is not to be shown again.
    pub(crate) fn digest(text: &str) -> Digest {
        Sha256::digest(text.as_bytes()).into()
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
    fn no_token_looks_like_an_option() {
        // One in 64 would; of so many none does only where it is seen to.
        for _ in 0..2_000 {
            let token = Token::random().unwrap();
            assert!(!token.reveal().starts_with('-'), "{}", token.reveal());
        }
    }

    #[test]
    fn a_token_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let made = Token::of(dir.path()).unwrap();
        let read = Token::of(dir.path()).unwrap();
        assert_eq!(
            read.reveal(),
            made.reveal(),
            "the second start uses the first one's token"
        );
        assert_eq!(made.reveal().len(), 43, "32 bytes in base64 without padding");
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
    fn a_token_that_others_may_read_is_refused() {
        let check = |spoil: &dyn Fn(&Path), why: &str| {
            let dir = tempfile::tempdir().unwrap();
            Token::of(dir.path()).unwrap();
            spoil(&dir.path().join("token"));
            let error = Token::of(dir.path()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        let mode = |mode| {
            move |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
        };
        check(&mode(0o640), "chmod 600");
        check(&mode(0o604), "chmod 600");
        let moved = |path: &Path| {
            let elsewhere = path.with_extension("elsewhere");
            std::fs::rename(path, &elsewhere).unwrap();
            std::os::unix::fs::symlink(elsewhere, path).unwrap();
        };
        check(&moved, "cannot use");
        let emptied = |path: &Path| std::fs::write(path, "").unwrap();
        check(&emptied, "has none such");
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
