//! Tables of FlatBuffers, written front to back: what a field leads to stands behind it.

/// A field of a table, as many bytes wide as it needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    width: usize,
    bits: [u8; 8],
    leads: bool,
}

/// A place that leads to what is written behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lead(usize);

impl Field {
    /// Left out: it has its default.
    pub(super) const NONE: Self = Self {
        width: 0,
        bits: [0; 8],
        leads: false,
    };

    /// Leads to what is written behind the table.
    pub(super) const LEAD: Self = Self {
        width: OFFSET,
        bits: [0; 8],
        leads: true,
    };

    pub(super) fn byte(number: u8) -> Self {
        Self::number(1, number.into())
    }

    pub(super) fn short(number: i16) -> Self {
        Self::number(2, number.into())
    }

    pub(super) fn int(number: i32) -> Self {
        Self::number(4, number.into())
    }

    pub(super) fn long(number: i64) -> Self {
        Self::number(8, number)
    }

    fn number(width: usize, number: i64) -> Self {
        Self {
            width,
            bits: number.to_le_bytes(),
            leads: false,
        }
    }
}

/// The bytes of an offset.
const OFFSET: usize = size_of::<u32>();

/// Tables one behind the other, each where its numbers are aligned.
pub(super) struct Tables(Vec<u8>);

impl Tables {
    /// Nothing yet but the place that leads to the first table.
    pub(super) fn new() -> (Self, Lead) {
        (Self(vec![0; OFFSET]), Lead(0))
    }

    /// Writes a table, and gives those of its fields that lead somewhere.
    pub(super) fn table<const LEADS: usize>(
        &mut self,
        lead: Lead,
        fields: &[Field],
    ) -> [Lead; LEADS] {
        self.align(2, 0);
        let slots = self.0.len();
        self.0.resize(slots + 4 + 2 * fields.len(), 0);
        // The offset to the slots ends where numbers of eight bytes may begin.
        self.align(8, OFFSET);
        let at = self.0.len();
        self.lead(lead, at);
        self.put(at - slots);
        let mut leads = [Lead(0); LEADS];
        let mut next = leads.iter_mut();
        for (index, field) in fields.iter().enumerate() {
            if field.width == 0 {
                continue;
            }
            self.align(field.width, 0);
            let place = self.0.len();
            self.set_short(slots + 4 + 2 * index, place - at);
            if field.leads
                && let Some(next) = next.next()
            {
                *next = Lead(place);
            }
            let bits = field.bits.get(..field.width).unwrap_or_default();
            self.0.extend_from_slice(bits);
        }
        self.set_short(slots, 4 + 2 * fields.len());
        self.set_short(slots + 2, self.0.len() - at);
        leads
    }

    /// Writes a text.
    pub(super) fn text(&mut self, lead: Lead, text: &str) {
        self.list(lead, text.len(), 1);
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }

    /// Writes a list of so many leads.
    pub(super) fn leads(&mut self, lead: Lead, count: usize) -> Vec<Lead> {
        self.list(lead, count, OFFSET);
        let start = self.0.len();
        self.0.resize(start + count * OFFSET, 0);
        let place = |index| Lead(start + index * OFFSET);
        (0..count).map(place).collect()
    }

    /// Writes a list of structures, each two numbers.
    pub(super) fn pairs(&mut self, lead: Lead, pairs: &[[usize; 2]]) {
        self.list(lead, pairs.len(), 8);
        let numbers = pairs.iter().flatten();
        let bytes = numbers.flat_map(|number| (*number as u64).to_le_bytes());
        self.0.extend(bytes);
    }

    /// All tables, as long as a message's metadata must be.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.align(8, 0);
        self.0
    }

    /// Begins a list whose entries are aligned to so many bytes.
    fn list(&mut self, lead: Lead, count: usize, width: usize) {
        self.align(width.max(OFFSET), width.max(OFFSET) - OFFSET);
        let at = self.0.len();
        self.lead(lead, at);
        self.put(count);
    }

    /// Goes on at a place that is so many bytes behind a multiple.
    fn align(&mut self, width: usize, behind: usize) {
        let place = (self.0.len() + width - behind).next_multiple_of(width) - width + behind;
        self.0.resize(place, 0);
    }

    fn lead(&mut self, Lead(place): Lead, to: usize) {
        let offset = number(to - place).to_le_bytes();
        if let Some(bytes) = self.0.get_mut(place..place + OFFSET) {
            bytes.copy_from_slice(&offset);
        }
    }

    fn put(&mut self, value: usize) {
        self.0.extend_from_slice(&number(value).to_le_bytes());
    }

    fn set_short(&mut self, place: usize, value: usize) {
        let value = u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
        if let Some(bytes) = self.0.get_mut(place..place + value.len()) {
            bytes.copy_from_slice(&value);
        }
    }
}

/// Names of columns are some megabytes at the most.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
