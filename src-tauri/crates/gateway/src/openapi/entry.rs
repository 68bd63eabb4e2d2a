//! What is said of one route beside method, path and role.

use http::StatusCode;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::schemas::Schemas;

/// JSON, as nearly everything is.
pub(super) const JSON: &str = "application/json";

/// One route.
pub(super) struct Entry {
    pub(super) method: &'static str,
    /// As the router knows it.
    pub(super) path: &'static str,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// More about it; may be empty.
    pub(super) description: String,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    /// Good answers, and bad ones that say more than an error says.
    pub(super) answers: Vec<(String, Value)>,
    /// Statuses of errors beside those that every route has.
    pub(super) errors: Vec<StatusCode>,
    /// What else there is to say, under keys that begin with `x-`.
    pub(super) extensions: Map<String, Value>,
}

impl Entry {
    pub(super) fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Entry {
            method,
            path,
            summary,
            description: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            errors: Vec::new(),
            extensions: Map::new(),
        }
    }

    pub(super) fn get(path: &'static str, summary: &'static str) -> Self {
        Self::new("GET", path, summary)
    }

    pub(super) fn post(path: &'static str, summary: &'static str) -> Self {
        Self::new("POST", path, summary)
    }

    pub(super) fn put(path: &'static str, summary: &'static str) -> Self {
        Self::new("PUT", path, summary)
    }

    pub(super) fn delete(path: &'static str, summary: &'static str) -> Self {
        Self::new("DELETE", path, summary)
    }

    /// Says more.
    pub(super) fn more(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// Takes the fields of a type as its query.
    pub(super) fn query<T: JsonSchema>(mut self, schemas: &mut Schemas) -> Self {
        for (name, required, mut schema) in schemas.fields::<T>() {
            let description = schema.as_object_mut().and_then(|s| s.remove("description"));
            let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            if required {
                parameter["required"] = true.into();
            }
            self.parameters.push(parameter);
        }
        self.fails([StatusCode::BAD_REQUEST])
    }

    /// Takes a parameter that no type names.
    pub(super) fn parameter(mut self, place: &str, name: &str, description: &str, schema: &Value) -> Self {
        let parameter = json!({ "name": name, "in": place, "description": description, "schema": schema });
        self.parameters.push(parameter);
        self
    }

    /// Takes JSON of a type as its body, of at most so many bytes.
    pub(super) fn takes<T: JsonSchema>(
        self,
        schemas: &mut Schemas,
        bytes_max: usize,
        example: &Value,
    ) -> Self {
        let content = json!({ JSON: { "schema": schemas.read::<T>(), "example": example } });
        self.takes_content(&content, bytes_max, true)
    }

    /// Takes a body of these media types.
    pub(super) fn takes_content(mut self, content: &Value, bytes_max: usize, required: bool) -> Self {
        self.body = Some(json!({
            "required": required,
            "description": format!("At most {bytes_max} bytes."),
            "content": content,
        }));
        self.fails([
            StatusCode::BAD_REQUEST,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ])
    }

    /// Answers with JSON of a type.
    pub(super) fn says<T: JsonSchema>(self, schemas: &mut Schemas, status: StatusCode, what: &str) -> Self {
        let schema = schemas.written::<T>();
        self.says_content(status, what, &json!({ JSON: { "schema": schema } }))
    }

    /// Answers with a body of these media types.
    pub(super) fn says_content(mut self, status: StatusCode, what: &str, content: &Value) -> Self {
        self.answers.push((
            status.as_str().to_owned(),
            json!({ "description": what, "content": content }),
        ));
        self
    }

    /// Answers without a body.
    pub(super) fn says_nothing(mut self, status: StatusCode, what: &str) -> Self {
        self.answers
            .push((status.as_str().to_owned(), json!({ "description": what })));
        self
    }

    /// Answers with whatever somebody else says.
    pub(super) fn says_anything(mut self, what: &str) -> Self {
        let answer = json!({ "description": what, "content": { "*/*": {} } });
        self.answers.push(("default".to_owned(), answer));
        self
    }

    /// Turns into a websocket.
    pub(super) fn upgrades(mut self, sends: &Value, takes: &Value) -> Self {
        self.extensions.insert(
            "x-websocket".to_owned(),
            json!({ "client": takes, "server": sends }),
        );
        self.says_nothing(
            StatusCode::SWITCHING_PROTOCOLS,
            "The connection is a websocket from here on.",
        )
        .fails([StatusCode::BAD_REQUEST, StatusCode::UPGRADE_REQUIRED])
    }

    /// Says what OpenAPI has no word for, under a key that begins with `x-`.
    pub(super) fn extended(mut self, key: &str, value: Value) -> Self {
        self.extensions.insert(key.to_owned(), value);
        self
    }

    /// Fails with these.
    pub(super) fn fails(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.errors.extend(statuses);
        self
    }
}
