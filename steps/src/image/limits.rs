//! What a picture and the settings may ask for at most.

/// Pixels of a picture as it was sent. Cameras make up to 50 million; as colours these take 150 MB, as the rows of a
/// progressive JPEG as much again, so that small functions set fewer in `max_pixels`.
pub const MAX_DECODED_PIXELS: u64 = 51_000_000;

/// Bytes of a picture as it was sent: more than a request to a function carries, and than such a camera writes.
pub const MAX_PICTURE_BYTES: u64 = 32 << 20;

/// Pixels of a resized picture: 4096 by 4096 are more than models take. Only `shortest_edge` with a slender picture
/// comes near.
pub const MAX_RESIZED_PIXELS: u64 = 1 << 24;

/// Pixels along one edge of a picture: what a JPEG can say. The weights of a filter grow with it.
pub const MAX_EDGE: u32 = 65_535;

/// Pixels along one edge that the settings may ask for.
pub const MAX_CROP_EDGE: u32 = 4096;
