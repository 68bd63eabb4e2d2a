//! Who may come in: the settings of `orrery serve`, and `orrery token`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use orrery_engine::{Paths, ScopeApi, Settings};
use orrery_gateway::{Door, Instance, OWNER, PageOrigin, Tls, Token as Secret};
use serde_json::{Value, json};

use crate::args::Common;
use crate::exit::Exit;
use crate::output::{print_json, print_table, table, text};
use crate::{target, times};

/// Who may come in, and how.
#[derive(Debug, Args)]
pub(crate) struct Access {
    /// Certificate to listen with, in PEM; needed to listen beyond this machine.
    #[arg(
        long,
        env = "ORRERY_TLS_CERTIFICATE",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_certificate: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(
        long,
        env = "ORRERY_TLS_KEY",
        value_name = "FILE",
        requires = "tls_certificate"
    )]
    tls_key: Option<PathBuf>,
    /// Name that browsers and scripts may reach this instance by; may be given more than once.
    #[arg(
        long = "allowed-host",
        env = "ORRERY_ALLOWED_HOSTS",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    allowed_hosts: Vec<String>,
    /// Origin of pages that may ask with a token, such as https://grafana.example; may be given more than once.
    #[arg(
        long = "origin",
        env = "ORRERY_ORIGINS",
        value_delimiter = ',',
        value_name = "URL"
    )]
    origins: Vec<String>,
    /// Whether Scope's own addresses ask for the token too.
    #[arg(long, env = "ORRERY_SCOPE_API", value_enum, value_name = "HOW")]
    scope_api: Option<Scope>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// Programs on this machine need none, for looking and for reporting.
    Open,
    /// They do.
    Token,
}

impl Access {
    /// The certificate, if there is one.
    pub(crate) fn tls(&self, settings: &Settings) -> Result<Option<Arc<Tls>>, Exit> {
        let certificate = self
            .tls_certificate
            .as_ref()
            .or(settings.tls.certificate.as_ref());
        let key = self.tls_key.as_ref().or(settings.tls.key.as_ref());
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let tls = Tls::load(certificate, key).map_err(Exit::failed)?;
                Ok(Some(Arc::new(tls)))
            }
            (None, None) => Ok(None),
            _ => Err(Exit::usage(
                "a certificate goes with its key: give both or neither",
            )),
        }
    }

    /// The origins of pages that may ask beside our own.
    pub(crate) fn pages(&self, settings: &Settings) -> Result<Vec<PageOrigin>, Exit> {
        let listed = if self.origins.is_empty() {
            settings.serve.origins.as_deref().unwrap_or_default()
        } else {
            &self.origins
        };
        let origins = listed.iter().map(|text| text.parse());
        origins.collect::<Result<_, _>>().map_err(Exit::usage)
    }

    /// The door of an address.
    pub(crate) fn door(&self, address: std::net::SocketAddr, settings: &Settings) -> Door {
        let named = if self.allowed_hosts.is_empty() {
            settings.allowed_hosts.clone().unwrap_or_default()
        } else {
            self.allowed_hosts.clone()
        };
        Door::tcp(address).known_as(named)
    }

    /// Whether Scope's addresses are open. Only where nobody else's machine comes.
    pub(crate) fn scope_open(&self, settings: &Settings, loopback: bool) -> Result<bool, Exit> {
        let open = match self.scope_api {
            Some(how) => how == Scope::Open,
            None => settings.scope_api == Some(ScopeApi::Open),
        };
        if open && !loopback {
            return Err(Exit::refused(
                "scope_api = \"open\" is for loopback alone: beyond this machine every request needs a token",
            ));
        }
        Ok(open)
    }
}

/// Tokens that open the HTTP surface.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  orrery token
  orrery token --open
  orrery token new ci --role view
  orrery token revoke ci
  orrery token rotate"
)]
pub(crate) struct Token {
    /// Print an address that opens the interface in a browser, once and within ten minutes.
    #[arg(long)]
    open: bool,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the owner's token.
    Show,
    /// List further tokens.
    List,
    /// Make a further token. It is printed once.
    New {
        /// Name, for the list and the audit log.
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value = "view")]
        role: Role,
    },
    /// Revoke a token, and put out the browsers that it let in.
    Revoke {
        /// Its name.
        name: String,
    },
    /// Put another secret in the place of a token's, such as one that was stolen. It is printed once.
    ///
    /// The old one opens nothing from here on, nor do the browsers that it let in; what they watch ends.
    Rotate {
        /// Its name; `owner` is the token of the data directory, whose file is written anew.
        #[arg(default_value = OWNER)]
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Look.
    View,
    /// Look and press controls.
    Control,
    /// Everything.
    Admin,
}

/// Runs `orrery token`.
pub(crate) async fn run(common: &Common, token: Token) -> Result<(), Exit> {
    match token.what {
        None if token.open => open(common).await,
        None | Some(What::Show) => show(&target::paths(common)),
        Some(What::List) => list(&target::find(common)?, common.json).await,
        Some(What::New { name, role }) => {
            let role = match role {
                Role::View => "view",
                Role::Control => "control",
                Role::Admin => "admin",
            };
            let body = json!({ "name": name, "role": role });
            let made = ask(&target::find(common)?, Method::POST, "/api/tokens", Some(&body)).await?;
            tell(common, &made)
        }
        Some(What::Revoke { name }) => {
            let path = format!("/api/tokens/{name}");
            ask(&target::find(common)?, Method::DELETE, &path, None).await?;
            Ok(())
        }
        Some(What::Rotate { name }) => {
            let path = format!("/api/tokens/{name}/rotate");
            tell(
                common,
                &ask(&target::find(common)?, Method::POST, &path, None).await?,
            )
        }
    }
}

/// The one time that a secret is told.
fn tell(common: &Common, made: &Value) -> Result<(), Exit> {
    if common.json {
        return print_json(made);
    }
    say!("{}", text(made, "token"));
    Ok(())
}

fn show(paths: &Paths) -> Result<(), Exit> {
    let data = &paths.data;
    std::fs::create_dir_all(data)
        .map_err(|e| Exit::failed(format!("cannot make {}: {e}", data.display())))?;
    let token = Secret::of(data).map_err(Exit::failed)?;
    say!("{}", token.reveal());
    Ok(())
}

async fn open(common: &Common) -> Result<(), Exit> {
    let url = match &common.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => std::fs::read_to_string(target::paths(common).data.join("url")).map_err(|_| {
            Exit::no_instance("no instance listens on an address; start one with `orrery serve`")
        })?,
    };
    let link = ask(&target::find(common)?, Method::POST, "/api/links", None).await?;
    say!("{}{}", url.trim(), text(&link, "path"));
    Ok(())
}

async fn list(instance: &Instance, json: bool) -> Result<(), Exit> {
    let tokens = ask(instance, Method::GET, "/api/tokens", None).await?;
    if json {
        return print_json(&tokens);
    }
    let time = |token: &Value, key: &str| token[key].as_i64().map_or_else(|| "-".to_owned(), times::show);
    let mut out = table(&["NAME", "ROLE", "MADE", "LAST USED", "REVOKED"]);
    for token in tokens.as_array().into_iter().flatten() {
        out.add_row(vec![
            text(token, "name"),
            text(token, "role"),
            time(token, "made_ms"),
            time(token, "used_ms"),
            time(token, "revoked_ms"),
        ]);
    }
    print_table(&out);
    Ok(())
}

async fn ask(instance: &Instance, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Exit> {
    let bytes = body.map(Value::to_string).unwrap_or_default();
    let kind = body.map(|_| "application/json");
    let answer = instance.send(method, path, kind, bytes.into()).await?;
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if answer.status.is_success() {
        return Ok(value);
    }
    let message = match text(&value, "message") {
        message if message.is_empty() => format!("{instance} answered {}", answer.status),
        message => message,
    };
    Err(match answer.status.as_u16() {
        400 => Exit::usage(message),
        404 => Exit::nothing(message),
        401 | 403 | 409 => Exit::refused(message),
        _ => Exit::failed(message),
    })
}
