//! Names of users by number.

use std::collections::HashMap;

use smol_str::{SmolStr, ToSmolStr as _};

/// The password file, read once and again when a number is new.
#[derive(Debug, Default)]
pub(crate) struct Users(HashMap<u32, SmolStr>);

impl Users {
    /// The user's name, else the number.
    pub(crate) fn name(&mut self, uid: u32) -> SmolStr {
        if !self.0.contains_key(&uid) {
            let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            self.0.extend(parse(&passwd));
        }
        self.0.entry(uid).or_insert_with(|| uid.to_smolstr()).clone()
    }
}

fn parse(passwd: &str) -> Vec<(u32, SmolStr)> {
    let line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        Some((uid, SmolStr::new(name)))
    };
    // The first of two entries for a number counts, as for everybody else.
    let mut all: Vec<_> = passwd.lines().filter_map(line).collect();
    all.reverse();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_have_names_and_others_stay_numbers() {
        let mut users = Users::default();
        assert_eq!(users.name(0), "root");
        assert_eq!(users.name(4_000_000_000), "4000000000");
        assert_eq!(
            parse("a:x:1:1::/:/b\nb:x:1:1::/:/b\n")
                .last()
                .map(|(_, n)| n.as_str()),
            Some("a")
        );
    }
}
