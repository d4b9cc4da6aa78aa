//! The head of a lossless WebP bitstream (RFC 9649, section 3), read as far as to the number of its prefix code groups.
//!
//! An image may have up to 65536 groups of codes, and a decoder builds tables for each before it decodes a pixel: thirty
//! bytes of a file become four thousand bytes of memory, or more. The number of groups is the greatest value in the entropy
//! image that precedes them (section 6.2.2), so this image is decoded here.

use crate::{Refused, Size, corrupt, unsupported};

/// A signature, 14 bits for each side, a bit for alpha, three for the version.
pub(crate) const HEADER: usize = 5;

/// The maximum accepted number of groups. The reference encoder makes at most 2600.
const MOST_GROUPS: u32 = 3000;
/// An upper bound of the memory of a group's tables.
const BYTES_PER_GROUP: u64 = 64 << 10;

/// Codes for green and lengths, red, blue, alpha, distances.
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];
const LENGTH_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The size in the header of a bitstream that has one.
pub(crate) fn size(frame: &[u8]) -> Option<Size> {
    let &[0x2f, b0, b1, b2, b3, ..] = frame else { return None };
    let header = u32::from_le_bytes([b0, b1, b2, b3]);
    Some(Size { width: (header & 0x3fff) + 1, height: (header >> 14 & 0x3fff) + 1 })
}

/// Bytes of memory that the tables of a bitstream (behind its header) take.
pub(crate) fn table_memory(stream: &[u8], size: Size) -> Result<u64, Refused> {
    let groups = groups(&mut Bits { bytes: stream, at: 0 }, size)
        .ok_or_else(|| corrupt("The WebP file is damaged where its codes are described."))?;
    if groups > MOST_GROUPS {
        return Err(unsupported(format!("The WebP file has {groups} groups of codes; the limit is {MOST_GROUPS}.")));
    }
    Ok(u64::from(groups) * BYTES_PER_GROUP)
}

fn groups(bits: &mut Bits<'_>, size: Size) -> Option<u32> {
    let mut width = size.width;
    while bits.read(1)? == 1 {
        match bits.read(2)? {
            // Predictors, colour transforms: an image of one pixel for each block.
            0 | 1 => {
                let shift = bits.read(3)? + 2;
                image(bits, blocks(width, shift), blocks(size.height, shift))?;
            }
            2 => {}
            // A palette, of which several may share a pixel.
            _ => {
                let colours = bits.read(8)? + 1;
                image(bits, colours, 1)?;
                width = match colours {
                    ..=2 => blocks(width, 3),
                    3..=4 => blocks(width, 2),
                    5..=16 => blocks(width, 1),
                    _ => width,
                };
            }
        }
    }
    cache(bits)?;
    if bits.read(1)? == 0 {
        return Some(1);
    }
    let shift = bits.read(3)? + 2;
    Some(image(bits, blocks(width, shift), blocks(size.height, shift))? + 1)
}

fn blocks(side: u32, shift: u32) -> u32 {
    side.div_ceil(1 << shift)
}

/// The number of colours in the cache.
fn cache(bits: &mut Bits<'_>) -> Option<usize> {
    Some(if bits.read(1)? == 1 { 1 << bits.read(4)? } else { 0 })
}

/// Reads an image that has one group of codes, and returns the greatest value of red and green as one number. Every pixel
/// is a literal or a copy of one, so the literals determine it.
fn image(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<u32> {
    let cached = cache(bits)?;
    let [green, red, blue, alpha, distance] = {
        let mut codes = Vec::with_capacity(ALPHABETS.len());
        for (index, symbols) in ALPHABETS.into_iter().enumerate() {
            codes.push(Code::read(bits, symbols + if index == 0 { cached } else { 0 })?);
        }
        <[Code; 5]>::try_from(codes).ok()?
    };
    let (mut greatest, mut left) = (0, u64::from(width) * u64::from(height));
    while left > 0 {
        let read = match green.symbol(bits)? {
            low @ 0..256 => {
                let high = red.symbol(bits)?;
                blue.symbol(bits)?;
                alpha.symbol(bits)?;
                greatest = greatest.max(high << 8 | low);
                1
            }
            length @ 256..280 => {
                let length = extended(bits, length - 256)?;
                let symbol = distance.symbol(bits)?;
                extended(bits, symbol)?;
                length
            }
            _ => 1,
        };
        left = left.saturating_sub(read.into());
    }
    Some(greatest)
}

/// A length or distance: a symbol, and more bits for the large ones.
fn extended(bits: &mut Bits<'_>, symbol: u32) -> Option<u32> {
    if symbol < 4 {
        return Some(symbol + 1);
    }
    let more = (symbol - 2) >> 1;
    Some(((2 + (symbol & 1)) << more) + bits.read(more)? + 1)
}

/// A canonical prefix code.
enum Code {
    /// One symbol, which takes no bits.
    Single(u32),
    /// The number of codes of each length, and the symbols by code.
    Many([u16; 16], Vec<u16>),
}

impl Code {
    fn read(bits: &mut Bits<'_>, symbols: usize) -> Option<Self> {
        if bits.read(1)? == 1 {
            let two = bits.read(1)? == 1;
            let width = if bits.read(1)? == 1 { 8 } else { 1 };
            let known = |symbol: u32| (symbol < symbols as u32).then_some(symbol);
            let first = known(bits.read(width)?)?;
            if !two {
                return Some(Self::Single(first));
            }
            let second = known(bits.read(8)?)?;
            let mut counts = [0; 16];
            counts[1] = 2;
            return Some(Self::Many(counts, vec![first as u16, second as u16]));
        }
        let mut lengths = [0; 19];
        for &place in LENGTH_ORDER.iter().take(4 + bits.read(4)? as usize) {
            lengths[place] = bits.read(3)? as u8;
        }
        let code = Self::of(&lengths)?;
        let mut left = if bits.read(1)? == 1 {
            let width = 2 + 2 * bits.read(3)?;
            2 + bits.read(width)? as usize
        } else {
            symbols
        };
        let (mut lengths, mut previous) = (Vec::with_capacity(symbols), 8);
        while lengths.len() < symbols && left > 0 {
            left -= 1;
            let (length, times) = match code.symbol(bits)? {
                length @ 0..16 => (length as u8, 1),
                16 => (previous, 3 + bits.read(2)?),
                17 => (0, 3 + bits.read(3)?),
                _ => (0, 11 + bits.read(7)?),
            };
            if length != 0 {
                previous = length;
            }
            lengths.extend(std::iter::repeat_n(length, times as usize));
        }
        if lengths.len() > symbols { None } else { Self::of(&lengths) }
    }

    /// The code with these lengths, by symbol; `None` if the lengths are not those of a complete prefix code.
    fn of(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0_u16; 16];
        lengths.iter().filter(|&&length| length > 0).for_each(|&length| counts[usize::from(length)] += 1);
        let mut symbols: Vec<u16> = (0..).zip(lengths).filter(|(_, length)| **length > 0).map(|(s, _)| s).collect();
        if let [only] = symbols[..] {
            return Some(Self::Single(only.into()));
        }
        let taken: u32 = (1..16).map(|length| u32::from(counts[length]) << (15 - length)).sum();
        symbols.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
        (taken == 1 << 15).then_some(Self::Many(counts, symbols))
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Option<u32> {
        let (counts, symbols) = match self {
            Self::Single(symbol) => return Some(*symbol),
            Self::Many(counts, symbols) => (counts, symbols),
        };
        let (mut code, mut first, mut index) = (0_u32, 0_u32, 0_u32);
        for &count in &counts[1..] {
            let count = u32::from(count);
            code |= bits.read(1)?;
            if code < first + count {
                return symbols.get((index + code - first) as usize).map(|&symbol| symbol.into());
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// Bits, the least significant of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// At most 24 at a time.
    fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for bit in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value |= u32::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(value)
    }
}
