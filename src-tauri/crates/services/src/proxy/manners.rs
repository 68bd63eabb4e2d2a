//! What every answer says, whatever the plugin says.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Headers of a plugin's answer that most have beside these.
const ROOM: usize = 12;

/// What every answer says.
#[derive(Debug, Clone)]
pub(super) struct Manners {
    /// All of it, as an answer has it whose plugin says nothing of it.
    whole: HeaderMap,
    /// What a plugin does not change.
    always: Vec<HeaderName>,
    /// What a plugin may say in other words.
    otherwise: Vec<HeaderName>,
}

impl Manners {
    /// `always` is said in the place of what a plugin says, `otherwise` where it says nothing of it. A plugin's page
    /// shares its address with the interface, so it is also said that it must not run as a part of it.
    pub(super) fn new(always: &HeaderMap, otherwise: &HeaderMap) -> Self {
        let mut whole = HeaderMap::with_capacity(always.len() + otherwise.len() + ROOM);
        for (name, value) in otherwise {
            whole.insert(name, value.clone());
        }
        for (name, value) in always {
            whole.insert(name, value.clone());
        }
        let always: Vec<HeaderName> = always.keys().cloned().collect();
        whole.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox"),
        );
        whole.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        let settled = [header::CONTENT_SECURITY_POLICY, header::X_CONTENT_TYPE_OPTIONS];
        let otherwise = otherwise.keys().filter(|name| !always.contains(name));
        Manners {
            otherwise: otherwise
                .filter(|name| !settled.contains(name))
                .cloned()
                .collect(),
            always: always.into_iter().chain(settled).collect(),
            whole,
        }
    }

    /// The beginning of an answer to which the plugin says this much.
    pub(super) fn beside(&self, said: &HeaderMap) -> HeaderMap {
        let mut headers = self.whole.clone();
        for name in &self.otherwise {
            if said.contains_key(name) {
                headers.remove(name);
            }
        }
        headers
    }

    /// Whether a plugin's word for this is not passed on.
    pub(super) fn settle(&self, name: &HeaderName) -> bool {
        self.always.contains(name)
    }

    /// Says it on an answer of our own.
    pub(super) fn on(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.whole {
            if !self.otherwise.contains(name) || !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
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
        let silent = manners.beside(&HeaderMap::new());
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("content-security-policy", "sandbox"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(silent[name], value);
        }
        let said = map(&[("cache-control", "max-age=1"), ("x-frame-options", "ALLOWALL")]);
        let begun = manners.beside(&said);
        assert!(
            !begun.contains_key("cache-control"),
            "that is the plugin's to say"
        );
        assert_eq!(begun["x-frame-options"], "DENY");
        let settled = |name: &'static str| manners.settle(&HeaderName::from_static(name));
        assert!(settled("x-frame-options") && settled("content-security-policy"));
        assert!(!settled("cache-control") && !settled("content-type"));
        let mut own = map(&[("cache-control", "max-age=2"), ("x-frame-options", "x")]);
        manners.on(&mut own);
        assert_eq!(own["cache-control"], "max-age=2");
        assert_eq!(own["x-frame-options"], "DENY");
        assert_eq!(own["content-security-policy"], "sandbox");
    }
}
