//! Conversion of objects between versions: the plugin converts, what it gives back is checked.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::Ask;
use super::body::Body;
use super::failure::{Failure, json as answer};
use crate::limits;
use crate::wire::BoxError;

/// Where plugins take conversions unless the service says otherwise.
const PATH: &str = "/convert";

impl<B> Ask<'_, B>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) async fn convert(&mut self) -> Result<Response<Body>, Failure> {
        drop(self.way(false).await?);
        let (bytes, review) = self.json_body().await?;
        let request = checked(&review).map_err(Failure::bad_request)?;
        let path = self.service().path.clone();
        let said = self.post_for_json(path.as_deref().unwrap_or(PATH), bytes).await?;
        let response = converted(request, said).map_err(Failure::bad_answer)?;
        let review = json!({
            "apiVersion": review["apiVersion"], "kind": review["kind"], "response": response,
        });
        Ok(answer(StatusCode::OK, &review))
    }
}

fn checked(review: &Value) -> Result<&Map<String, Value>, String> {
    let word = |key: &str| review.get(key).and_then(Value::as_str).unwrap_or_default();
    if word("kind") != "ConversionReview" || word("apiVersion") != "apiextensions.k8s.io/v1" {
        return Err("must be a ConversionReview of apiextensions.k8s.io/v1".to_owned());
    }
    let request = review
        .get("request")
        .and_then(Value::as_object)
        .ok_or("request: is required")?;
    for key in ["uid", "desiredAPIVersion"] {
        if request.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(format!("request.{key}: is required"));
        }
    }
    let objects = request.get("objects").and_then(Value::as_array);
    if objects.is_none_or(|objects| objects.len() > limits::MAX_CONVERSIONS) {
        let most = limits::MAX_CONVERSIONS;
        return Err(format!("request.objects: must be a list of up to {most} entries"));
    }
    Ok(request)
}

/// The `response` of a review, from what a plugin said: a review itself, or only its `response`.
fn converted(request: &Map<String, Value>, said: Value) -> Result<Value, String> {
    let said = match said {
        Value::Object(mut map) => map.remove("response").unwrap_or(Value::Object(map)),
        other => other,
    };
    let failed = said.pointer("/result/status").and_then(Value::as_str) == Some("Failure");
    if failed {
        return Ok(json!({"uid": request["uid"], "result": said["result"]}));
    }
    let objects = said.get("convertedObjects").and_then(Value::as_array);
    let objects = objects.ok_or("the plugin's answer has no `convertedObjects`")?;
    let asked = request["objects"].as_array().map_or(0, Vec::len);
    if objects.len() != asked {
        return Err(format!("the plugin gave {} objects for {asked}", objects.len()));
    }
    let desired = &request["desiredAPIVersion"];
    for (at, object) in objects.iter().enumerate() {
        if object.get("apiVersion") != Some(desired) {
            return Err(format!("object {at} of the plugin's answer is not of {desired}"));
        }
    }
    Ok(json!({"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_converted_is_checked() {
        let review = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
            "request": {"uid": "u", "desiredAPIVersion": "g/v2", "objects": [{"apiVersion": "g/v1"}]}});
        let request = checked(&review).unwrap();
        let good = converted(request, json!({"convertedObjects": [{"apiVersion": "g/v2"}]})).unwrap();
        assert_eq!(
            (&good["uid"], &good["result"]["status"]),
            (&json!("u"), &json!("Success"))
        );
        let failed = json!({"response": {"result": {"status": "Failure", "message": "no"}}});
        assert_eq!(converted(request, failed).unwrap()["result"]["message"], "no");
        for bad in [
            json!(7),
            json!({}),
            json!({"convertedObjects": []}),
            json!({"convertedObjects": [{"apiVersion": "g/v1"}]}),
            json!({"convertedObjects": [7]}),
        ] {
            assert!(converted(request, bad.clone()).is_err(), "{bad}");
        }
        for bad in [
            json!(null),
            json!({"kind": "ConversionReview"}),
            json!({"request": {}}),
        ] {
            assert!(checked(&bad).is_err(), "{bad}");
        }
    }
}
