//! `Pad` (standard domain): values before and after those along an axis, or fewer of them.
//!
//! Negative pads crop before the rest is filled up, as in onnxruntime. The pads and axes must be stored.

mod reach;

use tract_onnx::model::{ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{Pad, PadMode, Slice, TypedConcat};
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::*;

use crate::standard::sized::volume;
use crate::tract::{Built, axis_place, integers, stored_list, wire_one};
use reach::{check_reach, least, reached};

/// The plan has a part for each time.
const MOST_TIMES: i64 = 256;

const NONE_LEFT: &str = "an axis without values left has none to fill it up with";

/// Builds the operator from its node.
pub(crate) fn pad(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let fill = match node.get_attr_opt("mode")?.unwrap_or("constant") {
        "constant" => {
            let value: Option<f32> = node.get_attr_opt("value")?;
            Fill::Ends(PadMode::Constant(rctensor0(value.unwrap_or(0.0))))
        }
        "edge" => Fill::Ends(PadMode::Edge),
        "reflect" => Fill::Ends(PadMode::Reflect),
        "wrap" => Fill::Wrapped,
        other => bail!("Pad has no mode `{other}`"),
    };
    let mut places = optional_inputs(node);
    let pads = match context.onnx_operator_set_version {
        ..11 => Pads::Attribute(node.get_attr_vec("pads")?),
        _ => Pads::Input(
            places
                .nth(1)
                .flatten()
                .context("Pad has an input of pads")?,
        ),
    };
    let mut others = optional_inputs(node).skip(2);
    let padding = Padding {
        fill,
        pads,
        value: others.next().flatten(),
        axes: others.next().flatten(),
    };
    Ok((expand(padding), vec![]))
}

/// What stands where nothing was.
#[derive(Debug, Clone)]
enum Fill {
    /// A value, the last ones, or those next to them in reverse.
    Ends(PadMode),
    /// Those of the other end, as often as it takes.
    Wrapped,
}

#[derive(Debug, Clone)]
enum Pads {
    Attribute(Vec<i64>),
    /// The place among the inputs that are there.
    Input(usize),
}

#[derive(Debug, Clone)]
struct Padding {
    fill: Fill,
    pads: Pads,
    /// The places of the others among the inputs that are there.
    value: Option<usize>,
    axes: Option<usize>,
}

impl Padding {
    /// The places of the lists among the inputs.
    fn lists(&self) -> TVec<usize> {
        let pads = match &self.pads {
            Pads::Attribute(_) => None,
            Pads::Input(place) => Some(*place),
        };
        pads.into_iter().chain(self.axes).collect()
    }

    /// The pads before and after each axis, by the values of the lists.
    fn ends(&self, lists: &[Vec<i64>], shape: &[TDim]) -> TractResult<TVec<(i64, i64)>> {
        let rank = shape.len();
        let mut lists = lists.iter();
        let pads = match &self.pads {
            Pads::Attribute(pads) => pads,
            Pads::Input(_) => lists.next().context("a list of pads")?,
        };
        let all: Vec<i64> = (0..).take(rank).collect();
        let axes = lists.next().unwrap_or(&all);
        ensure!(
            pads.len() == 2 * axes.len(),
            "two pads for each axis, given {pads:?}"
        );
        let mut ends: TVec<(i64, i64)> = tvec![(0, 0); rank];
        let given = pads.iter().zip(pads.iter().skip(axes.len()));
        for (axis, (before, after)) in axes.iter().zip(given) {
            for pad in [before, after] {
                volume([usize::try_from(pad.unsigned_abs())?])?;
            }
            let place = axis_place(*axis, rank)?;
            let length = shape.get(place).context("an axis")?.to_i64();
            let is_constant = matches!(self.fill, Fill::Ends(PadMode::Constant(_)));
            *ends.get_mut(place).context("an axis")? = match length {
                Ok(length) if is_constant => within(length, (*before, *after)),
                _ => (*before, *after),
            };
        }
        // What is padded may be of any size: that is for those to bound who give it.
        let added = ends
            .iter()
            .map(|(before, after)| before.max(&0) + after.max(&0));
        let added = added.map(|added| usize::try_from(added.max(1)));
        volume(added.collect::<Result<Vec<_>, _>>()?)?;
        Ok(ends)
    }
}

/// The pads, of which none crops more than there is: that is taken off the other.
fn within(length: i64, (before, after): (i64, i64)) -> (i64, i64) {
    let beyond = |pad: i64| (pad + length).min(0);
    match (beyond(before), beyond(after)) {
        (0, 0) => (before, after),
        (off, 0) => (-length, after + off),
        (_, off) => (before + off, -length),
    }
}

/// The lengths that are left with these pads.
fn padded(shape: &[TDim], ends: &[(i64, i64)]) -> TractResult<TVec<TDim>> {
    let lengths = shape.iter().zip(ends);
    let lengths: TVec<TDim> = lengths
        .map(|(length, (before, after))| length.clone() + *before + *after)
        .collect();
    for (given, (length, ends)) in shape.iter().zip(lengths.iter().zip(ends)) {
        let (first, end) = middle(given, *ends);
        let is_cropped_away = (end - first).to_i64().is_ok_and(|left| left < 0);
        ensure!(
            !is_cropped_away,
            "an axis of {given} cannot be cropped to {length}"
        );
    }
    Ok(lengths)
}

/// What is left of an axis where its pads are negative: the first place, and the one after the last.
fn middle(length: &TDim, (before, after): (i64, i64)) -> (TDim, TDim) {
    let first = (-before).max(0);
    (first.to_dim(), length.clone() - (-after).max(0))
}

/// Wires values around a tensor; truths are numbers meanwhile, for tract has no pads of them.
pub(crate) fn filled(
    prefix: &str,
    model: &mut TypedModel,
    input: OutletId,
    pads: Vec<(usize, usize)>,
    mode: PadMode,
) -> TractResult<OutletId> {
    let datum_type = model.outlet_fact(input)?.datum_type;
    ensure!(datum_type != DatumType::String, "text cannot be padded");
    let padding = Pad { pads, mode };
    if number(datum_type) == datum_type {
        return wire_one(model, prefix.to_owned(), padding, &[input]);
    }
    let named = |name: &str| format!("{prefix}.{name}");
    let numbers = cast(number(datum_type));
    let numbers = wire_one(model, named("numbers"), numbers, &[input])?;
    let numbers = wire_one(model, named("padded"), padding, &[numbers])?;
    wire_one(model, prefix.to_owned(), cast(datum_type), &[numbers])
}

/// The type that values are padded in.
fn number(datum_type: DatumType) -> DatumType {
    if datum_type == DatumType::Bool {
        DatumType::U8
    } else {
        datum_type
    }
}

/// Nodes that are wired along one axis.
struct Wiring<'m> {
    prefix: String,
    model: &'m mut TypedModel,
    axis: usize,
}

impl Wiring<'_> {
    fn slice(&mut self, input: OutletId, (first, end): (TDim, TDim)) -> TractResult<OutletId> {
        let name = format!("{}.{first}-{end}-of-{}", self.prefix, input.node);
        let slice = Slice::new(self.axis, first, end);
        wire_one(self.model, name, slice, &[input])
    }

    fn cropped(&mut self, input: OutletId, ends: (i64, i64)) -> TractResult<OutletId> {
        let shape = &self.model.outlet_fact(input)?.shape;
        let middle = middle(shape.get(self.axis).context("an axis")?, ends);
        self.slice(input, middle)
    }

    /// The input along this axis as often as it takes.
    fn wrapped(&mut self, input: OutletId, before: i64, after: i64) -> TractResult<OutletId> {
        let axis = self.axis;
        let length = self.model.outlet_fact(input)?.shape.get(axis).cloned();
        let length = length.context("an axis")?.to_i64();
        let length = length.context(
            "Pad cannot wrap around a length that only a run tells: fix it in the model",
        )?;
        ensure!(length > 0, "{NONE_LEFT}");
        let mut parts: TVec<OutletId> = tvec![];
        if before % length > 0 {
            let last = (length - before % length).to_dim();
            parts.push(self.slice(input, (last, length.to_dim()))?);
        }
        let times = before / length + 1 + after / length;
        ensure!(
            times <= MOST_TIMES,
            "an axis of {length} values cannot be wrapped around {times} times, but {MOST_TIMES}"
        );
        parts.extend(std::iter::repeat_n(input, usize::try_from(times)?));
        if after % length > 0 {
            let first = (after % length).to_dim();
            parts.push(self.slice(input, (0.to_dim(), first))?);
        }
        let name = format!("{}.wrapped", self.prefix);
        wire_one(self.model, name, TypedConcat { axis }, &parts)
    }
}

impl Padding {
    /// Wires the values around what is left.
    fn surrounded(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        input: OutletId,
        value: Option<Arc<Tensor>>,
        ends: &[(i64, i64)],
    ) -> TractResult<OutletId> {
        let mode = match (&self.fill, value) {
            (Fill::Ends(PadMode::Constant(_)), Some(value)) => {
                ensure!(value.len() == 1, "Pad fills up with one value");
                let value = value.cast_to_dt(number(model.outlet_fact(input)?.datum_type))?;
                PadMode::Constant(value.into_owned().into_shape(&[])?.into_arc_tensor())
            }
            (Fill::Ends(mode), _) => mode.clone(),
            (Fill::Wrapped, _) => return wrapped(prefix, model, input, ends),
        };
        let pad = |pad: i64| usize::try_from(pad.max(0));
        let pads = ends
            .iter()
            .map(|(before, after)| Ok((pad(*before)?, pad(*after)?)));
        let pads = pads.collect::<TractResult<Vec<_>>>()?;
        filled(prefix, model, input, pads, mode)
    }
}

/// Wires the values of the other end along each axis.
fn wrapped(
    prefix: &str,
    model: &mut TypedModel,
    input: OutletId,
    ends: &[(i64, i64)],
) -> TractResult<OutletId> {
    let mut outlet = input;
    for (axis, (before, after)) in ends.iter().enumerate() {
        let (before, after) = ((*before).max(0), (*after).max(0));
        if before + after > 0 {
            let prefix = format!("{prefix}.{axis}");
            let mut wiring = Wiring {
                prefix,
                model,
                axis,
            };
            outlet = wiring.wrapped(outlet, before, after)?;
        }
    }
    Ok(outlet)
}

impl Expansion for Padding {
    fn name(&self) -> StaticName {
        "Pad".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, 1)?;
        let ([input, ..], [output]) = (inputs, outputs) else {
            bail!("Pad has an input and one output")
        };
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.equals(&output.rank, &input.rank)?;
        let lists = self.lists();
        let lists = lists.iter().filter_map(|place| inputs.get(*place));
        let lists = lists.map(|list| &list.value);
        solver.given_all(lists, move |solver, lists| {
            solver.given(&input.shape, move |solver, shape| {
                let lists = lists.iter().map(|list| integers(list));
                let lists: Vec<_> = lists.collect::<TractResult<_>>()?;
                let ends = self.ends(&lists, &shape)?;
                solver.equals(&output.shape, padded(&shape, &ends)?)
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let stored = |place: &usize| {
            let list = stored_list(model, *inputs.get(*place).context("a list")?)?;
            list.context("the pads and axes of Pad must be stored")
        };
        let lists: TractResult<Vec<_>> = self.lists().iter().map(stored).collect();
        let value = |place| -> TractResult<Arc<Tensor>> {
            let outlet = *inputs.get(place).context("a value")?;
            let value = model.outlet_fact(outlet)?.konst.clone();
            value.context("the value of Pad must be stored")
        };
        let value = self.value.map(value).transpose()?;
        let mut outlet = *inputs.first().context("an input")?;
        let shape = model.outlet_fact(outlet)?.shape.to_tvec();
        let ends = self.ends(&lists?, &shape)?;
        padded(&shape, &ends)?;
        let mode = match &self.fill {
            Fill::Ends(mode) => mode.clone(),
            Fill::Wrapped => PadMode::Edge,
        };
        check_reach(&shape, &ends, &mode)?;
        let least = ends.iter().map(|ends| least(&mode, *ends)).collect();
        outlet = reached(prefix, model, outlet, least)?;
        for (axis, ends) in ends.iter().enumerate() {
            if ends.0.min(ends.1) < 0 {
                let prefix = format!("{prefix}.{axis}");
                let mut wiring = Wiring {
                    prefix,
                    model,
                    axis,
                };
                outlet = wiring.cropped(outlet, *ends)?;
            }
        }
        Ok(tvec![self.surrounded(prefix, model, outlet, value, &ends)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Input, integer, integers as integers_attribute, node, outputs_of_graph, standard, string,
        value,
    };
    use tract_onnx::pb::GraphProto;

    fn run(input: Tensor, pads: &[i64], axes: Option<&[i64]>) -> TractResult<Vec<Tensor>> {
        let axes = axes.map(|axes| [Input::None, Input::Stored(tensor1(axes))]);
        let inputs = [Input::Given(input), Input::Stored(tensor1(pads))];
        let inputs = inputs.into_iter().chain(axes.into_iter().flatten());
        standard("Pad", 19, vec![string("mode", "wrap")], inputs.collect())
    }

    #[track_caller]
    fn check(mode: &str, pads: [i64; 2], expected: &[f32]) {
        let five = tensor1(&[0f32, 1., 2., 3., 4.]);
        let inputs = vec![Input::Given(five.clone()), Input::Stored(tensor1(&pads))];
        let output = standard("Pad", 19, vec![string("mode", mode)], inputs).unwrap();
        assert_eq!(output, [tensor1(expected)], "{mode}");
        let attributes = vec![string("mode", mode), integers_attribute("pads", &pads)];
        let output = standard("Pad", 2, attributes, vec![Input::Given(five)]).unwrap();
        assert_eq!(output, [tensor1(expected)], "{mode} of version 2");
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn negative_pads_crop_first() {
        check("constant", [-1, 2], &[1., 2., 3., 4., 0., 0.]);
        check("constant", [2, -2], &[0., 0., 0., 1., 2.]);
        check("constant", [-1, -3], &[1.]);
        check("constant", [-5, 2], &[0., 0.]);
        check("constant", [-3, -2], &[]);
        check("constant", [-7, 5], &[0., 0., 0.]);
        check("constant", [5, -7], &[0., 0., 0.]);
        check("constant", [7, -9], &[0., 0., 0.]);
        check("constant", [-7, 2], &[]);
        check("reflect", [-1, 2], &[1., 2., 3., 4., 3., 2.]);
        check("reflect", [2, -2], &[2., 1., 0., 1., 2.]);
        check("reflect", [-4, 0], &[4.]);
        check("edge", [-1, 2], &[1., 2., 3., 4., 4., 4.]);
        check("edge", [-4, 3], &[4., 4., 4., 4.]);
        check("wrap", [-1, 2], &[1., 2., 3., 4., 1., 2.]);
        check("wrap", [2, -2], &[1., 2., 0., 1., 2.]);
        check("wrap", [-4, 3], &[4., 4., 4., 4.]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn axes_and_the_value_may_be_given() {
        let check = |input: Tensor, pads: &[i64], others: &[Input], expected: Tensor| {
            let mut inputs = vec![Input::Given(input), Input::Stored(tensor1(pads))];
            inputs.extend(others.iter().cloned());
            assert_eq!(standard("Pad", 19, vec![], inputs).unwrap(), [expected]);
        };
        let stored = Input::Stored;
        let rows = || tensor2(&[[0f32, 1., 2.], [3., 4., 5.]]);
        let sevens = tensor2(&[[7f32, 1., 2.], [7., 4., 5.]]);
        let last = [stored(tensor0(7f32)), stored(tensor1(&[-1i64]))];
        let cropped = rows().slice(1, 1, 3).unwrap();
        check(rows(), &[-1, 0], &last, cropped.clone());
        check(cropped, &[1, 0], &last, sevens);
        let large = stored(tensor1(&[i64::MAX]));
        check(tensor1(&[1i64]), &[1, -1], &[large], tensor1(&[i64::MAX]));
        let truths = tensor1(&[true, true]);
        check(truths, &[1, -1], &[], tensor1(&[false, true]));
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn truths_are_padded() {
        let check = |mode: &str, expected: [bool; 6]| {
            let truths = Input::Given(tensor1(&[true, false, true]));
            let inputs = vec![truths, Input::Stored(tensor1(&[1i64, 2]))];
            let output = standard("Pad", 19, vec![string("mode", mode)], inputs).unwrap();
            assert_eq!(output, [tensor1(&expected)], "{mode}");
        };
        check("constant", [false, true, false, true, false, false]);
        check("reflect", [false, true, false, true, false, true]);
        check("edge", [true, true, false, true, true, true]);
        check("wrap", [true, true, false, true, true, false]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn values_come_from_the_other_end() {
        let three = || tensor1(&[0f32, 1., 2.]);
        let often = [2f32, 0., 1., 2., 0., 1., 2., 0., 1., 2., 0., 1., 2., 0., 1.];
        assert_eq!(run(three(), &[4, 8], None).unwrap(), [tensor1(&often)]);
        let five = tensor1(&[0i32, 1, 2, 3, 4]);
        let cropped = tensor1(&[1i32, 2, 3, 4, 1, 2]);
        assert_eq!(run(five, &[-1, 2], None).unwrap(), [cropped]);
        let rows = tensor2(&[[0f32, 1., 2.], [3., 4., 5.]]);
        let wide = tensor2(&[[2f32, 0., 1., 2., 0., 1.], [5., 3., 4., 5., 3., 4.]]);
        assert_eq!(run(rows, &[1, 2], Some(&[-1])).unwrap(), [wide]);
        assert_eq!(run(three(), &[0, 0], None).unwrap(), [three()]);
    }

    /// A run tells how many values are left; onnxruntime 1.32.0 refuses the same.
    #[test]
    fn what_a_run_leaves_too_short_is_an_error() {
        let run = |mode: &str, pads: [i64; 2], kept: &[bool]| {
            let pad = vec![string("mode", mode), integers_attribute("pads", &pads)];
            let graph = GraphProto {
                node: vec![
                    node(
                        "Compress",
                        &["x", "kept"],
                        &["left"],
                        vec![integer("axis", 0)],
                    ),
                    node("Pad", &["left"], &["y"], pad),
                ],
                input: ["x", "kept"].map(value).into(),
                output: vec![value("y")],
                ..Default::default()
            };
            let inputs = vec![tensor1(&[1f32, 2., 3.]), tensor1(kept)];
            outputs_of_graph(graph, 9, inputs)
        };
        let refused = |mode, pads, kept: &[bool]| {
            let error = run(mode, pads, kept).unwrap_err();
            assert!(crate::Unfit::of(&error).is_some(), "{error:?}");
        };
        refused("reflect", [2, 2], &[true, false, false]);
        refused("reflect", [2, 0], &[true, false, false]);
        refused("edge", [0, 1], &[false, false, false]);
        refused("edge", [-2, 1], &[true, true, false]);
        refused("constant", [-2, 0], &[true, false, false]);
        let error = run("wrap", [1, 1], &[true; 3]).unwrap_err();
        assert!(
            format!("{error:?}").contains("fix it in the model"),
            "{error:?}"
        );
        let check = |mode, pads, kept: &[bool], expected: &[f32]| {
            assert_eq!(
                run(mode, pads, kept).unwrap(),
                [tensor1(expected)],
                "{mode}"
            );
        };
        check("reflect", [1, 1], &[true, false, true], &[3., 1., 3., 1.]);
        check("edge", [1, -1], &[true, true, false], &[1., 1.]);
        check("constant", [-1, 1], &[true, true, false], &[2., 0.]);
    }

    /// A quarter of a gigabyte is padded by a frame, which is small.
    #[test]
    fn large_tensors_are_padded() {
        let padding = Padding {
            fill: Fill::Ends(PadMode::Reflect),
            pads: Pads::Input(1),
            value: None,
            axes: None,
        };
        let shape = [1, 64, 1024, 1024].map(|length: i64| length.to_dim());
        let pads = vec![0, 0, 1, 1, 0, 0, 1, 1];
        let ends = padding.ends(&[pads], &shape).unwrap();
        let framed = [1, 64, 1026, 1026].map(|length: i64| length.to_dim());
        assert_eq!(padded(&shape, &ends).unwrap().as_slice(), framed);
        let pads = vec![0, 0, 1 << 13, 1 << 13, 0, 0, 0, 1];
        let error = padding.ends(&[pads], &shape).unwrap_err();
        assert!(
            error.to_string().contains("67108864 are the most"),
            "{error}"
        );
    }

    #[test]
    fn pads_that_cannot_be_are_errors() {
        let check = |pads: &[i64], axes: Option<&[i64]>, reason: &str| {
            let error = run(tensor1(&[0f32, 1.]), pads, axes).unwrap_err();
            let error = format!("{error:?}");
            assert!(error.contains(reason), "{error}");
        };
        check(&[-2, 1], None, "without values left");
        check(&[1 << 40, 0], None, "too many values");
        check(&[1 << 12, 0], None, "cannot be wrapped around 2049 times");
        check(&[-1, -2], None, "cannot be cropped to -1");
        check(&[1, 1, 1], None, "two pads for each axis");
        check(&[1, 1], Some(&[1]), "no axis 1");
        let check = |mode: &str, input: Tensor, reason: &str| {
            let inputs = vec![Input::Given(input), Input::Stored(tensor1(&[0i64, 2]))];
            let error = standard("Pad", 19, vec![string("mode", mode)], inputs).unwrap_err();
            let error = format!("{error:?}");
            assert!(error.contains(reason), "{error}");
        };
        let two = || tensor1(&[0f32, 1.]);
        check("reflect", two(), "2 values cannot be reflected into 2 pads");
        check("edge", tensor1::<f32>(&[]), "without values left");
        check(
            "constant",
            tensor1(&["a".to_owned()]),
            "text cannot be padded",
        );
        check("other", two(), "no mode `other`");
    }
}
