//! Environment variables: every name that Easel reads, and the one way to read them. A variable that is set to nothing
//! counts as not set.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

macro_rules! own_variables {
    ($( $( #[doc = $doc:literal] )+ $name:ident = $variable:literal; )+) => {
        $( $( #[doc = $doc] )+ pub const $name: &str = $variable; )+

        /// Every variable of Easel's own; those of its tests begin with `EASEL_TEST_`.
        pub const OWN: &[&str] = &[$( $variable, )+];
    };
}

own_variables! {
    /// The address of the service that the command talks to.
    API = "EASEL_API";
    /// Whom the tokens of the issuer are for, on one machine; with a comma between several.
    AUDIENCE = "EASEL_AUDIENCE";
    /// How many reviewers have to approve images.
    APPROVALS_NEEDED = "EASEL_APPROVALS_NEEDED";
    /// How many reviewers have to approve images of tasks with a tag, such as `print=2,legal=3`.
    APPROVALS_NEEDED_FOR = "EASEL_APPROVALS_NEEDED_FOR";
    /// The bucket of images.
    BUCKET = "EASEL_BUCKET";
    /// The folder that models are fetched to and packed weights are kept in.
    CACHE = "EASEL_CACHE";
    /// The most that packed weights may take in the cache, in GiB.
    CACHE_SIZE = "EASEL_CACHE_SIZE";
    /// Denoising steps between two checkpoints.
    CHECKPOINT_EVERY = "EASEL_CHECKPOINT_EVERY";
    /// The control models that a service offers.
    CONTROLS = "EASEL_CONTROLS";
    /// The data folder of the service on one machine.
    DATA = "EASEL_DATA";
    /// The URL of the queue of messages that were given up.
    DEAD_LETTER_URL = "EASEL_DEAD_LETTER_URL";
    /// The device to compute on.
    DEVICE = "EASEL_DEVICE";
    /// The distribution of published images, in which withdrawn ones are invalidated.
    DISTRIBUTION = "EASEL_DISTRIBUTION";
    /// US dollars that an hour of a worker costs.
    DOLLARS_PER_HOUR = "EASEL_DOLLARS_PER_HOUR";
    /// The textual inversions that a service offers.
    EMBEDDINGS = "EASEL_EMBEDDINGS";
    /// The address of AWS services other than AWS's own.
    ENDPOINT_URL = "EASEL_ENDPOINT_URL";
    /// `on` wants somebody else to approve and publish images than who asked for them.
    FOUR_EYES = "EASEL_FOUR_EYES";
    /// The adapters for image prompts that a service offers.
    IMAGE_ADAPTERS = "EASEL_IMAGE_ADAPTERS";
    /// What reads image prompts, as a service offers it.
    IMAGE_ENCODERS = "EASEL_IMAGE_ENCODERS";
    /// The origin that images come from, for the desk's content security policy.
    IMAGES_ORIGIN = "EASEL_IMAGES_ORIGIN";
    /// The newest instructions that the CPU's kernels may use.
    INSTRUCTIONS = "EASEL_INSTRUCTIONS";
    /// The OpenID Connect issuer that people sign in at on one machine.
    ISSUER = "EASEL_ISSUER";
    /// How much is logged.
    LOG = "EASEL_LOG";
    /// The LoRAs that a service offers.
    LORAS = "EASEL_LORAS";
    /// How often the queue delivers a message before it gives it up.
    MAX_DELIVERIES = "EASEL_MAX_DELIVERIES";
    /// Most work of one step of a task request, in megapixel-evaluations.
    MAX_STEP_WORK = "EASEL_MAX_STEP_WORK";
    /// How many uploads one person may ask for on one day.
    MAX_UPLOADS = "EASEL_MAX_UPLOADS";
    /// Most tasks that one owner may have waiting.
    MAX_WAITING = "EASEL_MAX_WAITING";
    /// Most work that one owner may have waiting, in megapixel-evaluations.
    MAX_WAITING_WORK = "EASEL_MAX_WAITING_WORK";
    /// Most work of one task request, in megapixel-evaluations.
    MAX_WORK = "EASEL_MAX_WORK";
    /// `on` prints metrics outside Lambda, too.
    METRICS = "EASEL_METRICS";
    /// The model.
    MODEL = "EASEL_MODEL";
    /// The models that a service offers, with a name each.
    MODELS = "EASEL_MODELS";
    /// The claim of the issuer's tokens that names their bearer, on one machine.
    NAME_CLAIM = "EASEL_NAME_CLAIM";
    /// The client that the desk signs in as at the OpenID Connect issuer.
    OIDC_CLIENT = "EASEL_OIDC_CLIENT";
    /// The OpenID Connect issuer that people sign in at.
    OIDC_ISSUER = "EASEL_OIDC_ISSUER";
    /// The origin that the issuer gives out tokens on, if it is another one.
    OIDC_ORIGIN = "EASEL_OIDC_ORIGIN";
    /// The number format that weights are held in.
    PRECISION = "EASEL_PRECISION";
    /// What the model predicts, where its files do not say so.
    PREDICTION_TYPE = "EASEL_PREDICTION_TYPE";
    /// What a proxy or other machines call the service on one machine, with a comma between several.
    PUBLIC_URL = "EASEL_PUBLIC_URL";
    /// The address under which published images are public.
    PUBLISHED_URL = "EASEL_PUBLISHED_URL";
    /// The queue that the generate function polls outside Lambda.
    QUEUE_URL = "EASEL_QUEUE_URL";
    /// The refiner.
    REFINER = "EASEL_REFINER";
    /// The claim of a token that names its bearer's role, where an authorizer checks tokens.
    ROLE_CLAIM = "EASEL_ROLE_CLAIM";
    /// The table of tasks.
    TABLE = "EASEL_TABLE";
    /// Seconds after which a task makes way for somebody else's that waits.
    TIME_SLICE = "EASEL_TIME_SLICE";
    /// The tiny VAE that decodes in place of the model's own.
    TINY_VAE = "EASEL_TINY_VAE";
    /// The token that the command sends.
    TOKEN = "EASEL_TOKEN";
    /// The secret that tokens are signed with, where no authorizer checks them.
    TOKEN_SECRET = "EASEL_TOKEN_SECRET";
    /// The upscalers that a service offers.
    UPSCALERS = "EASEL_UPSCALERS";
    /// The VAE in place of the model's own.
    VAE = "EASEL_VAE";
    /// The worker's name.
    WORKER = "EASEL_WORKER";
}

/// The address of AWS services other than AWS's own; read by the AWS SDK.
pub const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
/// The address of DynamoDB where it is not AWS's own; read by the AWS SDK.
pub const AWS_ENDPOINT_URL_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
/// The address of S3 where it is not AWS's own; read by the AWS SDK.
pub const AWS_ENDPOINT_URL_S3: &str = "AWS_ENDPOINT_URL_S3";
/// The address of the Hugging Face hub where it is not the public one.
pub const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// The folder in which the Hugging Face hub's own programs keep their files.
pub const HF_HOME: &str = "HF_HOME";
/// The token that the Hugging Face hub is asked with.
pub const HF_TOKEN: &str = "HF_TOKEN";
/// The machine's name.
pub const HOSTNAME: &str = "HOSTNAME";
/// The memory of a Lambda function in MiB; set by Lambda.
pub const LAMBDA_MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// The name of a Lambda function; set by Lambda.
pub const LAMBDA_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// The log stream of one environment of a Lambda function; set by Lambda.
pub const LAMBDA_LOG_STREAM: &str = "AWS_LAMBDA_LOG_STREAM_NAME";
/// The address of Lambda's runtime API; set by Lambda.
pub const LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// The name of the user who runs the program.
pub const USER: &str = "USER";
/// The folder of the user's caches.
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";

/// What the names of Easel's own variables begin with.
pub const PREFIX: &str = "EASEL_";
/// What the names of its tests' variables begin with.
const TEST_PREFIX: &str = "EASEL_TEST_";

/// What [`CACHE`] says where nothing is to be kept.
pub const NO_CACHE: &str = "none";

/// The value of a variable, unless it is not set, set to nothing, or not Unicode.
#[must_use]
pub fn text(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The path in a variable, unless it is not set or set to nothing.
#[must_use]
pub fn path(name: &str) -> Option<PathBuf> {
    raw(name).map(PathBuf::from)
}

/// Whether a variable is set to something.
#[must_use]
pub fn is_set(name: &str) -> bool {
    raw(name).is_some()
}

/// The names of all variables that are set to something and begin like Easel's own, known or not, in order. Those of
/// its tests are left out.
#[must_use]
pub fn own_names() -> Vec<String> {
    let set = env::vars_os().filter(|(_, value)| !value.is_empty());
    let names = set.filter_map(|(name, _)| name.into_string().ok());
    let mut own: Vec<_> = names.filter(|name| name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX)).collect();
    own.sort();
    own
}

fn raw(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
