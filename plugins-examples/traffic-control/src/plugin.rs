//! The plugin between the host's requests and the system: keeps the last survey and runs controls.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::limits;
use crate::report;
use crate::settings::Control;
use crate::targets::{Surroundings, Survey};

/// The plugin's state. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    surroundings: Arc<Surroundings>,
    survey: Arc<Mutex<Survey>>,
    /// Held while settings are read, changed and read again.
    changing: Arc<Mutex<()>>,
    limited: Option<&'static str>,
}

/// What the host sends when a button is pressed.
#[derive(Debug, Deserialize)]
pub(crate) struct ControlRequest {
    #[serde(rename = "NodeID")]
    node: String,
    #[serde(rename = "Control")]
    control: String,
}

impl Plugin {
    pub(crate) fn new(surroundings: Surroundings) -> Self {
        // Entering namespaces and setting disciplines both are root's alone.
        let limited = (!rustix::process::geteuid().is_root()).then_some("must run as root");
        Plugin {
            surroundings: Arc::new(surroundings),
            survey: Arc::default(),
            changing: Arc::default(),
            limited,
        }
    }

    /// Looks around again and again. Requests are answered from what was seen last, because the host waits
    /// for half a second at most.
    pub(crate) async fn keep_looking(self) {
        loop {
            let before = self.survey.lock().await.clone();
            match self.surroundings.survey(&before).await {
                Ok(fresh) => {
                    let mut survey = self.survey.lock().await;
                    // A control that came in between knows better than what was read before it.
                    if *survey == before {
                        *survey = fresh;
                    }
                }
                Err(error) => crate::complain(&format!("looking around: {error:#}")),
            }
            tokio::time::sleep(limits::SURVEY_EVERY).await;
        }
    }

    /// Answers `GET /report`.
    pub(crate) async fn report(&self) -> Value {
        let survey = self.survey.lock().await;
        report::full(&survey, &self.surroundings.hostname, self.limited)
    }

    /// Answers `POST /control`.
    pub(crate) async fn control(&self, request: &ControlRequest) -> Value {
        let Some(control) = Control::find(&request.control) else {
            return error(&format!("there is no control {:?}", request.control));
        };
        if let Some(why) = self.limited {
            return error(&format!("traffic control {why}"));
        }
        let _turn = self.changing.lock().await;
        let found = self.survey.lock().await.targets.get(&request.node).cloned();
        let Some(mut target) = found else {
            return error(&format!(
                "{:?} has no network namespace of its own, or has gone",
                request.node
            ));
        };
        let outcome = self
            .surroundings
            .change(&mut target, |settings| control.apply(settings))
            .await;
        let mut survey = self.survey.lock().await;
        let shortcut = report::shortcut(&request.node, &target, &self.surroundings.hostname, &survey);
        survey.targets.insert(request.node.clone(), target);
        match outcome {
            Ok(()) => json!({ "shortcutReport": shortcut }),
            Err(failure) => json!({ "error": format!("{failure:#}"), "shortcutReport": shortcut }),
        }
    }
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}
