//! `If` (standard domain, every version): where the condition is known when a model is planned,
//! the other branch is left out.
//!
//! tract analyses both branches and asks them for one shape. Exporters write `If` to take away an
//! axis where its length is one: only one of the branches fits the shapes of a plan. A condition
//! that a run decides still needs branches of one shape.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_hir::internal::*;

use crate::tract::Built;

/// Builds `If` from its node.
pub(crate) fn branches(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let parsed = |name| context.parse_graph(node.get_attr(name)?);
    let (met, unmet) = (parsed("then_branch")?, parsed("else_branch")?);
    ensure!(
        met.model.outputs.len() == unmet.model.outputs.len(),
        "both branches have the same outputs"
    );
    let mut outer = met.unresolved_inputs.clone();
    outer.extend(unmet.unresolved_inputs.iter().cloned());
    outer.sort();
    outer.dedup();
    let branch = |body, names: &[String]| {
        let place = |name| outer.iter().position(|outer| outer == name);
        // The first input is the condition.
        let inputs = names.iter().filter_map(place).map(|place| place + 1);
        Branch {
            body,
            inputs: inputs.collect(),
        }
    };
    let operator = If {
        met: branch(met.model, &met.unresolved_inputs),
        unmet: branch(unmet.model, &unmet.unresolved_inputs),
    };
    Ok((expand(operator), outer))
}

#[derive(Debug, Clone)]
struct If {
    met: Branch,
    unmet: Branch,
}

/// A graph, and which inputs of the node are its own.
#[derive(Debug, Clone)]
struct Branch {
    body: InferenceModel,
    inputs: Vec<usize>,
}

impl If {
    fn chosen(&self, condition: &Tensor) -> TractResult<&Branch> {
        ensure!(condition.len() == 1, "the condition of `If` is one value");
        if condition.cast_to_scalar::<bool>()? {
            Ok(&self.met)
        } else {
            Ok(&self.unmet)
        }
    }
}

impl Branch {
    /// The body, for inputs of the node that are these.
    fn typed(&self, facts: &[InferenceFact]) -> TractResult<TypedModel> {
        let mut body = self.body.clone();
        for (place, input) in self.inputs.iter().enumerate() {
            let fact = facts.get(*input).context("a branch has its inputs")?;
            body.set_input_fact(place, fact.clone())?;
        }
        body.into_typed()
    }

    /// Adds the nodes of the body to a model.
    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let body = self.typed(&facts(model, inputs)?)?;
        let mut wires = HashMap::<OutletId, OutletId>::default();
        for (source, input) in body.input_outlets()?.iter().zip(&self.inputs) {
            let input = inputs.get(*input).context("a branch has its inputs")?;
            wires.insert(*source, *input);
        }
        let wire = |wires: &HashMap<_, _>, outlet: &OutletId| {
            let wire = wires.get(outlet).copied();
            wire.context("nodes of a branch are in order")
        };
        for id in body.eval_order()? {
            let node = body.node(id);
            if TypedModel::is_source(&node.op) {
                continue;
            }
            let inputs = node.inputs.iter().map(|outlet| wire(&wires, outlet));
            let inputs = inputs.collect::<TractResult<TVec<_>>>()?;
            let name = format!("{prefix}.{}", node.name);
            let outputs = model.wire_node(name, node.op.clone(), &inputs)?;
            let slots = outputs.iter().enumerate();
            wires.extend(slots.map(|(slot, outlet)| (OutletId::new(id, slot), *outlet)));
        }
        let outputs = body.output_outlets()?.iter();
        outputs.map(|outlet| wire(&wires, outlet)).collect()
    }
}

fn facts(model: &TypedModel, inputs: &[OutletId]) -> TractResult<Vec<InferenceFact>> {
    let fact = |input: &OutletId| Ok(InferenceFact::from(model.outlet_fact(*input)?));
    inputs.iter().map(fact).collect()
}

impl Expansion for If {
    fn name(&self) -> StaticName {
        "If".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.met.body.outputs.len())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let condition = inputs.first().context("`If` has a condition")?;
        solver.equals(&condition.datum_type, bool::datum_type())?;
        solver.given(&condition.value, move |solver, condition| {
            let branch = self.chosen(&condition)?;
            let types = inputs.iter().map(|input| &input.datum_type);
            solver.given_all(types, move |solver, types| {
                let shapes = inputs.iter().map(|input| &input.shape);
                solver.given_all(shapes, move |solver, shapes| {
                    let facts = types.iter().zip(shapes);
                    let facts = facts.map(|(datum_type, shape)| datum_type.fact(shape));
                    let facts: Vec<_> = facts.map(InferenceFact::from).collect();
                    // Shapes may follow from values, which are known when the node is wired.
                    let Ok(body) = branch.typed(&facts) else {
                        return Ok(());
                    };
                    for (place, output) in outputs.iter().enumerate() {
                        let fact = body.output_fact(place)?;
                        solver.equals(&output.datum_type, fact.datum_type)?;
                        solver.equals(&output.shape, fact.shape.to_tvec())?;
                    }
                    Ok(())
                })
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let condition = *inputs.first().context("`If` has a condition")?;
        if let Some(condition) = model.outlet_fact(condition)?.konst.clone() {
            return self.chosen(&condition)?.wire(prefix, model, inputs);
        }
        let facts = facts(model, inputs)?;
        let operator = IfThenElse {
            then_body: self.met.typed(&facts)?,
            then_input_mapping: self.met.inputs.clone(),
            else_body: self.unmet.typed(&facts)?,
            else_input_mapping: self.unmet.inputs.clone(),
        };
        model.wire_node(prefix, operator, inputs)
    }

    fn runs_out_of_plan(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{integer, node, outputs_of_graph, stored, value};
    use tract_onnx::pb::attribute_proto::AttributeType;
    use tract_onnx::pb::{AttributeProto, GraphProto};

    fn branch(name: &str, operator: &str, inputs: &[&str]) -> AttributeProto {
        let graph = GraphProto {
            node: vec![node(operator, inputs, &["inner"], vec![])],
            output: vec![value("inner")],
            ..Default::default()
        };
        AttributeProto {
            name: name.into(),
            g: Some(graph),
            r#type: AttributeType::Graph as i32,
            ..Default::default()
        }
    }

    /// The axis 1 of `x` is taken away if `is_one` says that its length is one.
    fn squeezed(input: Tensor) -> TractResult<Tensor> {
        let branches = vec![
            branch("then_branch", "Squeeze", &["x", "one"]),
            branch("else_branch", "Identity", &["x"]),
        ];
        let nodes = vec![
            node("Shape", &["x"], &["shape"], vec![]),
            node(
                "Gather",
                &["shape", "one"],
                &["length"],
                vec![integer("axis", 0)],
            ),
            node("Equal", &["length", "one"], &["is_one"], vec![]),
            node("If", &["is_one"], &["y"], branches),
        ];
        let graph = GraphProto {
            node: nodes,
            initializer: vec![stored("one", &tensor1(&[1i64]))],
            input: vec![value("x")],
            output: vec![value("y")],
            ..Default::default()
        };
        outputs_of_graph(graph, 20, vec![input]).map(|mut outputs| outputs.remove(0))
    }

    /// Values by onnxruntime 1.32.0.
    #[track_caller]
    fn check(shape: &[usize], expected: &[usize]) {
        let values: Vec<f32> = (0u8..6).map(f32::from).collect();
        let tensor = tensor1(&values).into_shape(shape).unwrap();
        let output = squeezed(tensor).unwrap();
        assert_eq!(output.shape(), expected);
        assert_eq!(
            output
                .try_as_plain_ram()
                .unwrap()
                .as_slice::<f32>()
                .unwrap(),
            values
        );
    }

    #[test]
    fn the_branch_that_fits_the_shapes_is_taken() {
        check(&[2, 1, 3], &[2, 3]);
        check(&[2, 3, 1], &[2, 3, 1]);
    }
}
