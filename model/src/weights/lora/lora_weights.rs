//! How strongly a LoRA is applied, as users of AUTOMATIC1111's web interface write it.

use std::fmt;

use super::places::UNetPlace;
use crate::error::{Error, Result};

/// The strongest weight of either sign.
const STRONGEST: f32 = 100.0;
/// The blocks of `sd-webui-lora-block-weight`: text encoders, 12 on the way down, the middle, 12 on the way up.
const BLOCKS: usize = 26;
const MIDDLE: usize = 13;
/// Which of these the short lists for SDXL name: with attention only (12), and all (20). The list of 17 is SD 1's.
const TWELVE: [usize; 12] = [0, 5, 6, 8, 9, 13, 14, 15, 16, 17, 18, 19];
const SEVENTEEN: [usize; 17] = [0, 2, 3, 5, 6, 8, 9, 13, 17, 18, 19, 20, 21, 22, 23, 24, 25];
const TWENTY: [usize; 20] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];

/// How strongly a LoRA is applied: to the text encoders, to the UNet, and to each block of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoraWeights {
    text: f32,
    unet: f32,
    /// What these are multiplied with, block by block: the text encoders, input blocks 0 to 11, the middle block,
    /// output blocks 0 to 11. Layers outside of all blocks have 1.
    blocks: Option<[f32; BLOCKS]>,
}

impl Default for LoraWeights {
    fn default() -> Self {
        Self { text: 1.0, unet: 1.0, blocks: None }
    }
}

impl LoraWeights {
    /// Reads what stands behind the name in `<lora:name:…>`: nothing; a weight for everything (`0.8`); one for the text
    /// encoders and one for the UNet (`0.8:0.5`, `te=0.8:unet=0.5`); and weights of the blocks, 12, 17, 20 or 26 with commas
    /// between, as `sd-webui-lora-block-weight` has them (`0.8:1,0,0,…` or `0.8:lbw=1,0,0,…`).
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] says what is not understood.
    pub fn parse(text: &str) -> Result<Self> {
        let fault = |message: String| Error::invalid("lora", format!("`{text}`: {message}"));
        let number = |text: &str| {
            let number: f32 = text.trim().parse().map_err(|_| fault(format!("`{text}` is no number")))?;
            if number.is_finite() && number.abs() <= STRONGEST {
                // Zero has one sign.
                Ok(number + 0.0)
            } else {
                Err(fault(format!("{number} is out of bounds: use -{STRONGEST} to {STRONGEST}")))
            }
        };
        let list = |text: &str| {
            let numbers = text.split(',').map(number).collect::<Result<Vec<_>>>()?;
            let places: &[usize] = match numbers.len() {
                12 => &TWELVE,
                17 => &SEVENTEEN,
                20 => &TWENTY,
                BLOCKS => {
                    let mut blocks = [0.0; BLOCKS];
                    blocks.copy_from_slice(&numbers);
                    return Ok(blocks);
                }
                count => {
                    let message = format!(
                        "{count} weights of blocks; give 12 (blocks with attention), 20 (all of SDXL's) or 26, the text \
                         encoders' first"
                    );
                    return Err(fault(message));
                }
            };
            let mut blocks = [0.0; BLOCKS];
            places.iter().zip(numbers).for_each(|(&place, number)| blocks[place] = number);
            Ok(blocks)
        };
        let (mut text_weight, mut unet, mut blocks) = (None, None, None);
        for (index, part) in text.split(':').filter(|_| !text.trim().is_empty()).enumerate() {
            match part.trim().split_once('=') {
                Some(("te", value)) => text_weight = Some(number(value)?),
                Some(("unet", value)) => unet = Some(number(value)?),
                Some(("lbw" | "w", value)) => blocks = Some(list(value)?),
                Some(("start" | "stop" | "step", _)) => {
                    return Err(fault("a LoRA for some of the steps only is not supported: leave that out".to_owned()));
                }
                Some((name, _)) => {
                    return Err(fault(format!("`{name}` is not understood; te, unet and lbw are")));
                }
                None if part.contains(',') => blocks = Some(list(part)?),
                None => match index {
                    0 => text_weight = Some(number(part)?),
                    1 => unet = Some(number(part)?),
                    _ => return Err(fault(format!("`{}` is one number too many", part.trim()))),
                },
            }
        }
        let (text, unet) = match (text_weight, unet) {
            (None, None) => (1.0, 1.0),
            (Some(text), unet) => (text, unet.unwrap_or(text)),
            (None, Some(unet)) => (1.0, unet),
        };
        Ok(Self { text, unet, blocks })
    }

    /// The weight of the text encoders' layers.
    pub(super) fn of_text(&self) -> f32 {
        self.text * self.blocks.map_or(1.0, |blocks| blocks[0])
    }

    /// The weight of the UNet's layers at `place`.
    pub(super) fn of_unet(&self, place: UNetPlace) -> f32 {
        let index = match place {
            UNetPlace::Input(block) => Some(1 + block).filter(|&index| index < MIDDLE),
            UNetPlace::Middle => Some(MIDDLE),
            UNetPlace::Output(block) => Some(MIDDLE + 1 + block).filter(|&index| index < BLOCKS),
            UNetPlace::Outside => None,
        };
        self.unet * self.blocks.zip(index).map_or(1.0, |(blocks, index)| blocks[index])
    }
}

/// As [`LoraWeights::parse`] reads it; the same weights always look the same.
impl fmt::Display for LoraWeights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.text)?;
        if self.unet != self.text {
            write!(formatter, ":{}", self.unet)?;
        }
        if let Some(blocks) = &self.blocks {
            let blocks: Vec<_> = blocks.iter().map(f32::to_string).collect();
            write!(formatter, ":lbw={}", blocks.join(","))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> LoraWeights {
        LoraWeights::parse(text).expect("it is understood")
    }

    #[test]
    fn weights_are_read_as_automatic1111_reads_them() {
        for (text, encoders, unet) in [
            ("", 1.0, 1.0),
            ("0.8", 0.8, 0.8),
            ("-0.4", -0.4, -0.4),
            ("0.8:0.5", 0.8, 0.5),
            (" 0.8 : 0.5 ", 0.8, 0.5),
            ("te=0.3", 0.3, 0.3),
            ("unet=0.3", 1.0, 0.3),
            ("1:te=0.2:unet=0.7", 0.2, 0.7),
            ("1:unet=0", 1.0, 0.0),
        ] {
            let weights = parse(text);
            assert_eq!((weights.of_text(), weights.of_unet(UNetPlace::Outside)), (encoders, unet), "{text}");
            assert_eq!(parse(&weights.to_string()), weights, "{text}");
        }
        for text in
            ["x", "NaN", "inf", "101", "1:2:3", "1,2", "lbw=ALL", "start=3", "dyn=4", "1:", "1:0,0,0,R,0,0,0,0,0,0,0,0"]
        {
            assert!(LoraWeights::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn blocks_have_weights_of_their_own() {
        use UNetPlace::{Input, Middle, Output, Outside};
        let twelve = parse("0.5:1,2,3,4,5,6,7,8,9,10,11,12");
        for (place, expected) in [
            (Input(0), 0.0),
            (Input(4), 1.0),
            (Input(5), 1.5),
            (Input(7), 2.0),
            (Input(8), 2.5),
            (Middle, 3.0),
            (Output(0), 3.5),
            (Output(5), 6.0),
            (Output(6), 0.0),
            (Outside, 0.5),
        ] {
            assert_eq!(twelve.of_unet(place), expected, "{place:?}");
        }
        assert_eq!(twelve.of_text(), 0.5);
        assert_eq!(parse(&twelve.to_string()), twelve);
        let counting: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        let twenty = parse(&format!("te=2:unet=1:lbw={}", counting.join(",")));
        assert_eq!((twenty.of_text(), twenty.of_unet(Input(0)), twenty.of_unet(Input(8))), (0.0, 1.0, 9.0));
        assert_eq!((twenty.of_unet(Middle), twenty.of_unet(Output(0)), twenty.of_unet(Output(8))), (10.0, 11.0, 19.0));
        let counting: Vec<_> = (0..26).map(|number| number.to_string()).collect();
        let all = parse(&format!("1:{}", counting.join(",")));
        assert_eq!((all.of_unet(Input(11)), all.of_unet(Middle), all.of_unet(Output(11))), (12.0, 13.0, 25.0));
        let seventeen = parse(&format!("1:{}", vec!["1"; 17].join(",")));
        assert_eq!(
            (seventeen.of_unet(Output(2)), seventeen.of_unet(Output(3)), seventeen.of_unet(Input(1))),
            (0.0, 1.0, 1.0)
        );
    }
}
