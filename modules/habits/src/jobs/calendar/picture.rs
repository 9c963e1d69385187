//! How a month looks: a cell a day, seven in a row, beginning with Monday.

use super::draw::{Canvas, Color, Rect};

/// Raised when the looks change: pictures that Telegram has are then drawn anew.
pub const VERSION: u8 = 1;

/// What a picture shows, and nothing else decides how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    pub title: String,
    /// Seven, Monday first.
    pub weekdays: Vec<String>,
    /// Where the first day stands; 0 is Monday.
    pub column: u32,
    pub cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub day: u32,
    pub kind: Kind,
    /// How much of the day's amount is there, in percent; 0 where nothing is measured.
    pub part: u8,
    pub today: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Done,
    Skipped,
    Missed,
    /// Today, and not done yet.
    Open,
    /// Nothing was due.
    Free,
    /// In the future.
    Ahead,
}

const SIDE: u32 = 128;
const GAP: u32 = 16;
const MARGIN: u32 = 48;
const HEAD: u32 = 232;
const RADIUS: f32 = 30.0;
const WIDTH: u32 = 2 * MARGIN + 7 * SIDE + 6 * GAP;

const PAPER: Color = [255, 255, 255];
const INK: Color = [31, 41, 55];
const FAINT: Color = [148, 163, 184];
const FILLED: Color = [187, 247, 208];

/// A cell's ground and its number's colour. They differ in lightness too, for those who do not tell red from green.
fn colors(kind: Kind) -> (Color, Color) {
    match kind {
        Kind::Done => ([22, 163, 74], PAPER),
        Kind::Skipped => ([253, 230, 138], [146, 64, 14]),
        Kind::Missed => ([254, 226, 226], [185, 28, 28]),
        Kind::Open => ([240, 253, 244], INK),
        Kind::Free => ([241, 245, 249], FAINT),
        Kind::Ahead => (PAPER, FAINT),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("the calendar's font cannot be read: {0}")]
    Font(#[from] ab_glyph::InvalidFont),
    #[error("the calendar cannot be written as PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// The picture's PNG, some ten kilobytes.
pub fn png(month: &Month) -> Result<Vec<u8>, PictureError> {
    let cells = u32::try_from(month.cells.len()).unwrap_or(31);
    let rows = (month.column + cells).div_ceil(7);
    let height = HEAD + rows * (SIDE + GAP) - GAP + MARGIN;
    let mut canvas = Canvas::new(WIDTH, height, PAPER)?;
    let center = |column: u32| (MARGIN + column * (SIDE + GAP) + SIDE / 2) as f32;
    canvas.text(&month.title, 76.0, (WIDTH as f32 / 2.0, 116.0), INK);
    for (n, name) in (0..).zip(&month.weekdays) {
        canvas.text(name, 40.0, (center(n), 200.0), FAINT);
    }
    for (n, cell) in (month.column..).zip(&month.cells) {
        let at = Rect {
            x: (MARGIN + n % 7 * (SIDE + GAP)) as f32,
            y: (HEAD + n / 7 * (SIDE + GAP)) as f32,
            width: SIDE as f32,
            height: SIDE as f32,
        };
        let (ground, number) = colors(cell.kind);
        canvas.rounded(at, RADIUS, ground, None);
        if cell.part > 0 {
            // The share rises from the bottom, inside of the cell's corners.
            let share = f32::from(cell.part) / 100.0;
            canvas.rounded(at, RADIUS, FILLED, Some(at.y + at.height * (1.0 - share)));
        }
        if cell.today {
            canvas.ring(at, RADIUS, 6.0, if cell.kind == Kind::Done { INK } else { [22, 163, 74] });
        }
        canvas.text(&cell.day.to_string(), 52.0, (center(n % 7), at.y + 82.0), number);
    }
    Ok(canvas.png()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(cells: Vec<Cell>) -> Month {
        let weekdays = ["Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"].map(str::to_owned).to_vec();
        Month { title: "Ноябрь 2026".to_owned(), weekdays, column: 6, cells }
    }

    fn cell(day: u32, kind: Kind) -> Cell {
        Cell { day, kind, part: 0, today: false }
    }

    /// The decoded picture: width, height, and what a point shows.
    fn decoded(png: &[u8]) -> (u32, u32, impl Fn(u32, u32) -> Color) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        (info.width, info.height, move |x, y| {
            let at = usize::try_from((y * info.width + x) * 3).unwrap();
            [bytes[at], bytes[at + 1], bytes[at + 2]]
        })
    }

    #[test]
    fn each_day_stands_under_its_weekday_in_the_color_of_what_became_of_it() {
        let mut cells: Vec<Cell> = (1..=30).map(|day| cell(day, Kind::Ahead)).collect();
        (cells[0].kind, cells[1].kind, cells[2].kind) = (Kind::Done, Kind::Missed, Kind::Skipped);
        cells[3] = Cell { day: 4, kind: Kind::Open, part: 50, today: true };
        let bytes = png(&month(cells)).unwrap();
        assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
        let (width, height, at) = decoded(&bytes);
        assert_eq!((width, height), (WIDTH, HEAD + 6 * (SIDE + GAP) - GAP + MARGIN), "six weeks");
        // Near the top of a cell, where no number is.
        let cell_at = |row: u32, column: u32, down: u32| {
            at(MARGIN + column * (SIDE + GAP) + 64, HEAD + row * (SIDE + GAP) + down)
        };
        assert_eq!(cell_at(0, 6, 16), colors(Kind::Done).0, "Sunday the first");
        assert_eq!(cell_at(1, 0, 16), colors(Kind::Missed).0);
        assert_eq!(cell_at(1, 1, 16), colors(Kind::Skipped).0);
        assert_eq!((cell_at(1, 2, 16), cell_at(1, 2, 112)), (colors(Kind::Open).0, FILLED), "half full");
        assert_eq!(cell_at(0, 0, 64), PAPER, "the month before");
        // The numbers are there: something in the middle of a cell is not its ground.
        let inked = (0..SIDE).any(|dx| at(MARGIN + 6 * (SIDE + GAP) + dx, HEAD + 64) == PAPER);
        assert!(inked);
    }
}
