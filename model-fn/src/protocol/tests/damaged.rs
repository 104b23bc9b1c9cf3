//! Bodies with lost, doubled and changed bytes: each is answered or refused, and never makes the reader fail.

use super::*;

/// Bytes that mean something to one of the readers, and some that mean nothing.
const OTHERS: [u8; 12] = [
    0, b'"', b',', b'\n', b'\r', b'(', b'\'', b'9', b'{', b'\\', 0x80, 0xff,
];

/// Every body that differs from this one in one byte.
fn damaged(body: &[u8]) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for place in 0..body.len() {
        bodies.push(body[..place].to_vec());
        bodies.push([&body[..place], &body[place + 1..]].concat());
        bodies.push([&body[..=place], &body[place..]].concat());
        for other in OTHERS {
            let mut changed = body.to_vec();
            changed[place] = other;
            bodies.push(changed);
        }
    }
    bodies
}

/// How many damaged bodies are read all the same, and how many are refused.
fn count(format: Format, body: &[u8], specification: &Specification) -> (usize, usize) {
    let read = |body: &[u8]| read_as(format, body, specification, &LIMITS, Accepted::Invocations);
    assert!(read(body).is_ok(), "{:?}", read(body));
    let bodies = damaged(body);
    let (taken, refused): (Vec<_>, Vec<_>) = bodies.iter().partition(|body| read(body).is_ok());
    (taken.len(), refused.len())
}

#[test]
fn no_damage_makes_a_reader_fail() {
    let titled = {
        let mut specification = one();
        specification.inputs[0].labels = vec!["a".to_owned(), "b".to_owned()];
        specification
    };
    let csv = Format::Csv { header: None };
    let npy = b"\x93NUMPY\x01\x00\x43\x00{'descr': '>f4', 'fortran_order': True, 'shape': (2, 2), }        \n";
    let npy = [npy.as_slice(), &[0; 16]].concat();
    for (format, body, specification) in [
        (csv, b"b,a\r\n1.5,\"-2\"\r\n,3e1\r\n".as_slice(), &titled),
        (csv, b"1,\"u \"\"v\"\"\"\n2,\xc3\xa9\n", &two()),
        (Format::JsonLines, b"{\"a\": 1, \"b\": 2}\n[3, 4]\n", &titled),
        (Format::Npy, &npy, &one()),
        (
            Format::Json,
            b"{\"dataframe_split\": {\"columns\": [\"t\", \"n\"], \"data\": [[{\"b64\": \"SA==\"}, 1]]}}",
            &two(),
        ),
        (Format::Json, b"{\"data\": 1, \"dataframe_records\": [{\"b\": NaN, \"a\": 2}]}", &titled),
    ] {
        let (taken, refused) = count(format, body, specification);
        // Damage to a digit, a name that is passed over or a blank is none; to most else it is.
        assert!(taken > 0 && refused > taken, "{format:?}: {taken} taken, {refused} refused");
    }
}

#[test]
fn no_damage_makes_the_reader_of_streams_fail() {
    let texts = Specification {
        inputs: vec![port("x", Datatype::Bytes, &[-1])],
        outputs: Vec::new(),
    };
    let image = Specification {
        inputs: vec![port("x", Datatype::Fp32, &[-1, 3, 2, 1])],
        outputs: Vec::new(),
    };
    // Behind a batch or a dictionary, a stream may end without its mark.
    for (name, specification, ends) in [
        ("columns", arrow::titled(), 2),
        ("category", two(), 3),
        ("text_string_view", texts, 1),
        ("image", image, 1),
    ] {
        let body = arrow::stream(name);
        let read = |body: &[u8]| {
            read_as(Format::Arrow, body, &specification, &LIMITS, Accepted::Any).is_ok()
        };
        assert!(read(&body), "{name}");
        let cut = (0..body.len()).filter(|end| read(&body[..*end]));
        assert_eq!(cut.count(), ends, "{name}");
        let mut changed = body.clone();
        let (mut taken, mut refused) = (0, 0);
        for (place, byte) in body.iter().enumerate() {
            for other in 0..=u8::MAX {
                changed[place] = other;
                match read(&changed) {
                    true => taken += 1,
                    false => refused += 1,
                }
            }
            changed[place] = *byte;
        }
        // Every byte as it is, and what is between the buffers, damages nothing.
        assert!(
            taken > body.len() && refused > body.len(),
            "{name}: {taken} taken, {refused} refused"
        );
    }
}
