//! Tokens to an expression.

use crate::derive::limits::{MAX_CHANGED_IN_S, MAX_QUERY_BYTES, MAX_QUERY_DEPTH, MAX_QUERY_TERMS};
use crate::query::QueryError;
use crate::query::lexer::{Token, What, tokens};
use crate::query::terms::{
    CompareTerm, Comparison, FieldTerm, Term, duration_ms, literal, number, pattern, slug,
};

/// A condition on nodes.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Term(Term),
}

/// Field of a node's kind. Its text is one word, so that more may follow.
const KIND: &str = "kind";
/// Names of fields that people use instead of the ones shown.
const ALIASES: [(&str, &str); 2] = [("ns", "namespace"), ("cmd", "command")];

/// Words of a term that asks for what changed: `changed in 10m`.
const CHANGED: [&str; 2] = ["changed", "in"];

/// What a query says.
#[derive(Debug, Clone, Default)]
pub(super) struct Parsed {
    /// None matches everything.
    pub(super) root: Option<Expr>,
    /// Where it first asks for what changed, in bytes.
    pub(super) changed: Option<(u32, u32)>,
}

pub(super) fn parse(text: &str) -> Result<Parsed, QueryError> {
    if text.len() > MAX_QUERY_BYTES {
        let message = format!("The query is longer than {MAX_QUERY_BYTES} bytes. Shorten it.");
        return Err(error(message, MAX_QUERY_BYTES, text.len()));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser {
        text,
        tokens: &tokens,
        at: 0,
        terms: 0,
        changed: None,
    };
    if tokens.is_empty() {
        return Ok(Parsed::default());
    }
    let expr = parser.either(0)?;
    match parser.peek() {
        None => Ok(Parsed {
            root: Some(expr),
            changed: parser.changed,
        }),
        Some(token) => Err(at(token, "This closing parenthesis has no opening one.")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    terms: usize,
    changed: Option<(u32, u32)>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn either(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.both(depth)?];
        while self.peek().is_some_and(|t| t.what == What::Or) {
            self.at += 1;
            parts.push(self.both(depth)?);
        }
        Ok(joined(parts, Expr::Or))
    }

    fn both(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.one(depth)?];
        loop {
            match self.peek().map(|t| &t.what) {
                Some(What::And) => {
                    self.at += 1;
                    parts.push(self.one(depth)?);
                }
                Some(What::Not | What::Open | What::Word(_) | What::Quoted(_)) => {
                    parts.push(self.one(depth)?);
                }
                _ => return Ok(joined(parts, Expr::And)),
            }
        }
    }

    fn one(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let Some(token) = self.peek() else {
            let end = self.text.len();
            return Err(error("Something must follow here.", end, end));
        };
        if depth > MAX_QUERY_DEPTH {
            return Err(at(token, "The query is nested too deeply."));
        }
        match &token.what {
            What::Not => {
                self.at += 1;
                Ok(Expr::Not(Box::new(self.one(depth + 1)?)))
            }
            What::Open => {
                self.at += 1;
                let inner = self.either(depth + 1)?;
                match self.peek() {
                    Some(t) if t.what == What::Close => {
                        self.at += 1;
                        Ok(inner)
                    }
                    _ => Err(at(token, "This parenthesis is not closed.")),
                }
            }
            What::Word(_) | What::Quoted(_) => self.run(),
            What::Close => Err(at(token, "Something must stand before this parenthesis.")),
            What::And | What::Or => Err(at(
                token,
                "Something must stand before this word. Quote it to search for it.",
            )),
            What::Compare(_) => Err(at(token, "The name of a metric must stand before this sign.")),
        }
    }

    /// Words up to the next keyword, parenthesis or comparison, and that comparison.
    fn run(&mut self) -> Result<Expr, QueryError> {
        let from = self.at;
        while self
            .peek()
            .is_some_and(|t| matches!(t.what, What::Word(_) | What::Quoted(_)))
        {
            self.at += 1;
        }
        let words = &self.tokens[from..self.at];
        let terms = match self.peek().map(|t| &t.what) {
            Some(What::Compare(comparison)) => self.comparison(words, *comparison)?,
            _ => self.texts(words)?,
        };
        self.terms += terms.len();
        if self.terms > MAX_QUERY_TERMS {
            let end = self.tokens[self.at - 1].end;
            let message = format!("The query has more than {MAX_QUERY_TERMS} parts. Shorten it.");
            return Err(error(message, words[0].start, end));
        }
        Ok(joined(terms.into_iter().map(Expr::Term).collect(), Expr::And))
    }

    fn comparison(&mut self, words: &[Token], comparison: Comparison) -> Result<Vec<Term>, QueryError> {
        let sign = &self.tokens[self.at];
        self.at += 1;
        let value = match self.peek() {
            Some(token) if matches!(token.what, What::Word(_) | What::Quoted(_)) => token,
            _ => return Err(at(sign, "A number must follow this sign, such as 80 or 1.5g.")),
        };
        self.at += 1;
        let tight = |w: &Token| w.end == sign.start && value.start == sign.end;
        let whole = words
            .last()
            .filter(|w| comparison == Comparison::Equals && tight(w));
        let plain = whole.map(|w| &self.text[w.start..value.end]);
        let number = match &value.what {
            What::Word(word) => number(word),
            _ => None,
        };
        let Some(number) = number else {
            // `NAME=value` is text that people search for.
            if let (Some(plain), Some((_, before))) = (plain, words.split_last()) {
                let mut terms = self.texts(before)?;
                terms.push(Term::Text(literal(plain)));
                return Ok(terms);
            }
            return Err(at(
                value,
                "This is not a number. Use one such as 80 or 1.5g, or quote the text.",
            ));
        };
        // Fields take their own word alone here, so that the rest is the metric's name.
        let field = |at: &usize| field_of(&words[*at]).is_some() || is_quoted(&words[*at]);
        let named = (0..words.len()).rev().find(field).map_or(0, |at| at + 1);
        let changed = (0..words.len())
            .rev()
            .find(|at| changed_in(&words[*at..]).is_some())
            .map_or(0, |at| at + CHANGED.len() + 1);
        let (fields, name) = words.split_at(named.max(changed));
        let Some(first) = name.first() else {
            return Err(at(sign, "The name of a metric must stand before this sign."));
        };
        let mut terms = Vec::new();
        let mut rest = fields;
        while let Some(field) = rest.first() {
            let taken = changed_in(rest).map_or(1, |_| CHANGED.len() + 1);
            let taken = if changed == 0 || is_quoted(field) {
                1
            } else {
                taken
            };
            terms.extend(self.texts(&rest[..taken])?);
            rest = &rest[taken..];
        }
        let end = name[name.len() - 1].end;
        let readings = name
            .iter()
            .map(|w| {
                let text = self.text[first.start..w.start].trim();
                let text = (!text.is_empty()).then(|| pattern(text));
                (text, slug(&self.text[w.start..end]))
            })
            .filter(|(_, slug)| !slug.is_empty())
            .collect();
        let plain = plain.map(literal);
        terms.push(Term::Compare(Box::new(CompareTerm {
            readings,
            comparison,
            value: number,
            plain,
        })));
        Ok(terms)
    }

    /// Words as texts, fields and times of change.
    fn texts(&mut self, words: &[Token]) -> Result<Vec<Term>, QueryError> {
        let mut terms = Vec::new();
        let mut rest = words;
        while let Some(at) = (0..rest.len()).find(|at| changed_in(&rest[*at..]).is_some()) {
            let (before, from) = rest.split_at(at);
            let (said, after) = from.split_at(CHANGED.len() + 1);
            terms.extend(self.plain_texts(before));
            terms.push(self.changed(said)?);
            rest = after;
        }
        terms.extend(self.plain_texts(rest));
        Ok(terms)
    }

    /// `changed in 10m`, of which the words are known to be these.
    fn changed(&mut self, words: &[Token]) -> Result<Term, QueryError> {
        let (first, last) = (&words[0], &words[words.len() - 1]);
        let most_ms = i64::from(MAX_CHANGED_IN_S) * 1_000;
        let within_ms = changed_in(words).unwrap_or_default();
        if within_ms > most_ms {
            let message = format!(
                "Changes are remembered for {} minutes. Ask for a shorter time.",
                MAX_CHANGED_IN_S / 60
            );
            return Err(at(last, &message));
        }
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.changed.get_or_insert((place(first.start), place(last.end)));
        Ok(Term::Changed(within_ms))
    }

    /// Words as texts and fields.
    fn plain_texts(&self, words: &[Token]) -> Vec<Term> {
        let mut terms = Vec::new();
        let mut rest = words;
        while !rest.is_empty() {
            let next = rest
                .iter()
                .position(|w| field_of(w).is_some() || matches!(w.what, What::Quoted(_)));
            let Some(next) = next else {
                terms.push(Term::Text(pattern(self.span(rest))));
                break;
            };
            let (lead, from) = rest.split_at(next);
            let taken = match &from[0].what {
                What::Quoted(text) => {
                    self.lead(lead, &mut terms);
                    terms.push(Term::Text(literal(text)));
                    1
                }
                _ => self.field(lead, from, &mut terms),
            };
            rest = &from[taken..];
        }
        terms
    }

    /// Reads a field and its text; says how many words it took.
    fn field(&self, lead: &[Token], from: &[Token], terms: &mut Vec<Term>) -> usize {
        let Some((name, text)) = field_of(&from[0]) else {
            return 1;
        };
        if name.eq_ignore_ascii_case(KIND) && !text.is_empty() {
            self.lead(lead, terms);
            terms.push(Term::Kind(slug(text)));
            return 1;
        }
        let (text, plain, taken) = if text.is_empty() {
            // `command:"…"`, or a word that ends in a colon.
            match from.get(1) {
                Some(Token {
                    what: What::Quoted(text),
                    start,
                    ..
                }) if *start == from[0].end => (literal(text), literal(&format!("{name}:{text}")), 2),
                _ => {
                    let all = from
                        .iter()
                        .skip(1)
                        .position(|w| field_of(w).is_some() || is_quoted(w));
                    let taken = all.map_or(from.len(), |n| n + 1);
                    let first = lead.first().unwrap_or(&from[0]);
                    let span = &self.text[first.start..from[taken - 1].end];
                    terms.push(Term::Text(pattern(span)));
                    return taken;
                }
            }
        } else {
            let more = from
                .iter()
                .skip(1)
                .position(|w| field_of(w).is_some() || is_quoted(w));
            let taken = more.map_or(from.len(), |n| n + 1);
            let begin = from[0].start + name.len() + 1;
            let text = &self.text[begin..from[taken - 1].end];
            (pattern(text), pattern(self.span(&from[..taken])), taken)
        };
        let alias = ALIASES.iter().find(|(short, _)| name.eq_ignore_ascii_case(short));
        let name = alias.map_or(name, |(_, long)| long);
        let long = (!lead.is_empty()).then(|| {
            let lead = self.span(lead);
            (pattern(&slug(&format!("{lead}{name}"))), pattern(lead))
        });
        terms.push(Term::Field(Box::new(FieldTerm {
            long,
            field: pattern(&field_slug(name)),
            text,
            plain,
        })));
        taken
    }

    fn lead(&self, lead: &[Token], terms: &mut Vec<Term>) {
        if !lead.is_empty() {
            terms.push(Term::Text(pattern(self.span(lead))));
        }
    }

    fn span(&self, words: &[Token]) -> &'a str {
        match (words.first(), words.last()) {
            (Some(first), Some(last)) => &self.text[first.start..last.end],
            _ => "",
        }
    }
}

/// Fields are compared with slugs, so what a slug cannot hold is dropped from a plain name; a name that is
/// a regular expression stays one.
fn field_slug(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || " _-#/".contains(c));
    if plain { slug(name) } else { name.to_lowercase() }
}

/// Both sides of a word with one colon. The right one may be empty: a quote may follow.
fn field_of(token: &Token) -> Option<(&str, &str)> {
    let What::Word(word) = &token.what else {
        return None;
    };
    let (name, text) = word.split_once(':')?;
    (!name.is_empty() && !text.contains(':')).then_some((name, text))
}

/// The time, in milliseconds, where words begin with `changed in 10m`.
fn changed_in(words: &[Token]) -> Option<i64> {
    let [changed, inside, time, ..] = words else {
        return None;
    };
    let says =
        |token: &Token, word: &str| matches!(&token.what, What::Word(w) if w.eq_ignore_ascii_case(word));
    match &time.what {
        What::Word(time) if says(changed, CHANGED[0]) && says(inside, CHANGED[1]) => duration_ms(time),
        _ => None,
    }
}

fn is_quoted(token: &Token) -> bool {
    matches!(token.what, What::Quoted(_))
}

fn joined(mut parts: Vec<Expr>, make: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => make(parts),
    }
}

fn at(token: &Token, message: &str) -> QueryError {
    error(message, token.start, token.end)
}

pub(super) fn error(message: impl Into<String>, start: usize, end: usize) -> QueryError {
    let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    QueryError {
        message: message.into(),
        start: position(start),
        end: position(end),
    }
}
