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
/// Teams that work on one tile where there are few.
const SLICES: usize = 4;
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
    /// Teams of lanes with depths of their own.
    pub(crate) slices: usize,
}

const LARGE: Tile = Tile { rows: 128, columns: 128, lane_rows: 8, lane_columns: 8, depth: 8, slices: 1 };
const MEDIUM: Tile = Tile { rows: 64, columns: 64, lane_rows: 4, lane_columns: 4, depth: 16, slices: 1 };
const SMALL: Tile = Tile { rows: 32, columns: 32, ..MEDIUM };
const WIDE: Tile = Tile { rows: 16, columns: 64, ..MEDIUM };
const TALL: Tile = Tile { rows: 64, columns: 16, ..MEDIUM };

/// What all products take in place of what they would choose: a tile, and the parts of the depth.
static FORCED: Mutex<Option<(Tile, Option<usize>)>> = Mutex::new(None);

impl Tile {
    pub(crate) fn of(batches: usize, rows: usize, columns: usize, depth: usize) -> Self {
        if let Some((tile, _)) = *lock(&FORCED) {
            return tile;
        }
        let groups = |tile: Self| batches * tile.groups(rows, columns);
        let enough = |tile| groups(tile) >= BUSY / 2;
        let tile = match (rows, columns) {
            (..=16, 17..) => WIDE,
            (17.., ..=16) => TALL,
            (96.., 96..) if enough(LARGE) => return LARGE,
            (33.., 33..) if enough(MEDIUM) || rows.min(columns) > 128 => return MEDIUM,
            _ => SMALL,
        };
        let few = groups(tile) <= BUSY / 4 || (groups(tile) <= BUSY && depth >= BUSY / 4);
        if few { tile.sliced() } else { tile }
    }

    /// With several teams.
    const fn sliced(self) -> Self {
        Self { depth: 8, slices: SLICES, ..self }
    }

    pub(crate) const fn groups(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.rows) * columns.div_ceil(self.columns)
    }

    /// Lanes of a team.
    pub(crate) const fn lanes(self) -> usize {
        self.rows / self.lane_rows * (self.columns / self.lane_columns)
    }

    /// Vectors of sums that each lane has.
    pub(crate) const fn sums(self) -> usize {
        self.lane_rows * self.lane_columns / 4
    }

    /// What names the tile, in keys of shaders and for [`force`]: `128x128x8:8x8`, with `*TEAMS` if there are several.
    pub(crate) fn name(self) -> String {
        let Self { rows, columns, lane_rows, lane_columns, depth, slices } = self;
        let teams = if slices == 1 { String::new() } else { format!("*{slices}") };
        format!("{rows}x{columns}x{depth}:{lane_rows}x{lane_columns}{teams}")
    }

    fn from_name(name: &str) -> Option<Self> {
        let (tile, lane) = name.split_once(':')?;
        let (lane, slices) = lane.split_once('*').map_or((lane, Some(1)), |(lane, n)| (lane, n.parse().ok()));
        let numbers = |text: &str| text.split('x').map(|n| n.parse().ok()).collect::<Option<Vec<usize>>>();
        let ([rows, columns, depth], [lane_rows, lane_columns]) =
            (numbers(tile)?.try_into().ok()?, numbers(lane)?.try_into().ok()?);
        let tile = Self { rows, columns, lane_rows, lane_columns, depth, slices: slices? };
        tile.can_be_made().then_some(tile)
    }

    /// Vectors of a workgroup's memory for the two operands, of all teams; the larger part has room for sums too.
    pub(crate) fn memory(self) -> (usize, usize) {
        let [of_a, of_b] = [self.rows, self.columns].map(|width| pitch(width) * self.depth * self.slices);
        let of_sums = self.slices / 2 * self.lanes() * self.sums();
        if of_a >= of_b { (of_a.max(of_sums), of_b) } else { (of_a, of_b.max(of_sums)) }
    }

    /// Bytes of a workgroup's memory.
    pub(crate) fn bytes(self) -> usize {
        let (of_a, of_b) = self.memory();
        (of_a + of_b) * 16
    }

    /// Statements that join the sums of the teams in `memory`, in a tree.
    pub(crate) fn join(self, memory: &str) -> String {
        let (lanes, sums, mut text, mut width) = (self.lanes(), self.sums(), String::new(), self.slices / 2);
        let each = |from: usize, one: &dyn Fn(usize, usize, String) -> String| -> String {
            (0..sums)
                .map(|i| {
                    let at = format!("{memory}[((slice - {from}u) * {sums}u + {i}u) * {lanes}u + own]");
                    one(i / (sums / self.lane_rows), i % (sums / self.lane_rows), at)
                })
                .collect()
        };
        while width > 0 {
            text += &format!(
                "if slice >= {width}u && slice < {}u {{\n{}}}\nworkgroupBarrier();\nif slice < {width}u {{\n{}}}\n\
                 workgroupBarrier();\n",
                width * 2,
                each(width, &|r, c, at| format!("{at} = sum{r}_{c};\n")),
                each(0, &|r, c, at| format!("sum{r}_{c} += {at};\n")),
            );
            width /= 2;
        }
        text
    }

    /// Whether the template can make it.
    fn can_be_made(self) -> bool {
        let Self { rows, columns, lane_rows, lane_columns, depth, slices } = self;
        let some = |n: usize| (1..=256).contains(&n);
        let whole = |all: usize, part: usize| some(all) && matches!(part, 4 | 8) && all.is_multiple_of(part);
        if !whole(rows, lane_rows) || !whole(columns, lane_columns) || !some(depth) || !matches!(slices, 1 | 2 | 4 | 8)
        {
            return false;
        }
        let lanes = self.lanes();
        // Each lane of a team brings the same number of vectors of each operand, or some bring one.
        let brought = |width: usize| width / 4 * depth < lanes || (width / 4 * depth).is_multiple_of(lanes);
        (16..=MOST_LANES / slices).contains(&lanes)
            && brought(rows)
            && brought(columns)
            && self.bytes() <= WORKGROUP_BYTES
    }
}

/// Vectors from one depth of a tile to the next; one more than there are, so that lanes meet different banks.
pub(crate) const fn pitch(width: usize) -> usize {
    width / 4 + 1
}

/// Makes all products take a tile, `ROWSxCOLUMNSxDEPTH:LANE_ROWSxLANE_COLUMNS`, with `*TEAMS` behind it several teams of
/// lanes, and with `/PARTS` behind that the depth in so many parts, until it is called with `None`: to measure which is best.
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
pub fn chosen(batches: usize, rows: usize, columns: usize, depth: usize) -> String {
    Tile::of(batches, rows, columns, depth).name()
}

/// The depth of a part and the number of parts, where so many teams share a tile.
pub(crate) fn parts(groups: usize, depth: usize, step: usize, teams: usize) -> (usize, usize) {
    let usual = (BUSY / groups.max(1)).min(depth / (PART * teams)).clamp(1, PARTS);
    let wanted = lock(&FORCED).and_then(|(_, parts)| parts).unwrap_or(usual);
    let part = depth.div_ceil(wanted).next_multiple_of(step).max(step);
    (part, depth.div_ceil(part).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_again() {
        let sliced = [SMALL, WIDE, TALL].map(Tile::sliced);
        for tile in [LARGE, MEDIUM, SMALL, WIDE, TALL].into_iter().chain(sliced) {
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
            "128x128x9:8x8",
            "99999999999999999999x1x1:8x8",
            "128x128x8:8x8/0",
            "128x128x8:8x8/65",
            "128x128x8:8x8/x",
            "32x32x8:4x4*3",
            "32x32x8:4x4*8",
            "32x32x8:4x4*",
        ] {
            let message = force(Some(name)).expect_err(name).to_string();
            assert!(message.contains("128x128x8:8x8"), "{message}");
        }
    }
}
