//! What the first bytes of a file tell: its kind, the size of a picture, the length of a voice note.
//!
//! Input is whatever was uploaded; every read is checked, nothing is decoded.

/// The media type, when the file's own mark is known.
pub fn mime(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'O', b'g', b'g', b'S', ..] => Some("audio/ogg"),
        [b'%', b'P', b'D', b'F', ..] => Some("application/pdf"),
        _ => None,
    }
}

/// Width and height in pixels of a PNG, JPEG, GIF or WebP.
pub fn picture_size(bytes: &[u8]) -> Option<(u32, u32)> {
    match mime(bytes)? {
        "image/png" => Some((big(bytes.get(16..20)?), big(bytes.get(20..24)?))),
        "image/gif" => Some((little(bytes.get(6..8)?), little(bytes.get(8..10)?))),
        "image/jpeg" => jpeg(bytes),
        "image/webp" => webp(bytes),
        _ => None,
    }
}

fn big(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn little(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Walks the segments to the frame header.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let [0xFF, marker] = *bytes.get(at..at + 2)? else { return None };
        match marker {
            0xFF => at += 1,
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                return Some((big(bytes.get(at + 7..at + 9)?), big(bytes.get(at + 5..at + 7)?)));
            }
            0x01 | 0xD0..=0xD8 => at += 2,
            _ => at += 2 + big(bytes.get(at + 2..at + 4)?) as usize,
        }
    }
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8X" => Some((little(bytes.get(24..27)?) + 1, little(bytes.get(27..30)?) + 1)),
        b"VP8L" => {
            let packed = little(bytes.get(21..25)?);
            Some(((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1))
        }
        b"VP8 " => Some((little(bytes.get(26..28)?) & 0x3FFF, little(bytes.get(28..30)?) & 0x3FFF)),
        _ => None,
    }
}

/// Length of Opus sound in Ogg: its last page says how many samples (48,000 a second) came before.
pub fn ogg_seconds(bytes: &[u8]) -> Option<u32> {
    if mime(bytes)? != "audio/ogg" {
        return None;
    }
    let last = bytes.windows(4).rposition(|mark| mark == b"OggS")?;
    let samples = bytes.get(last + 6..last + 14)?.try_into().ok().map(u64::from_le_bytes)?;
    u32::try_from(samples.div_ceil(48_000)).ok().filter(|seconds| *seconds < 24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_tells_its_size() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 0, 2, 128, 0, 0, 1, 224, 8, 2]);
        assert_eq!(picture_size(&png), Some((640, 480)));
    }

    #[test]
    fn a_jpeg_tells_its_size_behind_other_segments() {
        let jpeg = [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC0, 0, 17, 8, 0, 100, 0, 200, 3];
        assert_eq!(picture_size(&jpeg), Some((200, 100)));
    }

    #[test]
    fn a_picture_cut_off_has_no_size() {
        for bytes in [&b"\x89PNG\r\n"[..], &[0xFF, 0xD8, 0xFF, 0xE0, 0, 4], b"RIFF\0\0\0\0WEBPVP8X", b"GIF8"] {
            assert_eq!(picture_size(bytes), None);
        }
    }

    #[test]
    fn the_last_page_of_a_voice_note_tells_its_length() {
        let mut ogg = b"OggS\0\x02\0\0\0\0\0\0\0\0 first OggS\0\x04".to_vec();
        ogg.extend((48_000_u64 * 3 - 10).to_le_bytes());
        assert_eq!(ogg_seconds(&ogg), Some(3));
    }
}
