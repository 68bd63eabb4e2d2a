//! Holding a config against its rules.

use serde_json::{Map, Value};

use super::{PolicyType, Rule, SecretRef};
use crate::limits::{CONFIG_TEXT_MAX_BYTES, DESCRIPTION_MAX_CHARS, LIST_MAX, TEXT_MAX_BYTES};
use crate::manifest::units::parse_duration;

/// A key of a config that is not as its rule says. It never repeats the value: that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{key}: {message}")]
pub struct PolicyError {
    /// The key; empty when it is about the whole.
    pub key: String,
    /// What is wrong.
    pub message: String,
}

/// Holds a config against its rules. Without rules everything is as it should be.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn check(rules: &[Rule], config: &Value) -> Result<Value, Vec<PolicyError>> {
    if rules.is_empty() {
        return Ok(config.clone());
    }
    let empty = Map::new();
    let given = match config {
        Value::Object(given) => given,
        Value::Null => &empty,
        _ => {
            return Err(vec![PolicyError {
                key: String::new(),
                message: "a config with rules is a table of keys and values".to_owned(),
            }]);
        }
    };
    let mut errors = Vec::new();
    let mut checked = Map::new();
    for key in given.keys() {
        if !rules.iter().any(|rule| rule.key == *key) {
            let known: Vec<_> = rules.iter().map(|rule| rule.key.as_str()).collect();
            errors.push(PolicyError {
                key: key.chars().take(LIST_MAX).collect(),
                message: format!("unknown key; known: {}", known.join(", ")),
            });
        }
    }
    for rule in rules {
        let value = given.get(&rule.key).filter(|value| !value.is_null());
        let result = match (value, &rule.default) {
            (Some(value), _) => value_fits(rule, value).map(|()| Some(value)),
            (None, Some(default)) => Ok(Some(default)),
            (None, None) if rule.required => Err("there must be a value".to_owned()),
            (None, None) => Ok(None),
        };
        match result {
            Ok(Some(value)) => drop(checked.insert(rule.key.clone(), value.clone())),
            Ok(None) => {}
            Err(message) => errors.push(PolicyError {
                key: rule.key.clone(),
                message,
            }),
        }
    }
    if errors.is_empty() {
        Ok(Value::Object(checked))
    } else {
        Err(errors)
    }
}

/// Whether a value is as its rule says.
fn value_fits(rule: &Rule, value: &Value) -> Result<(), String> {
    match rule.kind {
        PolicyType::Bool => match value {
            Value::Bool(_) => Ok(()),
            _ => Err("must be true or false".to_owned()),
        },
        PolicyType::Integer => match value.as_i64() {
            Some(number) => within(rule, number as f64, ""),
            None => Err("must be a whole number".to_owned()),
        },
        PolicyType::Float => match value.as_f64() {
            Some(number) => within(rule, number, ""),
            None => Err("must be a number".to_owned()),
        },
        PolicyType::String => {
            let text = text(value)?;
            within(rule, text.chars().count() as f64, " characters")
        }
        PolicyType::Duration => {
            let time = parse_duration(text(value)?)
                .map_err(|_| "must be a length of time, such as 10s".to_owned())?;
            within(rule, time.as_secs_f64(), " seconds")
        }
        PolicyType::Enum => {
            let text = text(value)?;
            if rule.values.iter().any(|word| word == text) {
                Ok(())
            } else {
                Err(format!("must be one of {}", rule.values.join(", ")))
            }
        }
        PolicyType::Secret => text(value)?.parse::<SecretRef>().map(drop),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(text) if text.len() <= CONFIG_TEXT_MAX_BYTES => Ok(text),
        Value::String(_) => Err(format!("must have at most {CONFIG_TEXT_MAX_BYTES} bytes")),
        _ => Err("must be a text".to_owned()),
    }
}

fn within(rule: &Rule, number: f64, unit: &str) -> Result<(), String> {
    let low = rule.min.is_some_and(|min| number < min);
    let high = rule.max.is_some_and(|max| number > max);
    if !low && !high {
        return Ok(());
    }
    Err(match (rule.min, rule.max) {
        (Some(min), Some(max)) => format!("must be from {min} to {max}{unit}"),
        (Some(min), None) => format!("must be at least {min}{unit}"),
        (None, Some(max)) => format!("must be at most {max}{unit}"),
        (None, None) => String::new(),
    })
}

/// Whether a rule makes sense; otherwise the key at fault and why.
pub(crate) fn check_rule(rule: &Rule) -> Result<(), (&'static str, String)> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if rule.key.is_empty() || rule.key.len() > TEXT_MAX_BYTES || !rule.key.bytes().all(plain) {
        return Err(("key", "a key has letters, digits, `_`, `.` and `-`".to_owned()));
    }
    let segment = |segment: &str| !segment.is_empty() && segment.bytes().all(plain);
    let namespace = rule
        .prefix
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(segment));
    if !rule.prefix.is_empty() && !namespace {
        return Err(("prefix", "a prefix is a namespace such as /http-stats".to_owned()));
    }
    if rule.description.chars().count() > DESCRIPTION_MAX_CHARS {
        return Err((
            "description",
            format!("a description has at most {DESCRIPTION_MAX_CHARS} characters"),
        ));
    }
    let is_enum = rule.kind == PolicyType::Enum;
    if is_enum == rule.values.is_empty() {
        return Err(("values", "values are the words of an enum".to_owned()));
    }
    if rule.values.len() > LIST_MAX {
        return Err(("values", format!("an enum has at most {LIST_MAX} words")));
    }
    let bounded = !matches!(
        rule.kind,
        PolicyType::Bool | PolicyType::Enum | PolicyType::Secret
    );
    for (key, bound) in [("min", rule.min), ("max", rule.max)] {
        if bound.is_some() && !bounded {
            return Err((key, format!("{key} is for numbers, texts and lengths of time")));
        }
        if bound.is_some_and(|bound| !bound.is_finite()) {
            return Err((key, format!("{key} is a number")));
        }
    }
    if let (Some(min), Some(max)) = (rule.min, rule.max)
        && min > max
    {
        return Err(("max", "max is no less than min".to_owned()));
    }
    match &rule.default {
        Some(_) if rule.required => Err(("default", "what has a default need not be required".to_owned())),
        Some(default) => value_fits(rule, default).map_err(|message| ("default", message)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(text: &str) -> Vec<Rule> {
        let mut table: toml::Table = toml::from_str(text).unwrap();
        table.remove("policy").unwrap().try_into().unwrap()
    }

    /// Keys of the errors, in order; or the config with its defaults.
    fn checked(rules: &[Rule], config: &Value) -> Result<Value, Vec<String>> {
        check(rules, config).map_err(|errors| errors.into_iter().map(|error| error.key).collect())
    }

    const EVERY_TYPE: &str = r#"
        policy = [
            { key = "on", type = "bool", default = true },
            { key = "rate", type = "integer", default = 10, min = 1, max = 1000 },
            { key = "share", type = "float", min = 0.0, max = 1.0 },
            { key = "name", type = "string", required = true, min = 1, max = 3 },
            { key = "every", type = "duration", min = "1s", max = 3600 },
            { key = "mode", type = "enum", values = ["fast", "safe"] },
            { key = "token", type = "secret" },
        ]
    "#;

    #[test]
    fn every_type_is_held_to_its_rule() {
        let rules = rules(EVERY_TYPE);
        for rule in &rules {
            assert_eq!(check_rule(rule), Ok(()), "{}", rule.key);
        }
        for (key, good, bad) in [
            ("on", vec![json!(false)], vec![json!("false"), json!(0)]),
            (
                "rate",
                vec![json!(1), json!(1000)],
                vec![json!(0), json!(1001), json!(1.5), json!("5")],
            ),
            (
                "share",
                vec![json!(0), json!(0.5)],
                vec![json!(-0.1), json!(2), json!("0.5")],
            ),
            (
                "name",
                vec![json!("a"), json!("äöü")],
                vec![json!(""), json!("four"), json!(3)],
            ),
            (
                "every",
                vec![json!("1s"), json!("1h")],
                vec![json!("500ms"), json!("2h"), json!(5), json!("5")],
            ),
            ("mode", vec![json!("fast")], vec![json!("slow"), json!(1)]),
            (
                "token",
                vec![json!("env:TOKEN"), json!("file:/etc/token")],
                vec![json!("s3cr3t"), json!("env:"), json!("file:relative"), json!(1)],
            ),
        ] {
            for value in good {
                let mut config = json!({ "name": "x" });
                config[key] = value.clone();
                assert!(checked(&rules, &config).is_ok(), "{key} = {value}");
            }
            for value in bad {
                let mut config = json!({ "name": "x" });
                config[key] = value.clone();
                assert_eq!(
                    checked(&rules, &config),
                    Err(vec![key.to_owned()]),
                    "{key} = {value}"
                );
            }
        }
    }

    #[test]
    fn defaults_are_put_in_and_all_errors_come_at_once() {
        let rules = rules(EVERY_TYPE);
        assert_eq!(
            checked(&rules, &json!({ "name": "x", "mode": null })),
            Ok(json!({ "on": true, "rate": 10, "name": "x" }))
        );
        assert_eq!(
            checked(&rules, &json!({ "nmae": "x", "rate": 0, "token": "hunter2" })),
            Err(vec!["nmae".into(), "rate".into(), "name".into(), "token".into()])
        );
        assert_eq!(checked(&rules, &Value::Null), Err(vec!["name".into()]));
        assert_eq!(checked(&rules, &json!([1])), Err(vec![String::new()]));
        assert_eq!(checked(&[], &json!([1])), Ok(json!([1])), "no rules, no opinion");
    }

    #[test]
    fn a_value_is_never_repeated_in_an_error() {
        let rules = rules(EVERY_TYPE);
        let secret = "hunter2-hunter2";
        let config = json!({ "name": secret, "token": secret, "mode": secret, "every": secret });
        let errors = check(&rules, &config).unwrap_err();
        assert_eq!(errors.len(), 4);
        assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        for (rule, at) in [
            ("key = 'a b', type = 'bool'", "key"),
            ("key = '', type = 'bool'", "key"),
            ("key = 'a', type = 'bool', prefix = 'x'", "prefix"),
            ("key = 'a', type = 'bool', prefix = '/x//y'", "prefix"),
            ("key = 'a', type = 'enum'", "values"),
            ("key = 'a', type = 'bool', values = ['x']", "values"),
            ("key = 'a', type = 'bool', min = 1", "min"),
            ("key = 'a', type = 'integer', min = nan", "min"),
            ("key = 'a', type = 'integer', min = 2, max = 1", "max"),
            ("key = 'a', type = 'integer', default = 'x'", "default"),
            ("key = 'a', type = 'integer', default = 5, max = 4", "default"),
            (
                "key = 'a', type = 'integer', default = 5, required = true",
                "default",
            ),
            ("key = 'a', type = 'secret', default = 'hunter2'", "default"),
        ] {
            let rule = &rules(&format!("policy = [{{ {rule} }}]"))[0];
            assert_eq!(
                check_rule(rule).err().map(|(key, _)| key),
                Some(at),
                "{}",
                rule.key
            );
        }
    }
}
