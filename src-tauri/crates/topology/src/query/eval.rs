//! Whether a node matches.

use regex::Regex;

use orrery_model::TopologyKind;

use crate::query::parser::Expr;
use crate::query::terms::{CompareTerm, FieldTerm, Term, slug};
use crate::query::{Cell, MatchedField, Subject};
use crate::view::{MetricInfo, ViewNode};

pub(super) fn eval(expr: &Expr, subject: &Subject<'_>) -> Option<MatchedField> {
    match expr {
        Expr::And(parts) => {
            let mut first = None;
            for part in parts {
                let matched = eval(part, subject)?;
                if first.as_ref().is_none_or(|f| *f == MatchedField::default()) {
                    first = Some(matched);
                }
            }
            first
        }
        Expr::Or(parts) => parts.iter().find_map(|part| eval(part, subject)),
        Expr::Not(inner) => match eval(inner, subject) {
            Some(_) => None,
            None => Some(MatchedField::default()),
        },
        Expr::Term(term) => match term {
            Term::Text(text) => find_text(text, subject),
            Term::Kind(kind) => is_kind(kind, subject.node).then(MatchedField::default),
            Term::Field(field) => find_field(field, subject),
            Term::Compare(compare) => find_compare(compare, subject),
            Term::Changed(within_ms) => {
                let ago = (subject.changed_ago_ms)()?;
                (ago <= *within_ms).then(MatchedField::default)
            }
        },
    }
}

/// A searchable fact: name shown, key, value.
struct Row<'a> {
    label: &'a str,
    key: &'a str,
    value: &'a str,
}

impl Row<'_> {
    fn matched(&self) -> MatchedField {
        let field = if self.label == LABEL { "" } else { self.label };
        MatchedField {
            field: field.to_owned(),
            value: self.value.to_owned(),
        }
    }

    fn is_named(&self, field: &Regex) -> bool {
        field.is_match(&slug(self.label)) || (!self.key.is_empty() && field.is_match(&slug(self.key)))
    }
}

const LABEL: &str = "label";
const ID: &str = "id";

fn rows(node: &ViewNode) -> impl Iterator<Item = Row<'_>> {
    let own = [(LABEL, &node.label), ("label minor", &node.label_minor)];
    let own = own.into_iter().map(|(label, value)| Row {
        label,
        key: "",
        value,
    });
    let metadata = node.metadata.iter().map(|m| Row {
        label: &m.label,
        key: &m.id,
        value: &m.value,
    });
    let parents = node.parents.iter().map(|p| Row {
        label: &p.topology,
        key: "",
        value: &p.label,
    });
    own.chain(metadata).chain(parents)
}

fn find_text(text: &Regex, subject: &Subject<'_>) -> Option<MatchedField> {
    let row = rows(subject.node).find(|r| text.is_match(r.value));
    row.map(|r| r.matched())
        .or_else(|| find_cell(subject, |c| text.is_match(&c.value)))
}

fn find_cell(subject: &Subject<'_>, matches: impl Fn(&Cell) -> bool) -> Option<MatchedField> {
    let cell = (subject.cells)().into_iter().find(matches)?;
    Some(MatchedField {
        field: cell.label.unwrap_or_default().to_string(),
        value: cell.value.to_string(),
    })
}

fn find_field(term: &FieldTerm, subject: &Subject<'_>) -> Option<MatchedField> {
    let node = subject.node;
    if let Some((long, lead)) = &term.long {
        if has_field(long, subject) {
            return find_named(long, &term.text, subject);
        }
        find_text(lead, subject)?;
    }
    if term.field.as_str() == ID && term.text.is_match(&node.id) {
        return Some(MatchedField {
            field: ID.to_owned(),
            value: node.id.to_string(),
        });
    }
    if has_field(&term.field, subject) {
        return find_named(&term.field, &term.text, subject);
    }
    // `nginx:latest` looks like a field and is none. Cells of tables with columns have no name, so that
    // any name is theirs.
    find_text(&term.plain, subject)
        .or_else(|| find_cell(subject, |c| c.label.is_none() && term.text.is_match(&c.value)))
}

fn has_field(field: &Regex, subject: &Subject<'_>) -> bool {
    rows(subject.node).any(|r| r.is_named(field)) || (subject.cells)().iter().any(|c| c.is_named(field))
}

impl Cell {
    fn is_named(&self, field: &Regex) -> bool {
        self.label
            .as_ref()
            .is_some_and(|label| field.is_match(&slug(label)))
    }
}

fn find_named(field: &Regex, text: &Regex, subject: &Subject<'_>) -> Option<MatchedField> {
    rows(subject.node)
        .find(|r| text.is_match(r.value) && r.is_named(field))
        .map(|r| r.matched())
        .or_else(|| {
            find_cell(subject, |c| {
                text.is_match(&c.value) && (c.label.is_none() || c.is_named(field))
            })
        })
}

fn find_compare(term: &CompareTerm, subject: &Subject<'_>) -> Option<MatchedField> {
    let (node, infos) = (subject.node, subject.infos);
    for (text, name) in &term.readings {
        let Some((label, value)) = number_named(name, node, infos) else {
            continue;
        };
        if let Some(text) = text {
            find_text(text, subject)?;
        }
        let holds = term.comparison.holds(value, term.value);
        return holds.then(|| MatchedField {
            field: label.to_owned(),
            value: value.to_string(),
        });
    }
    find_text(term.plain.as_ref()?, subject)
}

/// The newest reading of a metric, or a number among the facts, whose name has this slug.
fn number_named<'a>(name: &str, node: &'a ViewNode, infos: &'a [MetricInfo]) -> Option<(&'a str, f64)> {
    let metric = node.metrics.iter().find_map(|m| {
        let info = infos.iter().find(|i| i.id == m.id)?;
        (slug(&info.label) == name || slug(&info.id) == name).then_some((info.label.as_str(), m.value))
    });
    metric.or_else(|| {
        node.metadata
            .iter()
            .filter(|m| slug(&m.label) == name || slug(&m.id) == name)
            .find_map(|m| Some((m.label.as_str(), m.value.parse().ok()?)))
    })
}

/// `container`, `containers`, `image`, `container_image`, `internet`, `group`, `pseudo`.
fn is_kind(kind: &str, node: &ViewNode) -> bool {
    if slug(&node.kind) == kind {
        return true;
    }
    if let Some(known) = TopologyKind::from_tag(&node.kind) {
        return slug(known.label()) == kind || slug(known.label_plural()) == kind;
    }
    match kind {
        "group" | "stack" => node.kind.starts_with("group:"),
        "internet" => node.id.ends_with("theinternet"),
        _ => node
            .kind
            .split(':')
            .nth(1)
            .and_then(TopologyKind::from_tag)
            .is_some_and(|member| slug(member.label()) == kind || slug(member.label_plural()) == kind),
    }
}
