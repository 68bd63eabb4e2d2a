//! What the plugin can do to traffic, and the words for it.

use serde_json::{Value, json};

/// What is done to the packets that leave an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    /// Added latency in milliseconds.
    pub(crate) latency_ms: u32,
    /// Packets lost, in hundredths of a per cent.
    pub(crate) loss: u32,
}

impl Settings {
    /// True when packets are left alone.
    pub(crate) fn is_none(self) -> bool {
        self == Settings::default()
    }

    /// `500ms`, or a dash.
    pub(crate) fn latency_text(self) -> String {
        if self.latency_ms == 0 {
            "-".to_owned()
        } else {
            format!("{}ms", self.latency_ms)
        }
    }

    /// `10%` or `0.25%`, or a dash.
    pub(crate) fn loss_text(self) -> String {
        match (self.loss / 100, self.loss % 100) {
            (0, 0) => "-".to_owned(),
            (whole, 0) => format!("{whole}%"),
            (whole, part) => format!("{whole}.{part:02}%"),
        }
    }
}

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Control {
    /// Id within the plugin.
    pub(crate) id: &'static str,
    human: &'static str,
    icon: &'static str,
    rank: u32,
    effect: Effect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Latency(u32),
    Loss(u32),
    Nothing,
}

/// The buttons, in the order shown.
pub(crate) const CONTROLS: [Control; 5] = [
    Control {
        id: "traffic-control-table-slow",
        human: "Traffic speed: slow",
        icon: "fa-hourglass-1",
        rank: 20,
        effect: Effect::Latency(2_000),
    },
    Control {
        id: "traffic-control-table-medium",
        human: "Traffic speed: medium",
        icon: "fa-hourglass-2",
        rank: 21,
        effect: Effect::Latency(1_000),
    },
    Control {
        id: "traffic-control-table-fast",
        human: "Traffic speed: fast",
        icon: "fa-hourglass-3",
        rank: 22,
        effect: Effect::Latency(500),
    },
    Control {
        id: "traffic-control-table-pkt-drop-low",
        human: "Packet drop: low",
        icon: "fa-cut",
        rank: 23,
        effect: Effect::Loss(1_000),
    },
    Control {
        id: "traffic-control-table-clear",
        human: "Clear traffic control settings",
        icon: "fa-times-circle",
        rank: 24,
        effect: Effect::Nothing,
    },
];

impl Control {
    /// The button with this id.
    pub(crate) fn find(id: &str) -> Option<Control> {
        CONTROLS.into_iter().find(|control| control.id == id)
    }

    /// What pressing it makes of the settings: latency and loss are set apart, and cleared together.
    pub(crate) fn apply(self, before: Settings) -> Settings {
        match self.effect {
            Effect::Latency(latency_ms) => Settings { latency_ms, ..before },
            Effect::Loss(loss) => Settings { loss, ..before },
            Effect::Nothing => Settings::default(),
        }
    }

    /// Its declaration in a report.
    pub(crate) fn declaration(self) -> Value {
        json!({ "id": self.id, "human": self.human, "icon": self.icon, "rank": self.rank })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, before: Settings, texts: (&str, &str)) {
        let after = Control::find(id).unwrap().apply(before);
        assert_eq!(
            (after.latency_text().as_str(), after.loss_text().as_str()),
            texts,
            "{id}"
        );
    }

    #[test]
    fn controls_set_one_thing_and_keep_the_other() {
        let both = Settings {
            latency_ms: 30,
            loss: 25,
        };
        check("traffic-control-table-slow", both, ("2000ms", "0.25%"));
        check(
            "traffic-control-table-medium",
            Settings::default(),
            ("1000ms", "-"),
        );
        check("traffic-control-table-fast", Settings::default(), ("500ms", "-"));
        check("traffic-control-table-pkt-drop-low", both, ("30ms", "10%"));
        check("traffic-control-table-clear", both, ("-", "-"));
        assert_eq!(Control::find("traffic-control-table-"), None);
    }
}
