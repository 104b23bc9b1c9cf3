//! Long lists in the attributes of trees, as tensors.
//!
//! A list of a tree ensemble has an entry for each node, and exporters write a field for each entry: the decoder takes
//! as long for them as for all else of a load. So they are put together here as a tensor is: numbers as `raw_data`,
//! texts as their places (`UINT8`) among the few that differ, which are `string_data`. `ml::trees::lists` reads both
//! forms.

use super::lean::{FOUR_BYTES, VARINT, WITH_LENGTH, put, put_number};

/// What the lists belong to, and what their names begin with.
const OPERATORS: [&[u8]; 3] = [
    b"TreeEnsemble",
    b"TreeEnsembleClassifier",
    b"TreeEnsembleRegressor",
];
const NAMES: [&[u8]; 4] = [b"nodes_", b"class_", b"target_", b"leaf_"];

/// Numbers of fields of an `AttributeProto`, and what its type says of a tensor.
const NAME: u64 = 1;
const TENSOR: u64 = 5;
const FLOATS: u64 = 7;
const INTS: u64 = 8;
const STRINGS: u64 = 9;
const TYPE: u64 = 20;
const TYPE_TENSOR: u64 = 4;

/// Numbers of fields of a `TensorProto`, and of its datatypes.
const DIMS: u64 = 1;
const DATA_TYPE: u64 = 2;
const STRING_DATA: u64 = 6;
const RAW_DATA: u64 = 9;
const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const INT32: u64 = 6;
const INT64: u64 = 7;

/// How much longer a list may get: an integer takes one byte at least, and four here unless one of them is large.
const MOST_GROWTH: usize = 4;

/// The most different texts of a list.
const MOST_TEXTS: usize = 16;

/// Whether the attributes of an operator are looked at.
pub(super) fn has_lists(operator: &[u8]) -> bool {
    OPERATORS.contains(&operator)
}

/// The attribute with a tensor in the place of its list; nothing where it has another form.
pub(super) fn as_tensor(attribute: &[u8]) -> Option<Vec<u8>> {
    let list = List::of(attribute, false).or_else(|| List::of(attribute, true))?;
    let is_known = NAMES.iter().any(|begin| list.name.starts_with(begin));
    is_known.then_some(list.written())
}

/// The entries read so far.
#[derive(Default)]
struct List<'a> {
    name: &'a [u8],
    /// The field that the entries are of; all of one.
    field: u64,
    length: u64,
    entries: Vec<u8>,
    texts: Vec<&'a [u8]>,
    /// Whether integers are of 64 bits, and not of 32.
    is_wide: bool,
}

impl<'a> List<'a> {
    fn of(attribute: &'a [u8], is_wide: bool) -> Option<Self> {
        let mut list = Self {
            is_wide,
            ..Self::default()
        };
        let mut rest = attribute;
        while !rest.is_empty() {
            list.field(&mut rest)?;
        }
        let is_short = list.entries.len() <= MOST_GROWTH * attribute.len();
        is_short.then_some(list)
    }

    fn field(&mut self, rest: &mut &'a [u8]) -> Option<()> {
        let key = varint(rest)?;
        match (key >> 3, key & 7) {
            (NAME, WITH_LENGTH) => self.name = delimited(rest)?,
            (TYPE, VARINT) => {
                varint(rest)?;
            }
            (INTS, VARINT) => self.integer(rest)?,
            (INTS, WITH_LENGTH) => {
                let mut packed = delimited(rest)?;
                while !packed.is_empty() {
                    self.integer(&mut packed)?;
                }
            }
            (FLOATS, FOUR_BYTES) => {
                let (float, after) = rest.split_at_checked(4)?;
                *rest = after;
                self.floats(float)?;
            }
            (FLOATS, WITH_LENGTH) => {
                let packed = delimited(rest)?;
                self.floats(packed)?;
            }
            (STRINGS, WITH_LENGTH) => {
                let text = delimited(rest)?;
                self.text(text)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn integer(&mut self, rest: &mut &[u8]) -> Option<()> {
        let integer = varint(rest)?.cast_signed();
        if self.is_wide {
            self.entries.extend_from_slice(&integer.to_le_bytes());
        } else {
            let integer = i32::try_from(integer).ok()?;
            self.entries.extend_from_slice(&integer.to_le_bytes());
        }
        self.added(INTS, 1)
    }

    fn floats(&mut self, floats: &[u8]) -> Option<()> {
        self.entries.extend_from_slice(floats);
        let (count, rest) = (floats.len() / 4, floats.len() % 4);
        (rest == 0).then_some(())?;
        self.added(FLOATS, count as u64)
    }

    fn text(&mut self, text: &'a [u8]) -> Option<()> {
        let place = self.texts.iter().position(|known| *known == text);
        let place = place.unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        });
        (place < MOST_TEXTS).then_some(())?;
        self.entries.push(place as u8);
        self.added(STRINGS, 1)
    }

    fn added(&mut self, field: u64, count: u64) -> Option<()> {
        let is_one = self.field == field || self.length == 0;
        self.field = field;
        self.length += count;
        is_one.then_some(())
    }

    fn written(&self) -> Vec<u8> {
        let data_type = match self.field {
            INTS if self.is_wide => INT64,
            INTS => INT32,
            FLOATS => FLOAT,
            _ => UINT8,
        };
        let mut tensor = Vec::with_capacity(self.entries.len() + 64);
        put_number(DIMS, self.length, &mut tensor);
        put_number(DATA_TYPE, data_type, &mut tensor);
        self.texts
            .iter()
            .for_each(|text| put(STRING_DATA, text, &mut tensor));
        put(RAW_DATA, &self.entries, &mut tensor);
        let mut attribute = Vec::with_capacity(tensor.len() + 64);
        put(NAME, self.name, &mut attribute);
        put(TENSOR, &tensor, &mut attribute);
        put_number(TYPE, TYPE_TENSOR, &mut attribute);
        attribute
    }
}

fn delimited<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (content, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(content)
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{floats, integers, strings};
    use prost::Message;
    use tract_onnx::pb::tensor_proto::DataType;
    use tract_onnx::pb::{AttributeProto, TensorProto};

    fn tensor(attribute: &AttributeProto) -> Option<TensorProto> {
        let tensor = as_tensor(&attribute.encode_to_vec())?;
        let read = AttributeProto::decode(tensor.as_slice()).unwrap();
        assert_eq!(read.name, attribute.name);
        assert!(read.ints.is_empty() && read.floats.is_empty() && read.strings.is_empty());
        read.t
    }

    #[track_caller]
    fn check(attribute: &AttributeProto, data_type: DataType, raw_data: &[u8], texts: &[&str]) {
        let tensor = tensor(attribute).unwrap();
        assert_eq!(tensor.data_type, i32::from(data_type));
        assert_eq!(tensor.raw_data, raw_data);
        let texts = texts.iter().map(|text| text.as_bytes().to_vec());
        assert_eq!(tensor.string_data, texts.collect::<Vec<_>>());
        let length = raw_data.len()
            / if texts_only(&tensor) {
                1
            } else {
                size(data_type)
            };
        assert_eq!(tensor.dims, [length as i64]);
    }

    fn texts_only(tensor: &TensorProto) -> bool {
        !tensor.string_data.is_empty()
    }

    fn size(data_type: DataType) -> usize {
        if data_type == DataType::Int64 { 8 } else { 4 }
    }

    #[test]
    fn numbers_are_raw_and_texts_are_places() {
        let numbers = [0, 1, -1, 300, i32::MIN];
        let raw = numbers.iter().flat_map(|number| number.to_le_bytes());
        let raw: Vec<u8> = raw.collect();
        let numbers = numbers.map(i64::from);
        let list = integers("nodes_treeids", &numbers);
        check(&list, DataType::Int32, &raw, &[]);
        let numbers = [0, 1, i64::MIN];
        let raw = numbers.iter().flat_map(|number| number.to_le_bytes());
        let raw: Vec<u8> = raw.collect();
        let list = integers("nodes_treeids", &numbers);
        check(&list, DataType::Int64, &raw, &[]);
        let numbers = [0.5f32, f32::NAN, -1e30];
        let raw: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        check(
            &floats("nodes_values", &numbers),
            DataType::Float,
            &raw,
            &[],
        );
        let texts = ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ"];
        check(
            &strings("nodes_modes", &texts),
            DataType::Uint8,
            &[0, 1, 1, 0],
            &["BRANCH_LEQ", "LEAF"],
        );
    }

    /// Both ways in which a list of numbers is written: a field each, and all in one.
    #[test]
    fn a_packed_list_is_the_same() {
        let [name, packed] = [&b"\x0a\x06nodes_"[..], &b"\x42\x03\x01\xac\x02"[..]];
        let given = as_tensor(&[name, packed].concat()).unwrap();
        let single = as_tensor(&[name, b"\x40\x01\x40\xac\x02"].concat()).unwrap();
        assert_eq!(given, single);
        let given = as_tensor(&[name, b"\x3a\x08\0\0\0\0\x01\x01\x01\x01"].concat()).unwrap();
        let single = as_tensor(&[name, b"\x3d\0\0\0\0\x3d\x01\x01\x01\x01"].concat()).unwrap();
        assert_eq!(given, single);
    }

    #[test]
    fn all_else_stays_as_it_is() {
        assert_eq!(tensor(&integers("classlabels_int64s", &[1, 2])), None);
        let many: Vec<String> = (0..=MOST_TEXTS).map(|text| text.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(tensor(&strings("nodes_modes", &many)), None);
        let both = AttributeProto {
            floats: vec![1.0],
            ..integers("nodes_values", &[1])
        };
        assert_eq!(tensor(&both), None);
        let written = integers("nodes_values", &[1, 2]).encode_to_vec();
        assert_eq!(as_tensor(&written[..written.len() - 1]), None);
        assert_eq!(as_tensor(b"\x0a\x06nodes_\x3a\x03abc"), None);
        // One that is large among many that are not.
        let large = [&[1; 91][..], &[0xff; 8], &[0x7f]].concat();
        let packed = [&b"\x0a\x06nodes_\x42\x64"[..], &large].concat();
        assert_eq!(as_tensor(&packed), None);
        let packed = [&b"\x0a\x06nodes_\x42\x64"[..], &[1; 100]].concat();
        assert!(as_tensor(&packed).is_some());
    }
}
