//! `orrery api`: any address of an instance, with the token filled in.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use orrery_gateway::Instance;
use orrery_gateway::client::{Opened, Sent};
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::output::{print, print_json, print_table, table, text};

/// Body of an answer that is shown as a whole, in bytes.
const WHOLE_BYTES_MAX: usize = 64 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  orrery api GET /api/status
  orrery api GET /api/topology/hosts -q q='cpu > 50%'
  orrery api GET /api/events -H 'Accept: text/event-stream'      until Ctrl-C
  orrery api POST /api/call -d '{\"op\": \"topologies\"}'
  orrery api POST /api/plugins/iowait/restart -q wait=true -i
  orrery api PUT /apis/aggregation.orrery/v1alpha1/dataplaneservices -d @service.yaml \\
      -H 'Content-Type: application/yaml'

`orrery api --list` names every address, `--list WORD` those with the word in them; GET /api/openapi.json says all of
what each takes and answers.
Exit codes: 0 for 2xx and 3xx; 3 for 404 and 410; 5 for 401, 403 and 409; 2 for any other 4xx; 1 for 5xx.";

/// Call any address of the HTTP API
///
/// The answer is written as it comes, also one that goes on, such as a stream of events.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Api {
    /// GET, POST, …
    #[arg(required_unless_present = "list")]
    method: Option<String>,
    /// Path, such as /api/topology.
    #[arg(required_unless_present = "list")]
    path: Option<String>,
    /// List the addresses instead, or those with this word in them: how each is asked for, by whom, what for.
    #[arg(long, value_name = "WORD", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["method", "path"])]
    list: Option<String>,
    /// Body: a FILE (or @FILE), - for standard input, or JSON that begins with { or [.
    #[arg(short, long, value_name = "FILE|-|JSON")]
    data_file: Option<String>,
    /// A header to send; may be said more than once.
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// A parameter of the query, which is encoded as it has to be; may be said more than once.
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = pair)]
    query: Vec<(String, String)>,
    /// Print status and headers before the body.
    #[arg(short, long)]
    include: bool,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as NAME: VALUE")?;
    let name = name.trim().parse().map_err(|e| format!("{name:?}: {e}"))?;
    let value = value.trim().parse().map_err(|e| format!("{value:?}: {e}"))?;
    Ok((name, value))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// What to send.
enum Data {
    Nothing,
    Input,
    File(PathBuf),
    Text(String),
}

impl Data {
    fn of(given: Option<String>) -> Data {
        match given {
            None => Data::Nothing,
            Some(text) if text == "-" => Data::Input,
            Some(text) if text.starts_with(['{', '[']) => Data::Text(text),
            Some(text) => Data::File(text.strip_prefix('@').unwrap_or(&text).into()),
        }
    }

    async fn sent(self) -> Result<Sent, Exit> {
        Ok(match self {
            Data::Nothing => Sent::whole(Bytes::new()),
            Data::Text(text) => Sent::whole(text),
            Data::Input => Sent::read(tokio::io::stdin()),
            Data::File(path) => Sent::read(
                tokio::fs::File::open(&path)
                    .await
                    .map_err(|e| Exit::failed(format!("cannot read {}: {e}", path.display())))?,
            ),
        })
    }
}

impl Api {
    /// What the addresses are narrowed down to that are asked for instead of one of them.
    pub(crate) fn listed(&self) -> Option<&str> {
        self.list.as_deref()
    }
}

/// Writes which addresses there are. They are this program's; no instance is asked.
pub(crate) fn list(word: &str, json: bool) -> Result<(), Exit> {
    let document = orrery_gateway::openapi_document();
    let paths = document["paths"].as_object().into_iter().flatten();
    let word = word.to_lowercase();
    let mut listed = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            let said = format!("{method} {path} {summary}").to_lowercase();
            if operation["x-role"].is_string() && said.contains(&word) {
                listed.push(json!({
                    "method": method.to_uppercase(),
                    "path": path,
                    "role": operation["x-role"],
                    "summary": summary,
                    "example": operation["x-codeSamples"][0]["source"],
                }));
            }
        }
    }
    if json {
        return print_json(&listed.into());
    }
    if listed.is_empty() {
        return Err(Exit::nothing(format!("no address has {word:?} in it")));
    }
    let mut out = table(&["METHOD", "PATH", "ROLE", "WHAT"]);
    for entry in &listed {
        out.add_row(["method", "path", "role", "summary"].map(|key| text(entry, key)));
    }
    print_table(&out);
    Ok(())
}

/// Sends the request and writes the answer.
pub(crate) async fn run(instance: &Instance, api: Api, json: bool) -> Result<(), Exit> {
    let (method, path) = (api.method.unwrap_or_default(), api.path.unwrap_or_default());
    let method = Method::from_bytes(method.to_uppercase().as_bytes())
        .map_err(|_| Exit::usage(format!("{method:?} is no method")))?;
    if !path.starts_with('/') {
        return Err(Exit::usage(format!("{path:?} is no path: it begins with /")));
    }
    let data = Data::of(api.data_file);
    let something = !matches!(data, Data::Nothing);
    let mut request = http::Request::builder()
        .method(method)
        .uri(address(&path, &api.query))
        .body(data.sent().await?)
        .map_err(|error| Exit::usage(format!("{path:?} is no address: {error}")))?;
    let headers = request.headers_mut();
    for (name, value) in api.header {
        headers.append(name, value);
    }
    if something {
        let json = HeaderValue::from_static("application/json");
        headers.entry(header::CONTENT_TYPE).or_insert(json);
    }
    let mut answer = instance.open(request).await?;
    if json {
        whole(&mut answer).await?;
    } else {
        written(&mut answer, api.include).await?;
    }
    end(answer.status)
}

/// The path with what is added to its query. What a path cannot hold, such as `<` in the ids of nodes, is escaped.
fn address(path: &str, query: &[(String, String)]) -> String {
    let mut address = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'`' | b'{' | b'}' | b'#') {
            address.push(char::from(byte));
        } else {
            escape(&mut address, byte);
        }
    }
    for (key, value) in query {
        address.push(if address.contains('?') { '&' } else { '?' });
        for (text, end) in [(key, "="), (value, "")] {
            for byte in text.bytes() {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    address.push(char::from(byte));
                } else {
                    escape(&mut address, byte);
                }
            }
            address.push_str(end);
        }
    }
    address
}

fn escape(address: &mut String, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    address.extend([
        '%',
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]);
}

/// The answer as it comes.
async fn written(answer: &mut Opened, include: bool) -> Result<(), Exit> {
    if include {
        let mut head = format!("{:?} {}\n", http::Version::HTTP_11, answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!(
                "{name}: {}\n",
                String::from_utf8_lossy(value.as_bytes())
            ));
        }
        head.push('\n');
        print(head.as_bytes())?;
    }
    let mut last = None;
    while let Some(piece) = answer.piece().await? {
        last = piece.last().copied().or(last);
        print(&piece)?;
    }
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    if terminal && last.is_some_and(|last| last != b'\n') {
        print(b"\n")?;
    }
    Ok(())
}

/// The answer with its status and headers as one document.
async fn whole(answer: &mut Opened) -> Result<(), Exit> {
    let mut body = Vec::new();
    while let Some(piece) = answer.piece().await? {
        body.extend_from_slice(&piece);
        if body.len() > WHOLE_BYTES_MAX {
            let message = format!("the answer is longer than {WHOLE_BYTES_MAX} bytes: leave --json out");
            return Err(Exit::failed(message));
        }
    }
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let body: Value =
        serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    print_json(&json!({ "status": answer.status.as_u16(), "headers": headers, "body": body }))
}

fn end(status: StatusCode) -> Result<(), Exit> {
    match status.as_u16() {
        200..=399 => Ok(()),
        404 | 410 => Err(Exit::nothing(status)),
        401 | 403 | 409 => Err(Exit::refused(status)),
        400..=499 => Err(Exit::usage(status)),
        _ => Err(Exit::failed(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encoded_as_they_have_to_be() {
        let pairs = |given: &[(&str, &str)]| -> Vec<(String, String)> {
            given
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        assert_eq!(address("/api/topology", &[]), "/api/topology");
        assert_eq!(
            address("/api/topology/hosts/web-1;<host>", &[]),
            "/api/topology/hosts/web-1;%3Chost%3E"
        );
        assert_eq!(
            address("/a%20b?x=1", &pairs(&[("q", "cpu > 50%")])),
            "/a%20b?x=1&q=cpu%20%3E%2050%25"
        );
        assert_eq!(
            address("/ü", &pairs(&[("a=b", "c&d"), ("e", "")])),
            "/%C3%BC?a%3Db=c%26d&e="
        );
    }

    #[test]
    fn a_status_is_told_by_the_exit_code() {
        let code = |status: u16| end(StatusCode::from_u16(status).unwrap()).map_err(|exit| exit.code);
        let is = |status, wanted: u8| assert_eq!(code(status).unwrap_err(), wanted.into(), "{status}");
        assert!(code(200).is_ok() && code(202).is_ok() && code(304).is_ok());
        for (status, wanted) in [
            (400, 2),
            (401, 5),
            (403, 5),
            (404, 3),
            (409, 5),
            (410, 3),
            (415, 2),
            (422, 2),
        ] {
            is(status, wanted);
        }
        is(500, 1);
        is(503, 1);
    }
}
