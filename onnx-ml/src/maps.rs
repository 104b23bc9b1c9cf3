//! Maps at the border of a model become tensors with named columns: `ZipMap`, `DictVectorizer` and
//! `CastMap` (ai.onnx.ml, version 1).
//!
//! Inside a graph nothing flows but tensors. [`flatten_maps`] declares what is a map outside as
//! the tensor it is inside, and says what its columns are called. Reading and writing the maps
//! themselves is the caller's.

mod border;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only, rows};
use crate::tract::Built;
use border::Border;
pub(crate) use border::refusal;
pub use border::{Columns, FlatMaps, Labels, flatten_maps};

/// Builds `ZipMap`, `DictVectorizer` or `CastMap` from its node.
pub(crate) fn map(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let border = Border::of(node).map_err(TractError::msg)?;
    Ok(built(Flat {
        name: border.operator,
        width: border.labels.len(),
        datum_type: border.datum_type,
    }))
}

/// What of such an operator is left where both sides of it are tensors: a check of the width.
#[derive(Debug)]
struct Flat {
    name: &'static str,
    width: usize,
    /// The datatype of the output, unless it is the input's.
    datum_type: Option<DatumType>,
}

impl Kernel for Flat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        let (rows, width) = rows(shape)?;
        ensure!(
            width == self.width.to_dim(),
            "{} of {} columns, given rows of the shape {shape:?}",
            self.name,
            self.width
        );
        let datum_type = self.datum_type.unwrap_or(*datum_type);
        Ok(tvec![(datum_type, tvec![rows, width])])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut tensor = args_1!(inputs).into_tensor();
        if let Some(datum_type) = self.datum_type {
            tensor = tensor.cast_to_dt(datum_type)?.into_owned();
        }
        if tensor.rank() == 1 {
            tensor.insert_axis(0)?;
        }
        Ok(tvec![tensor])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, evaluate, integer, integers, model, string, strings};
    use crate::unsupported;
    use tract_onnx::pb::{AttributeProto, ModelProto, TypeProto};

    /// A model whose input or output is a map, as the reader of the file leaves it: without a type.
    fn with_map(operator: &str, attributes: Vec<AttributeProto>) -> ModelProto {
        let mut model = model(operator, "ai.onnx.ml", attributes);
        let graph = model.graph.as_mut().unwrap();
        let port = match operator {
            "ZipMap" => &mut graph.output[0],
            _ => &mut graph.input[0],
        };
        port.r#type = Some(TypeProto::default());
        model
    }

    fn column(name: &str, labels: Labels) -> Columns {
        Columns {
            name: name.to_owned(),
            labels,
        }
    }

    fn texts(labels: &[&str]) -> Labels {
        Labels::Texts(labels.iter().map(|label| (*label).to_owned()).collect())
    }

    #[track_caller]
    fn check(operator: &str, attributes: Vec<AttributeProto>, expected: FlatMaps) {
        let mut model = with_map(operator, attributes);
        assert_eq!(unsupported(&crate::onnx(), &model).len(), 1);
        assert_eq!(flatten_maps(&mut model), expected);
        assert_eq!(unsupported(&crate::onnx(), &model), []);
        let rows = tensor2(&[[0.25f32, 0.75], [1., 0.]]);
        let outputs = evaluate(model, vec![Input::Given(rows.clone())]).unwrap();
        let outputs = outputs[0].cast_to::<f32>().unwrap().into_owned();
        assert_eq!(
            outputs,
            rows.cast_to_dt(outputs.datum_type()).unwrap().into_owned()
        );
    }

    #[track_caller]
    fn refused(model: &mut ModelProto, reason: &str) {
        assert_eq!(flatten_maps(model), FlatMaps::default());
        let found = unsupported(&crate::onnx(), model);
        assert!(found[0].to_string().ends_with(reason), "{}", found[0]);
    }

    #[test]
    fn probabilities_are_columns_named_by_labels() {
        let outputs = |labels| FlatMaps {
            inputs: vec![],
            outputs: vec![column("y", labels)],
        };
        check(
            "ZipMap",
            vec![integers("classlabels_int64s", &[3, 7])],
            outputs(Labels::Integers(vec![3, 7])),
        );
        check(
            "ZipMap",
            vec![strings("classlabels_strings", &["no", ""])],
            outputs(texts(&["no", ""])),
        );
    }

    #[test]
    fn entries_of_an_input_are_columns_named_by_keys() {
        let inputs = |labels| FlatMaps {
            inputs: vec![column("x", labels)],
            outputs: vec![],
        };
        check(
            "DictVectorizer",
            vec![strings("string_vocabulary", &["b", "a"])],
            inputs(texts(&["b", "a"])),
        );
        check(
            "DictVectorizer",
            vec![integers("int64_vocabulary", &[5, -1])],
            inputs(Labels::Integers(vec![5, -1])),
        );
        check(
            "CastMap",
            vec![string("map_form", "SPARSE"), integer("max_map", 2)],
            inputs(Labels::Integers(vec![0, 1])),
        );
    }

    #[test]
    fn a_single_row_stays_a_row() {
        let attributes = vec![integers("classlabels_int64s", &[3, 7])];
        let mut model = with_map("ZipMap", attributes);
        flatten_maps(&mut model);
        let row = Input::Given(tensor1(&[0.5f32, 0.5]));
        let outputs = evaluate(model, vec![row]).unwrap();
        assert_eq!(outputs, [tensor2(&[[0.5f32, 0.5]])]);
    }

    #[test]
    fn maps_that_are_no_columns_are_refused() {
        let labels = || vec![integers("classlabels_int64s", &[3, 7])];
        refused(
            &mut with_map("ZipMap", vec![]),
            "labels must be either integers or text",
        );
        let dense = with_map("CastMap", vec![]);
        refused(
            &mut dense.clone(),
            "only a sparse map has columns that are known",
        );
        let endless = vec![string("map_form", "SPARSE"), integer("max_map", 1 << 40)];
        refused(
            &mut with_map("CastMap", endless),
            "`max_map` is not between 1 and 65536",
        );

        let mut inside = with_map("ZipMap", labels());
        let graph = inside.graph.as_mut().unwrap();
        let mut reader = graph.node[0].clone();
        reader.input = vec!["y".into()];
        reader.output = vec!["z".into()];
        reader.op_type = "Identity".into();
        reader.domain = String::new();
        graph.node.push(reader);
        refused(&mut inside, "its maps do not leave the model as they are");

        let mut shared = with_map("DictVectorizer", vec![strings("string_vocabulary", &["a"])]);
        let graph = shared.graph.as_mut().unwrap();
        let mut other = graph.node[0].clone();
        other.output = vec!["z".into()];
        graph.node.push(other);
        refused(
            &mut shared,
            "its maps do not come straight from outside, for it alone",
        );
    }

    #[test]
    fn as_many_columns_as_labels_are_wanted() {
        let mut model = with_map("ZipMap", vec![integers("classlabels_int64s", &[3, 7])]);
        flatten_maps(&mut model);
        let error = evaluate(model, vec![Input::Given(tensor2(&[[1f32]]))]).unwrap_err();
        let error = format!("{error:?}");
        assert!(error.contains("ZipMap of 2 columns"), "{error}");
    }
}
