//! Secrets of a config: only where they are is written down.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use serde_json::Value;

use super::{PolicyError, PolicyType, Rule};
use crate::limits::SECRET_MAX_BYTES;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable of Orrery.
    Env(String),
    /// In a file, without its last line break.
    File(PathBuf),
}

impl FromStr for SecretRef {
    type Err = String;

    /// # Errors
    /// What a reference looks like; never the text itself, which may be the secret.
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() && name.bytes().all(plain) => {
                Ok(Self::Env(name.to_owned()))
            }
            Some(("file", path)) if path.starts_with('/') && !path.contains('\0') => {
                Ok(Self::File(PathBuf::from(path)))
            }
            _ => Err("must say where the secret is: env:NAME or file:/PATH".to_owned()),
        }
    }
}

impl SecretRef {
    /// The secret. Hand it to whom it is for and keep no copy.
    ///
    /// # Errors
    /// Why it cannot be read, in words that do not hold it.
    pub fn read(&self) -> Result<String, String> {
        match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
            }
            Self::File(path) => {
                let unreadable =
                    |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
                let mut text = String::new();
                let read = File::open(path)
                    .and_then(|file| file.take(SECRET_MAX_BYTES + 1).read_to_string(&mut text))
                    .map_err(unreadable)?;
                if read as u64 > SECRET_MAX_BYTES {
                    return Err(format!(
                        "{} has more than {SECRET_MAX_BYTES} bytes",
                        path.display()
                    ));
                }
                if text.ends_with('\n') {
                    text.pop();
                }
                Ok(text)
            }
        }
    }
}

/// A checked config with its secrets in place of their references, for the plugin alone: whoever calls this
/// writes the result into the plugin's config file and nowhere else.
///
/// # Errors
/// Every secret that cannot be read.
pub fn reveal(rules: &[Rule], config: &Value) -> Result<Value, Vec<PolicyError>> {
    let mut revealed = config.clone();
    let mut errors = Vec::new();
    for rule in rules.iter().filter(|rule| rule.kind == PolicyType::Secret) {
        let Some(Value::String(value)) = revealed.get_mut(&rule.key) else {
            continue;
        };
        match value.parse::<SecretRef>().and_then(|secret| secret.read()) {
            Ok(secret) => *value = secret,
            Err(message) => errors.push(PolicyError {
                key: rule.key.clone(),
                message,
            }),
        }
    }
    if errors.is_empty() {
        Ok(revealed)
    } else {
        Err(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret_rule(key: &str) -> Rule {
        serde_json::from_value(json!({ "key": key, "type": "secret" })).unwrap()
    }

    #[test]
    fn secrets_are_read_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "hunter2\n").unwrap();
        let rules = [secret_rule("a"), secret_rule("b"), secret_rule("c")];
        let config = json!({ "a": format!("file:{}", file.display()), "b": "env:PATH", "d": "env:PATH" });
        let revealed = reveal(&rules, &config).unwrap();
        assert_eq!(revealed["a"], "hunter2");
        assert_eq!(revealed["b"], std::env::var("PATH").unwrap());
        assert_eq!(revealed["d"], "env:PATH", "only what a rule calls a secret");
    }

    #[test]
    fn secrets_that_are_not_there_are_all_named() {
        let rules = [secret_rule("a"), secret_rule("b")];
        let config = json!({ "a": "file:/nonexistent/token", "b": "env:ORRERY_NO_SUCH_VARIABLE" });
        let errors = reveal(&rules, &config).unwrap_err();
        let keys: Vec<_> = errors.iter().map(|error| error.key.as_str()).collect();
        assert_eq!(keys, ["a", "b"]);
    }
}
