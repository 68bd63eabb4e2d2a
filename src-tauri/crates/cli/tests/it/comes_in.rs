//! Who comes in: where `orrery serve` listens, what it keeps from others, and tokens that change.

use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::instance::Instance;
use crate::run::orrery;

#[test]
fn it_does_not_listen_beyond_this_machine_without_a_certificate() {
    let home = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:4040", "[::ffff:192.0.2.1]:4040"] {
        let said = orrery(home.path(), &["serve", "--listen", address]).expect(5).err;
        assert!(
            said.contains("unencrypted") && said.contains("--tls-certificate"),
            "{said}"
        );
    }
    let said = orrery(
        home.path(),
        &["serve", "--listen", "127.0.0.1:0", "--tls-key", "key.pem"],
    );
    assert!(said.expect(2).err.contains("--tls-certificate"));
    assert!(!home.path().join("data/token").exists(), "it never got so far");
}

#[test]
fn s60_a_malformed_origin_of_a_page_is_an_error_at_the_start_that_names_it() {
    let home = tempfile::tempdir().unwrap();
    for none in ["grafana.example", "*", "https://grafana.example/d/1"] {
        let listed = ["--origin", "https://good.example", "--origin", none];
        let words = [&["serve", "--listen", "127.0.0.1:0"][..], &listed].concat();
        let said = orrery(home.path(), &words).expect(2).err;
        assert!(said.contains(&format!("{none:?}")), "{said}");
        let file = home.path().join("listed.toml");
        std::fs::write(
            &file,
            format!("[serve]\norigins = [\"https://good.example\", {none:?}]\n"),
        )
        .unwrap();
        let words = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--config",
            file.to_str().unwrap(),
        ];
        let said = orrery(home.path(), &words).expect(2).err;
        assert!(said.contains(&format!("{none:?}")), "{said}");
    }
    assert!(!home.path().join("data/token").exists(), "it never got so far");
}

#[test]
fn what_an_instance_keeps_is_its_owners_alone() {
    let instance = Instance::start();
    instance.orrery(&["token", "new", "ci"]).expect(0);
    let data = instance.home.path().join("data");
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700, "nobody else gets any further");
    for file in [
        "token",
        "tokens.json",
        "audit.jsonl",
        "state.db",
        "history.db",
        "instance.lock",
    ] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    for entry in walk(&data) {
        let named = entry.file_name().unwrap().to_string_lossy().into_owned();
        let own = std::fs::symlink_metadata(&entry).unwrap();
        // The way for plugins opens to none but tokens of living processes.
        let open = if named == "host.sock" { 0o666 } else { 0o755 };
        assert_eq!(mode(&entry) & !open, 0, "{}: {:o}", entry.display(), own.mode());
    }
    assert!(
        instance.url.contains(&Ipv4Addr::LOCALHOST.to_string()),
        "{}",
        instance.url
    );
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // What comes and goes meanwhile is as good as not there.
        if std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir()) {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found.retain(|path| path.symlink_metadata().is_ok());
    found
}

#[test]
fn a_stolen_token_is_replaced_while_the_instance_runs() {
    let instance = Instance::start();
    let file = instance.home.path().join("data/token");
    let stolen = instance.token.clone();
    let new = instance
        .orrery(&["token", "rotate"])
        .expect(0)
        .out
        .trim()
        .to_owned();
    assert_eq!(
        std::fs::read_to_string(&file).unwrap().trim(),
        new,
        "the file holds it"
    );
    assert_ne!(new, stolen);
    instance.afar(&["token", "list"]).expect(5);
    let with = |token: &str| {
        orrery(
            instance.home.path(),
            &["--url", &instance.url, "--token", token, "token", "list"],
        )
    };
    with(&new).expect(0);

    let ci = instance
        .orrery(&["token", "new", "ci", "--role", "admin"])
        .expect(0)
        .out;
    let rotated = instance
        .orrery(&["token", "rotate", "ci", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&rotated["name"], &rotated["role"]),
        (&"ci".into(), &"admin".into())
    );
    with(ci.trim()).expect(5);
    with(rotated["token"].as_str().unwrap()).expect(0);
    instance.orrery(&["token", "rotate", "nobody"]).expect(3);
    let said = instance.orrery(&["token", "revoke", "owner"]).expect(5).err;
    assert!(said.contains("orrery token rotate"), "{said}");
}
