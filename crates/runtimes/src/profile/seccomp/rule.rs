//! Rules of a profile, as far as they are looked at; whatever else is in them stays.

use crate::operator::Operator;
use serde_json::{Map, Value, json};

/// A comparison of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) index: u64,
    pub(super) value: u64,
    pub(super) second: u64,
    pub(super) operator: Operator,
}

impl Comparison {
    /// The argument's bits of the mask have this value.
    pub(super) fn masked(index: u64, mask: u64, value: u64) -> Comparison {
        Comparison { index, value: mask, second: value, operator: Operator::MaskedEqual }
    }

    pub(super) fn new(index: u64, operator: Operator, value: u64) -> Comparison {
        Comparison { index, value, second: 0, operator }
    }

    fn parse(value: &Value) -> Option<Comparison> {
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        let operator = Operator::named(value.get("op")?.as_str()?)?;
        Some(Comparison {
            index: number("index")?,
            value: number("value")?,
            second: number("valueTwo").unwrap_or(0),
            operator,
        })
    }

    fn to_json(self) -> Value {
        json!({"index": self.index, "value": self.value, "valueTwo": self.second, "op": self.operator.name()})
    }

    /// Whether it holds for an argument.
    pub(super) fn holds(self, argument: u64) -> bool {
        self.operator.holds(argument, self.value, self.second)
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) names: Vec<String>,
    pub(super) action: String,
    pub(super) comparisons: Vec<Comparison>,
    /// Conditions on capabilities, architectures and kernels, comments, and what is not known here.
    pub(super) rest: Map<String, Value>,
}

pub(super) const ALLOW: &str = "SCMP_ACT_ALLOW";
pub(super) const ERRNO: &str = "SCMP_ACT_ERRNO";
pub(super) const NOTIFY: &str = "SCMP_ACT_NOTIFY";

impl Rule {
    /// Allows, without conditions.
    pub(super) fn allowing() -> Rule {
        Rule { names: Vec::new(), action: ALLOW.to_owned(), comparisons: Vec::new(), rest: Map::new() }
    }

    /// `None` if it is none.
    pub(super) fn parse(value: &Value) -> Option<Rule> {
        let mut rest = value.as_object()?.clone();
        let mut names: Vec<String> = match rest.remove("names") {
            Some(names) => serde_json::from_value(names).ok()?,
            None => Vec::new(),
        };
        // An older form.
        names.extend(rest.remove("name").and_then(|name| name.as_str().map(str::to_owned)));
        let action = rest.remove("action")?.as_str()?.to_owned();
        let comparisons = match rest.remove("args") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => list.iter().map(Comparison::parse).collect::<Option<_>>()?,
            Some(_) => return None,
        };
        Some(Rule { names, action, comparisons, rest })
    }

    pub(super) fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("names".to_owned(), json!(self.names));
        object.insert("action".to_owned(), json!(self.action));
        if !self.comparisons.is_empty() {
            let comparisons = self.comparisons.iter().map(|comparison| comparison.to_json()).collect();
            object.insert("args".to_owned(), Value::Array(comparisons));
        }
        object.extend(self.rest.clone());
        Value::Object(object)
    }

    /// A rule for one call under the conditions of this one.
    pub(super) fn with(&self, name: &str, action: &str, comparisons: Vec<Comparison>) -> Rule {
        let mut rest = self.conditions();
        if action == self.action
            && let Some(errno) = self.rest.get("errnoRet")
        {
            rest.insert("errnoRet".to_owned(), errno.clone());
        }
        Rule { names: vec![name.to_owned()], action: action.to_owned(), comparisons, rest }
    }

    pub(super) fn is_unconditional(&self) -> bool {
        self.conditions().values().all(|condition| condition.as_object().is_none_or(Map::is_empty))
    }

    /// On what it depends whether the rule is there at all.
    pub(super) fn conditions(&self) -> Map<String, Value> {
        let is_condition = |(key, _): &(&String, &Value)| *key == "includes" || *key == "excludes";
        self.rest.iter().filter(is_condition).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}
