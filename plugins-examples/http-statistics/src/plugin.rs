//! Rates of each process, and the report.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::ID;
use crate::count::Counter;
use crate::limits::{QUIET, ROUND};
use crate::owners::Owners;

/// What a process does, per second.
#[derive(Debug, Clone, PartialEq)]
struct Rates {
    requests: f64,
    /// By status code; codes once seen stay, so that their graphs come down to zero.
    responses: BTreeMap<u16, f64>,
    active: Instant,
}

/// The plugin. Clones share what is known.
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    host: String,
    /// Why nothing is captured, if so.
    trouble: Option<String>,
    counter: Arc<Mutex<Counter>>,
    rates: Arc<Mutex<BTreeMap<u32, Rates>>>,
}

impl Plugin {
    /// A plugin for the processes of the host of this name.
    pub(crate) fn new(host: String, trouble: Option<String>, counter: Arc<Mutex<Counter>>) -> Self {
        Plugin {
            host,
            trouble,
            counter,
            rates: Arc::default(),
        }
    }

    /// Turns counts into rates, for ever.
    pub(crate) async fn keep_counting(&self) {
        let mut owners = Owners::default();
        let mut last = Instant::now();
        loop {
            tokio::time::sleep(ROUND).await;
            let counts = self
                .counter
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .round();
            let looked = tokio::task::spawn_blocking(move || {
                let found = owners.find(counts.keys());
                (owners, counts, found)
            });
            let Ok((again, counts, found)) = looked.await else {
                return;
            };
            owners = again;
            let now = Instant::now();
            let seconds = (now - last).as_secs_f64();
            last = now;
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            // A process that ended has no rates any more; nobody else reports its node.
            rates.retain(|pid, r| {
                now - r.active < QUIET && std::path::Path::new(&format!("/proc/{pid}")).exists()
            });
            for rate in rates.values_mut() {
                rate.requests = 0.0;
                rate.responses.values_mut().for_each(|r| *r = 0.0);
            }
            for (end, count) in counts {
                let Some(pid) = found.get(&end) else { continue };
                let fresh = || Rates {
                    requests: 0.0,
                    responses: BTreeMap::new(),
                    active: now,
                };
                let rate = rates.entry(*pid).or_insert_with(fresh);
                rate.active = now;
                rate.requests += count.requests as f64 / seconds;
                for (code, responses) in count.responses {
                    *rate.responses.entry(code).or_default() += responses as f64 / seconds;
                }
            }
        }
    }

    /// The report: two kinds of metrics on the nodes of processes.
    pub(crate) fn report(&self) -> Value {
        let now = Timestamp::now().to_string();
        let metric =
            |value: f64| json!({ "samples": [{ "date": now, "value": value }], "min": 0, "max": value });
        let rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let mut nodes = Map::new();
        let mut templates = Map::new();
        templates.insert(REQUESTS.to_owned(), template(REQUESTS, "HTTP requests/s", 0.1));
        for (pid, rate) in &*rates {
            let mut metrics = Map::new();
            metrics.insert(REQUESTS.to_owned(), metric(rate.requests));
            for (code, value) in &rate.responses {
                let id = format!("http_responses_{code}_per_second");
                let priority = 0.2 + f64::from(*code) / 10_000.0;
                templates
                    .entry(id.clone())
                    .or_insert_with(|| template(&id, &format!("HTTP {code}/s"), priority));
                metrics.insert(id, metric(*value));
            }
            nodes.insert(format!("{};{pid}", self.host), json!({ "metrics": metrics }));
        }
        let mut description = "Counts HTTP requests and responses of each process".to_owned();
        if let Some(trouble) = &self.trouble {
            description = format!("{description}; at present none: {trouble}");
        }
        json!({
            "Process": { "nodes": nodes, "metric_templates": templates },
            "Plugins": [{
                "id": ID,
                "label": "HTTP statistics",
                "description": description,
                "interfaces": ["reporter"],
                "api_version": "1",
            }],
        })
    }
}

const REQUESTS: &str = "http_requests_per_second";

fn template(id: &str, label: &str, priority: f64) -> Value {
    // All rates share an axis, so that their graphs compare.
    json!({ "id": id, "label": label, "format": "number", "group": "http", "priority": priority })
}
