//! `/api/config…`: config that is said for more or for less than a plugin.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Json, Router};
use orrery_engine::api::{Caller, ConfigChange, ConfigLayerView, ConfigScope, Request, Response as Said};
use serde_json::{Map, Value};

use super::{Answer, ask, other};
use crate::error::Failure;
use crate::params::Given;
use crate::router::Gateway;

/// The routes, by what they are about.
pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/config", get(all))
        .route(
            "/api/config/global",
            get(global)
                .put(put_global)
                .patch(patch_global)
                .delete(delete_global),
        )
        .route(
            "/api/config/interfaces/{name}",
            get(interface)
                .put(put_interface)
                .patch(patch_interface)
                .delete(delete_interface),
        )
        .route(
            "/api/config/revisions/{id}/{version}",
            get(revision)
                .put(put_revision)
                .patch(patch_revision)
                .delete(delete_revision),
        )
        .route(
            "/api/config/instances/{id}",
            get(instance)
                .put(put_instance)
                .patch(patch_instance)
                .delete(delete_instance),
        )
}

async fn all(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    Ok(Json(layers(&gateway, &caller).await?).into_response())
}

async fn layers(gateway: &Gateway, caller: &Caller) -> Result<Vec<ConfigLayerView>, Failure> {
    match ask(gateway, caller, Request::ConfigLayers).await? {
        Said::Config(all) => Ok(all),
        _ => Err(other()),
    }
}

/// What is set in one place at run time.
async fn look(gateway: &Gateway, caller: &Caller, scope: ConfigScope) -> Answer {
    let all = layers(gateway, caller).await?;
    let found = all
        .into_iter()
        .find(|layer| layer.scope == scope && !layer.in_file);
    let layer = found.unwrap_or(ConfigLayerView {
        scope,
        values: Map::new(),
        in_file: false,
    });
    Ok(Json(layer).into_response())
}

async fn change(gateway: &Gateway, caller: &Caller, scope: ConfigScope, change: ConfigChange) -> Answer {
    let said = ask(gateway, caller, Request::ConfigSet { scope, change }).await?;
    Ok(Json(said).into_response())
}

/// Whatever else is said there goes.
fn whole(set: Map<String, Value>) -> ConfigChange {
    ConfigChange {
        set,
        unset: Vec::new(),
        replace: true,
    }
}

/// Other keys stay; null takes one away.
fn part(set: Map<String, Value>) -> ConfigChange {
    ConfigChange {
        set,
        ..ConfigChange::default()
    }
}

fn interface_of(name: String) -> ConfigScope {
    ConfigScope::Interface { name }
}

fn revision_of((plugin, version): (String, String)) -> ConfigScope {
    ConfigScope::Revision { plugin, version }
}

fn instance_of(plugin: String) -> ConfigScope {
    ConfigScope::Instance { plugin }
}

/// The four ways to ask for one place.
macro_rules! place {
    ($get:ident, $put:ident, $patch:ident, $delete:ident, $path:ty, $scope:expr) => {
        async fn $get(
            State(gateway): State<Gateway>,
            Extension(caller): Extension<Caller>,
            Path(path): Path<$path>,
        ) -> Answer {
            look(&gateway, &caller, $scope(path)).await
        }

        async fn $put(
            State(gateway): State<Gateway>,
            Extension(caller): Extension<Caller>,
            Path(path): Path<$path>,
            Given(set): Given<Map<String, Value>>,
        ) -> Answer {
            change(&gateway, &caller, $scope(path), whole(set)).await
        }

        async fn $patch(
            State(gateway): State<Gateway>,
            Extension(caller): Extension<Caller>,
            Path(path): Path<$path>,
            Given(set): Given<Map<String, Value>>,
        ) -> Answer {
            change(&gateway, &caller, $scope(path), part(set)).await
        }

        async fn $delete(
            State(gateway): State<Gateway>,
            Extension(caller): Extension<Caller>,
            Path(path): Path<$path>,
        ) -> Answer {
            change(&gateway, &caller, $scope(path), whole(Map::new())).await
        }
    };
}

async fn global(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    look(&gateway, &caller, ConfigScope::Global).await
}

async fn put_global(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Given(set): Given<Map<String, Value>>,
) -> Answer {
    change(&gateway, &caller, ConfigScope::Global, whole(set)).await
}

async fn patch_global(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Given(set): Given<Map<String, Value>>,
) -> Answer {
    change(&gateway, &caller, ConfigScope::Global, part(set)).await
}

async fn delete_global(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    change(&gateway, &caller, ConfigScope::Global, whole(Map::new())).await
}

place!(
    interface,
    put_interface,
    patch_interface,
    delete_interface,
    String,
    interface_of
);
place!(
    revision,
    put_revision,
    patch_revision,
    delete_revision,
    (String, String),
    revision_of
);
place!(
    instance,
    put_instance,
    patch_instance,
    delete_instance,
    String,
    instance_of
);
