//! Rows and columns exchanged, in words of 64 bits: compilers make slow shuffles of the plain loops.

/// Exchanges the rows and columns of eight by eight bytes; a word is a row, its lowest byte the first.
#[inline]
pub(super) fn bytes(mut rows: [u64; 8]) -> [u64; 8] {
    let [a, b, c, d, e, f, g, h] = &mut rows;
    for (first, second) in [
        (&mut *a, &mut *e),
        (&mut *b, &mut *f),
        (&mut *c, &mut *g),
        (&mut *d, &mut *h),
    ] {
        exchange::<32>(first, second, 0x0000_0000_ffff_ffff);
    }
    for (first, second) in [
        (&mut *a, &mut *c),
        (&mut *b, &mut *d),
        (&mut *e, &mut *g),
        (&mut *f, &mut *h),
    ] {
        exchange::<16>(first, second, 0x0000_ffff_0000_ffff);
    }
    for (first, second) in [(a, b), (c, d), (e, f), (g, h)] {
        exchange::<8>(first, second, 0x00ff_00ff_00ff_00ff);
    }
    rows
}

/// Exchanges the rows and columns of four by four 16-bit numbers; a word is a row.
#[cfg(feature = "image")]
#[inline]
pub(super) fn shorts(mut rows: [u64; 4]) -> [u64; 4] {
    let [a, b, c, d] = &mut rows;
    for (first, second) in [(&mut *a, &mut *c), (&mut *b, &mut *d)] {
        exchange::<32>(first, second, 0x0000_0000_ffff_ffff);
    }
    for (first, second) in [(a, b), (c, d)] {
        exchange::<16>(first, second, 0x0000_ffff_0000_ffff);
    }
    rows
}

/// The parts of the first that are above the mask's with those of the second that are under it.
#[inline]
fn exchange<const BITS: u32>(first: &mut u64, second: &mut u64, mask: u64) {
    let differences = ((*first >> BITS) ^ *second) & mask;
    *second ^= differences;
    *first ^= differences << BITS;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_to_its_place() {
        let rows: [[u8; 8]; 8] =
            std::array::from_fn(|row| std::array::from_fn(|column| (8 * row + column) as u8));
        let columns = bytes(rows.map(u64::from_le_bytes)).map(u64::to_le_bytes);
        for (row, column) in (0..8).flat_map(|row| (0..8).map(move |column| (row, column))) {
            assert_eq!(columns[column][row], rows[row][column]);
        }
    }

    #[cfg(feature = "image")]
    #[test]
    fn every_short_comes_to_its_place() {
        let word = |row: u64| {
            (0..4)
                .map(|column| (100 * row + column) << (16 * column))
                .sum()
        };
        let columns = shorts([0, 1, 2, 3].map(word));
        for (column, word) in (0u64..).zip(columns) {
            for row in 0..4 {
                assert_eq!(word >> (16 * row) & 0xffff, 100 * row + column);
            }
        }
    }
}
