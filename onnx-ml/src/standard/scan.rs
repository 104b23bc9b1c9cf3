//! `Scan` (standard domain) whose body does not declare its inputs, which ONNX allows.
//!
//! tract reads no body without them. Here they are declared as anything before tract reads it, and
//! are known from outside after. What a body ends with stays in it: tract would take it out, and with
//! some bodies move axes to and fro for ever then. All else of the operator is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TypeProto, ValueInfoProto, type_proto};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::scan::InferenceScan;

use crate::kernel::{self, Fact, Kernel, only};
use crate::tract::{Built, build};

/// The first version without an axis for the batch, and the list of lengths that went with it.
pub(crate) const WITHOUT_BATCH: i64 = 9;

/// Why a scan before that version is refused.
pub(crate) const BATCH: &str =
    "before version 9 a scan has an axis for the batch, which is not supported";

/// Builds the operator from its node.
pub(crate) fn scan(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    ensure!(
        context.onnx_operator_set_version >= WITHOUT_BATCH,
        "{BATCH}"
    );
    let mut node = node.clone();
    let undeclared = declare(&mut node);
    let (operator, outer) = build(context, &node)?;
    let scan: &dyn Op = operator.as_ref();
    let scan = scan.downcast_ref::<InferenceScan>();
    let mut scan = scan.context("a scan is tract's")?.clone();
    for name in undeclared {
        forget(&mut scan.body, &name)?;
    }
    fence(&mut scan)?;
    Ok((Box::new(scan), outer))
}

/// Puts a fence before each output of the body that is gathered.
fn fence(scan: &mut InferenceScan) -> TractResult<()> {
    let mut outputs = scan.body.output_outlets()?.to_vec();
    for (output, mapping) in outputs.iter_mut().zip(&scan.output_mapping) {
        if mapping.scan.is_some() {
            let name = format!("{}.fence", scan.body.node(output.node).name);
            let fence = kernel::built(Fence).0;
            let fact = tvec![InferenceFact::default()];
            let id = scan.body.add_node(name, fence, fact)?;
            scan.body.add_edge(*output, InletId::new(id, 0))?;
            *output = OutletId::new(id, 0);
        }
    }
    scan.body.select_output_outlets(&outputs)?;
    Ok(())
}

/// Gives back what it is given; nothing is moved across it.
#[derive(Debug)]
struct Fence;

impl Kernel for Fence {
    fn name(&self) -> &'static str {
        "Fence"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![only(inputs)?.clone()])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        Ok(inputs.into_iter().map(IntoTensor::into_tensor).collect())
    }
}

/// Declares inputs of the body that are not; their names.
fn declare(node: &mut NodeProto) -> Vec<String> {
    let mut attributes = node.attribute.iter_mut();
    let body = attributes.find(|attribute| attribute.name == "body");
    let body = body.and_then(|body| body.g.as_mut());
    let inputs = body.into_iter().flat_map(|body| &mut body.input);
    let undeclared = inputs.filter(|input| input.r#type.is_none());
    let declared = undeclared.map(|input: &mut ValueInfoProto| {
        let tensor = type_proto::Tensor {
            elem_type: DataType::Float.into(),
            shape: None,
        };
        input.r#type = Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        });
        input.name.clone()
    });
    declared.collect()
}

/// Forgets what was declared of an input, and what tract made of that where it takes slices of it.
fn forget(body: &mut InferenceModel, name: &str) -> TractResult<()> {
    let input = OutletId::new(body.node_by_name(name)?.id, 0);
    let readers = body.outlet_successors(input).to_vec();
    let read = readers
        .into_iter()
        .map(|reader| OutletId::new(reader.node, 0));
    for outlet in std::iter::once(input).chain(read) {
        body.set_outlet_fact(outlet, InferenceFact::default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::attribute_proto::AttributeType;
    use tract_onnx::pb::{AttributeProto, GraphProto};

    use super::*;
    use crate::testing::{Input, close, integer, model, outputs};

    fn bare(name: &str) -> ValueInfoProto {
        ValueInfoProto {
            name: name.into(),
            ..Default::default()
        }
    }

    fn operator(name: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.into()],
            op_type: name.into(),
            ..Default::default()
        }
    }

    /// Adds up rows; gives the sum, and the sum so far of each row. Nothing is declared.
    fn attributes() -> Vec<AttributeProto> {
        let body = GraphProto {
            node: vec![
                operator("Add", &["sum", "row"], "sum_after"),
                operator("Neg", &["sum_after"], "so_far"),
            ],
            input: ["sum", "row"].map(bare).to_vec(),
            output: ["sum_after", "so_far"].map(bare).to_vec(),
            ..Default::default()
        };
        let body = AttributeProto {
            name: "body".into(),
            g: Some(body),
            r#type: AttributeType::Graph.into(),
            ..Default::default()
        };
        vec![body, integer("num_scan_inputs", 1)]
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_body_need_not_declare_its_inputs() {
        for datum_type in [DatumType::F32, DatumType::F64] {
            let inputs = [
                tensor1(&[1f32, 2.]),
                tensor2(&[[1f32, 0.], [2., 1.], [3., 5.]]),
            ];
            let inputs = inputs.map(|input| input.cast_to_dt(datum_type).unwrap().into_owned());
            let inputs = inputs.map(Input::Given).to_vec();
            let output = outputs("Scan", 16, attributes(), inputs, &["y", "sums"]).unwrap();
            close(&output, &[7., 8.]);
            close(&output[1..], &[-2., -2., -4., -3., -7., -8.]);
            assert_eq!(output[1].datum_type(), datum_type);
        }
        let model = model("Scan", "", attributes());
        assert_eq!(crate::unsupported(&crate::onnx(), &model), []);
    }

    #[test]
    fn a_scan_with_an_axis_for_the_batch_is_refused() {
        let inputs = vec![Input::Given(tensor1(&[1f32])); 2];
        let error = outputs("Scan", 8, attributes(), inputs, &["y", "sums"]).unwrap_err();
        assert!(
            format!("{error:?}").contains("an axis for the batch"),
            "{error:?}"
        );
    }
}
