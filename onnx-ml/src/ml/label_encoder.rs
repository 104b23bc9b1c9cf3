//! `LabelEncoder` (ai.onnx.ml, versions 1, 2 and 4) and `CategoryMapper` (version 1): each value
//! is looked up, and what is not found becomes the default.
//!
//! Version 1 has `classes_strings` and maps texts to places, or places to texts. Later ones have
//! `keys_*` and `values_*` of strings, 64-bit integers or floats, from version 4 on tensors too
//! (double among them), and `default_*`. A NaN is found from version 4 on. `CategoryMapper` maps
//! `cats_strings` to `cats_int64s`, or back, as the input asks for.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only, tensor, values};
use crate::lookup::{Floats, Integers, Texts, Twin};
use crate::tract::Built;

/// What a text becomes that is not found, unless the file says otherwise.
const UNUSED: &str = "_Unused";

/// The version of the domain from which on a NaN is a key like any other.
const NAN_IS_FOUND: i64 = 4;

/// Builds `LabelEncoder` from its node.
pub(crate) fn label_encoder(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let classes: Option<Vec<String>> = node.get_attr_opt_vec("classes_strings")?;
    if let Some(classes) = classes {
        let places: Vec<i64> = (0..).take(classes.len()).collect();
        return Ok(built(both_ways(node, "LabelEncoder", &classes, &places)?));
    }
    let keys = listed(context, node, "keys")?;
    let values = listed(context, node, "values")?;
    let fits = keys.len() == values.len();
    node.expect(fits, "as many keys as values")?;
    let default = default(context, node, values.datum_type())?;
    let keys = Keys::of(&keys, version(context) >= NAN_IS_FOUND)?;
    Ok(built(Mapping {
        name: "LabelEncoder",
        tables: vec![Table::of(keys, &values, &default)?],
    }))
}

/// Builds `CategoryMapper` from its node.
pub(crate) fn category_mapper(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let texts: Vec<String> = node.get_attr_vec("cats_strings")?;
    let integers: Vec<i64> = node.get_attr_vec("cats_int64s")?;
    let fits = texts.len() == integers.len();
    node.expect(fits, "as many texts as integers")?;
    Ok(built(both_ways(node, "CategoryMapper", &texts, &integers)?))
}

/// Of equal keys the last one counts here.
fn both_ways(
    node: &NodeProto,
    name: &'static str,
    texts: &[String],
    integers: &[i64],
) -> TractResult<Mapping> {
    let default = |datum_type| default_number_or_text(node, datum_type);
    let (to_integer, to_text) = (default(DatumType::I64)?, default(DatumType::String)?);
    let of_texts = Keys::Texts(Texts::of(texts, Twin::Last)?);
    let of_integers = Keys::Integers(Integers::of(integers, Twin::Last)?);
    let tables = vec![
        Table::of(of_texts, &tensor1(integers), &to_integer)?,
        Table::of(of_integers, &tensor1(texts), &to_text)?,
    ];
    Ok(Mapping { name, tables })
}

/// The version of `ai.onnx.ml` that the file was written for.
fn version(context: &ParsingContext) -> i64 {
    let mut sets = context.model.opset_import.iter();
    let set = sets.find(|set| set.domain == "ai.onnx.ml");
    set.map_or(1, |set| set.version)
}

/// The one list of keys or values that the node has.
fn listed(context: &ParsingContext, node: &NodeProto, what: &str) -> TractResult<Tensor> {
    let integers: Option<Vec<i64>> = node.get_attr_opt_vec(&format!("{what}_int64s"))?;
    let floats: Option<Vec<f32>> = node.get_attr_opt_vec(&format!("{what}_floats"))?;
    let texts: Option<Vec<String>> = node.get_attr_opt_vec(&format!("{what}_strings"))?;
    let stored: Option<&TensorProto> = node.get_attr_opt(&format!("{what}_tensor"))?;
    let stored = stored
        .map(|stored| context.load_tensor(stored))
        .transpose()?;
    let mut lists = [
        integers.map(|list| tensor1(&list)),
        floats.map(|list| tensor1(&list)),
        texts.map(|list| tensor1(&list)),
        stored,
    ]
    .into_iter()
    .flatten();
    match (lists.next(), lists.next()) {
        (Some(list), None) => Ok(list),
        (Some(_), Some(_)) => bail!("several lists of {what}"),
        (None, _) => bail!("no list of {what}"),
    }
}

fn default(
    context: &ParsingContext,
    node: &NodeProto,
    datum_type: DatumType,
) -> TractResult<Tensor> {
    let Some(stored) = node.get_attr_opt::<&TensorProto>("default_tensor")? else {
        return default_number_or_text(node, datum_type);
    };
    let default = context.load_tensor(stored)?;
    let fits = default.datum_type() == datum_type && default.len() == 1;
    node.expect(fits, "one value in default_tensor, of the values' datatype")?;
    Ok(default)
}

fn default_number_or_text(node: &NodeProto, datum_type: DatumType) -> TractResult<Tensor> {
    if datum_type == DatumType::String {
        let text: Option<String> = node.get_attr_opt("default_string")?;
        return Ok(tensor0(text.unwrap_or_else(|| UNUSED.to_owned())));
    }
    let number = if datum_type.is_float() {
        // Doubles have their default in `default_tensor` alone.
        let float = node.get_attr_opt::<f32>("default_float")?;
        let float = float.filter(|_| datum_type == DatumType::F32);
        tensor0(float.unwrap_or(-0.0))
    } else {
        tensor0(node.get_attr_opt::<i64>("default_int64")?.unwrap_or(-1))
    };
    Ok(number.cast_to_dt(datum_type)?.into_owned())
}

#[derive(Debug)]
struct Mapping {
    name: &'static str,
    /// One for each datatype of keys.
    tables: Vec<Table>,
}

#[derive(Debug)]
struct Table {
    keys: Keys,
    /// The values in the order of their keys, and the default as the last one.
    values: Tensor,
}

#[derive(Debug)]
enum Keys {
    Texts(Texts),
    Integers(Integers),
    Floats(Floats),
    Doubles(Floats),
}

impl Keys {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all other datatypes are alike"
    )]
    fn of(keys: &Tensor, is_nan_found: bool) -> TractResult<Self> {
        let twin = Twin::First;
        Ok(match keys.datum_type() {
            DatumType::String => Self::Texts(Texts::of(values(keys)?, twin)?),
            DatumType::I64 => Self::Integers(Integers::of(values(keys)?, twin)?),
            DatumType::F32 => {
                let keys = keys.cast_to::<f64>()?;
                Self::Floats(Floats::of(values(&keys)?, twin, is_nan_found)?)
            }
            DatumType::F64 => Self::Doubles(Floats::of(values(keys)?, twin, is_nan_found)?),
            other => bail!("keys of the datatype {other:?}"),
        })
    }

    fn datum_type(&self) -> DatumType {
        match self {
            Self::Texts(_) => DatumType::String,
            Self::Integers(_) => DatumType::I64,
            Self::Floats(_) => DatumType::F32,
            Self::Doubles(_) => DatumType::F64,
        }
    }
}

impl Table {
    fn of(keys: Keys, values: &Tensor, default: &Tensor) -> TractResult<Self> {
        let flat = |tensor: &Tensor| tensor.clone().into_shape(&[tensor.len()]);
        let values = Tensor::stack_tensors(0, &[flat(values)?, flat(default)?])?;
        Ok(Self { keys, values })
    }

    fn map<V: Datum>(&self, input: &Tensor) -> TractResult<Tensor> {
        let list = values::<V>(&self.values)?;
        let (default, list) = list.split_last().context("a table has a default")?;
        let value = |place: Option<usize>| {
            let value = place.and_then(|place| list.get(place));
            value.unwrap_or(default).clone()
        };
        let found: Vec<V> = match &self.keys {
            Keys::Texts(keys) => {
                let texts = values::<String>(input)?.iter();
                texts.map(|text| value(keys.get(text))).collect()
            }
            Keys::Integers(keys) => {
                let integers = values::<i64>(input)?.iter();
                integers.map(|integer| value(keys.get(*integer))).collect()
            }
            Keys::Floats(keys) => {
                let floats = values::<f32>(input)?.iter();
                floats
                    .map(|float| value(keys.get(f64::from(*float))))
                    .collect()
            }
            Keys::Doubles(keys) => {
                let doubles = values::<f64>(input)?.iter();
                doubles.map(|double| value(keys.get(*double))).collect()
            }
        };
        tensor(input.shape(), found)
    }
}

impl Mapping {
    fn table(&self, datum_type: DatumType) -> TractResult<&Table> {
        let is_for = |table: &&Table| table.keys.datum_type() == datum_type;
        let table = self.tables.iter().find(is_for);
        table.with_context(|| format!("the keys are not of the input's datatype, {datum_type:?}"))
    }
}

impl Kernel for Mapping {
    fn name(&self) -> &'static str {
        self.name
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        let table = self.table(*datum_type)?;
        Ok(tvec![(table.values.datum_type(), shape.clone())])
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all other datatypes are alike"
    )]
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let table = self.table(input.datum_type())?;
        Ok(tvec![match table.values.datum_type() {
            DatumType::String => table.map::<String>(&input)?,
            DatumType::I64 => table.map::<i64>(&input)?,
            DatumType::I32 => table.map::<i32>(&input)?,
            DatumType::I16 => table.map::<i16>(&input)?,
            DatumType::F32 => table.map::<f32>(&input)?,
            DatumType::F64 => table.map::<f64>(&input)?,
            other => bail!("values of the datatype {other:?}"),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, evaluate, float, floats, integers, model, run, string, strings};
    use tract_onnx::pb::attribute_proto::AttributeType;
    use tract_onnx::pb::tensor_proto::DataType;
    use tract_onnx::pb::{AttributeProto, OperatorSetIdProto};

    fn texts(values: &[&str]) -> Tensor {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        tensor1(&values)
    }

    fn doubles(name: &str, values: &[f64]) -> AttributeProto {
        let tensor = TensorProto {
            dims: vec![values.len() as i64],
            data_type: DataType::Double.into(),
            double_data: values.to_vec(),
            ..Default::default()
        };
        AttributeProto {
            name: name.into(),
            t: Some(tensor),
            r#type: AttributeType::Tensor as i32,
            ..Default::default()
        }
    }

    #[track_caller]
    fn check(operator: &str, attributes: Vec<AttributeProto>, input: Tensor, expected: Tensor) {
        assert_eq!(run(operator, attributes, input).unwrap(), [expected]);
    }

    #[track_caller]
    fn check_version(
        version: i64,
        attributes: Vec<AttributeProto>,
        input: Tensor,
        expected: Tensor,
    ) {
        let mut model = model("LabelEncoder", "ai.onnx.ml", attributes);
        model.opset_import = vec![OperatorSetIdProto {
            domain: "ai.onnx.ml".into(),
            version,
        }];
        let outputs = evaluate(model, vec![Input::Given(input)]).unwrap();
        assert_eq!(outputs, [expected]);
    }

    /// Expected values: onnxruntime 1.32.0, as in all tests here.
    #[test]
    fn the_first_version_maps_texts_to_places_and_back() {
        let classes = || vec![strings("classes_strings", &["a", "b", "a"])];
        check(
            "LabelEncoder",
            classes(),
            texts(&["a", "b", "z"]),
            tensor1(&[2i64, 1, -1]),
        );
        check(
            "LabelEncoder",
            classes(),
            tensor1(&[0i64, 1, 9, -1]),
            texts(&["a", "b", UNUSED, UNUSED]),
        );
    }

    #[test]
    fn a_category_mapper_maps_both_ways() {
        let pairs = |texts, integer: &[i64]| {
            vec![
                strings("cats_strings", texts),
                integers("cats_int64s", integer),
            ]
        };
        check(
            "CategoryMapper",
            pairs(&["a", "b", "a"], &[1, 2, 3]),
            texts(&["a", "b", "z"]),
            tensor1(&[3i64, 2, -1]),
        );
        let mut attributes = pairs(&["a", "b", "c"], &[1, 2, 1]);
        check(
            "CategoryMapper",
            attributes.clone(),
            tensor1(&[1i64, 2, 9]),
            texts(&["c", "b", UNUSED]),
        );
        attributes.push(string("default_string", "?"));
        check(
            "CategoryMapper",
            attributes,
            tensor2(&[[9i64]]),
            texts(&["?"]).into_shape(&[1, 1]).unwrap(),
        );
    }

    #[test]
    fn keys_and_values_are_of_any_datatype() {
        check_version(
            2,
            vec![
                integers("keys_int64s", &[3, 3]),
                floats("values_floats", &[0.5, 0.6]),
            ],
            tensor1(&[3i64, 9]),
            tensor1(&[0.5f32, -0.0]),
        );
        check_version(
            2,
            vec![
                strings("keys_strings", &["", "ñ"]),
                strings("values_strings", &["x", "y"]),
            ],
            texts(&["ñ", "n", ""]),
            texts(&["y", UNUSED, "x"]),
        );
        check_version(
            4,
            vec![
                doubles("keys_tensor", &[0.1, f64::NAN]),
                doubles("values_tensor", &[1.5, 2.5]),
            ],
            tensor1(&[0.1f64, f64::NAN, 5.]),
            tensor1(&[1.5f64, 2.5, -0.0]),
        );
        check_version(
            4,
            vec![
                doubles("keys_tensor", &[0.1]),
                doubles("values_tensor", &[1.5]),
                doubles("default_tensor", &[7.]),
                float("default_float", 8.),
            ],
            tensor1(&[0.1f64, f64::NAN, 5.]),
            tensor1(&[1.5f64, 7., 7.]),
        );
    }

    #[test]
    fn a_nan_is_found_from_the_fourth_version_on() {
        let attributes = || {
            vec![
                floats("keys_floats", &[f32::NAN, 0., 1., 1.]),
                integers("values_int64s", &[5, 6, 7, 8]),
            ]
        };
        let input = || tensor1(&[f32::NAN, 1., -0., 2.]);
        check_version(2, attributes(), input(), tensor1(&[-1i64, 7, 6, -1]));
        check_version(4, attributes(), input(), tensor1(&[5i64, 7, 6, -1]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |attributes, reason| {
            let error = run("LabelEncoder", attributes, tensor1(&[1i64]));
            let error = format!("{:?}", error.unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        let keys = || integers("keys_int64s", &[1]);
        let values = || integers("values_int64s", &[1]);
        refused(vec![], "no list of keys");
        refused(vec![keys()], "no list of values");
        refused(
            vec![keys(), values(), floats("values_floats", &[1.])],
            "several lists of values",
        );
        refused(
            vec![integers("keys_int64s", &[1, 2]), values()],
            "as many keys as values",
        );
        refused(
            vec![keys(), values(), doubles("default_tensor", &[1.])],
            "of the values' datatype",
        );
        refused(
            vec![floats("keys_floats", &[1.]), values()],
            "not of the input's datatype",
        );
    }
}
