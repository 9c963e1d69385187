//! Children in as little memory as they take: a bot has some twenty, each several kilobytes of JSON that say much the
//! same as the next one's.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Bytes, packed.
#[derive(Debug)]
pub struct Packed {
    bytes: Box<[u8]>,
    /// Before packing.
    length: u32,
}

/// Packs and unpacks, reusing its tables: they are far larger than what is packed.
pub struct Packer {
    compress: Compress,
    decompress: Decompress,
}

impl Default for Packer {
    fn default() -> Self {
        Self { compress: Compress::new(Compression::fast(), false), decompress: Decompress::new(false) }
    }
}

impl Packer {
    /// `None`: it cannot be packed, which only a fault of the library brings about.
    pub fn pack(&mut self, bytes: &[u8]) -> Option<Packed> {
        self.compress.reset();
        let mut packed = Vec::with_capacity(bytes.len() / 2 + 64);
        loop {
            let done = usize::try_from(self.compress.total_in()).ok()?;
            match self.compress.compress_vec(bytes.get(done..)?, &mut packed, FlushCompress::Finish).ok()? {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError => packed.reserve(packed.capacity().max(64)),
            }
        }
        Some(Packed { bytes: packed.into_boxed_slice(), length: u32::try_from(bytes.len()).ok()? })
    }

    /// `None`: it was not packed by [`Self::pack`].
    pub fn unpack(&mut self, packed: &Packed) -> Option<Vec<u8>> {
        self.decompress.reset(false);
        let mut bytes = Vec::with_capacity(usize::try_from(packed.length).ok()?);
        match self.decompress.decompress_vec(&packed.bytes, &mut bytes, FlushDecompress::Finish).ok()? {
            Status::StreamEnd => Some(bytes),
            Status::Ok | Status::BufError => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_as_it_went_in_and_text_becomes_small() {
        let mut packer = Packer::default();
        let noise: Vec<u8> = (0_u32..20_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let text = r#"{"name": "http", "containerPort": 8080, "protocol": "TCP"}"#.repeat(100).into_bytes();
        for bytes in [Vec::new(), b"{}".to_vec(), noise, text.clone()] {
            let packed = packer.pack(&bytes).unwrap();
            assert_eq!(packer.unpack(&packed), Some(bytes));
        }
        assert!(packer.pack(&text).unwrap().bytes.len() < text.len() / 5);
    }
}
