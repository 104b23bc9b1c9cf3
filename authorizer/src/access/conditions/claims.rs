//! The members of `claims`: what a claim must be.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::Translation;
use crate::requirement::{ClaimTest, Comparison, Condition, Grant, Operand, Test, is_exact};

impl Translation<'_, '_> {
    pub(super) fn claims(&mut self, claims: Option<BTreeMap<String, Value>>) -> Vec<Condition> {
        let Some(claims) = claims else {
            return Vec::new();
        };
        if claims.is_empty() {
            self.problem("has empty `claims`, which ask for nothing");
        }
        let mut conditions = Vec::new();
        for (name, asked) in claims {
            for test in self.tests(&name, asked) {
                match ClaimTest::new(&name, test) {
                    Ok(test) => conditions.push(Condition::Claim(test)),
                    Err(error) => self.problem(format!("cannot ask for a claim: {error}")),
                }
            }
        }
        conditions
    }

    fn tests(&mut self, claim: &str, asked: Value) -> Vec<Test> {
        match asked {
            Value::Object(tests) => self.named_tests(claim, tests),
            Value::Array(_) => {
                self.problem(format!(
                    "asks that `{claim}` is a list; write `{{in: […]}}` or `{{contains: …}}`"
                ));
                Vec::new()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let operand = self.operand(claim, asked);
                operand.map(Test::Equals).into_iter().collect()
            }
        }
    }

    fn named_tests(&mut self, claim: &str, tests: Map<String, Value>) -> Vec<Test> {
        if tests.is_empty() {
            self.problem(format!("asks nothing of `{claim}`"));
        }
        let tests = tests.into_iter();
        let tests = tests.map(|(name, value)| match (name.as_str(), value) {
            ("in", Value::Array(values)) => self.one_of(claim, values),
            ("contains", value) => self.operand(claim, value).map(Test::Contains),
            ("starts_with", Value::String(prefix)) => {
                self.plain(claim, &prefix).map(Test::StartsWith)
            }
            ("at_least", Value::Number(number)) => {
                self.side(claim, Comparison::AtLeast, number)
            }
            ("at_most", Value::Number(number)) => self.side(claim, Comparison::AtMost, number),
            ("above", Value::Number(number)) => self.side(claim, Comparison::Above, number),
            ("below", Value::Number(number)) => self.side(claim, Comparison::Below, number),
            ("exists", Value::Bool(exists)) => Some(Test::Exists(exists)),
            (name, _) => {
                self.problem(format!(
                    "asks of `{claim}`: `{name}` is none of `in` with a list, `contains` with a value, `starts_with` with a text, \
                     `at_least`, `at_most`, `above`, `below` with a number, `exists` with `true` or `false`"
                ));
                None
            }
        });
        tests.flatten().collect()
    }

    fn one_of(&mut self, claim: &str, values: Vec<Value>) -> Option<Test> {
        if values.is_empty() {
            self.problem(format!("asks that `{claim}` is in an empty list"));
        }
        let mut operands = Vec::new();
        for value in values {
            let operand = match &value {
                Value::String(text) => {
                    let plain = self.plain(claim, text);
                    plain.map(|text| Operand::Text(Grant::Named(text)))
                }
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => self.operand(claim, value),
            };
            operands.extend(operand);
        }
        Some(Test::In(operands))
    }

    fn side(&mut self, claim: &str, comparison: Comparison, number: Number) -> Option<Test> {
        let number = self.number(claim, number)?;
        Some(Test::Compares(comparison, number))
    }

    fn operand(&mut self, claim: &str, value: Value) -> Option<Operand> {
        match value {
            Value::Bool(value) => Some(Operand::Bool(value)),
            Value::Number(number) => self.number(claim, number).map(Operand::Number),
            Value::String(text) => {
                let text = self.reader.value(claim, &text)?;
                match Grant::text(&text) {
                    Ok(text) => Some(Operand::Text(text)),
                    Err(error) => {
                        self.problem(format!("asks of `{claim}`: {error}"));
                        None
                    }
                }
            }
            Value::Null | Value::Array(_) | Value::Object(_) => {
                self.problem(format!(
                    "compares `{claim}` with something that is no string, number or boolean"
                ));
                None
            }
        }
    }

    /// A text in which no parameter may stand.
    fn plain(&mut self, claim: &str, text: &str) -> Option<String> {
        let text = self.reader.value(claim, text)?;
        if text.contains(['{', '}']) {
            self.problem(format!(
                "asks of `{claim}`: a parameter may stand in a value and in `contains`, not in `{text}`"
            ));
            return None;
        }
        Some(text)
    }

    fn number(&mut self, claim: &str, number: Number) -> Option<Number> {
        if !is_exact(&number) {
            self.problem(format!(
                "compares `{claim}` with {number}, which is too large to be compared exactly"
            ));
            return None;
        }
        Some(number)
    }
}
