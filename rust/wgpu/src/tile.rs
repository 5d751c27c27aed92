//! How large the tiles of a product are, and into how many parts its depth is cut.

use std::sync::Mutex;

use corten_core::{Error, Result};

use crate::device::lock;

/// Workgroups that fill a device.
const BUSY: usize = 256;
/// The least depth of a part.
const PART: usize = 256;
/// The most parts that the depth is cut into.
const PARTS: usize = 64;
/// Lanes of the largest workgroup.
const MOST_LANES: usize = 256;
/// Bytes of a workgroup's memory that a tile may take.
const WORKGROUP_BYTES: usize = 32 << 10;

/// Rows and columns of a tile, those of a lane, and the depth that is in the workgroup's memory at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) lane_rows: usize,
    pub(crate) lane_columns: usize,
    pub(crate) depth: usize,
}

const LARGE: Tile = Tile { rows: 128, columns: 128, lane_rows: 8, lane_columns: 8, depth: 8 };
const MEDIUM: Tile = Tile { rows: 64, columns: 64, lane_rows: 4, lane_columns: 4, depth: 16 };
const SMALL: Tile = Tile { rows: 32, columns: 32, lane_rows: 4, lane_columns: 4, depth: 16 };
const WIDE: Tile = Tile { rows: 16, columns: 64, lane_rows: 4, lane_columns: 4, depth: 16 };
const TALL: Tile = Tile { rows: 64, columns: 16, lane_rows: 4, lane_columns: 4, depth: 16 };

/// What all products take in place of what they would choose: a tile, and the parts of the depth.
static FORCED: Mutex<Option<(Tile, Option<usize>)>> = Mutex::new(None);

impl Tile {
    pub(crate) fn of(batches: usize, rows: usize, columns: usize) -> Self {
        if let Some((tile, _)) = *lock(&FORCED) {
            return tile;
        }
        let enough = |tile: Self| batches * tile.groups(rows, columns) >= BUSY / 2;
        match (rows, columns) {
            (..=16, 17..) => WIDE,
            (17.., ..=16) => TALL,
            (96.., 96..) if enough(LARGE) => LARGE,
            (33.., 33..) if enough(MEDIUM) || rows.min(columns) > 128 => MEDIUM,
            _ => SMALL,
        }
    }

    pub(crate) const fn groups(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.rows) * columns.div_ceil(self.columns)
    }

    pub(crate) const fn lanes(self) -> usize {
        self.rows / self.lane_rows * (self.columns / self.lane_columns)
    }

    /// What names the tile, in keys of shaders and for [`force`]: `128x128x8:8x8`.
    pub(crate) fn name(self) -> String {
        let Self { rows, columns, lane_rows, lane_columns, depth } = self;
        format!("{rows}x{columns}x{depth}:{lane_rows}x{lane_columns}")
    }

    fn from_name(name: &str) -> Option<Self> {
        let (tile, lane) = name.split_once(':')?;
        let numbers = |text: &str| text.split('x').map(|n| n.parse().ok()).collect::<Option<Vec<usize>>>();
        let ([rows, columns, depth], [lane_rows, lane_columns]) =
            (numbers(tile)?.try_into().ok()?, numbers(lane)?.try_into().ok()?);
        let tile = Self { rows, columns, lane_rows, lane_columns, depth };
        tile.can_be_made().then_some(tile)
    }

    /// Bytes of a workgroup's memory: for each depth a row of vectors of both operands, padded by one.
    pub(crate) const fn bytes(self) -> usize {
        (self.rows / 4 + 1 + self.columns / 4 + 1) * self.depth * 16
    }

    /// Whether the template can make it.
    fn can_be_made(self) -> bool {
        let Self { rows, columns, lane_rows, lane_columns, depth } = self;
        let some = |n: usize| (1..=256).contains(&n);
        let whole = |all: usize, part: usize| some(all) && matches!(part, 4 | 8) && all.is_multiple_of(part);
        if !whole(rows, lane_rows) || !whole(columns, lane_columns) || !some(depth) {
            return false;
        }
        let lanes = self.lanes();
        // Each lane brings the same number of vectors of each operand.
        let brought = |width: usize| (width / 4 * depth).is_multiple_of(lanes);
        (16..=MOST_LANES).contains(&lanes) && brought(rows) && brought(columns) && self.bytes() <= WORKGROUP_BYTES
    }
}

/// Makes all products take a tile, `ROWSxCOLUMNSxDEPTH:LANE_ROWSxLANE_COLUMNS`, and with `/PARTS` behind it the depth in
/// so many parts, until it is called with `None`: to measure which is best.
///
/// # Errors
/// There is no such tile.
pub fn force(name: Option<&str>) -> Result<()> {
    let wanted = name.map(|name| {
        let (tile, parts) = name.split_once('/').map_or((name, None), |(tile, parts)| (tile, Some(parts)));
        let parts = parts.map(|parts| parts.parse().ok().filter(|parts| (1..=PARTS).contains(parts)));
        match (Tile::from_name(tile), parts) {
            (None, _) | (_, Some(None)) => Err(Error::argument(format!(
                "tile: {name:?} is none that the kernels can be made with; expected ROWSxCOLUMNSxDEPTH:LANE_ROWSxLANE_COLUMNS, \
                 such as {:?}, where lanes have 4 or 8 rows and columns",
                LARGE.name()
            ))),
            (Some(tile), parts) => Ok((tile, parts.flatten())),
        }
    });
    *lock(&FORCED) = wanted.transpose()?;
    Ok(())
}

/// The name of the tile that a product of these sizes takes.
pub fn chosen(batches: usize, rows: usize, columns: usize) -> String {
    Tile::of(batches, rows, columns).name()
}

/// The depth of a part and the number of parts.
pub(crate) fn parts(groups: usize, depth: usize, step: usize) -> (usize, usize) {
    let usual = (BUSY / groups.max(1)).min(depth / PART).clamp(1, PARTS);
    let wanted = lock(&FORCED).and_then(|(_, parts)| parts).unwrap_or(usual);
    let part = depth.div_ceil(wanted).next_multiple_of(step).max(step);
    (part, depth.div_ceil(part).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_again() {
        for tile in [LARGE, MEDIUM, SMALL, WIDE, TALL] {
            assert!(tile.can_be_made(), "{tile:?}");
            assert_eq!(Tile::from_name(&tile.name()), Some(tile));
        }
    }

    #[test]
    fn tiles_that_cannot_be_made_are_refused() {
        for name in [
            "",
            "128x128x8",
            "128x128x8:",
            "128x128:8x8",
            "0x128x8:8x8",
            "128x128x0:8x8",
            "128x128x8:0x8",
            "128x128x8:16x16",
            "128x128x8:5x8",
            "130x128x8:8x8",
            "256x256x8:4x4",
            "128x128x64:8x8",
            "8x8x8:8x8",
            "128x128x7:8x8",
            "99999999999999999999x1x1:8x8",
            "128x128x8:8x8/0",
            "128x128x8:8x8/65",
            "128x128x8:8x8/x",
        ] {
            let message = force(Some(name)).expect_err(name).to_string();
            assert!(message.contains("128x128x8:8x8"), "{message}");
        }
    }
}
