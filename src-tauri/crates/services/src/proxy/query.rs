//! Queries of data sources: checked against the address they came to, then the plugin's to answer.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

use super::Ask;
use super::body::Body;
use super::failure::Failure;
use crate::limits;
use crate::wire::BoxError;

/// Where plugins take queries unless the service says otherwise.
const PATH: &str = "/query";

impl<B> Ask<'_, B>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) async fn query(&mut self, uid: &str) -> Result<Response<Body>, Failure> {
        let plugin = self.hit.mount.object.spec.plugin_id.clone();
        if !self.shared.routing.lines.plugins().has_datasource(&plugin, uid) {
            let message = format!("{plugin} knows no data source {}", uid.escape_debug());
            return Err(Failure::new(StatusCode::NOT_FOUND, "DatasourceNotFound", message));
        }
        // Before the body is read: whoever cannot be asked needs no question.
        drop(self.way(false).await?);
        let (bytes, document) = self.json_body().await?;
        check(&document, &plugin, uid)?;
        let path = self.service().path.clone();
        let (answer, place) = self.post(path.as_deref().unwrap_or(PATH), bytes).await?;
        self.passed_on(answer, limits::ROUTE_IDLE, place)
    }
}

/// Every query must be for the data source of the path and of the plugin's type.
fn check(document: &Value, plugin: &str, uid: &str) -> Result<(), Failure> {
    let queries = document.get("queries").and_then(Value::as_array);
    let Some(queries) = queries.filter(|queries| (1..=limits::MAX_QUERIES).contains(&queries.len())) else {
        let message = format!("queries: must be a list of 1 to {} entries", limits::MAX_QUERIES);
        return Err(Failure::bad_request(message));
    };
    for (at, query) in queries.iter().enumerate() {
        let field = format!("queries[{at}]");
        if !query.is_object() {
            return Err(Failure::bad_request(format!("{field}: must be an object")));
        }
        let says = |key: &str| match query.get("datasource").and_then(|source| source.get(key)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Failure::bad_request(format!(
                "{field}.datasource.{key}: must be a text"
            ))),
        };
        let mismatch = |key: &str, said: &str, wanted: &str| {
            let said = said.escape_debug();
            Failure::bad_request(format!(
                "{field}.datasource.{key}: is {said}, not {wanted} as in the path"
            ))
        };
        match says("uid")? {
            Some(said) if said != uid => return Err(mismatch("uid", said, uid)),
            _ => {}
        }
        match says("type")? {
            Some(said) if said != plugin => return Err(mismatch("type", said, plugin)),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn px8_a_query_must_be_for_the_data_source_of_the_path() {
        let of = |queries: Value| check(&json!({ "queries": queries }), "prometheus", "main");
        assert!(of(json!([{"refId": "A", "datasource": {"type": "prometheus", "uid": "main"}}])).is_ok());
        assert!(of(json!([{"refId": "A"}])).is_ok());
        for bad in [
            json!([]),
            json!("x"),
            json!([7]),
            json!([{"datasource": {"type": "loki", "uid": "main"}}]),
            json!([{}, {"datasource": {"type": "prometheus", "uid": "other"}}]),
            json!([{"datasource": {"uid": 7}}]),
        ] {
            assert!(of(bad.clone()).is_err(), "{bad}");
        }
        assert!(check(&json!([]), "p", "u").is_err());
    }
}
