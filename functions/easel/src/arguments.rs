//! What can be said on the command line.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use easel_model::{DevicePreference, Precision};

use crate::failure::Failure;
use crate::output;
use crate::service_arguments::{
    DecisionArguments, DemoArguments, ListArguments, ServeArguments, ShowArguments, SubmitArguments, TokenArguments,
    ValidateArguments,
};

/// More threads than any machine has use for.
const MOST_THREADS: usize = 1024;

/// Pictures from prompts with SDXL, on this machine.
#[derive(Debug, Parser)]
#[command(name = "easel", version, arg_required_else_help = true, args_override_self = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Draw pictures of a prompt
    Generate(Box<GenerateArguments>),
    /// Run the service on this machine: tasks, approval, generation, with nothing else to install
    Serve(Box<ServeArguments>),
    /// Print a token that lets somebody use the service of this machine
    Token(TokenArguments),
    /// Ask a service for pictures, watch them being drawn, save them
    Submit(Box<SubmitArguments>),
    /// List a service's tasks
    List(ListArguments),
    /// Show a task, save its pictures
    Show(ShowArguments),
    /// Show what happened to a task
    History(ShowArguments),
    /// Accept a task's pictures
    Approve(DecisionArguments),
    /// Turn a task's pictures down
    Reject(DecisionArguments),
    /// Make a task's pictures public
    Publish(DecisionArguments),
    /// Call a task off
    Cancel(DecisionArguments),
    /// Check that everything is ready: device, model, table, bucket, queue, or a whole service
    Validate(ValidateArguments),
    /// Take a picture the whole way: a service of its own, a task, approval, publication
    Demo(DemoArguments),
    /// Say which devices there are, which one would be used, and what fits in memory
    Doctor(DoctorArguments),
    /// Time a part of the model, with random weights in the real shapes (held in bf16 unless --precision says otherwise)
    Bench(BenchArguments),
    /// Write a model with random weights in the official layout, for benchmarks
    RandomModel(RandomModelArguments),
    /// Save a model in another layout or number format
    Convert(ConvertArguments),
    /// Fetch a model from the Hugging Face hub or from S3, once
    Pull(PullArguments),
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    /// What to draw
    pub(crate) prompt: String,
    /// What to avoid
    #[arg(long, value_name = "TEXT")]
    pub(crate) negative_prompt: Option<String>,
    /// A diffusers folder or a .safetensors checkpoint; or hf://owner/name or s3://bucket/prefix, which are fetched once
    /// [default: the demo model, which is part of this program]
    #[arg(long, value_name = "PATH", env = "EASEL_MODEL", hide_env_values = true)]
    pub(crate) model: Option<PathBuf>,
    /// A refiner that finishes what the model began [default: the demo model's own, else none]
    #[arg(long, value_name = "PATH", env = "EASEL_REFINER", hide_env_values = true, overrides_with = "no_refiner")]
    pub(crate) refiner: Option<PathBuf>,
    /// Use no refiner
    #[arg(long, overrides_with = "refiner")]
    pub(crate) no_refiner: bool,
    /// A folder with a tiny VAE (diffusers' AutoencoderTiny, such as madebyollin/taesdxl) that decodes in place of the
    /// model's own: in a twentieth of the time, with less detail [default: none]
    #[arg(long, value_name = "DIR", env = "EASEL_TINY_VAE", hide_env_values = true)]
    pub(crate) tiny_vae: Option<PathBuf>,
    /// The share of the schedule that is done before the refiner takes over, 0 to 1 [default: 0.8]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub(crate) high_noise_frac: Option<f64>,
    /// Denoising steps, 1 to 150 [default: 20 for the demo model, else 50]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) steps: Option<u32>,
    /// How strongly the prompt pulls, 0 to 30; 1 and less mean no guidance [default: 5]
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    pub(crate) guidance_scale: Option<f64>,
    /// How much of the contrast that guidance exaggerates is taken back, 0 to 1 [default: 0]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(crate) guidance_rescale: Option<f64>,
    /// The shares of the schedule between which the prompt pulls; a step outside takes half the time [default: 0,1]
    #[arg(long, value_name = "START,END", allow_hyphen_values = true)]
    pub(crate) guidance_interval: Option<String>,
    /// Compute all of the model only every N steps and its finest level, with what the rest gave last, on the steps between:
    /// faster, and another picture; 1 to 10 [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) reuse_features: Option<u32>,
    /// The same seed gives the same picture [default: drawn at random]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Width in pixels, a multiple of 8 from 64 to 2048 [default: the init picture's, else the model's]
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub(crate) width: Option<u32>,
    /// Height in pixels, a multiple of 8 from 64 to 2048 [default: the init picture's, else the model's]
    #[arg(long, value_name = "H", allow_negative_numbers = true)]
    pub(crate) height: Option<u32>,
    /// The size that the model is told the picture had before it was scaled [default: the picture's]
    #[arg(long, value_name = "WxH", allow_negative_numbers = true)]
    pub(crate) original_size: Option<String>,
    /// The pixels that the model is told were cut off at the left and at the top [default: 0,0]
    #[arg(long, value_name = "X,Y", allow_hyphen_values = true)]
    pub(crate) crop_top_left: Option<String>,
    /// How many pictures, 1 to 8
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) count: u32,
    /// euler, euler_a, euler_karras, heun, ddim, dpmpp_2m, dpmpp_2m_karras, dpmpp_2m_sde_karras, unipc, lcm,
    /// euler_trailing or ddim_trailing [default: the model's own]
    #[arg(long, value_name = "NAME")]
    pub(crate) scheduler: Option<String>,
    /// A picture to start from: PNG, JPEG or WebP
    #[arg(long, value_name = "FILE")]
    pub(crate) init: Option<PathBuf>,
    /// How much of the init picture may change, 0 to 1 [default: 0.3]
    #[arg(long, value_name = "F", requires = "init", allow_negative_numbers = true)]
    pub(crate) strength: Option<f64>,
    #[command(flatten)]
    pub(crate) computation: ComputationArguments,
    /// The file to write: .png, .jpg or .webp; several pictures are numbered [default: easel-SEED.png, or the next free
    /// number]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the tensors on the way from prompt to picture to this safetensors file
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// text, unet, vae-decode, vae-encode, generate, or operations for single ones and how exact they are
    pub(crate) part: String,
    /// sdxl-base, sdxl-refiner or demo
    #[arg(long, value_name = "SHAPE", default_value = "sdxl-base")]
    pub(crate) shape: String,
    /// Side of the picture in pixels [default: 128 for the demo's shape, else 1024]
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub(crate) size: Option<u32>,
    /// Denoising steps of `generate`
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) steps: u32,
    /// Timed runs
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) repeat: u32,
    #[command(flatten)]
    pub(crate) computation: ComputationArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RandomModelArguments {
    /// sdxl-base, sdxl-refiner or demo
    #[arg(long, value_name = "SHAPE")]
    pub(crate) shape: String,
    /// f32, bf16 or f16
    #[arg(long, value_name = "P", default_value = "f16")]
    pub(crate) precision: String,
    /// The folder to write
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    /// A diffusers folder or a .safetensors checkpoint
    pub(crate) model: PathBuf,
    /// What to write: a checkpoint if it ends in .safetensors, else a diffusers folder
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: PathBuf,
    /// f32, bf16, f16 or int8: a folder's weights are packed for it, so that the CPU uses them where they lie in the
    /// file [default: as they are]
    #[arg(long, value_name = "P")]
    pub(crate) precision: Option<String>,
    /// Only change the number format, to f32, bf16 or f16, for every program that reads diffusers folders
    #[arg(long, requires = "precision")]
    pub(crate) portable: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    /// owner/name on the Hugging Face hub (HF_ENDPOINT, HF_TOKEN), owner/name/FILE.safetensors for one of several
    /// checkpoints there, or s3://bucket/prefix
    pub(crate) source: String,
    /// The folder to fetch it into; what is there already and right is not fetched again
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// A branch, tag or commit of the hub [default: main]
    #[arg(long, value_name = "R")]
    pub(crate) revision: Option<String>,
    /// fp16 or bf16: the weights in that format, where there are such [default: those without a name]
    #[arg(long, value_name = "V")]
    pub(crate) variant: Option<String>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where to compute and with which numbers.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArguments {
    /// auto, cuda, cuda:N, flex or ndarray; auto is CUDA where it works, else flex (the CPU) [default: auto]
    #[arg(long, value_name = "D", env = "EASEL_DEVICE", hide_env_values = true)]
    device: Option<String>,
    /// auto, f32, bf16, f16 or int8; auto is what packed weights are packed for, else 16 bit on CUDA and f32 on the CPU
    /// [default: auto]
    #[arg(long, value_name = "P", env = "EASEL_PRECISION", hide_env_values = true)]
    precision: Option<String>,
}

/// [`DeviceArguments`], and how many processor cores.
#[derive(Debug, Clone, Args)]
pub(crate) struct ComputationArguments {
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    /// Threads that compute on the CPU [default: as many as this process may use]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<usize>,
}

impl Arguments {
    /// The command line; `None` if it asked for help or the version, which is printed.
    ///
    /// # Errors
    /// The command line is not understood.
    pub(crate) fn read() -> Result<Option<Self>, Failure> {
        match Self::try_parse() {
            Ok(arguments) => Ok(Some(arguments)),
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    output::result(error.render().to_string().trim_end())?;
                    Ok(None)
                }
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                    output::note(&error.render().to_string());
                    Err(Failure::wrong_use("say what to do, for example: easel generate \"a red heart\""))
                }
                _ => Err(Failure::wrong_use(brief(&error.render().to_string()))),
            },
        }
    }
}

/// A message of clap's without its usage lines.
fn brief(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let parts = message.split("\n\n").map(str::trim);
    let parts = parts.filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"));
    parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
}

impl DeviceArguments {
    /// The device asked for.
    ///
    /// # Errors
    /// There is no such device.
    pub(crate) fn preference(&self) -> Result<DevicePreference, Failure> {
        Ok(given(self.device.as_deref()).unwrap_or("auto").parse()?)
    }

    /// The precision asked for, if not the device's own.
    ///
    /// # Errors
    /// There is no such precision.
    pub(crate) fn precision(&self) -> Result<Option<Precision>, Failure> {
        match given(self.precision.as_deref()).unwrap_or("auto") {
            "auto" => Ok(None),
            name => match name.parse() {
                Ok(precision) => Ok(Some(precision)),
                Err(_) => Err(Failure::wrong_use(format!("--precision: `{name}` is not one of auto, f32, bf16, f16"))),
            },
        }
    }
}

/// An environment variable that is set to nothing is as good as not set.
fn given(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

impl ComputationArguments {
    /// Makes the threads that compute; to be called before anything computes.
    ///
    /// # Errors
    /// The number is out of bounds, or the system does not give so many.
    pub(crate) fn start_threads(&self) -> Result<(), Failure> {
        let Some(threads) = self.threads else { return Ok(()) };
        if !(1..=MOST_THREADS).contains(&threads) {
            let message = format!("--threads: {threads} is out of bounds: use 1 to {MOST_THREADS}");
            return Err(Failure::wrong_use(message));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|error| Failure::failed(format!("--threads: {threads} threads cannot be had: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_scheduler_is_listed() {
        let help =
            Arguments::command().find_subcommand_mut("generate").expect("it is there").render_long_help().to_string();
        for name in easel_model::SchedulerName::ALL {
            assert!(help.contains(name.as_str()), "{name}");
        }
    }

    #[test]
    fn errors_are_one_line() {
        let error = Arguments::try_parse_from(["easel", "generate", "x", "--stepz", "3"]).expect_err("unknown option");
        let message = brief(&error.render().to_string());
        assert!(!message.contains('\n') && message.contains("--stepz") && !message.contains("Usage"), "{message}");
        let error = Arguments::try_parse_from(["easel", "generate"]).expect_err("no prompt");
        assert!(brief(&error.render().to_string()).contains("<PROMPT>"));
    }

    #[test]
    fn the_last_word_on_the_refiner_counts() {
        let parse = |arguments: &[&str]| match Arguments::try_parse_from(arguments).expect("valid").command {
            Command::Generate(arguments) => (arguments.refiner.is_some(), arguments.no_refiner),
            _ => unreachable!("generate was asked for"),
        };
        assert_eq!(parse(&["easel", "generate", "x", "--refiner", "r", "--no-refiner"]), (false, true));
        assert_eq!(parse(&["easel", "generate", "x", "--no-refiner", "--refiner", "r"]), (true, false));
    }
}
