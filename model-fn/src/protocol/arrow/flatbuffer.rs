//! Tables of FlatBuffers, read where they stand.
//!
//! What a table leaves out has its default, which is 0 or nothing in every table of Arrow. What lies outside the bytes
//! is `None`: every offset is checked where it is followed, and nothing is copied.

/// A table, whose fields are told apart by their number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How far behind the table's beginning each field stands, in two bytes; 0 for what is left out.
    slots: &'a [u8],
}

/// A list of tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables<'a> {
    bytes: &'a [u8],
    at: usize,
    count: usize,
}

/// What stands before the slots: the length of both, and that of the table.
const SLOTS_AT: usize = 4;

impl<'a> Table<'a> {
    /// The table that the bytes begin with the offset of.
    pub(super) fn root(bytes: &'a [u8]) -> Option<Self> {
        Self::at(bytes, follow(bytes, 0)?)
    }

    fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let back = i64::from(i32::from_le_bytes(number(bytes, at)?));
        let start = usize::try_from(i64::try_from(at).ok()?.checked_sub(back)?).ok()?;
        let length = usize::from(u16::from_le_bytes(number(bytes, start)?));
        let slots = bytes.get(start..start.checked_add(length)?)?;
        let slots = slots.get(SLOTS_AT..)?;
        Some(Self { bytes, at, slots })
    }

    /// Where a field stands; nothing where it is left out.
    fn place(&self, field: usize) -> Option<usize> {
        let slot = u16::from_le_bytes(number(self.slots, field * 2)?);
        (slot != 0).then(|| self.at.saturating_add(slot.into()))
    }

    fn scalar<const WIDTH: usize>(&self, field: usize) -> Option<[u8; WIDTH]> {
        self.place(field)
            .map_or(Some([0; WIDTH]), |place| number(self.bytes, place))
    }

    pub(super) fn byte(&self, field: usize) -> Option<u8> {
        self.scalar(field).map(u8::from_le_bytes)
    }

    pub(super) fn short(&self, field: usize) -> Option<i16> {
        self.scalar(field).map(i16::from_le_bytes)
    }

    pub(super) fn int(&self, field: usize) -> Option<i32> {
        self.scalar(field).map(i32::from_le_bytes)
    }

    pub(super) fn long(&self, field: usize) -> Option<i64> {
        self.scalar(field).map(i64::from_le_bytes)
    }

    /// Whether the field is there.
    pub(super) fn has(&self, field: usize) -> bool {
        self.place(field).is_some()
    }

    /// A table that must be there.
    pub(super) fn table(&self, field: usize) -> Option<Self> {
        Self::at(self.bytes, follow(self.bytes, self.place(field)?)?)
    }

    /// The bytes of a list of structures of one width.
    pub(super) fn structures(&self, field: usize, width: usize) -> Option<&'a [u8]> {
        let Some(place) = self.place(field) else {
            return Some(&[]);
        };
        let (start, count) = list(self.bytes, place)?;
        let end = start.checked_add(count.checked_mul(width)?)?;
        self.bytes.get(start..end)
    }

    pub(super) fn text(&self, field: usize) -> Option<&'a str> {
        std::str::from_utf8(self.structures(field, 1)?).ok()
    }

    pub(super) fn tables(&self, field: usize) -> Option<Tables<'a>> {
        let bytes = self.bytes;
        let count = self.structures(field, OFFSET)?.len() / OFFSET;
        let at = match self.place(field) {
            Some(place) => list(bytes, place)?.0,
            None => 0,
        };
        Some(Tables { bytes, at, count })
    }
}

impl<'a> Tables<'a> {
    pub(super) fn len(self) -> usize {
        self.count
    }

    /// Each of them, if it is one.
    pub(super) fn iter(self) -> impl Iterator<Item = Option<Table<'a>>> {
        let Self { bytes, at, count } = self;
        (0..count).map(move |index| Table::at(bytes, follow(bytes, at + index * OFFSET)?))
    }
}

/// The bytes of an offset.
const OFFSET: usize = size_of::<u32>();

/// Where the offset at a place leads.
fn follow(bytes: &[u8], place: usize) -> Option<usize> {
    let offset = u32::from_le_bytes(number(bytes, place)?);
    place.checked_add(usize::try_from(offset).ok()?)
}

/// Where the list begins that the offset at a place leads to, and how many entries it says it has.
fn list(bytes: &[u8], place: usize) -> Option<(usize, usize)> {
    let at = follow(bytes, place)?;
    let count = u32::from_le_bytes(number(bytes, at)?);
    Some((at.checked_add(OFFSET)?, usize::try_from(count).ok()?))
}

/// The bytes of a number at a place.
pub(super) fn number<const WIDTH: usize>(bytes: &[u8], at: usize) -> Option<[u8; WIDTH]> {
    bytes.get(at..)?.first_chunk().copied()
}
