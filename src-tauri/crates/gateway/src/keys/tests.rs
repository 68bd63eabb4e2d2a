use std::os::unix::fs::PermissionsExt as _;

use super::*;

const MASTER: &str = "0123456789abcdef";

fn master() -> Token {
    Token::parse(MASTER, "the test").unwrap()
}

fn role(keys: &Keys, token: &str) -> Option<Role> {
    keys.holder(token).map(|(holder, _)| holder.role)
}

#[test]
fn named_tokens_open_until_they_are_revoked_and_only_digests_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::open(dir.path(), master()).unwrap();
    let token = keys.make("laptop", Role::View).unwrap();
    let browser = keys.let_browser_in(token.reveal()).unwrap().unwrap();
    let file = dir.path().join("tokens.json");
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in [token.reveal(), browser.reveal(), MASTER] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let again = Keys::open(dir.path(), master()).unwrap();
    assert_eq!(role(&again, token.reveal()), Some(Role::View));
    assert_eq!(
        role(&again, browser.reveal()),
        Some(Role::View),
        "as the token that let it in"
    );
    assert_eq!(role(&again, MASTER), Some(Role::Admin));
    assert!(again.list()[0].used_ms.is_some(), "its use is noted");
    again.revoke("laptop").unwrap();
    assert_eq!(role(&again, token.reveal()), None);
    assert_eq!(
        role(&again, browser.reveal()),
        None,
        "browsers go with their token"
    );
    assert!(
        Keys::open(dir.path(), master()).unwrap().list()[0]
            .revoked_ms
            .is_some()
    );
}

#[test]
fn names_are_checked() {
    let keys = Keys::from(master());
    let check = |name: &str, code: Option<Code>| {
        assert_eq!(
            keys.make(name, Role::View).err().map(|e| e.code),
            code,
            "{name:?}"
        );
    };
    check("ci.runner-1_a", None);
    check("ci.runner-1_a", Some(Code::Conflict));
    check(OWNER, Some(Code::Conflict));
    for bad in ["", "a b", "a/b", "é", &"n".repeat(TOKEN_NAME_BYTES_MAX + 1)] {
        check(bad, Some(Code::BadRequest));
    }
    assert_eq!(keys.revoke("nobody").unwrap_err().code, Code::NotFound);
    assert_eq!(keys.revoke(OWNER).unwrap_err().code, Code::Conflict);
    keys.revoke("ci.runner-1_a").unwrap();
    check("ci.runner-1_a", None);
}

#[test]
fn there_are_bounds_on_tokens_browsers_and_links() {
    let keys = Keys::from(master());
    for i in 0..TOKENS_MAX {
        keys.make(&format!("t{i}"), Role::View).unwrap();
    }
    assert_eq!(keys.make("more", Role::View).unwrap_err().code, Code::Conflict);
    keys.revoke("t3").unwrap();
    keys.make("more", Role::View).unwrap();
    for _ in 0..=BROWSERS_MAX {
        keys.let_browser_in(MASTER).unwrap().unwrap();
    }
    assert_eq!(keys.lock().kept.browsers.len(), BROWSERS_MAX);
    for _ in 0..=LINKS_MAX {
        keys.owner_link().unwrap();
    }
    assert_eq!(keys.lock().links.len(), LINKS_MAX);
}

#[test]
fn a_link_opens_once() {
    let keys = Keys::from(master());
    let link = keys.owner_link().unwrap();
    assert_eq!(role(&keys, link.reveal()), None, "a link is no token");
    let browser = keys.let_browser_in(link.reveal()).unwrap().unwrap();
    assert_eq!(role(&keys, browser.reveal()), Some(Role::Admin));
    assert!(keys.let_browser_in(link.reveal()).unwrap().is_none(), "not twice");
    keys.forget_browser(browser.reveal()).unwrap();
    assert_eq!(role(&keys, browser.reveal()), None);
    let late = keys.owner_link().unwrap();
    keys.lock().links.values_mut().for_each(|l| l.ends_ms = 0);
    assert!(
        keys.let_browser_in(late.reveal()).unwrap().is_none(),
        "not after its time"
    );
}

#[test]
fn browsers_of_another_owner_do_not_come_in() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::open(dir.path(), master()).unwrap();
    let browser = keys.let_browser_in(MASTER).unwrap().unwrap();
    let other = Keys::open(dir.path(), Token::random().unwrap()).unwrap();
    assert_eq!(role(&other, browser.reveal()), None);
}

#[test]
fn a_rotated_token_opens_no_longer_and_what_goes_on_for_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Token::of(dir.path()).unwrap();
    let keys = Keys::open(dir.path(), owner.clone()).unwrap();
    let ci = keys.make("ci", Role::Control).unwrap();
    let browser = keys.let_browser_in(owner.reveal()).unwrap().unwrap();
    let guest = keys.let_browser_in(ci.reveal()).unwrap().unwrap();
    let gone = |token: &Token| keys.holder(token.reveal()).unwrap().1;
    let [owners, browsers, cis, guests] = [&owner, &browser, &ci, &guest].map(gone);

    let (new, admin) = keys.rotate(OWNER).unwrap();
    assert_eq!(admin, Role::Admin);
    assert!(owners.is_cancelled() && browsers.is_cancelled());
    assert!(!cis.is_cancelled() && !guests.is_cancelled(), "others go on");
    assert_eq!(role(&keys, owner.reveal()), None);
    assert_eq!(role(&keys, browser.reveal()), None);
    assert_eq!(role(&keys, new.reveal()), Some(Role::Admin));
    let there = Token::of(dir.path()).unwrap();
    assert_eq!(there.reveal(), new.reveal(), "the file holds the new one");

    let (newer, control) = keys.rotate("ci").unwrap();
    assert_eq!(control, Role::Control, "as before");
    assert!(cis.is_cancelled() && guests.is_cancelled());
    assert_eq!(role(&keys, ci.reveal()), None);
    assert_eq!(role(&keys, newer.reveal()), Some(Role::Control));
    assert_eq!(keys.list().len(), 1, "it keeps its name");
    let once_more = gone(&newer);
    keys.revoke("ci").unwrap();
    assert!(once_more.is_cancelled());
    assert_eq!(keys.rotate("ci").unwrap_err().code, Code::NotFound);
}

#[test]
fn an_owners_token_that_was_given_at_the_start_is_not_ours_to_change() {
    let dir = tempfile::tempdir().unwrap();
    let check = |keys: &Keys| {
        assert_eq!(keys.rotate(OWNER).unwrap_err().code, Code::Conflict);
        assert_eq!(role(keys, MASTER), Some(Role::Admin));
    };
    check(&Keys::from(master()));
    check(&Keys::open(dir.path(), master()).unwrap());
    let there = Token::of(dir.path()).unwrap();
    check(&Keys::open(dir.path(), master()).unwrap());
    assert_eq!(Token::of(dir.path()).unwrap().reveal(), there.reveal());
}

#[test]
fn no_token_puts_out_browsers_or_links_of_the_others() {
    let keys = Keys::from(master());
    let guest = keys.make("guest", Role::View).unwrap();
    let owners = keys.let_browser_in(MASTER).unwrap().unwrap();
    let link = keys.owner_link().unwrap();
    let holder = Holder {
        name: "guest".to_owned(),
        role: Role::View,
    };
    for _ in 0..=BROWSERS_MAX {
        keys.let_browser_in(guest.reveal()).unwrap().unwrap();
    }
    for _ in 0..=LINKS_MAX {
        keys.link(&holder).unwrap();
    }
    assert_eq!(role(&keys, owners.reveal()), Some(Role::Admin));
    let _: Token = keys.let_browser_in(link.reveal()).unwrap().unwrap();
}
