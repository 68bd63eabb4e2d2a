//! Packages from files and from directory indexes, and the signatures that come with them.

use std::fs;
use std::process::Command;

use orrery_packages::{
    Compression, FetchError, FetchOptions, Fetched, Index, Source, fetch, keygen, pack, read_index, sign,
    signature_file,
};
use tokio_util::sync::CancellationToken;

use crate::archives::{Archive, Ground, MANIFEST, sum};
use crate::fetch::quick;
use crate::server::{Answer, Server};

async fn get(ground: &Ground, source: &Source) -> Result<Fetched, FetchError> {
    fetch(
        source,
        &quick(),
        |_, _| (),
        &CancellationToken::new(),
        &ground.path("got"),
    )
    .await
}

/// A directory `repo` with a signed package and its index.
fn repository(ground: &Ground) -> String {
    let plugin = ground.path("plugin");
    fs::create_dir_all(plugin.join("bin")).unwrap();
    fs::write(plugin.join("plugin.toml"), MANIFEST).unwrap();
    fs::write(plugin.join("bin/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(
        plugin.join("bin/run"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let repo = ground.path("repo");
    let packed = pack(&plugin, &repo, Compression::Zstd).unwrap();
    let key = keygen(&ground.path("secret"), "k", None).unwrap();
    sign(&packed.path, &key.secret, None).unwrap();
    let index = Index::of_directory(&repo).unwrap();
    fs::write(
        repo.join("index.json"),
        serde_json::to_vec_pretty(&index).unwrap(),
    )
    .unwrap();
    packed.sha256
}

fn from_index(index: impl Into<String>, version: Option<&str>) -> Source {
    Source::Index {
        index: index.into(),
        plugin: "probe".into(),
        version: version.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_file_is_copied_with_what_lies_beside_it() {
    let ground = Ground::new();
    let sum = repository(&ground);
    let path = ground.path("repo").join("probe-1.2.3.tar.zst");
    let file = |sha256: Option<String>| Source::File {
        path: path.clone(),
        sha256,
    };
    let fetched = get(&ground, &file(None)).await.unwrap();
    assert_eq!((fetched.sha256.clone(), fetched.signed), (sum.clone(), true));
    assert_eq!(
        fs::read(signature_file(&fetched.path)).unwrap(),
        fs::read(signature_file(&path)).unwrap()
    );
    assert!(path.exists(), "it stays where it is");

    // A signature from before does not stay beside another package.
    fs::remove_file(signature_file(&path)).unwrap();
    let fetched = get(&ground, &file(Some(sum))).await.unwrap();
    assert!(!fetched.signed && !signature_file(&fetched.path).exists());

    fs::remove_file(&fetched.path).unwrap();
    let before = ground.listing();
    fs::write(
        ground.path("repo").join("probe-1.2.3.tar.zst.sha256"),
        "0".repeat(64),
    )
    .unwrap();
    assert_eq!(get(&ground, &file(None)).await.unwrap_err().code(), "checksum");
    fs::write(ground.path("repo").join("probe-1.2.3.tar.zst.sha256"), "odd").unwrap();
    assert_eq!(
        get(&ground, &file(None)).await.unwrap_err().code(),
        "fetch.address"
    );
    assert_eq!(ground.listing().len(), before.len());
}

#[tokio::test]
async fn files_that_are_none_are_refused() {
    let ground = Ground::new();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        ground.path("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    fs::write(ground.path("large"), vec![0; 2 << 20]).unwrap();
    let before = ground.listing();
    for (name, code) in [
        ("missing", "fetch.not_found"),
        ("revisions", "fetch.address"),
        ("pipe", "fetch.address"),
        ("large", "fetch.too_large"),
    ] {
        let source = Source::File {
            path: ground.path(name),
            sha256: None,
        };
        let error = get(&ground, &source).await.unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert_eq!(ground.listing(), before, "{name}");
    }
}

/// A directory, its index by path, and the same served by a server that knows nothing of us.
#[tokio::test]
async fn an_index_leads_to_its_packages() {
    let ground = Ground::new();
    let sum = repository(&ground);
    let repo = ground.path("repo");
    for index in [repo.clone(), repo.join("index.json")] {
        let source = from_index(index.display().to_string(), None);
        let fetched = get(&ground, &source).await.unwrap();
        assert_eq!((fetched.sha256, fetched.signed), (sum.clone(), true));
    }
    let python = Command::new("python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
        .current_dir(&repo)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn();
    let Ok(mut python) = python else {
        println!("skipped: there is no python3");
        return;
    };
    let port = {
        use std::io::BufRead;
        let mut line = String::new();
        std::io::BufReader::new(python.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        line.split(" port ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    for (path, version, good) in [
        ("", None, true),
        ("index.json", Some("1.2.3"), true),
        ("index.json", Some("9.9.9"), false),
        ("other.json", None, false),
    ] {
        let source = from_index(format!("http://127.0.0.1:{port}/{path}"), version);
        let result = get(&ground, &source).await;
        match result {
            Ok(fetched) => assert_eq!((fetched.sha256, fetched.signed, good), (sum.clone(), true, true)),
            Err(error) => assert_eq!((error.code(), good), ("fetch.not_found", false), "{error}"),
        }
    }
    python.kill().unwrap();
    python.wait().unwrap();
}

/// What an index says about its packages holds, and it leads nowhere that a redirect would not.
#[tokio::test]
async fn an_index_is_not_believed_beyond_its_word() {
    let body = Archive::good().gzip();
    let right = sum(&body);
    for (url, sha256, code) in [
        ("p.tar.gz", right.clone(), None),
        ("/p.tar.gz?x=1", right.clone(), None),
        ("p.tar.gz", "0".repeat(64), Some("checksum")),
        (
            "http://example.org/p.tar.gz",
            right.clone(),
            Some("fetch.address"),
        ),
        ("file:///etc/passwd", right.clone(), Some("fetch.address")),
        ("missing.tar.gz", right.clone(), Some("fetch.status")),
    ] {
        let index = serde_json::json!({
            "index": 1,
            "plugins": { "probe": { "versions": { "1.2.3": [{ "url": url, "sha256": sha256 }] } } },
        });
        let content = body.clone();
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/repo/index.json" => Answer::ok(index.to_string().as_bytes()),
            "/repo/p.tar.gz" | "/p.tar.gz?x=1" => Answer::ok(&content),
            _ => Answer::status(404),
        })
        .await;
        let result = get(&Ground::new(), &from_index(server.url("/repo/"), None)).await;
        assert_eq!(result.as_ref().err().map(FetchError::code), code, "{url}");
    }
}

#[tokio::test]
async fn an_index_can_be_read_by_itself() {
    let ground = Ground::new();
    repository(&ground);
    let cancel = CancellationToken::new();
    let options = FetchOptions::default();
    let at = ground.path("repo").display().to_string();
    let index = read_index(&at, &options, &cancel).await.unwrap();
    assert_eq!(index.plugins.len(), 1);
    for (location, code) in [
        (ground.path("plugin").display().to_string(), "fetch.not_found"),
        (ground.path("victim").display().to_string(), "fetch.address"),
        ("http://example.org/index.json".to_owned(), "fetch.address"),
    ] {
        let error = read_index(&location, &options, &cancel).await.unwrap_err();
        assert_eq!(error.code(), code, "{location}: {error}");
    }
}
