//! Admission: the plugin says whether an object may be, and how it should rather be; the patch is made here.

use base64::Engine as _;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::Ask;
use super::body::Body;
use super::failure::{Failure, json as answer};
use crate::wire::BoxError;

/// Where plugins take reviews unless the service says otherwise.
const PATH: &str = "/admission";

const OPERATIONS: &[&str] = &["CREATE", "UPDATE", "DELETE", "CONNECT"];

impl<B> Ask<'_, B>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) async fn admit(&mut self, mutate: bool) -> Result<Response<Body>, Failure> {
        drop(self.way(false).await?);
        let (bytes, review) = self.json_body().await?;
        let request = checked(&review).map_err(Failure::bad_request)?;
        let base = self.service().path.clone();
        let base = base.as_deref().unwrap_or(PATH);
        let path = format!("{base}/{}", if mutate { "mutate" } else { "validate" });
        let said = self.post_for_json(&path, bytes).await?;
        let response = verdict(request, said, mutate).map_err(Failure::bad_answer)?;
        let review = json!({
            "apiVersion": review["apiVersion"], "kind": review["kind"], "response": response,
        });
        Ok(answer(StatusCode::OK, &review))
    }
}

/// The `request` of a review.
fn checked(review: &Value) -> Result<&Map<String, Value>, String> {
    let word = |key: &str| review.get(key).and_then(Value::as_str).unwrap_or_default();
    if word("kind") != "AdmissionReview" || word("apiVersion") != "admission.k8s.io/v1" {
        return Err("must be an AdmissionReview of admission.k8s.io/v1".to_owned());
    }
    let request = review
        .get("request")
        .and_then(Value::as_object)
        .ok_or("request: is required")?;
    let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("uid").is_empty() {
        return Err("request.uid: is required".to_owned());
    }
    if !OPERATIONS.contains(&text("operation")) {
        return Err(format!(
            "request.operation: must be one of {}",
            OPERATIONS.join(", ")
        ));
    }
    if text("operation") != "DELETE" && !request.get("object").is_some_and(Value::is_object) {
        return Err("request.object: is required".to_owned());
    }
    Ok(request)
}

/// The `response` of a review, from what a plugin said: either a review itself, or only its `response`; for a
/// mutation with the `object` as it should be.
fn verdict(request: &Map<String, Value>, said: Value, mutate: bool) -> Result<Value, String> {
    let said = match said {
        Value::Object(mut map) => match map.remove("response") {
            Some(response) => response,
            None => Value::Object(map),
        },
        other => other,
    };
    let allowed = said.get("allowed").and_then(Value::as_bool);
    let allowed = allowed.ok_or("the plugin's answer does not say `allowed`")?;
    let uid = &request["uid"];
    if said.get("uid").is_some_and(|said| said != uid) {
        return Err("the plugin's answer is about another uid".to_owned());
    }
    let mut response = json!({ "uid": uid, "allowed": allowed });
    for (key, fits) in [
        ("status", Value::is_object as fn(&Value) -> bool),
        ("warnings", Value::is_array),
    ] {
        match said.get(key) {
            None | Some(Value::Null) => {}
            Some(value) if fits(value) => response[key] = value.clone(),
            Some(_) => return Err(format!("`{key}` of the plugin's answer is not what it must be")),
        }
    }
    let wished = said.get("object").filter(|wished| !wished.is_null());
    if let Some(wished) = wished.filter(|_| mutate && allowed)
        && let Some(patch) = patch(request.get("object"), wished)?
    {
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(patch);
    }
    Ok(response)
}

/// What makes the one object the other, as reviews carry it; nothing when they are the same.
fn patch(sent: Option<&Value>, wished: &Value) -> Result<Option<String>, String> {
    let sent = sent.ok_or("there is no object to change")?;
    for key in ["apiVersion", "kind"] {
        if sent.get(key) != wished.get(key) {
            return Err(format!("the plugin changed `{key}` of the object"));
        }
    }
    let patch = json_patch::diff(sent, wished);
    if patch.0.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_vec(&patch).map_err(|error| error.to_string())?;
    Ok(Some(base64::engine::general_purpose::STANDARD.encode(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(object: Value) -> Value {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {"uid": "u1", "operation": "CREATE", "object": object}})
    }

    #[test]
    fn px9_the_patch_makes_the_sent_object_the_returned_one() {
        let sent = json!({"apiVersion": "v1", "kind": "X", "a": 1, "l": [1, 2, 3], "m": {"x/y": "~"}});
        let wished =
            json!({"apiVersion": "v1", "kind": "X", "b": null, "l": [3], "m": {"x/y": "z", "n": {}}});
        let review = review(sent.clone());
        let request = checked(&review).unwrap();
        let response = verdict(request, json!({"allowed": true, "object": wished}), true).unwrap();
        assert_eq!(
            (&response["uid"], &response["patchType"]),
            (&json!("u1"), &json!("JSONPatch"))
        );
        let patch = response["patch"].as_str().unwrap();
        let patch = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
        let mut patched = sent.clone();
        json_patch::patch(
            &mut patched,
            &serde_json::from_slice::<json_patch::Patch>(&patch).unwrap(),
        )
        .unwrap();
        assert_eq!(patched, wished);
        let same = verdict(request, json!({"allowed": true, "object": sent}), true).unwrap();
        assert_eq!(same.get("patch"), None);
        let validated = verdict(request, json!({"allowed": true, "object": wished}), false).unwrap();
        assert_eq!(validated.get("patch"), None, "validation changes nothing");
    }

    #[test]
    fn px9_an_answer_without_sense_is_the_plugins_fault() {
        let review = review(json!({"kind": "X"}));
        let request = checked(&review).unwrap();
        for bad in [
            json!(null),
            json!([]),
            json!({}),
            json!({"allowed": "yes"}),
            json!({"response": null}),
            json!({"allowed": true, "uid": "other"}),
            json!({"allowed": true, "warnings": "w"}),
            json!({"allowed": true, "object": {"kind": "Y"}}),
            json!({"allowed": true, "object": 7}),
        ] {
            assert!(verdict(request, bad.clone(), true).is_err(), "{bad}");
        }
        let denied = verdict(
            request,
            json!({"response": {"allowed": false, "status": {"code": 403}}}),
            true,
        );
        assert_eq!(
            denied.unwrap(),
            json!({"uid": "u1", "allowed": false, "status": {"code": 403}})
        );
    }

    #[test]
    fn a_review_without_sense_is_the_callers_fault() {
        let mut cases = vec![json!(null), json!({}), review(json!(7))];
        for (pointer, value) in [
            ("/kind", json!("X")),
            ("/request/uid", json!("")),
            ("/request/operation", json!("X")),
        ] {
            let mut bad = review(json!({}));
            *bad.pointer_mut(pointer).unwrap() = value;
            cases.push(bad);
        }
        for bad in cases {
            assert!(checked(&bad).is_err(), "{bad}");
        }
    }
}
