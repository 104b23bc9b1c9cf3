//! The datatypes of the Open Inference Protocol that models can take and give.

use std::fmt;
use std::str::FromStr;

/// What the values of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datatype {
    /// `BOOL`
    Bool,
    /// `UINT8`
    Uint8,
    /// `UINT16`
    Uint16,
    /// `UINT32`
    Uint32,
    /// `UINT64`
    Uint64,
    /// `INT8`
    Int8,
    /// `INT16`
    Int16,
    /// `INT32`
    Int32,
    /// `INT64`
    Int64,
    /// `FP16`
    Fp16,
    /// `BF16`: the upper half of a 32-bit float.
    Bf16,
    /// `FP32`
    Fp32,
    /// `FP64`
    Fp64,
    /// `BYTES`: text in UTF-8.
    Bytes,
    /// `BYTES` of any kind, such as pictures: in JSON they are written in base64.
    Octets,
}

/// All datatypes with their names.
const NAMES: [(Datatype, &str); 15] = [
    (Datatype::Bool, "BOOL"),
    (Datatype::Uint8, "UINT8"),
    (Datatype::Uint16, "UINT16"),
    (Datatype::Uint32, "UINT32"),
    (Datatype::Uint64, "UINT64"),
    (Datatype::Int8, "INT8"),
    (Datatype::Int16, "INT16"),
    (Datatype::Int32, "INT32"),
    (Datatype::Int64, "INT64"),
    (Datatype::Fp16, "FP16"),
    (Datatype::Bf16, "BF16"),
    (Datatype::Fp32, "FP32"),
    (Datatype::Fp64, "FP64"),
    (Datatype::Bytes, "BYTES"),
    (Datatype::Octets, "BYTES"),
];

/// The name is none of a datatype that is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no datatype `{0}`")]
pub struct UnknownDatatype(pub String);

impl Datatype {
    /// Whether values are floating-point numbers, and may hence be not-a-number.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64)
    }

    /// How many bytes each value has; nothing where that differs from value to value.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes | Self::Octets => None,
        }
    }

    /// Whether values are integers.
    pub fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Self::Bool | Self::Bytes | Self::Octets)
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(datatype, _)| datatype == self);
        formatter.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for Datatype {
    type Err = UnknownDatatype;

    fn from_str(name: &str) -> Result<Self, UnknownDatatype> {
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found
            .map(|(datatype, _)| *datatype)
            .ok_or_else(|| UnknownDatatype(name.to_owned()))
    }
}

impl serde::Serialize for Datatype {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_datatype_is_read_back_from_its_name() {
        for (datatype, name) in NAMES {
            // One name for both: which of them it is, an input says.
            let is_octets = datatype == Datatype::Octets;
            let read = if is_octets { Datatype::Bytes } else { datatype };
            assert_eq!(name.parse(), Ok(read));
            assert_eq!(datatype.to_string(), name);
        }
        assert_eq!(
            "fp32".parse::<Datatype>(),
            Err(UnknownDatatype("fp32".to_owned()))
        );
    }
}
