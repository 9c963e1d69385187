//! Just enough drawing for a calendar: rounded squares, rings and centred text, with smooth edges, as PNG.
//!
//! The font is Roboto Medium (Apache License 2.0), cut down to Latin and Cyrillic letters and digits.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "coordinates of one picture: small, and clipped to it"
)]

use ab_glyph::{Font, FontRef, InvalidFont, ScaleFont, point};

const FONT: &[u8] = include_bytes!("../../../assets/Roboto-Medium.ttf");

/// Red, green, blue.
pub type Color = [u8; 3];

/// In pixels, from the top left.
#[derive(Debug, Clone, Copy)]
pub struct Rect {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

pub struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    font: FontRef<'static>,
}

impl Canvas {
    pub fn new(width: u32, height: u32, paper: Color) -> Result<Self, InvalidFont> {
        let count = width as usize * height as usize;
        Ok(Self { width, height, pixels: paper.repeat(count), font: FontRef::try_from_slice(FONT)? })
    }

    /// Lays a color over a pixel; `cover` from 0, nothing, to 1.
    fn blend(&mut self, x: u32, y: u32, color: Color, cover: f32) {
        if x >= self.width || y >= self.height || cover <= 0.0 {
            return;
        }
        let at = (y as usize * self.width as usize + x as usize) * 3;
        let cover = cover.min(1.0);
        if let Some(pixel) = self.pixels.get_mut(at..at + 3) {
            for (old, new) in pixel.iter_mut().zip(color) {
                *old = (f32::from(*old) + (f32::from(new) - f32::from(*old)) * cover).round() as u8;
            }
        }
    }

    /// Covers each pixel of a rectangle by what `cover` says of the distance to its rounded edge: negative inside.
    fn shaded(&mut self, at: Rect, radius: f32, from: f32, color: Color, cover: impl Fn(f32) -> f32) {
        let (half_width, half_height) = (at.width / 2.0, at.height / 2.0);
        let (cx, cy) = (at.x + half_width, at.y + half_height);
        for y in from.max(at.y) as u32..(at.y + at.height).ceil() as u32 {
            for x in at.x as u32..(at.x + at.width).ceil() as u32 {
                let dx = (x as f32 + 0.5 - cx).abs() - (half_width - radius);
                let dy = (y as f32 + 0.5 - cy).abs() - (half_height - radius);
                let outside = dx.max(0.0).hypot(dy.max(0.0));
                self.blend(x, y, color, cover(outside + dx.max(dy).min(0.0) - radius));
            }
        }
    }

    /// A filled rectangle with rounded corners; only what lies below `from`, if given.
    pub fn rounded(&mut self, at: Rect, radius: f32, color: Color, from: Option<f32>) {
        self.shaded(at, radius, from.unwrap_or(at.y), color, |distance| 0.5 - distance);
    }

    /// The rim of one, so many pixels inside of its edge.
    pub fn ring(&mut self, at: Rect, radius: f32, thick: f32, color: Color) {
        self.shaded(at, radius, at.y, color, |distance| (0.5 - distance).min(distance + thick + 0.5).clamp(0.0, 1.0));
    }

    /// A line of text, centred on a point of its baseline.
    pub fn text(&mut self, text: &str, size: f32, (x, baseline): (f32, f32), color: Color) {
        let font = self.font.clone();
        let scaled = font.as_scaled(size);
        let mut glyphs = Vec::new();
        let (mut width, mut last) = (0.0, None);
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            width += last.map_or(0.0, |last| scaled.kern(last, id));
            glyphs.push((id, width));
            width += scaled.h_advance(id);
            last = Some(id);
        }
        for (id, offset) in glyphs {
            let glyph = id.with_scale_and_position(size, point(x - width / 2.0 + offset, baseline));
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            outline.draw(|dx, dy, cover| {
                self.blend(
                    (bounds.min.x as i64 + i64::from(dx)) as u32,
                    (bounds.min.y as i64 + i64::from(dy)) as u32,
                    color,
                    cover,
                );
            });
        }
    }

    pub fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}
