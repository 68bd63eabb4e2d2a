//! What every answer says, whatever the plugin says.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What every answer says.
#[derive(Debug, Clone)]
pub(super) struct Manners {
    /// What a plugin does not change.
    always: HeaderMap,
    /// What a plugin may say in other words.
    otherwise: Vec<(HeaderName, HeaderValue)>,
}

impl Manners {
    /// `always` is said in the place of what a plugin says, `otherwise` where it says nothing of it. A plugin's page
    /// shares its address with the interface, so it is also said that it must not run as a part of it.
    pub(super) fn new(always: &HeaderMap, otherwise: &HeaderMap) -> Self {
        let mut always = always.clone();
        always.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox"),
        );
        always.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        let pair = |(name, value): (&HeaderName, &HeaderValue)| (name.clone(), value.clone());
        let otherwise = otherwise.iter().filter(|(name, _)| !always.contains_key(*name));
        Manners {
            otherwise: otherwise.map(pair).collect(),
            always,
        }
    }

    /// What a plugin does not change.
    pub(super) fn always(&self) -> &HeaderMap {
        &self.always
    }

    /// Says it on an answer.
    pub(super) fn on(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.always {
            headers.insert(name, value.clone());
        }
        self.beside(headers);
    }

    /// Says on an answer what the plugin could have said in other words, and did not.
    pub(super) fn beside(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.otherwise {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_plugin_may_say_some_of_it_in_other_words_and_the_rest_not() {
        let manners = Manners::new(
            &map(&[("x-frame-options", "DENY")]),
            &map(&[("cache-control", "no-store"), ("content-security-policy", "none")]),
        );
        let mut silent = HeaderMap::new();
        manners.on(&mut silent);
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("content-security-policy", "sandbox"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(silent[name], value);
        }
        let mut own = map(&[("cache-control", "max-age=2"), ("x-frame-options", "x")]);
        manners.on(&mut own);
        assert_eq!(own["cache-control"], "max-age=2");
        assert_eq!(own["x-frame-options"], "DENY");
        assert_eq!(own["content-security-policy"], "sandbox");
    }
}
