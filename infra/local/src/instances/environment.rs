//! What a function's process is given: Lambda's variables, the template's, and the seams of this stack.

use crate::template::Function;
use meridian_embedded_aws::REGION;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What every instance is given besides the template's variables; `{caller}` stands for its own name.
pub struct Surroundings {
    pub aws_endpoint: String,
    pub clock_file: PathBuf,
    pub roots_file: PathBuf,
    /// A folder for the hosts files, and what goes into the one of a caller.
    pub hosts_folder: PathBuf,
    pub hosts: Box<dyn Fn(&str) -> Value + Send + Sync>,
}

impl Surroundings {
    pub fn environment(&self, function: &Function, caller: &str) -> BTreeMap<String, String> {
        let name = function.name.as_str();
        let mut environment = BTreeMap::from(
            [
                ("AWS_ENDPOINT_URL", self.aws_endpoint.as_str()),
                ("AWS_REGION", REGION),
                ("AWS_DEFAULT_REGION", REGION),
                ("AWS_ACCESS_KEY_ID", caller),
                ("AWS_SECRET_ACCESS_KEY", "local"),
                ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
                ("AWS_LAMBDA_FUNCTION_NAME", name),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{name}")),
                ("AWS_LAMBDA_LOG_STREAM_NAME", caller),
                (
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                    &function.memory.to_string(),
                ),
                (
                    "AWS_LAMBDA_LOG_FORMAT",
                    if function.json_logs { "JSON" } else { "Text" },
                ),
                ("MERIDIAN_CLOCK", &self.clock_file.to_string_lossy()),
                ("MERIDIAN_ROOTS", &self.roots_file.to_string_lossy()),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("TZ", ":UTC"),
                ("_HANDLER", "bootstrap"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        environment.extend(function.environment.clone());
        environment
    }
}
