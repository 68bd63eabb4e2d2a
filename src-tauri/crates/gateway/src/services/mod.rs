//! The data plane behind the door: what plugins serve below `/apis`, and the objects that declare it.

mod datasources;
mod keeper;
mod objects;
mod packages;
mod pass;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use http::{Method, StatusCode};
use orrery_engine::{DatasourceSettings, Engine, Paths};
use orrery_services::limits::MAX_OBJECT_BYTES;
use orrery_services::proxy::AppGroup;
use orrery_services::registry::{DirectorySource, RegistryError};
use orrery_services::{Config, DataPlane, object};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower_http::timeout::TimeoutLayer;

use crate::limits::REQUEST_TIMEOUT;
use crate::router::{self, Gateway};
use keeper::Keeper;
pub(crate) use pass::identity;

/// Where objects come from.
#[derive(Debug, Clone)]
pub struct ServicesConfig {
    /// Directory in which objects that were applied over HTTP are kept.
    pub kept: PathBuf,
    /// Directory whose files declare objects.
    pub watched: PathBuf,
    /// What datasource proxies may reach.
    pub datasources: Vec<DatasourceSettings>,
}

impl ServicesConfig {
    /// The usual places of an instance.
    #[must_use]
    pub fn at(paths: &Paths) -> Self {
        ServicesConfig {
            kept: paths.data.join("services"),
            watched: paths.config.join("services.d"),
            datasources: Vec::new(),
        }
    }

    /// Lets datasource proxies reach these places.
    #[must_use]
    pub fn reaching(mut self, datasources: &[DatasourceSettings]) -> Self {
        self.datasources = datasources.to_vec();
        self
    }
}

/// Why services are not served.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// The directory of kept objects cannot be made or read.
    #[error("services cannot be kept in {path}: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A header for a data source cannot be had.
    #[error("the header {header} for the data source {target} cannot be set: {why}")]
    Datasource {
        /// Host and port.
        target: String,
        /// The header.
        header: String,
        /// Why.
        why: String,
    },
    /// Those who may vouch for a data source are not known.
    #[error("{path}, which says who may vouch for the data source {target}, cannot be used: {why}")]
    Authorities {
        /// Host and port.
        target: String,
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// What is kept cannot be read.
    #[error("services cannot be read: {0}")]
    Registry(#[from] RegistryError),
}

/// The running data plane.
pub(crate) struct Services {
    pub(crate) plane: DataPlane,
    _tasks: DropGuard,
}

impl Services {
    pub(crate) async fn start(engine: &Engine, config: ServicesConfig) -> Result<Arc<Self>, ServicesError> {
        let directory = |source| ServicesError::Directory {
            path: config.kept.display().to_string(),
            source,
        };
        let mut plane = Config::default().keep_in(&config.kept).map_err(directory)?;
        plane.upstreams = datasources::upstreams(&config.datasources)?;
        plane.app_groups = vec![AppGroup {
            group: object::OBJECT_GROUP.to_owned(),
            versions: vec!["v1alpha1".to_owned()],
        }];
        (plane.always, plane.otherwise) = router::manners();
        let plane = DataPlane::start(plane, Arc::new(Keeper(engine.clone()))).await?;
        let ended = CancellationToken::new();
        let files = DirectorySource::new(config.watched, plane.registry().clone());
        tokio::spawn(ended.clone().run_until_cancelled_owned(files.run()));
        let packages = packages::follow(engine.clone(), plane.registry().clone());
        tokio::spawn(ended.clone().run_until_cancelled_owned(packages));
        Ok(Arc::new(Services {
            plane,
            _tasks: ended.drop_guard(),
        }))
    }
}

/// Routes that stream: what plugins serve has no time limit but those of the data plane itself.
pub(crate) fn routes() -> Router<Gateway> {
    let declared = Router::new()
        .route(
            objects::ALL,
            get(objects::list).post(objects::create).put(objects::apply),
        )
        .route(
            objects::ONE,
            get(objects::one)
                .put(objects::put)
                .patch(objects::patch)
                .delete(objects::delete),
        )
        .layer(DefaultBodyLimit::max(MAX_OBJECT_BYTES))
        // Until the head of the answer: a watch goes on for as long as somebody watches.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            REQUEST_TIMEOUT,
        ))
        .layer(axum::middleware::from_fn(crate::error::in_form));
    Router::new()
        .merge(declared)
        .route("/apis", any(pass::pass))
        .route("/apis/{*path}", any(pass::pass))
}

/// Whether a method changes nothing by what it means.
pub(crate) fn only_looks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a path is for plugins to answer, and not for us.
pub(crate) fn is_passed_on(path: &str) -> bool {
    path.starts_with("/apis/") && !path.starts_with(objects::ALL)
}
