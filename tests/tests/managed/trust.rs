//! Packages that were not made by whom we trust, or not left as they were made.

use std::path::Path;

use http::StatusCode;
use orrery_packages::{Trust, keygen, sign, signature_file};
use serde_json::json;

use crate::package::Package;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_archive_is_refused_wherever_it_comes_from() {
    let home = tempfile::tempdir().unwrap();
    let (secrets, keys) = (home.path().join("secrets"), home.path().join("keys"));
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::create_dir_all(&keys).unwrap();
    let key = keygen(&secrets, "ours", None).unwrap();
    std::fs::copy(&key.public, keys.join("ours.pub")).unwrap();
    let watched = home.path().join("watched");
    let packages = home.path().join("packages");
    let archive = Package::lamp("1.0.0", "dim").pack(&packages);
    // The same program with something else in it, beside the signature of the good one.
    let other = Package::lamp("1.0.0", "evil").pack(&home.path().join("evil"));
    sign(&archive, &key.secret, None).unwrap();
    let tampered = put(&other, &watched, "tampered.tar.gz");
    std::fs::copy(signature_file(&archive), signature_file(&tampered)).unwrap();
    let unsigned = put(&other, &watched, "unsigned.tar.gz");

    let stage = Stage::set_with(home, |plugins| {
        plugins.trust = Trust::Require;
        plugins.keys = Some(keys);
        plugins.watched = vec![watched];
    })
    .await;
    let rejected = async || stage.get("/api/plugins/rejected").await.1;
    stage
        .until("both are refused", async || {
            let list = rejected().await.to_string();
            list.contains("tampered.tar.gz") && list.contains("unsigned.tar.gz")
        })
        .await;
    let list = rejected().await;
    for one in list["rejected_packages"].as_array().or(list.as_array()).unwrap() {
        let code = one["code"].as_str().unwrap();
        assert!(["signature.bad", "signature.missing"].contains(&code), "{one:#}");
    }
    for (path, code) in [(&tampered, "signature.bad"), (&unsigned, "signature.missing")] {
        let source = json!({ "from": "file", "path": path });
        let (status, failed) = stage.post("/api/plugins?wait=true", &source).await;
        assert_eq!(
            (status, &failed["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)),
            "{failed:#}"
        );
    }
    // An upload has no signature beside it.
    let upload = stage.upload(&other).await;
    let (status, failed) = stage.post("/api/plugins?wait=true", &upload).await;
    assert_eq!(
        (status, &failed["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("signature.missing")),
        "{failed:#}"
    );
    stage.is_gone("lamp").await;
    // Damaged at any place, a signed one is not taken either; as it was made, it is.
    let bytes = std::fs::read(&archive).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 6) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        let path = packages.join("damaged.tar.gz");
        std::fs::write(&path, damaged).unwrap();
        std::fs::copy(signature_file(&archive), signature_file(&path)).unwrap();
        let source = json!({ "from": "file", "path": path });
        let (status, failed) = stage.post("/api/plugins?wait=true", &source).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "byte {at}: {failed:#}");
    }
    stage.is_gone("lamp").await;
    let source = json!({ "from": "file", "path": archive });
    let (status, done) = stage.post("/api/plugins?wait=true", &source).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    stage
        .until("the good one reports", async || stage.word("lamp").await == "dim")
        .await;
    stage.end().await;
}

/// Copies an archive under another name, as if it had been there for a while.
fn put(archive: &Path, into: &Path, name: &str) -> std::path::PathBuf {
    std::fs::create_dir_all(into).unwrap();
    let path = into.join(name);
    std::fs::copy(archive, &path).unwrap();
    path
}
