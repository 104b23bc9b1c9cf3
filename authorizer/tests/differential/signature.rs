//! What can be done to the bytes of a signature.

use crate::generate::Random;

pub(crate) type Change = fn(&mut Random, Vec<u8>) -> Vec<u8>;

pub(crate) const CHANGES: [(&str, Change); 9] = [
    ("a bit flipped", |random, mut bytes| {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        bytes
    }),
    ("cut short", |random, mut bytes| {
        bytes.truncate(random.below(bytes.len()));
        bytes
    }),
    ("empty signature", |_, _| Vec::new()),
    ("longer signature", |_, bytes| [bytes, vec![0]].concat()),
    ("all zero", |_, bytes| vec![0; bytes.len()]),
    ("first half zero", |_, bytes| {
        let half = bytes.len() / 2;
        [vec![0; half], bytes[half..].to_vec()].concat()
    }),
    ("second half zero", |_, bytes| {
        let half = bytes.len() / 2;
        [bytes[..half].to_vec(), vec![0; half]].concat()
    }),
    ("the other s", |_, bytes| other_s(bytes)),
    ("DER", |_, bytes| der(&bytes)),
];

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order less s: on P-256 as good a signature as s itself.
fn other_s(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut borrow = 0;
    let pairs = ORDER.iter().rev().zip(bytes.iter_mut().skip(32).rev());
    for (order, byte) in pairs {
        let difference = i16::from(*order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    bytes
}

/// The two halves as a DER sequence of integers.
fn der(bytes: &[u8]) -> Vec<u8> {
    let (r, s) = bytes.split_at(bytes.len() / 2);
    let content = [integer(r), integer(s)].concat();
    [&[0x30], length(&content).as_slice(), &content].concat()
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut value = vec![0];
    value.extend(bytes.iter().skip_while(|byte| **byte == 0));
    if value.get(1).is_some_and(|byte| *byte < 0x80) {
        value.remove(0);
    }
    [&[0x02], length(&value).as_slice(), &value].concat()
}

fn length(bytes: &[u8]) -> Vec<u8> {
    match u8::try_from(bytes.len()) {
        Ok(length) if length < 0x80 => vec![length],
        Ok(length) => vec![0x81, length],
        Err(_) => [
            vec![0x82],
            u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec(),
        ]
        .concat(),
    }
}
