//! Signatures: who signed what, and how much that counts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use orrery_packages::{Keyring, Trust, VerifyError, keygen, sign, signature_file, verify};

use crate::archives::{Archive, Ground};

/// A package, two keys that this machine knows, and one that it does not.
struct Signed {
    ground: Ground,
    archive: PathBuf,
    sum: String,
}

impl Signed {
    fn new() -> Self {
        let ground = Ground::new();
        let (archive, sum) = ground.archive(&Archive::good().gzip());
        for name in ["release", "other"] {
            keygen(&ground.path("secret"), name, None).unwrap();
        }
        keygen(&ground.path("secret"), "stranger", None).unwrap();
        fs::create_dir(ground.path("keys")).unwrap();
        for name in ["release", "other"] {
            let file = format!("{name}.pub");
            fs::copy(ground.path("secret").join(&file), ground.path("keys").join(&file)).unwrap();
        }
        Self { ground, archive, sum }
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.ground.path("secret").join(format!("{name}.key"))
    }

    fn sign(&self, key: &str) {
        sign(&self.archive, &self.secret(key), None).unwrap();
    }

    /// A signature as the minisign program makes it, with a comment of one's own.
    fn sign_with_comment(&self, comment: &str) {
        let text = fs::read_to_string(self.secret("release")).unwrap();
        let key = minisign::SecretKeyBox::from_string(&text)
            .and_then(minisign::SecretKeyBox::into_unencrypted_secret_key)
            .unwrap();
        let file = fs::File::open(&self.archive).unwrap();
        let signature = minisign::sign(None, &key, file, Some(comment), None).unwrap();
        fs::write(signature_file(&self.archive), signature.into_string()).unwrap();
    }

    /// What is known of the signature, or the code of the refusal.
    async fn verify(&self, trust: Trust) -> Result<String, &'static str> {
        let keyring = Keyring::load(&self.ground.path("keys")).unwrap();
        verify(&self.archive, &self.sum, &keyring, trust)
            .await
            .map(|verified| verified.signature.to_string())
            .map_err(|error| error.code())
    }

    async fn check(&self, what: &str, expected: [Result<&str, &'static str>; 3]) {
        for (trust, expected) in [Trust::Off, Trust::Warn, Trust::Require]
            .into_iter()
            .zip(expected)
        {
            let found = self.verify(trust).await;
            assert_eq!(
                found.as_deref().map_err(|code| *code),
                expected,
                "{what}, {trust}"
            );
        }
    }
}

/// Warn takes unsigned packages and never a bad signature; require takes good ones alone; off does not look.
#[tokio::test]
async fn each_level_takes_what_it_says() {
    let signed = Signed::new();
    let signature = signature_file(&signed.archive);
    signed
        .check("unsigned", [Ok("off"), Ok("unsigned"), Err("signature.missing")])
        .await;

    signed.sign("release");
    signed
        .check("signed", [Ok("off"), Ok("valid:release"), Ok("valid:release")])
        .await;

    let good = fs::read_to_string(&signature).unwrap();
    signed.sign("stranger");
    signed
        .check(
            "signed by a stranger",
            [
                Ok("off"),
                Err("signature.unknown_key"),
                Err("signature.unknown_key"),
            ],
        )
        .await;

    let bad = [Ok("off"), Err("signature.bad"), Err("signature.bad")];
    for (what, text) in [
        ("no signature", "nonsense".to_owned()),
        ("an empty signature", String::new()),
        ("a signature cut off", good[..good.len() / 2].to_owned()),
        (
            "another comment than was signed",
            good.replace("id=probe", "id=other"),
        ),
        (
            "too long a signature",
            "untrusted comment: ".to_owned() + &"x".repeat(20_000),
        ),
    ] {
        fs::write(&signature, text).unwrap();
        signed.check(what, bad).await;
    }
    fs::write(&signature, [0xff, 0xfe]).unwrap();
    signed.check("a signature that is no text", bad).await;
}

/// A signature of other bytes is none, even if the sum given is that of the bytes.
#[tokio::test]
async fn a_signature_belongs_to_its_bytes() {
    let mut signed = Signed::new();
    signed.sign("release");
    let tampered = Archive::good().file("more", 0o644, b"more").gzip();
    let (_, sum) = signed.ground.archive(&tampered);
    signed.sum = sum;
    signed
        .check(
            "tampered",
            [Ok("off"), Err("signature.bad"), Err("signature.bad")],
        )
        .await;
}

/// The signed comment names id and version, so that a signature cannot pass for one of something else.
#[tokio::test]
async fn a_signature_names_its_plugin_and_version() {
    let signed = Signed::new();
    let (good, bad) = (Ok("valid:release"), Err("signature.bad"));
    for (comment, expected) in [
        ("id=probe version=1.2.3", good),
        ("timestamp=1 version=1.2.3 id=probe file=x", good),
        ("id=other version=1.2.3", bad),
        ("id=probe version=1.2.4", bad),
        ("id=probe", bad),
        ("version=1.2.3", bad),
        ("timestamp:1 file:x", bad),
        ("", bad),
    ] {
        signed.sign_with_comment(comment);
        signed.check(comment, [Ok("off"), expected, expected]).await;
    }
}

/// A key signs for the plugins it is limited to, and for no other.
#[tokio::test]
async fn a_key_may_be_limited_to_plugins() {
    let signed = Signed::new();
    signed.sign("release");
    let key = signed.ground.path("keys").join("release.pub");
    let text = fs::read_to_string(&key).unwrap();
    for (line, good) in [
        ("plugins: probe", true),
        ("plugins: other, pro*", true),
        ("plugins: *", true),
        ("plugins: other", false),
        ("plugins: prob", false),
    ] {
        fs::write(&key, format!("{text}{line}\n")).unwrap();
        let expected = if good {
            Ok("valid:release")
        } else {
            Err("signature.unknown_key")
        };
        signed.check(line, [Ok("off"), expected, expected]).await;
    }
}

/// Whatever the level, it is the file that was fetched.
#[tokio::test]
async fn the_sum_counts_on_every_level() {
    let mut signed = Signed::new();
    signed.sign("release");
    signed.sum = "0".repeat(64);
    signed.check("another sum", [Err("checksum"); 3]).await;
    fs::remove_file(&signed.archive).unwrap();
    signed.check("no file", [Err("io"); 3]).await;
}

/// N5: without a good signature nothing is even looked into.
#[tokio::test]
async fn unsigned_bytes_are_not_looked_into_when_signatures_are_required() {
    let ground = Ground::new();
    let (archive, sum) = ground.archive(b"this is no archive");
    let keyring = Keyring::default();
    let error = verify(&archive, &sum, &keyring, Trust::Require)
        .await
        .unwrap_err();
    assert!(matches!(error, VerifyError::Missing(_)), "{error}");
    assert_eq!(
        verify(&archive, &sum, &keyring, Trust::Warn)
            .await
            .unwrap_err()
            .code(),
        "unpack.corrupt"
    );
}

/// Rather no keys than the wrong ones.
#[test]
fn a_directory_of_keys_is_read_whole_or_not_at_all() {
    let ground = Ground::new();
    let keys = ground.path("keys");
    assert_eq!(Keyring::load(&keys).unwrap().names().count(), 0, "not there");
    let pair = keygen(&keys, "release", None).unwrap();
    assert_eq!(
        fs::metadata(&pair.secret).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        Keyring::load(&keys).unwrap().names().collect::<Vec<_>>(),
        ["release"]
    );
    assert!(
        keygen(&keys, "release", None).is_err(),
        "a key is never written over"
    );

    let good = fs::read_to_string(&pair.public).unwrap();
    for text in [
        "",
        "nonsense",
        &good[..good.len() / 2],
        &format!("{good}plugin: x\n"),
        &format!("{good}plugins:\n"),
    ] {
        fs::write(keys.join("broken.pub"), text).unwrap();
        assert!(Keyring::load(&keys).is_err(), "{text:?}");
    }
    fs::remove_file(keys.join("broken.pub")).unwrap();
    fs::set_permissions(&pair.public, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(Keyring::load(&keys).is_err(), "anybody can change it");
}

#[test]
fn what_cannot_be_signed_is_said() {
    let ground = Ground::new();
    let (archive, _) = ground.archive(&Archive::good().gzip());
    let pair = keygen(&ground.path("keys"), "k", None).unwrap();
    fs::write(ground.path("text"), "no archive").unwrap();
    fs::write(ground.path("bad.key"), "no key").unwrap();
    let cases: [(&str, &Path, &Path, &str); 5] = [
        ("no package", &ground.path("text"), &pair.secret, "unpack.corrupt"),
        ("no file", &ground.path("missing"), &pair.secret, "io"),
        ("no key", &archive, &ground.path("missing.key"), "io"),
        ("a bad key", &archive, &ground.path("bad.key"), "key"),
        ("a public key", &archive, &pair.public, "key"),
    ];
    for (what, archive, key, code) in cases {
        let error = sign(archive, key, None).expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
    assert!(!signature_file(&archive).exists());
}
