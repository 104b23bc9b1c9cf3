//! Schemas of values: scalars by datatype, and lists of them as long as the axes are.

use serde_json::{Map, Value, json};

use crate::engine::{Dimension, Port};
use crate::tensor::Datatype;

/// How long a list may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) least: usize,
    pub(super) most: Option<usize>,
}

impl Length {
    /// No more and no less.
    pub(super) fn exactly(length: usize) -> Self {
        Self {
            least: length,
            most: Some(length),
        }
    }

    /// Nothing that is empty is asked for.
    pub(super) const SOME: Self = Self {
        least: 1,
        most: None,
    };

    /// Answers may be empty.
    pub(super) const ANY: Self = Self {
        least: 0,
        most: None,
    };

    /// Of one axis, which is `open` where any length will do.
    pub(super) fn of(axis: &Dimension, open: Self) -> Self {
        match axis {
            Dimension::Fixed(length) => Self::exactly(*length),
            Dimension::Named(_) | Dimension::Any => open,
        }
    }

    /// The only length there is.
    pub(super) fn fixed(self) -> Option<usize> {
        self.most.filter(|most| *most == self.least)
    }

    fn constrain(self, schema: &mut Map<String, Value>, least: &str, most: &str) {
        if self.least > 0 {
            schema.insert(least.to_owned(), self.least.into());
        }
        if let Some(limit) = self.most {
            schema.insert(most.to_owned(), limit.into());
        }
    }
}

/// A component by its name.
pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// One value of an input or output.
pub(super) fn scalar(port: &Port) -> Value {
    if port.datatype != Datatype::Octets {
        return reference("schemas", &port.datatype.to_string());
    }
    let encoded = json!({
        "type": "string",
        "contentEncoding": "base64",
        "description": "A picture: JPEG, PNG or WebP.",
    });
    any_of(vec![encoded.clone(), object([("b64", encoded)])])
}

/// A list of one thing.
pub(super) fn list(length: Length, items: Value) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "array".into());
    schema.insert("items".to_owned(), items);
    length.constrain(&mut schema, "minItems", "maxItems");
    schema.into()
}

/// Lists within lists.
pub(super) fn nested(lengths: &[Length], innermost: Value) -> Value {
    let lengths = lengths.iter().rev();
    lengths.fold(innermost, |items, length| list(*length, items))
}

/// A list of these things, in this order.
pub(super) fn tuple(items: Vec<Value>) -> Value {
    let count = items.len();
    if count == 0 {
        return json!({"type": "array", "maxItems": 0});
    }
    json!({"type": "array", "prefixItems": items, "minItems": count, "maxItems": count})
}

/// The shape of a tensor, as the Open Inference Protocol has it.
pub(super) fn shape(lengths: &[Length]) -> Value {
    let axis = |length: &Length| match length.fixed() {
        Some(length) => json!({"const": length}),
        None => {
            let mut schema = Map::new();
            schema.insert("type".to_owned(), "integer".into());
            schema.insert("minimum".to_owned(), length.least.into());
            if let Some(most) = length.most {
                schema.insert("maximum".to_owned(), most.into());
            }
            schema.into()
        }
    };
    tuple(lengths.iter().map(axis).collect())
}

/// An object that has all of these members and no others.
pub(super) fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let members: Map<String, Value> = members
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    let names: Vec<&String> = members.keys().collect();
    let required = json!(names);
    json!({"type": "object", "required": required, "properties": members, "additionalProperties": false})
}

/// The schema of an object with one more property, or another one of that name.
pub(super) fn with(mut schema: Value, name: &str, property: Value) -> Value {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(properties) = properties {
        properties.insert(name.to_owned(), property);
    }
    schema
}

/// Whichever of these; no choice where there is one alone.
pub(super) fn any_of(schemas: Vec<Value>) -> Value {
    match <[Value; 1]>::try_from(schemas) {
        Ok([only]) => only,
        Err(schemas) => json!({"anyOf": schemas}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_as_long_as_axes_are() {
        let lengths = [
            Length {
                least: 1,
                most: Some(9),
            },
            Length::exactly(2),
            Length::ANY,
        ];
        let innermost = json!({"type": "array", "items": true});
        let middle = json!({"type": "array", "items": innermost, "minItems": 2, "maxItems": 2});
        let outermost = json!({"type": "array", "items": middle, "minItems": 1, "maxItems": 9});
        assert_eq!(nested(&lengths, json!(true)), outermost);
        let axes = json!([{"type": "integer", "minimum": 1, "maximum": 9}, {"const": 2}, {"type": "integer", "minimum": 0}]);
        let expected = json!({"type": "array", "prefixItems": axes, "minItems": 3, "maxItems": 3});
        assert_eq!(shape(&lengths), expected);
        assert_eq!(shape(&[]), json!({"type": "array", "maxItems": 0}));
    }

    #[test]
    fn one_choice_is_none() {
        assert_eq!(any_of(vec![json!(true)]), json!(true));
        assert_eq!(
            any_of(vec![json!(true), json!(false)]),
            json!({"anyOf": [true, false]})
        );
    }
}
